#include "service/io/accepted_peers.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace cancelbus::io {
namespace {

struct Accept {
  int descriptor;
  PeerAddress peer;
};

struct Listener {
  uint64_t socket = 0;  ///< which one: another may get the same descriptor later
  std::deque<Accept> accepts;
};

struct Book {
  std::mutex mutex;
  std::unordered_map<int, Listener> listeners;  ///< by descriptor
};

// Never destroyed: libzmq's thread may still accept while the program ends.
Book& book() {
  static Book& made = *new Book;
  return made;
}

/// Unique among all sockets since the system started; 0 where the kernel does not say.
uint64_t identity(int socket) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return ::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

std::optional<PeerAddress> readable(const sockaddr_storage& storage) {
  const void* host = nullptr;
  in_port_t port = 0;
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    host = &v4.sin_addr;
    port = v4.sin_port;
  } else if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    host = &v6.sin6_addr;
    port = v6.sin6_port;
  } else {
    return std::nullopt;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(storage.ss_family, host, text.data(), text.size());
  return PeerAddress{text.data(), ntohs(port)};
}

void remember(int listener, int descriptor, const sockaddr_storage& address) {
  auto peer = readable(address);
  if (!peer) return;
  const uint64_t socket = identity(listener);
  const std::lock_guard lock(book().mutex);
  Listener& known = book().listeners[listener];
  if (known.socket != socket) known = {socket, {}};
  known.accepts.push_back({descriptor, *std::move(peer)});
  if (known.accepts.size() > MostAcceptsRemembered) known.accepts.pop_front();
}

}  // namespace

std::optional<PeerAddress> take_accepted_peer(int listener, int descriptor) {
  const std::lock_guard lock(book().mutex);
  const auto known = book().listeners.find(listener);
  if (known == book().listeners.end()) return std::nullopt;
  auto& accepts = known->second.accepts;
  const auto found =
      std::ranges::find_if(accepts, [descriptor](const Accept& accept) { return accept.descriptor == descriptor; });
  if (found == accepts.end()) return std::nullopt;
  PeerAddress peer = std::move(found->peer);
  accepts.erase(accepts.begin(), std::next(found));
  return peer;
}

}  // namespace cancelbus::io

extern "C" __attribute__((visibility("default"))) int accept4(int listener, sockaddr* address, socklen_t* size,
                                                              int flags) {
  using Accept4 = int (*)(int, sockaddr*, socklen_t*, int);
  static const auto of_the_library = reinterpret_cast<Accept4>(::dlsym(RTLD_NEXT, "accept4"));
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof peer;
  const int descriptor = of_the_library(listener, reinterpret_cast<sockaddr*>(&peer), &peer_size, flags);
  if (descriptor < 0) return descriptor;
  if (address != nullptr && size != nullptr) {
    const size_t room = std::min<size_t>(*size, peer_size);
    std::copy_n(reinterpret_cast<const char*>(&peer), room, reinterpret_cast<char*>(address));
    *size = peer_size;
  }
  cancelbus::io::remember(listener, descriptor, peer);
  return descriptor;
}
