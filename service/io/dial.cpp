#include "service/io/dial.hpp"

#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "service/io/clock.hpp"
#include "service/io/log.hpp"

namespace cancelbus::io {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// For so long an address that came to nothing stands behind the others, and is not spoken of again.
constexpr core::Duration InVainFor = std::chrono::minutes(1);
/// Addresses that were spoken of: a name that changes them all the time fills no memory.
constexpr size_t MostRemembered = 100;

/// When each address last came to nothing, in any connection of this process; and when it was last spoken of.
struct InVain {
  core::Tick at, said;
};
absl::flat_hash_map<std::string, InVain>& remembered() {
  static absl::flat_hash_map<std::string, InVain> addresses;
  return addresses;
}

bool was_in_vain(const Dialer::Endpoint& address) {
  const auto it = remembered().find(to_text(address));
  return it != remembered().end() && now().tick - it->second.at < InVainFor;
}

}  // namespace

/// The attempts of one connect(). Kept alive by them; after the end none does anything any more.
class Dialer::Race : public std::enable_shared_from_this<Race> {
 public:
  Race(const asio::any_io_executor& executor, std::vector<Endpoint> addresses)
      : over_(executor, asio::steady_timer::time_point::max()),
        next_after_(executor),
        addresses_(std::move(addresses)) {}

  void start_next() {
    if (ended_ || next_ == addresses_.size()) return;
    const Endpoint address = addresses_[next_++];
    Attempt& attempt = attempts_.emplace_back(std::make_shared<Socket>(over_.get_executor()), address);
    attempt.socket->async_connect(address, [self = shared_from_this(), index = attempts_.size() - 1](error_code error) {
      self->ended(index, error);
    });
    if (next_ == addresses_.size()) return;
    next_after_.expires_after(NextAfter);
    next_after_.async_wait([self = shared_from_this()](error_code stopped) {
      if (!stopped) self->start_next();
    });
  }

  asio::awaitable<void> wait() {
    error_code cancelled;
    while (!ended_) co_await over_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }

  void end() {
    if (std::exchange(ended_, true)) return;
    for (Attempt& attempt : attempts_) {
      error_code ignored;
      if (attempt.why.empty() && attempt.socket) attempt.why = "no answer yet";
      if (attempt.socket) attempt.socket->close(ignored);
    }
    next_after_.cancel();
    over_.cancel();
  }

  std::optional<Socket>& winner() { return winner_; }

  /// "192.0.2.1:443: Connection refused" of each.
  std::vector<std::string> in_vain() const {
    std::vector<std::string> texts;
    for (const Attempt& attempt : attempts_) {
      if (attempt.why.empty()) continue;
      note_in_vain(attempt.address, attempt.why);
      texts.push_back(absl::StrCat(to_text(attempt.address), ": ", attempt.why));
    }
    return texts;
  }

 private:
  struct Attempt {
    std::shared_ptr<Socket> socket;
    Endpoint address;
    std::string why = {};  ///< it came to nothing
  };

  void ended(size_t index, error_code error) {
    if (ended_) return;
    Attempt& attempt = attempts_[index];
    if (!error) {
      winner_.emplace(std::move(*std::exchange(attempt.socket, nullptr)));
      return end();
    }
    attempt.why = error.message();
    // RFC 8305: another one at once, and not only when its time has come.
    if (next_ < addresses_.size()) return start_next();
    if (std::ranges::none_of(attempts_, [](const Attempt& other) { return other.why.empty(); })) end();
  }

  asio::steady_timer over_;
  asio::steady_timer next_after_;
  const std::vector<Endpoint> addresses_;
  size_t next_ = 0;
  std::vector<Attempt> attempts_;
  std::optional<Socket> winner_;
  bool ended_ = false;
};

asio::awaitable<std::vector<Dialer::Endpoint>> Dialer::look_up(const std::string& host, uint16_t port, IpFamily family,
                                                               error_code& error) {
  const std::string known = host != "localhost" ? host : family == IpFamily::V6 ? "::1" : "127.0.0.1";
  const auto address = asio::ip::make_address(known, error);
  std::vector<Endpoint> addresses;
  if (!error) {
    addresses.emplace_back(address, port);
    co_return addresses;
  }
  const auto found = co_await resolver_.async_resolve(host, std::to_string(port), tcp::resolver::numeric_service,
                                                      asio::redirect_error(asio::use_awaitable, error));
  for (const auto& entry : found) {
    const bool v4 = entry.endpoint().address().is_v4();
    if (family == IpFamily::Any || v4 == (family == IpFamily::V4)) addresses.push_back(entry.endpoint());
  }
  if (!error && addresses.empty()) error = asio::error::no_data;
  co_return in_turns(addresses);
}

std::string lookup_failure(const std::string& host, IpFamily family, const error_code& error) {
  const std::string what = absl::StrCat("name lookup of ", host, ": ");
  if (error != asio::error::no_data || family == IpFamily::Any) return what + error.message();
  return absl::StrCat(what, "it has no IPv", family == IpFamily::V4 ? "4" : "6", " address; see --exchange_ip_family");
}

asio::awaitable<absl::Status> Dialer::connect(Socket& socket, std::vector<Endpoint> addresses) {
  std::ranges::stable_partition(addresses, [](const Endpoint& address) { return !was_in_vain(address); });
  const auto race = race_ = std::make_shared<Race>(executor_, std::move(addresses));
  race->start_next();
  co_await race->wait();
  const std::vector<std::string> in_vain = race->in_vain();
  if (!race->winner()) co_return absl::UnavailableError(absl::StrCat("TCP connect: ", absl::StrJoin(in_vain, "; ")));
  socket = *std::move(race->winner());
  co_return absl::OkStatus();
}

void note_in_vain(const Dialer::Endpoint& address, std::string_view why) {
  const std::string text = to_text(address);
  const core::Tick at = now().tick;
  if (remembered().size() >= MostRemembered) remembered().clear();
  const auto [it, first] = remembered().try_emplace(text, InVain{at, at});
  it->second.at = at;
  if (!first && at - it->second.said < InVainFor) return;
  it->second.said = at;
  log_warn("address_in_vain", {{"address", text}, {"why", why}});
}

void Dialer::cancel() {
  resolver_.cancel();
  if (race_) race_->end();
}

std::string to_text(const Dialer::Endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return absl::StrCat(endpoint.address().is_v6() ? absl::StrCat("[", address, "]") : address, ":", endpoint.port());
}

std::vector<Dialer::Endpoint> in_turns(const std::vector<Dialer::Endpoint>& addresses) {
  std::vector<Dialer::Endpoint> first, other, turns;
  for (const auto& address : addresses) {
    (address.protocol() == addresses.front().protocol() ? first : other).push_back(address);
  }
  for (size_t i = 0; i < std::max(first.size(), other.size()); ++i) {
    if (i < first.size()) turns.push_back(first[i]);
    if (i < other.size()) turns.push_back(other[i]);
  }
  return turns;
}

}  // namespace cancelbus::io
