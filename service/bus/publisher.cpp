#include "service/bus/publisher.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "service/bus/guard.hpp"
#include "service/io/clock.hpp"
#include "service/io/log.hpp"

namespace cancelbus::bus {
namespace {

/// libzmq gives a port back a moment after the socket is closed.
constexpr core::Duration RetryAfter = std::chrono::milliseconds(10);
/// Many times what a topic takes; libzmq keeps what it is asked for before we can look.
constexpr int64_t MaxSubscriptionBytes = 1024;

}  // namespace

Publisher::Publisher(asio::io_context& context, zmq::context_t& zmq, const io::CurveKey* key, Edge edge)
    : context_(context), zmq_(zmq), key_(key), edge_(std::move(edge)) {}

absl::Status Publisher::open(const std::string& endpoint) try {
  // All that waits must be looked at before anything leaves. Who says too much is thrown out.
  constexpr size_t Unlimited = std::numeric_limits<size_t>::max();
  io::ZmqOptions options{.max_message_bytes = MaxSubscriptionBytes,
                         .verbose_subscriptions = true,
                         .drain_limit = Unlimited,
                         .drain_bytes = Unlimited};
  auto socket = std::make_unique<io::ZmqSocket>(context_, zmq_, zmq::socket_type::xpub, options);
  if (key_ != nullptr) io::encrypt_as_server(*socket, *key_, std::string(door_name(Door::Event)));
  auto monitor = std::make_unique<io::ZmqMonitor>(context_, zmq_, *socket, io::ZmqMonitor::Side::Server,
                                                  io::ZmqMonitor::Listener{.failed = edge_.handshake_failed});
  if (auto status = socket->bind(endpoint); !status.ok()) return status;
  socket_ = std::move(socket);
  monitor_ = std::move(monitor);
  endpoint_ = socket_->last_endpoint();
  ++opened_;
  socket_->on_ready(edge_.ready);
  return absl::OkStatus();
} catch (const zmq::error_t& error) {  // out of descriptors
  return absl::UnavailableError(error.what());
}

// Every frame counts: to libzmq a subscription may also stand behind other frames of one message.
bool Publisher::judge(const io::Frames& frames) {
  return std::ranges::all_of(frames,
                             [this](const std::string& frame) { return edge_.may_say(socket_->user_id(), frame); });
}

void Publisher::look_at_subscriptions() {
  io::Frames frames;
  while (socket_ && socket_->receive(frames)) {
    news_ = true;
    if (!judge(frames)) reopen();
  }
}

bool Publisher::read_subscriptions() {
  look_at_subscriptions();
  return std::exchange(news_, false);
}

void Publisher::publish(const io::EventRow& event) {
  if (!socket_) return;
  const uint64_t opened = opened_;
  (void)socket_->raw().send(zmq::buffer(event.topic), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
  look_at_subscriptions();
  // If that closed the socket, the first frame went nowhere, and the event will be asked for.
  if (socket_ && opened == opened_) socket_->send({event.payload});
}

void Publisher::reopen() {
  monitor_.reset();
  socket_.reset();
  io::log_warn("event_endpoint_reopened", {{"endpoint", endpoint_}});
  retry_at_ = io::now().tick;
  retry();
}

void Publisher::retry() {
  if (io::now().tick < retry_at_) return;
  const absl::Status status = open(endpoint_);
  retry_at_ = status.ok() ? core::Never : io::now().tick + RetryAfter;
  if (!status.ok()) io::log_debug("event_endpoint_not_open_yet", {{"why", std::string(status.message())}});
}

}  // namespace cancelbus::bus
