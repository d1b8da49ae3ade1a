// A socket of the bus that others connect to, which can be closed and opened again at the same endpoint.
//
// Used by the doors and the publisher. Opening again is the only way to close every connection, and the only one to
// take another CURVE key: libzmq reads the key when it binds, and an unbound endpoint takes its connections along
// without telling the other side. What has not been read by then is lost, as when the bus restarts.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <string>
#include <zmq.hpp>

#include "service/bus/policy.hpp"
#include "service/core/types.hpp"
#include "service/io/curve.hpp"
#include "service/io/zmq_monitor.hpp"
#include "service/io/zmq_socket.hpp"

namespace cancelbus::bus {

namespace asio = boost::asio;

class BoundSocket {
 public:
  /// `key` is read whenever the socket is opened; null: plain.
  BoundSocket(asio::io_context& context, zmq::context_t& zmq, zmq::socket_type type, io::ZmqOptions options, Door door,
              const io::CurveKey* key, std::function<void(const io::HandshakeFailure&)> handshake_failed);

  absl::Status open(const std::string& endpoint);
  /// As bound; stays the same when it is opened again.
  const std::string& endpoint() const { return endpoint_; }
  /// Of this socket and those that follow it.
  void on_ready(std::function<void()> handler);

  /// Closes every connection.
  void reopen();
  /// The socket could not be opened again yet: try at this time. Never, if all is well.
  core::Tick retry_at() const { return retry_at_; }
  void retry();

  /// It is open.
  explicit operator bool() const { return socket_ != nullptr; }
  io::ZmqSocket* operator->() { return socket_.get(); }
  /// How often it was opened.
  uint64_t opened() const { return opened_; }

  // As of io::ZmqSocket; while it is closed there is no message and no way to a peer.
  bool receive(io::Frames& frames) { return socket_ && socket_->receive(frames); }
  io::SendResult send(std::initializer_list<std::string_view> frames) {
    return socket_ ? socket_->send(frames) : io::SendResult::NoRoute;
  }

 private:
  asio::io_context& context_;
  zmq::context_t& zmq_;
  const zmq::socket_type type_;
  const io::ZmqOptions options_;
  const Door door_;
  const io::CurveKey* const key_;
  std::function<void(const io::HandshakeFailure&)> handshake_failed_;
  std::function<void()> ready_;
  std::string endpoint_;
  std::unique_ptr<io::ZmqSocket> socket_;
  std::unique_ptr<io::ZmqMonitor> monitor_;  // after the socket, which it watches
  core::Tick retry_at_ = core::Never;
  uint64_t opened_ = 0;
};

}  // namespace cancelbus::bus
