// From a host's name to a connected socket: if one of its addresses does not answer, another one is tried (RFC 8305).
//
// Used by the clients of io/. An address in the URL and "localhost" never reach a resolver: the former needs none, and
// the latter is loopback by RFC 6761 even where nothing says so (a bare root has no /etc/hosts).
#pragma once

#include <absl/status/status.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cancelbus::io {

/// Which addresses of a name are used. The exchange's keys are bound to IPv4 addresses.
enum class IpFamily : uint8_t { V4, V6, Any };

class Dialer {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;
  using Socket = boost::asio::ip::tcp::socket;
  /// RFC 8305's Connection Attempt Delay: an address that has said neither yes nor no for so long is not waited for
  /// alone.
  static constexpr std::chrono::milliseconds NextAfter{250};

  explicit Dialer(const boost::asio::any_io_executor& executor) : executor_(executor), resolver_(executor) {}
  ~Dialer() { cancel(); }
  Dialer(const Dialer&) = delete;

  /// The host's addresses in the order in which to try them: as the resolver sorts them, the families in turns. An
  /// address in place of a name is used whatever the family. Empty, and `error` set, if there is none or on cancel().
  boost::asio::awaitable<std::vector<Endpoint>> look_up(const std::string& host, uint16_t port, IpFamily family,
                                                        boost::system::error_code& error);
  /// Connects `socket` to the first that answers. Those that came to nothing within the last minute are tried behind
  /// the others. Each that was tried in vain is logged, at most once a minute; if all were, the error names them.
  boost::asio::awaitable<absl::Status> connect(Socket& socket, std::vector<Endpoint> addresses);
  /// What is under way ends with an error.
  void cancel();

 private:
  class Race;

  boost::asio::any_io_executor executor_;
  boost::asio::ip::tcp::resolver resolver_;
  std::shared_ptr<Race> race_;
};

/// What look_up() failed with, for people.
std::string lookup_failure(const std::string& host, IpFamily family, const boost::system::error_code& error);

/// The address took a TCP connection, and more came not of it (no TLS, say): logged, and remembered for a minute by all
/// connections of this process.
void note_in_vain(const Dialer::Endpoint& address, std::string_view why);

/// 192.0.2.1:443, [2001:db8::1]:443
std::string to_text(const Dialer::Endpoint& endpoint);

/// Families in turns, beginning with the first one's; else in the order given (RFC 8305, section 4).
std::vector<Dialer::Endpoint> in_turns(const std::vector<Dialer::Endpoint>& addresses);

}  // namespace cancelbus::io
