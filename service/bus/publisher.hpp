// The event socket: an XPUB on which a peer reads only the topics that it may read.
//
// Used by the shell. libzmq's own means for this, XPUB_MANUAL, names a subscription's connection by a pointer that may
// dangle, and that a peer can shift to another peer's (4.3.4); so it is not used. Instead every subscription takes
// effect, is looked at, and if it is not allowed the socket is closed at once and opened again: everybody reconnects,
// and fetches what was missed, but for the offender, whom the guard now keeps out. Between a subscription and the look
// at it nothing leaves: libzmq settles who receives an event with its first frame, and we look before the second.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <string>
#include <zmq.hpp>

#include "service/bus/bound_socket.hpp"
#include "service/io/store.hpp"

namespace cancelbus::bus {

class Publisher {
 public:
  struct Edge {
    /// May the holder of this key say this? If not, every connection is closed. A subscription begins with 1.
    std::function<bool(const std::string& key, std::string_view frame)> may_say;
    std::function<void(const io::HandshakeFailure&)> handshake_failed;
    /// There may be subscriptions to read.
    std::function<void()> ready;
  };

  /// Without a key: plain, and everything may be read.
  Publisher(asio::io_context& context, zmq::context_t& zmq, const io::CurveKey* key, Edge edge);

  absl::Status open(const std::string& endpoint) { return socket_.open(endpoint); }
  const std::string& endpoint() const { return socket_.endpoint(); }

  /// True if any peer has subscribed to anything since the last call.
  bool read_subscriptions();
  void publish(const io::EventRow& event);

  /// See BoundSocket.
  void reopen() { socket_.reopen(); }
  core::Tick retry_at() const { return socket_.retry_at(); }
  void retry() { socket_.retry(); }

 private:
  void look_at_subscriptions();
  bool judge(const io::Frames& frames);

  Edge edge_;
  BoundSocket socket_;
  bool news_ = false;
};

}  // namespace cancelbus::bus
