// A socket's connection to the bus, and why there is none, as far as libzmq tells.
//
// Used by Client. libzmq reports on a separate socket, which must be read as long as the watched one lives, and end
// before it. Once the other side has refused, libzmq does not connect again; this class does. libzmq looks up one kind
// of address: IPv6 if its option says so, and then it prefers IPv6 for good where a name has both. So a name is looked
// up as IPv4, and as IPv6 only while it has no IPv4 address.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "cancelbus/curve.hpp"
#include "cancelbus/event_reader.hpp"

namespace cancelbus::client {

enum class NotReachedReason {
  KeyRefused,    ///< the bus says no to our key: not in its policy, or not for this endpoint
  NotEncrypted,  ///< the other side does not speak CURVE, or we do not and it does
  /// It closed the connection in the middle of the handshake, twice: not the bus of our server key, or another of its
  /// endpoints.
  HungUp,
};

class ConnectionWatch {
 public:
  static constexpr auto ReconnectEvery = std::chrono::seconds(1);

  ConnectionWatch(zmq::context_t& context, zmq::socket_t& watched);
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  /// To poll for input.
  zmq::socket_t& reports() { return reports_; }
  /// Reads what was reported. A reason is told once, until the connection stood in between or there is another one.
  std::optional<NotReachedReason> read();
  /// Before connect(). When the bus hangs up on our handshake, the next of its keys is tried, as its file stands then.
  void encrypt(const CurveKeys& keys);
  /// Throws zmq::error_t if it cannot be an endpoint.
  void connect(const std::string& endpoint);
  /// Connects to another endpoint instead.
  void move_to(const std::string& endpoint);
  /// Connects again if libzmq has given up, or has found no address of the kind it looked for; at most every second.
  void reconnect();
  /// Connects again now, and drops what waited to be sent.
  void renew();
  /// When reconnect() has something to do.
  Time next_deadline() const { return next_try_; }

  /// There is a connection.
  bool up() const { return up_; }
  /// What listens there breaks the handshake off, and says no more.
  bool hangs_up() const { return !up_ && !no_listener_ && hung_up_ > 0; }
  /// Why there is none; absent if nothing listens there.
  std::optional<NotReachedReason> reason() const { return no_listener_ ? std::nullopt : told_; }

 private:
  std::optional<NotReachedReason> take(int event, int value);
  bool gives_up_silently(int event) const;
  void waits_to_retry();
  void try_next_server_key();
  bool is_address() const { return endpoint_.starts_with("tcp://["); }

  zmq::socket_t& watched_;
  zmq::socket_t reports_;
  std::string endpoint_;
  std::vector<std::string> server_keys_;  // none: plain
  std::string server_key_file_;
  std::string server_key_;  // in use
  /// Other keys, since the last connection or pause.
  size_t server_key_tries_ = 0;
  bool ipv6_ = false;
  /// Of the next attempt of ours.
  bool next_ipv6_ = false;
  /// An address, since libzmq last began to wait.
  bool tried_ = false;
  std::optional<NotReachedReason> told_;
  bool up_ = false;
  int last_event_ = 0;
  /// The last attempt found no listener.
  bool no_listener_ = true;
  int hung_up_ = 0;
  Time next_try_ = Never;
};

}  // namespace cancelbus::client
