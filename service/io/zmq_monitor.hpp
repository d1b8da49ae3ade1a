// What libzmq says about the connections of one socket: who could not shake hands, and why.
//
// Used by the bus to count and name strangers, by worker and subscriber to say why they do not reach the bus. Whom the
// ZAP handler turned away, the handler itself can tell better, so a server is not told here. Odd about it: libzmq names
// the peer of a failed handshake only by the descriptor of the connection, in the event after.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <zmq.hpp>

#include "service/io/zmq_socket.hpp"

namespace cancelbus::io {

struct HandshakeFailure {
  enum class Kind {
    Refused,       ///< client: the bus's ZAP handler said no to our key
    NotEncrypted,  ///< the other side speaks without CURVE, or not ZeroMQ
    WrongKey,      ///< server: its greeting was not encrypted for our key
    HungUp,        ///< the other side closed the connection in the middle, or said nothing for too long
  };
  Kind kind = Kind::HungUp;
  /// Server: the peer's address, as far as it could still be asked; else empty.
  std::string address;
};

class ZmqMonitor {
 public:
  struct Listener {
    std::function<void(const HandshakeFailure&)> failed = {};
    /// Client: the handshake succeeded.
    std::function<void()> connected = {};
    /// Client: nobody listens there, or the connection broke.
    std::function<void()> unreachable = {};
  };

  enum class Side { Server, Client };

  /// Throws zmq::error_t when the process is out of descriptors.
  /// `watched` must live longer. Listener functions may be empty, and must not destroy the monitor.
  ZmqMonitor(asio::io_context& context, zmq::context_t& zmq, ZmqSocket& watched, Side side, Listener listener);
  ~ZmqMonitor();

 private:
  void read();
  void on_event(uint16_t event, uint32_t value);
  void report();

  ZmqSocket& watched_;
  ZmqSocket events_;
  Listener listener_;
  std::unordered_map<uint32_t, std::string> addresses_;  // by descriptor
  std::optional<HandshakeFailure> failure_;              // whose peer is not known yet
};

/// A sentence for a client's log or user.
std::string_view explanation(HandshakeFailure::Kind kind);

}  // namespace cancelbus::io
