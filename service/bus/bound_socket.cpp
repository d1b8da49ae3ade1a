#include "service/bus/bound_socket.hpp"

#include <absl/strings/str_cat.h>

#include <chrono>
#include <utility>

#include "service/bus/guard.hpp"
#include "service/io/clock.hpp"
#include "service/io/log.hpp"

namespace cancelbus::bus {
namespace {

/// libzmq gives a port back a moment after the socket is closed.
constexpr core::Duration RetryAfter = std::chrono::milliseconds(10);

}  // namespace

BoundSocket::BoundSocket(asio::io_context& context, zmq::context_t& zmq, zmq::socket_type type, io::ZmqOptions options,
                         Door door, const io::CurveKey* key,
                         std::function<void(const io::HandshakeFailure&)> handshake_failed)
    : context_(context),
      zmq_(zmq),
      type_(type),
      options_(options),
      door_(door),
      key_(key),
      handshake_failed_(std::move(handshake_failed)) {}

absl::Status BoundSocket::open(const std::string& endpoint) try {
  auto socket = std::make_unique<io::ZmqSocket>(context_, zmq_, type_, options_);
  if (key_ != nullptr) io::encrypt_as_server(*socket, *key_, std::string(door_name(door_)));
  auto monitor = std::make_unique<io::ZmqMonitor>(context_, zmq_, *socket, io::ZmqMonitor::Side::Server,
                                                  io::ZmqMonitor::Listener{.failed = handshake_failed_});
  if (auto status = socket->bind(endpoint); !status.ok()) return status;
  socket_ = std::move(socket);
  monitor_ = std::move(monitor);
  endpoint_ = socket_->last_endpoint();
  ++opened_;
  if (ready_) socket_->on_ready(ready_);
  return absl::OkStatus();
} catch (const zmq::error_t& error) {  // out of descriptors
  return absl::UnavailableError(error.what());
}

void BoundSocket::on_ready(std::function<void()> handler) {
  ready_ = std::move(handler);
  if (socket_) socket_->on_ready(ready_);
}

void BoundSocket::reopen() {
  monitor_.reset();
  socket_.reset();
  io::log_warn(absl::StrCat(std::string(door_name(door_)), "_endpoint_reopened"), {{"endpoint", endpoint_}});
  retry_at_ = io::now().tick;
  retry();
}

void BoundSocket::retry() {
  if (io::now().tick < retry_at_) return;
  const absl::Status status = open(endpoint_);
  retry_at_ = status.ok() ? core::Never : io::now().tick + RetryAfter;
  if (!status.ok()) io::log_debug("endpoint_not_open_yet", {{"why", std::string(status.message())}});
}

}  // namespace cancelbus::bus
