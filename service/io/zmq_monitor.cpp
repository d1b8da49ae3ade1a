#include "service/io/zmq_monitor.hpp"

#include <absl/strings/str_cat.h>

#include <cstring>
#include <utility>

namespace cancelbus::io {
namespace {

constexpr int OfBoth = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                       ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
constexpr int OfServers = OfBoth | ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED;
constexpr int OfClients = OfBoth | ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED;

// Without a limit: libzmq's thread would wait for a reader that is late, and everybody with it.
ZmqOptions unlimited() {
  ZmqOptions options;
  options.receive_hwm = 0;
  return options;
}

HandshakeFailure::Kind kind_of(uint32_t protocol_error) {
  return protocol_error == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC ? HandshakeFailure::Kind::WrongKey
                                                                 : HandshakeFailure::Kind::NotEncrypted;
}

}  // namespace

ZmqMonitor::ZmqMonitor(asio::io_context& context, zmq::context_t& zmq, ZmqSocket& watched, Side side, Listener listener)
    : watched_(watched),
      events_(context, zmq, zmq::socket_type::pair, unlimited()),
      side_(side),
      listener_(std::move(listener)) {
  static int made = 0;
  const std::string address = absl::StrCat("inproc://monitor-", ++made);
  const int events = side == Side::Server ? OfServers : OfClients;
  if (zmq_socket_monitor(watched_.raw().handle(), address.c_str(), events) != 0) throw zmq::error_t();
  (void)events_.connect(address);
  events_.on_ready([this] { read(); });
}

// In this order: without a reader, libzmq's thread would wait in its next report.
ZmqMonitor::~ZmqMonitor() { zmq_socket_monitor(watched_.raw().handle(), nullptr, 0); }

void ZmqMonitor::read() {
  Frames frames;
  while (events_.receive(frames)) {
    uint16_t event = 0;
    uint32_t value = 0;
    if (frames.front().size() != sizeof event + sizeof value) continue;
    std::memcpy(&event, frames.front().data(), sizeof event);
    std::memcpy(&value, frames.front().data() + sizeof event, sizeof value);
    note_failure(event, value);
    if (side_ == Side::Server) {
      on_server_event(event, value);
    } else {
      on_client_event(event);
    }
  }
}

void ZmqMonitor::note_failure(uint16_t event, uint32_t value) {
  using Kind = HandshakeFailure::Kind;
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL && !failure_) failure_ = HandshakeFailure{Kind::HungUp};
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) failure_ = HandshakeFailure{kind_of(value)};
}

void ZmqMonitor::on_server_event(uint16_t event, uint32_t value) {
  switch (event) {
    case ZMQ_EVENT_LISTENING:
      listening_ = static_cast<int>(value);
      break;
    case ZMQ_EVENT_ACCEPTED:
      accepted(static_cast<int>(value));
      break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      ++handshakes_;
      break;
    case ZMQ_EVENT_DISCONNECTED:
      ended(static_cast<int>(value));
      break;
    default:
      break;
  }
}

void ZmqMonitor::accepted(int descriptor) {
  connections_[descriptor] = {take_accepted_peer(listening_, descriptor), handshakes_};
}

void ZmqMonitor::ended(int descriptor) {
  const auto connection = connections_.find(descriptor);
  if (connection != connections_.end()) {
    const bool for_certain = connection->second.handshakes_before == handshakes_;
    if (!failure_ && for_certain) failure_ = HandshakeFailure{HandshakeFailure::Kind::NotZmtp3};
    if (failure_) failure_->peer = std::move(connection->second.peer);
    connections_.erase(connection);
  }
  if (failure_) report();
}

void ZmqMonitor::on_client_event(uint16_t event) {
  switch (event) {
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      failure_ = HandshakeFailure{HandshakeFailure::Kind::Refused};
      break;
    case ZMQ_EVENT_DISCONNECTED:
      tried_ = true;
      if (failure_) {
        report();
      } else if (listener_.unreachable) {
        listener_.unreachable();
      }
      break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      if (listener_.connected) listener_.connected();
      break;
    case ZMQ_EVENT_CLOSED:  // a connector that found no listener
      tried_ = true;
      if (listener_.unreachable) listener_.unreachable();
      break;
    case ZMQ_EVENT_CONNECT_RETRIED:  // libzmq waits now, after an attempt or because there was no address to try
      if (!std::exchange(tried_, false) && listener_.no_address) listener_.no_address();
      break;
    default:
      break;
  }
}

void ZmqMonitor::report() {
  const HandshakeFailure failure = *std::exchange(failure_, std::nullopt);
  if (listener_.failed) listener_.failed(failure);
}

std::string_view explanation(HandshakeFailure::Kind kind) {
  using Kind = HandshakeFailure::Kind;
  switch (kind) {
    case Kind::Refused:
      return "the bus refused our key: it is not in its --policy_file, or not in a role for this endpoint; its log "
             "says "
             "which";
    case Kind::NotEncrypted:
      return "the other side does not speak CURVE: it was started with --insecure_loopback, or is no cancel-bus";
    case Kind::WrongKey:
    case Kind::HungUp:
    case Kind::NotZmtp3:
      return "the other side hung up in the middle of the handshake: most likely --curve_server_key_file is not the "
             "public key of this bus";
  }
  return "";
}

}  // namespace cancelbus::io
