#include "service/bus/publisher.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace cancelbus::bus {
namespace {

/// Many times what a topic takes; libzmq keeps what it is asked for before we can look.
constexpr int64_t MaxSubscriptionBytes = 1024;

// All that waits must be looked at before anything leaves. Who says too much is thrown out.
constexpr size_t Unlimited = std::numeric_limits<size_t>::max();
constexpr io::ZmqOptions SocketOptions{.max_message_bytes = MaxSubscriptionBytes,
                                       .verbose_subscriptions = true,
                                       .drain_limit = Unlimited,
                                       .drain_bytes = Unlimited};

}  // namespace

Publisher::Publisher(asio::io_context& context, zmq::context_t& zmq, const io::CurveKey* key, Edge edge)
    : edge_(std::move(edge)),
      socket_(context, zmq, zmq::socket_type::xpub, SocketOptions, Door::Event, key, edge_.handshake_failed) {
  socket_.on_ready(edge_.ready);
}

// Every frame counts: to libzmq a subscription may also stand behind other frames of one message.
bool Publisher::judge(const io::Frames& frames) {
  return std::ranges::all_of(frames,
                             [this](const std::string& frame) { return edge_.may_say(socket_->user_id(), frame); });
}

void Publisher::look_at_subscriptions() {
  io::Frames frames;
  while (socket_.receive(frames)) {
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
  const uint64_t opened = socket_.opened();
  (void)socket_->raw().send(zmq::buffer(event.topic), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
  look_at_subscriptions();
  // If that closed the socket, the first frame went nowhere, and the event will be asked for.
  if (socket_ && opened == socket_.opened()) socket_->send({event.payload});
}

}  // namespace cancelbus::bus
