#include "cancelbus/connection_watch.hpp"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

namespace cancelbus::client {

ConnectionWatch::ConnectionWatch(zmq::context_t& context, zmq::socket_t& watched)
    : watched_(watched), reports_(context, zmq::socket_type::pair) {
  // Without a limit: libzmq's thread would wait for a reader that is late.
  reports_.set(zmq::sockopt::rcvhwm, 0);
  reports_.set(zmq::sockopt::linger, 0);
  char address[48];
  std::snprintf(address, sizeof address, "inproc://watch-%p", static_cast<void*>(this));
  zmq_socket_monitor(watched_.handle(), address,
                     ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                         ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                         ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED);
  reports_.connect(address);
}

ConnectionWatch::~ConnectionWatch() { zmq_socket_monitor(watched_.handle(), nullptr, 0); }

std::optional<NotReachedReason> ConnectionWatch::read() {
  std::optional<NotReachedReason> news;
  zmq::message_t head, address;
  while (reports_.recv(head, zmq::recv_flags::dontwait)) {
    if (head.more()) (void)reports_.recv(address, zmq::recv_flags::none);
    uint16_t event = 0;
    uint32_t value = 0;
    if (head.size() != sizeof event + sizeof value) continue;
    std::memcpy(&event, head.data(), sizeof event);
    std::memcpy(&value, head.data<char>() + sizeof event, sizeof value);
    if (const auto reason = take(event, static_cast<int>(value))) news = reason;
  }
  return news;
}

void ConnectionWatch::connect(const std::string& endpoint) {
  endpoint_ = endpoint;
  ipv6_ = next_ipv6_ = is_address();
  watched_.set(zmq::sockopt::ipv6, ipv6_);
  watched_.connect(endpoint);
}

void ConnectionWatch::reconnect() {
  if (std::chrono::steady_clock::now() < next_try_) return;
  next_try_ = Never;
  ipv6_ = next_ipv6_;
  watched_.disconnect(endpoint_);
  watched_.set(zmq::sockopt::ipv6, ipv6_);
  watched_.connect(endpoint_);
}

// After an attempt, or because there was no address to try.
void ConnectionWatch::waits_to_retry() {
  if (std::exchange(tried_, false) || is_address() || next_try_ != Never) return;
  next_ipv6_ = !ipv6_;
  next_try_ = std::chrono::steady_clock::now();
  if (ipv6_) next_try_ += ReconnectEvery;
}

std::optional<NotReachedReason> ConnectionWatch::take(int event, int value) {
  if (event == ZMQ_EVENT_CONNECT_RETRIED) {
    waits_to_retry();
    return {};
  }
  tried_ = true;
  up_ = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
  if (event == ZMQ_EVENT_DISCONNECTED) return {};  // it follows every failure
  nobody_ = event == ZMQ_EVENT_CLOSED;
  if (nobody_) return {};
  if (up_) {
    next_try_ = Never;
    next_ipv6_ = ipv6_;
    told_.reset();
    hung_up_ = 0;
    return {};
  }
  std::optional<NotReachedReason> reason;
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH || event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
    next_try_ = std::chrono::steady_clock::now() + ReconnectEvery;
  }
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
    reason = NotReachedReason::KeyRefused;
  } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL && value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
    reason = NotReachedReason::NotEncrypted;
  } else if (++hung_up_ == 2) {  // once may be the bus's own end
    reason = NotReachedReason::HungUp;
  }
  if (!reason || reason == told_) return {};
  told_ = reason;
  return reason;
}

}  // namespace cancelbus::client
