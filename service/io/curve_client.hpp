// The flags with which worker and subscriber say who they are to the bus, and their connection to it.
//
// --curve_key_file and --curve_server_key_file, or --insecure_loopback. Defined here, so that both have the same.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/io/curve.hpp"
#include "service/io/zmq_monitor.hpp"

namespace cancelbus::io {

/// The flags as given.
struct CurveConfig {
  std::string key_file;
  std::string server_key_file;
  bool insecure_loopback = false;
};

CurveConfig curve_config_from_flags();

/// Nothing: plain sockets, as --insecure_loopback allows for an endpoint (of this flag) on this machine.
/// Errors name the flag.
absl::StatusOr<std::optional<CurveClient>> curve_client(const CurveConfig& config, std::string_view endpoint_flag,
                                                        const std::string& endpoint);

/// A socket's connection to the bus: encrypted, if there are keys. Logs why the bus cannot be reached, once until it
/// can. When it hangs up on our handshake, the next of its keys in --curve_server_key_file is tried, as the file stands
/// then: so the bus can be given another key. Once the bus has said no, libzmq does not connect again; this does, every
/// second. A name that has no IPv4 address is tried as IPv6, and the other way round: libzmq looks up one kind of
/// address, and where there are both prefers IPv6 if that is allowed at all, also where only IPv4 would answer.
class BusConnection {
 public:
  BusConnection(asio::io_context& context, zmq::context_t& zmq, ZmqSocket& socket,
                const std::optional<CurveClient>& keys);

  absl::Status connect(const std::string& endpoint);

 private:
  void failed(HandshakeFailure::Kind kind);
  void try_other_family();
  void try_next_server_key();
  void connect_again(std::chrono::milliseconds after, bool ipv6);
  void trouble(std::string_view why);

  ZmqSocket& socket_;
  std::string endpoint_;
  bool ipv6_ = false;
  std::vector<std::string> server_keys_;  ///< none: plain
  std::string server_key_file_;
  std::string server_key_;       ///< in use
  size_t server_key_tries_ = 0;  ///< other keys, since the last connection or pause
  std::string last_trouble_;
  int hung_up_ = 0;
  /// Handlers that asio still holds when this object is destroyed find it expired.
  std::shared_ptr<char> life_ = std::make_shared<char>();
  asio::steady_timer retry_;
  bool retry_waits_ = false;
  ZmqMonitor monitor_;
};

}  // namespace cancelbus::io
