// Why a socket does not reach the bus, as far as libzmq tells.
//
// Used by Client. Odd about it: libzmq's reports come on a socket of their own, which must be read as long as the
// watched one lives, and end before it. And once the other side has said no, libzmq does not connect again; here we do.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "cancelbus/event_reader.hpp"

namespace cancelbus::client {

enum class NotReachedReason {
  KeyRefused,    ///< the bus says no to our key: not in its policy, or not for this endpoint
  NotEncrypted,  ///< the other side does not speak CURVE, or we do not and it does
  HungUp,        ///< it closed the connection in the middle of the handshake, twice: not the bus of our server key
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
  /// Connects again if libzmq has given up, at most every second.
  void reconnect(const std::string& endpoint);
  /// Connects again now, and drops what waited to be sent.
  void renew(const std::string& endpoint);
  /// When reconnect() has something to do.
  Time next_deadline() const { return next_try_; }

  /// There is a connection.
  bool up() const { return up_; }
  /// Why there is none; nothing if nobody answers at all.
  std::optional<NotReachedReason> reason() const { return nobody_ ? std::nullopt : told_; }

 private:
  std::optional<NotReachedReason> take(int event, int value);

  zmq::socket_t& watched_;
  zmq::socket_t reports_;
  std::optional<NotReachedReason> told_;
  bool up_ = false;
  /// The last attempt found nobody.
  bool nobody_ = true;
  int hung_up_ = 0;
  Time next_try_ = Never;
};

}  // namespace cancelbus::client
