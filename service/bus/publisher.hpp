// The event socket: an XPUB that lets nobody read what is not theirs.
//
// Used by the shell. libzmq's own means for this, XPUB_MANUAL, names a subscription's connection by a pointer that may
// dangle, and that a peer can shift to somebody else's (4.3.4); so it is not used. Instead every subscription takes
// effect, is looked at, and if it is not allowed the socket is closed at once and opened again: everybody reconnects,
// and fetches what was missed, but for the offender, whom the guard now keeps out. Between a subscription and the look
// at it nothing leaves: libzmq settles who receives an event with its first frame, and we look before the second.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "service/core/types.hpp"
#include "service/io/curve.hpp"
#include "service/io/store.hpp"
#include "service/io/zmq_monitor.hpp"
#include "service/io/zmq_socket.hpp"

namespace cancelbus::bus {

namespace asio = boost::asio;

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

  absl::Status open(const std::string& endpoint);
  /// As bound; stays the same when it is opened again.
  const std::string& endpoint() const { return endpoint_; }

  /// True if somebody has subscribed to something since it was asked last.
  bool read_subscriptions();
  void publish(const io::EventRow& event);

  /// Closes every connection.
  void reopen();
  /// The socket could not be opened again yet: try at this time. Never, if all is well.
  core::Tick retry_at() const { return retry_at_; }
  void retry();

 private:
  void look_at_subscriptions();
  bool judge(const io::Frames& frames);

  asio::io_context& context_;
  zmq::context_t& zmq_;
  const io::CurveKey* key_;
  Edge edge_;
  std::string endpoint_;
  std::unique_ptr<io::ZmqSocket> socket_;
  std::unique_ptr<io::ZmqMonitor> monitor_;  // after the socket, which it watches
  core::Tick retry_at_ = core::Never;
  uint64_t opened_ = 0;  // times
  bool news_ = false;
};

}  // namespace cancelbus::bus
