// One ZeroMQ socket on an asio io_context.
//
// Used by every process of the service: the bus's ROUTERs and XPUB, the DEALERs of worker and subscriber.
// libzmq announces events on a descriptor that is only a doorbell. Any call on the socket, sends included, uses up its
// ring, so a rung bell says "look", and a silent one says nothing. Here every receive and every send makes sure that
// the socket is looked at again; asio waits for the bell in between. The descriptor stays libzmq's own.
#pragma once

#include <absl/status/status.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

namespace cancelbus::io {

namespace asio = boost::asio;

/// Frames of one message; the first one of a ROUTER is the routing id.
using Frames = std::vector<std::string>;

enum class SendResult {
  Sent,        ///< libzmq has it
  WouldBlock,  ///< the peer's high-water mark is reached, or a DEALER has no connection: dropped
  NoRoute,     ///< ROUTER: no connection has this routing id (any more): dropped
};

struct ZmqOptions {
  /// Messages kept for one peer that does not read; what comes after is WouldBlock (XPUB: lost to that peer).
  int send_hwm = 10'000;
  /// Messages kept from one peer while we do not read; then TCP holds it back.
  int receive_hwm = 1'000;
  /// A larger message closes the connection it came on, and disturbs no other peer. Twice what the contract allows, so
  /// that a frame which is somewhat too long is answered with a reason, and is counted.
  int64_t max_message_bytes = 128 * 1024;
  /// DEALER: queue messages while no connection is up. Off: what is repeated until confirmed must not pile up.
  bool queue_unconnected = false;
  /// XPUB: report every subscription, not only a topic's first one.
  bool verbose_subscriptions = false;
  /// receive() says "none" after this many since the last on_ready, so that no socket starves the others.
  size_t drain_limit = 1'000;
  /// The same, after so many bytes.
  size_t drain_bytes = 1024 * 1024;
};

class ZmqSocket {
 public:
  /// Throws zmq::error_t when the process is out of descriptors.
  ZmqSocket(asio::io_context& context, zmq::context_t& zmq, zmq::socket_type type, ZmqOptions options = {});
  ~ZmqSocket();
  ZmqSocket(const ZmqSocket&) = delete;
  ZmqSocket& operator=(const ZmqSocket&) = delete;

  /// Errors carry the endpoint and libzmq's reason. An address in brackets is IPv6, everything else IPv4.
  absl::Status bind(const std::string& endpoint);
  absl::Status connect(const std::string& endpoint);
  /// Ends the connection to `endpoint` and connects again, as IPv6 or as IPv4.
  absl::Status reconnect(const std::string& endpoint, bool ipv6);
  /// The endpoint last bound, with the port that was chosen for `*`.
  std::string last_endpoint() const;
  /// tcp://[::1]:5550 and the like: its host is an IPv6 address, not a name.
  static bool is_ipv6_address(std::string_view endpoint) { return endpoint.starts_with("tcp://["); }

  /// `handler` is called from the io_context whenever there may be something to read, and soon again as long as
  /// something is left. Starts the waiting; call once. The handler may destroy the socket.
  void on_ready(std::function<void()> handler);

  /// Takes one whole message, never blocks. False: none is there, or a drain limit is reached (see has_message).
  bool receive(Frames& frames);
  /// Who sent the message received last: what the ZAP handler called them. Empty if the socket is not encrypted, and
  /// for what libzmq says by itself.
  const std::string& user_id() const { return user_id_; }
  /// A message can be received now, drain limits or not.
  bool has_message();

  /// Hands one whole message to libzmq, never blocks. What is not Sent is dropped: the caller repeats what matters.
  SendResult send(std::span<const std::string_view> frames);
  SendResult send(std::initializer_list<std::string_view> frames) {
    return send(std::span<const std::string_view>(frames.begin(), frames.size()));
  }

  /// For options that only one user needs, as CURVE keys; set before bind or connect.
  zmq::socket_t& raw() { return socket_; }

 private:
  struct Life {};

  void wait_for_bell();
  void look_again();
  void look();

  asio::io_context& context_;
  zmq::socket_t socket_;
  asio::posix::stream_descriptor bell_;
  size_t drain_limit_;
  size_t drain_bytes_;
  std::function<void()> handler_;
  std::string user_id_;
  /// Handlers that asio still holds when this object dies find it expired.
  std::shared_ptr<Life> life_ = std::make_shared<Life>();
  bool look_posted_ = false;
  size_t taken_since_look_ = 0;
  size_t bytes_since_look_ = 0;
};

}  // namespace cancelbus::io
