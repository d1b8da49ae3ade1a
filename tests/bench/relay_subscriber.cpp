#include <absl/strings/str_cat.h>
#include <poll.h>

#include <optional>
#include <utility>

#include "cancelbus/v1/backend.pb.h"
#include "service/btcturk/stream_frame.hpp"
#include "tests/bench/relay.hpp"

namespace cancelbus::bench {
namespace {

enum Opcode : uint8_t { Text = 1, Close = 8, Ping = 9, Pong = 10 };

struct Frame {
  Opcode opcode;
  std::string payload;
};

/// As much of WebSocket as a short benchmark needs: whole frames of less than 64 KiB, no extension.
class Stream {
 public:
  Stream(const std::string& url, const std::string& ca_file) : tls_(url, ca_file) {
    tls_.write(absl::StrCat("GET / HTTP/1.1\r\nHost: ", tls_.authority(),
                            "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"));
    while (received_.find("\r\n\r\n") == std::string::npos) read();
    if (!received_.starts_with("HTTP/1.1 101")) give_up("the exchange refused the WebSocket");
    received_.erase(0, received_.find("\r\n\r\n") + 4);
  }

  void read() {
    if (!tls_.read_more(received_)) give_up("the exchange closed the stream");
  }
  bool has_more() const { return tls_.has_more(); }
  int fd() const { return tls_.fd(); }

  std::optional<Frame> next() {
    const auto byte = [this](size_t at) { return static_cast<uint8_t>(received_[at]); };
    if (received_.size() < 2) return std::nullopt;
    size_t head = 2, size = byte(1);
    if (size == 126) {
      head = 4;
      if (received_.size() < head) return std::nullopt;
      size = size_t{byte(2)} << 8 | byte(3);
    }
    if (received_.size() < head + size) return std::nullopt;
    Frame frame{static_cast<Opcode>(byte(0) & 0x0f), received_.substr(head, size)};
    received_.erase(0, head + size);
    return frame;
  }

  /// Masked with zeros: a mask guards proxies, and there is none.
  void send(Opcode opcode, std::string_view payload) {
    std::string frame{static_cast<char>(0x80 | opcode)};
    if (payload.size() < 126) {
      frame += static_cast<char>(0x80 | payload.size());
    } else {
      frame += static_cast<char>(0x80 | 126);
      frame += static_cast<char>(payload.size() >> 8);
      frame += static_cast<char>(payload.size() & 0xff);
    }
    frame.append(4, '\0');
    tls_.write(frame.append(payload));
  }

 private:
  Tls tls_;
  std::string received_;
};

v1::BackendRequest message_of(core::OrderFact fact, uint64_t seq) {
  v1::BackendRequest request;
  v1::OrderFact& out = *request.mutable_order_fact();
  out.set_subscriber_id(1);
  out.set_seq(seq);
  out.set_type(fact.type == core::FactType::Deleted452 ? v1::FACT_TYPE_ORDER_DELETED : v1::FACT_TYPE_ORDER_INSERTED);
  out.set_order_id(fact.order_id);
  out.set_symbol(std::move(fact.symbol));
  out.set_price(std::move(fact.price));
  out.set_amount(std::move(fact.amount));
  out.set_num_left(std::move(fact.num_left));
  out.set_client_order_id(std::move(fact.client_order_id));
  request.set_oldest_unconfirmed(seq);
  return request;
}

}  // namespace

void relay_subscriber(const RelayOptions& options) {
  zmq::context_t context{1};
  zmq::socket_t bus = client_socket(context, zmq::socket_type::dealer, options.keys);
  bus.connect(options.backend_endpoint);
  btcturk::Signer signer = read_signer(options.api_key_file, options.api_secret_file);
  Stream stream(options.exchange_url, options.ca_file);
  stream.send(Text, btcturk::login_frame(signer, now_ms(), 3000));
  uint64_t seq = 0;
  while (true) {
    zmq::pollitem_t items[] = {{nullptr, stream.fd(), ZMQ_POLLIN, 0}, {bus.handle(), 0, ZMQ_POLLIN, 0}};
    if (!stream.has_more()) zmq::poll(items, 2, std::chrono::milliseconds(-1));
    zmq::message_t confirmed;
    while (bus.recv(confirmed, zmq::recv_flags::dontwait)) {
    }
    if (!stream.has_more() && (items[0].revents & ZMQ_POLLIN) == 0) continue;
    stream.read();
    while (auto frame = stream.next()) {
      if (frame->opcode == Close) give_up("the exchange closed the stream");
      if (frame->opcode == Ping) stream.send(Pong, frame->payload);
      if (frame->opcode != Text) continue;
      auto said = btcturk::read_frame(frame->payload);
      if (auto* fact = std::get_if<core::OrderFact>(&said)) {
        bus.send(encode(message_of(std::move(*fact), ++seq)), zmq::send_flags::none);
      }
    }
  }
}

}  // namespace cancelbus::bench
