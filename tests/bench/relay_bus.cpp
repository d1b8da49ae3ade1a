#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "cancelbus/v1/backend.pb.h"
#include "cancelbus/v1/session.pb.h"
#include "tests/bench/relay.hpp"

namespace cancelbus::bench {
namespace {

// On a ROUTER a message is who it is from or for, and what it says.
struct Letter {
  std::string peer;
  zmq::message_t said;
};

std::optional<Letter> receive(zmq::socket_t& router) {
  zmq::message_t peer;
  Letter letter;
  if (!router.recv(peer, zmq::recv_flags::dontwait)) return std::nullopt;
  if (!router.recv(letter.said)) return std::nullopt;
  letter.peer = peer.to_string();
  return letter;
}

template <typename Message>
void send(zmq::socket_t& router, const std::string& peer, const Message& message) {
  router.send(zmq::buffer(peer), zmq::send_flags::sndmore);
  router.send(encode(message), zmq::send_flags::none);
}

class Relay {
 public:
  explicit Relay(const CurveFiles& keys)
      : session_(server_socket(context_, zmq::socket_type::router, keys)),
        backend_(server_socket(context_, zmq::socket_type::router, keys)),
        events_(server_socket(context_, zmq::socket_type::pub, keys)) {}

  [[noreturn]] void run() {
    std::printf("session %s\nevent %s\nbackend %s\nready\n", endpoint_of(session_).c_str(),
                endpoint_of(events_).c_str(), endpoint_of(backend_).c_str());
    std::fflush(stdout);
    while (true) {
      zmq::pollitem_t items[] = {{session_.handle(), 0, ZMQ_POLLIN, 0}, {backend_.handle(), 0, ZMQ_POLLIN, 0}};
      zmq::poll(items, 2, std::chrono::milliseconds(-1));
      while (const auto letter = receive(session_)) from_client(*letter);
      while (const auto letter = receive(backend_)) from_backend(*letter);
    }
  }

 private:
  struct Command {
    std::string cl_ord_id;
    std::string sender;
  };

  void from_client(const Letter& letter) {
    v1::SessionRequest request;
    if (!decode(letter.said, request)) return;
    v1::SessionReply reply;
    if (request.has_hello()) {
      senders_[letter.peer] = request.hello().sender_comp_id();
      // Nothing can be passed on before there is a worker: then the strategy gets its welcome.
      if (worker_.empty()) return;
      reply.mutable_welcome()->set_epoch(1);
    } else if (request.has_heartbeat()) {
      reply.mutable_heartbeat()->set_epoch(1);
    } else if (request.has_cancel_order()) {
      reply.mutable_receipt()->set_cl_ord_id(request.cancel_order().cl_ord_id());
      reply.mutable_receipt()->set_status(v1::RECEIPT_STATUS_APPLIED);
      pass_on(letter.peer, std::move(*request.mutable_cancel_order()));
    }
    send(session_, letter.peer, reply);
  }

  void pass_on(const std::string& peer, v1::CancelOrder order) {
    commands_[order.order_id()] = {order.cl_ord_id(), senders_[peer]};
    v1::BackendReply message;
    v1::Task& task = *message.mutable_task();
    task.set_task_id(++last_task_);
    task.set_attempt(1);
    last_stamp_ = std::max(last_stamp_ + 1, now_ms());
    task.mutable_permit()->set_stamp(last_stamp_);
    task.mutable_permit()->set_term(1);
    tasks_[last_task_] = order.order_id();
    *task.mutable_cancel_order() = std::move(order);
    send(backend_, worker_, message);
  }

  void from_backend(const Letter& letter) {
    v1::BackendRequest request;
    if (!decode(letter.said, request)) return;
    if (request.has_ready()) on_ready(letter.peer);
    if (request.has_outcome()) {
      v1::Outcome& outcome = *request.mutable_outcome();
      const auto task = tasks_.find(outcome.task_id());
      if (task != tasks_.end()) publish_ack(task->second, std::move(*outcome.mutable_ack()));
      confirm(letter.peer, outcome.task_id(), 0);
    }
    if (request.has_order_fact()) {
      if (request.order_fact().type() == v1::FACT_TYPE_ORDER_DELETED) publish_final(request.order_fact());
      confirm(letter.peer, 0, request.order_fact().seq());
    }
  }

  void on_ready(const std::string& peer) {
    const bool first = worker_.empty();
    worker_ = peer;
    v1::SessionReply welcome;
    welcome.mutable_welcome()->set_epoch(1);
    if (!first) return;
    for (const auto& [client, sender] : senders_) send(session_, client, welcome);
  }

  void confirm(const std::string& peer, uint64_t task, uint64_t fact) {
    v1::BackendReply reply;
    if (task != 0) reply.mutable_confirm()->add_task_ids(task);
    reply.mutable_confirm()->set_fact_seq(fact);
    send(backend_, peer, reply);
  }

  void publish_ack(int64_t order, v1::CancelAck ack) {
    v1::Event event;
    *event.mutable_cancel_ack() = std::move(ack);
    event.mutable_cancel_ack()->set_cl_ord_id(commands_[order].cl_ord_id);
    publish(commands_[order].sender, event);
  }

  void publish_final(const v1::OrderFact& fact) {
    const auto command = commands_.find(fact.order_id());
    if (command == commands_.end()) return;
    v1::Event event;
    v1::CancelFinal& final = *event.mutable_cancel_final();
    final.set_cl_ord_id(command->second.cl_ord_id);
    final.set_order_id(fact.order_id());
    final.set_exec_type(v1::EXEC_TYPE_CANCELED);
    final.set_ord_status(v1::ORD_STATUS_CANCELED);
    final.set_evidence(v1::EVIDENCE_CHANNEL_452);
    final.set_symbol(fact.symbol());
    final.set_price(fact.price());
    final.set_order_qty(fact.amount());
    final.set_leaves_qty(fact.num_left());
    publish(command->second.sender, event);
  }

  void publish(const std::string& sender, v1::Event& event) {
    const std::string topic = absl::StrCat("client.", sender, ".");
    event.set_epoch(1);
    event.set_topic(topic);
    event.set_seq(++last_seq_);
    events_.send(zmq::buffer(topic), zmq::send_flags::sndmore);
    events_.send(encode(event), zmq::send_flags::none);
  }

  zmq::context_t context_{1};
  zmq::socket_t session_;
  zmq::socket_t backend_;
  zmq::socket_t events_;
  std::string worker_;  // the one that was ready last
  absl::flat_hash_map<std::string, std::string> senders_;
  absl::flat_hash_map<int64_t, Command> commands_;  // by order
  absl::flat_hash_map<uint64_t, int64_t> tasks_;
  int64_t last_stamp_ = 0;
  uint64_t last_task_ = 0;
  uint64_t last_seq_ = 0;
};

}  // namespace

void relay_bus(const RelayOptions& options) { Relay(options.keys).run(); }

}  // namespace cancelbus::bench
