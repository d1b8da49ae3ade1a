#include "service/io/zmq_socket.hpp"

#include <absl/strings/str_cat.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace cancelbus::io {
namespace {

// A peer that vanished without a word is noticed after HeartbeatTimeout; the backend's own leases are shorter, so this
// only frees its resources.
constexpr int ReconnectMs = 100;
// Shorter than a bus listens after its start before it decides anything (bus/engine.hpp): workers are there by then.
constexpr int ReconnectMaxMs = 250;
constexpr int HandshakeMs = 5'000;
constexpr int HeartbeatMs = 1'000;
constexpr int HeartbeatTimeoutMs = 5'000;

absl::Status failure(std::string_view what, const std::string& endpoint, const zmq::error_t& error) {
  return absl::UnavailableError(
      absl::StrCat("cannot ", absl::string_view(what.data(), what.size()), " ", endpoint, ": ", error.what()));
}

// A signal that arrives at the wrong moment makes libzmq give up a call before it did anything.
template <typename Call>
auto uninterrupted(Call call) {
  for (;;) {
    try {
      return call();
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
    }
  }
}

}  // namespace

ZmqSocket::ZmqSocket(asio::io_context& context, zmq::context_t& zmq, zmq::socket_type type, ZmqOptions options)
    : context_(context),
      socket_(zmq, type),
      bell_(context),
      drain_limit_(options.drain_limit),
      drain_bytes_(options.drain_bytes) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::sndhwm, options.send_hwm);
  socket_.set(zmq::sockopt::rcvhwm, options.receive_hwm);
  socket_.set(zmq::sockopt::maxmsgsize, options.max_message_bytes);
  socket_.set(zmq::sockopt::reconnect_ivl, ReconnectMs);
  socket_.set(zmq::sockopt::reconnect_ivl_max, ReconnectMaxMs);
  socket_.set(zmq::sockopt::handshake_ivl, HandshakeMs);
  socket_.set(zmq::sockopt::heartbeat_ivl, HeartbeatMs);
  socket_.set(zmq::sockopt::heartbeat_timeout, HeartbeatTimeoutMs);
  socket_.set(zmq::sockopt::tcp_keepalive, 1);
  if (type == zmq::socket_type::router) socket_.set(zmq::sockopt::router_mandatory, true);
  if (type == zmq::socket_type::dealer) socket_.set(zmq::sockopt::immediate, !options.queue_unconnected);
  if (type == zmq::socket_type::xpub && options.verbose_subscriptions) {
    socket_.set(zmq::sockopt::xpub_verbose, true);
  }
  bell_.assign(socket_.get(zmq::sockopt::fd));
}

ZmqSocket::~ZmqSocket() {
  life_.reset();
  bell_.release();
}

absl::Status ZmqSocket::bind(const std::string& endpoint) {
  try {
    socket_.set(zmq::sockopt::ipv6, is_ipv6_address(endpoint));
    socket_.bind(endpoint);
  } catch (const zmq::error_t& error) {
    return failure("bind", endpoint, error);
  }
  return absl::OkStatus();
}

absl::Status ZmqSocket::connect(const std::string& endpoint) {
  try {
    socket_.set(zmq::sockopt::ipv6, is_ipv6_address(endpoint));
    socket_.connect(endpoint);
  } catch (const zmq::error_t& error) {
    return failure("connect to", endpoint, error);
  }
  return absl::OkStatus();
}

absl::Status ZmqSocket::reconnect(const std::string& endpoint, bool ipv6) {
  try {
    socket_.disconnect(endpoint);
    socket_.set(zmq::sockopt::ipv6, ipv6);
    socket_.connect(endpoint);
  } catch (const zmq::error_t& error) {
    return failure("connect again to", endpoint, error);
  }
  return absl::OkStatus();
}

std::string ZmqSocket::last_endpoint() const { return socket_.get(zmq::sockopt::last_endpoint); }

void ZmqSocket::on_ready(std::function<void()> handler) {
  handler_ = std::move(handler);
  wait_for_bell();
  look_again();
}

void ZmqSocket::wait_for_bell() {
  bell_.async_wait(asio::posix::stream_descriptor::wait_read,
                   [this, life = std::weak_ptr(life_)](const boost::system::error_code& error) {
                     if (error || life.expired()) return;
                     look();
                     if (!life.expired()) wait_for_bell();
                   });
}

void ZmqSocket::look_again() {
  if (look_posted_ || !handler_) return;
  look_posted_ = true;
  asio::post(context_, [this, life = std::weak_ptr(life_)] {
    if (life.expired()) return;
    look_posted_ = false;
    look();
  });
}

void ZmqSocket::look() {
  taken_since_look_ = 0;
  bytes_since_look_ = 0;
  if (!has_message()) return;
  const std::weak_ptr<Life> life = life_;
  const auto handler = handler_;
  handler();
  if (!life.expired() && has_message()) look_again();
}

bool ZmqSocket::has_message() {
  return (uninterrupted([this] { return socket_.get(zmq::sockopt::events); }) & ZMQ_POLLIN) != 0;
}

bool ZmqSocket::receive(Frames& frames) {
  frames.clear();
  if (taken_since_look_ >= drain_limit_ || bytes_since_look_ >= drain_bytes_) {
    look_again();
    return false;
  }
  zmq::message_t part;
  do {
    // Parts of one message arrive together, so only the first receive can find nothing.
    if (!uninterrupted([&] { return socket_.recv(part, zmq::recv_flags::dontwait); })) return false;
    frames.push_back(part.to_string());
    bytes_since_look_ += part.size();
  } while (part.more());
  const char* user = zmq_msg_gets(part.handle(), "User-Id");
  user_id_ = user != nullptr ? user : "";
  ++taken_since_look_;
  look_again();
  return true;
}

SendResult ZmqSocket::send(std::span<const std::string_view> frames) {
  look_again();
  for (size_t i = 0; i < frames.size(); ++i) {
    const auto more = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    const auto flags = more | zmq::send_flags::dontwait;
    try {
      if (!uninterrupted([&] { return socket_.send(zmq::buffer(frames[i]), flags); })) return SendResult::WouldBlock;
    } catch (const zmq::error_t& error) {
      if (error.num() == EHOSTUNREACH) return SendResult::NoRoute;
      throw;
    }
  }
  return SendResult::Sent;
}

}  // namespace cancelbus::io
