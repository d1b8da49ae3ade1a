// For LD_PRELOAD: a process for which some names have the addresses that CANCELBUS_TEST_NAMES gives them, as
// "bus.test=::1 both.test=127.0.0.1 both.test=::1", and no others. See names.py.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>

#include <cstdlib>
#include <sstream>
#include <string>

namespace {

int look_up(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  static const auto of_the_library = reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return of_the_library(node, service, hints, found);
}

int family_of(const std::string& address) { return address.find(':') == std::string::npos ? AF_INET : AF_INET6; }

}  // namespace

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  const char* const names = std::getenv("CANCELBUS_TEST_NAMES");
  std::istringstream entries(node != nullptr && names != nullptr ? names : "");
  const int family = hints != nullptr ? hints->ai_family : AF_UNSPEC;
  bool known = false;
  addrinfo** end = found;
  for (std::string entry; entries >> entry;) {
    const size_t equals = entry.find('=');
    if (entry.substr(0, equals) != node) continue;
    known = true;
    const std::string address = entry.substr(equals + 1);
    if (family != AF_UNSPEC && family != family_of(address)) continue;
    if (const int error = look_up(address.c_str(), service, hints, end); error != 0) return error;
    while (*end != nullptr) end = &(*end)->ai_next;
  }
  if (!known) return look_up(node, service, hints, found);
  return end == found ? EAI_NONAME : 0;
}
