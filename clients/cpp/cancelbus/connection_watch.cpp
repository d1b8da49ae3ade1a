#include "cancelbus/connection_watch.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iterator>
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

void ConnectionWatch::encrypt(const CurveKeys& keys) {
  server_keys_ = keys.server;
  server_key_file_ = keys.server_file;
  server_key_ = server_keys_.front();
  watched_.set(zmq::sockopt::curve_publickey, keys.own.public_key);
  watched_.set(zmq::sockopt::curve_secretkey, keys.own.secret_key);
  watched_.set(zmq::sockopt::curve_serverkey, server_key_);
}

void ConnectionWatch::connect(const std::string& endpoint) {
  endpoint_ = endpoint;
  ipv6_ = next_ipv6_ = is_address();
  watched_.set(zmq::sockopt::ipv6, ipv6_);
  watched_.connect(endpoint);
}

void ConnectionWatch::move_to(const std::string& endpoint) {
  watched_.disconnect(endpoint_);
  told_.reset();
  up_ = false;
  no_listener_ = true;
  hung_up_ = 0;
  next_try_ = Never;
  connect(endpoint);
}

void ConnectionWatch::reconnect() {
  if (std::chrono::steady_clock::now() >= next_try_) renew();
}

void ConnectionWatch::renew() {
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

void ConnectionWatch::try_next_server_key() {
  if (server_keys_.empty() || next_try_ != Never) return;
  (void)read_public_key_file(server_key_file_, server_keys_);  // what cannot be read leaves them as they are
  const auto used = std::find(server_keys_.begin(), server_keys_.end(), server_key_);
  const std::string& next =
      used == server_keys_.end() || std::next(used) == server_keys_.end() ? server_keys_.front() : *std::next(used);
  if (next == server_key_) return;  // the only one, which libzmq tries again by itself
  server_key_ = next;
  watched_.set(zmq::sockopt::curve_serverkey, server_key_);
  next_try_ = std::chrono::steady_clock::now();
  if (++server_key_tries_ <= server_keys_.size()) return;
  server_key_tries_ = 0;
  next_try_ += ReconnectEvery;
}

// Without keys libzmq reports no more when the other socket is of a kind that ours cannot speak to.
bool ConnectionWatch::gives_up_silently(int event) const {
  constexpr int Failed =
      ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  return event == ZMQ_EVENT_DISCONNECTED && server_keys_.empty() && !up_ && (last_event_ & Failed) == 0;
}

std::optional<NotReachedReason> ConnectionWatch::take(int event, int value) {
  if (event == ZMQ_EVENT_CONNECT_RETRIED) {
    waits_to_retry();
    return {};
  }
  tried_ = true;
  const bool mismatch = gives_up_silently(event);
  last_event_ = event;
  up_ = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
  if (event == ZMQ_EVENT_DISCONNECTED && !mismatch) return {};  // it follows every failure
  no_listener_ = event == ZMQ_EVENT_CLOSED;
  if (no_listener_) hung_up_ = 0;
  if (no_listener_) return {};
  if (up_) {
    next_try_ = Never;
    next_ipv6_ = ipv6_;
    told_.reset();
    hung_up_ = 0;
    server_key_tries_ = 0;
    return {};
  }
  std::optional<NotReachedReason> reason;
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH || event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL || mismatch) {
    next_try_ = std::chrono::steady_clock::now() + ReconnectEvery;
  }
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
    reason = NotReachedReason::KeyRefused;
  } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL && value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
    reason = NotReachedReason::NotEncrypted;
  } else {
    if (++hung_up_ == 2) reason = NotReachedReason::HungUp;  // once may be the bus's own end
    try_next_server_key();
  }
  if (!reason || reason == told_) return {};
  told_ = reason;
  return reason;
}

}  // namespace cancelbus::client
