// What libzmq says about the connections of one socket: who could not shake hands, and why.
//
// Used by the bus to count and name unauthenticated connections, by worker and subscriber to say why they do not reach
// the bus. A server is told of each connection that ends without a handshake, once, except of those that the ZAP
// handler refused: that one knows more about them. libzmq 4.3.4 reports how a handshake ended without saying whose, so:
// - a failure belongs to the connection whose end is reported next (true with one I/O thread, as our contexts have);
// - of some that it turns away it reports the end alone (HTTP, TLS, ZMTP 1 and 2, where a ZAP handler is set). An end
//   without a reason is such a failure if no handshake has succeeded or been refused since the connection was accepted.
//   Otherwise it may be that one which ended, and is not reported: a server rather misses a failure than invents one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <zmq.hpp>

#include "service/io/accepted_peers.hpp"
#include "service/io/zmq_socket.hpp"

namespace cancelbus::io {

struct HandshakeFailure {
  enum class Kind {
    Refused,       ///< client: the bus's ZAP handler said no to our key
    NotEncrypted,  ///< the other side speaks without CURVE, or not ZeroMQ
    WrongKey,      ///< server: its greeting was not encrypted for our key
    HungUp,        ///< the other side closed the connection in the middle, or said nothing for too long
    NotZmtp3,      ///< server: the other side speaks HTTP, TLS, an old ZeroMQ, or anything else
  };
  Kind kind = Kind::HungUp;
  /// Server: where the peer connected from; unknown if the system did not say, or over ipc.
  std::optional<PeerAddress> peer = {};
};

class ZmqMonitor {
 public:
  struct Listener {
    std::function<void(const HandshakeFailure&)> failed = {};
    /// Client: the handshake succeeded.
    std::function<void()> connected = {};
    /// Client: nothing listens there, or the connection broke.
    std::function<void()> unreachable = {};
    /// Client: the endpoint's name has no address of the socket's kind (IPv6 or IPv4).
    std::function<void()> no_address = {};
  };

  enum class Side { Server, Client };

  /// Throws zmq::error_t when the process is out of descriptors.
  /// `watched` must live longer. Listener functions may be empty, and must not destroy the monitor.
  ZmqMonitor(asio::io_context& context, zmq::context_t& zmq, ZmqSocket& watched, Side side, Listener listener);
  ~ZmqMonitor();

 private:
  struct Connection {
    std::optional<PeerAddress> peer;
    uint64_t handshakes_before = 0;
  };

  void read();
  void on_server_event(uint16_t event, uint32_t value);
  void on_client_event(uint16_t event);
  void note_failure(uint16_t event, uint32_t value);
  void accepted(int descriptor);
  void ended(int descriptor);
  void report();

  ZmqSocket& watched_;
  ZmqSocket events_;
  const Side side_;
  Listener listener_;
  int listening_ = -1;                               ///< server: the descriptor that it accepts from
  std::unordered_map<int, Connection> connections_;  ///< server: open ones, by descriptor
  uint64_t handshakes_ = 0;                          ///< server: that succeeded, or were refused by the ZAP handler
  std::optional<HandshakeFailure> failure_;          ///< of the connection whose end is reported next
  bool tried_ = false;                               ///< client: an address, since libzmq last began to wait
};

/// A sentence for a client's log or user.
std::string_view explanation(HandshakeFailure::Kind kind);

}  // namespace cancelbus::io
