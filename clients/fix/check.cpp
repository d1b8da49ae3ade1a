#include "clients/fix/check.hpp"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "service/io/output.hpp"

namespace cancelbus::fix {
namespace {

constexpr std::chrono::seconds Patience{10};
constexpr std::chrono::milliseconds Step{100};

bool found(bool good, const std::string& what, const std::string& text) {
  io::answer(absl::StrFormat("%-8s %-6s %s\n", what, good ? "ok" : "FAILED", text));
  return good;
}

/// As soon as the bus has said welcome, or has refused us for good.
bool check_bus(const Options& options, const SessionSettings& session) {
  client::ClientOptions bus = options.bus;
  bus.session.sender_comp_id = session.sender;
  std::string error;
  const auto client = client::Client::open(bus, error);
  if (!client) return found(false, "bus", error);
  const auto until = std::chrono::steady_clock::now() + Patience;
  while (std::chrono::steady_clock::now() < until) {
    const auto notices = client->run_once(Step);
    const bool connected = std::ranges::any_of(
        notices, [](const auto& notice) { return std::holds_alternative<client::Connected>(notice); });
    if (connected) return found(true, "bus", absl::StrCat("takes sender ", session.sender));
    const auto problem = client->problem();
    if (problem && problem->kind == client::Problem::Kind::KeyRefused) break;
  }
  const auto problem = client->problem();
  return found(false, "bus", absl::StrCat("sender ", session.sender, ": ", problem ? problem->text : "no answer"));
}

}  // namespace

int run_check(const Options& options) {
  const Settings& settings = options.settings;
  bool good = found(true, "settings",
                    absl::StrCat(settings.sessions.size(), " sessions; ", options.tls ? "TLS" : "plain", " at ",
                                 settings.acceptor.address, ":", settings.acceptor.port));
  const bool writable = ::access(settings.store_path.c_str(), W_OK | X_OK) == 0;
  good &=
      found(writable, "store",
            absl::StrCat("FileStorePath=", settings.store_path, writable ? "" : " is no folder that can be written"));
  for (const SessionSettings& session : settings.sessions) {
    if (!session.drop_copy) good &= check_bus(options, session);
  }
  return good ? 0 : 1;
}

}  // namespace cancelbus::fix
