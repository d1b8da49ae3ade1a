#include "tests/unit/clients/fake_bus.hpp"

#include <google/protobuf/util/time_util.h>

#include <utility>

namespace cancelbus::client {

using google::protobuf::util::TimeUtil;

FakeBus::Desk::Desk(FakeBus& bus, std::string peer, const v1::CancelOrder& o)
    : order(o), bus_(bus), peer_(std::move(peer)) {}

void FakeBus::Desk::receipt(v1::ReceiptStatus status, v1::CxlRejReason reason) const {
  v1::SessionReply reply;
  reply.mutable_receipt()->set_cl_ord_id(order.cl_ord_id());
  reply.mutable_receipt()->set_status(status);
  reply.mutable_receipt()->set_reason(reason);
  bus_.reply(peer_, reply);
}

v1::Event FakeBus::Desk::make_ack(v1::CancelAckStatus status, bool final_follows) const {
  v1::Event event;
  event.set_topic(bus_.sessions_[peer_]);
  v1::CancelAck& ack = *event.mutable_cancel_ack();
  ack.set_cl_ord_id(order.cl_ord_id());
  ack.set_order_id(order.order_id());
  ack.set_status(status);
  ack.set_final_follows(final_follows);
  *ack.mutable_timeline()->mutable_received() = TimeUtil::GetCurrentTime();
  return event;
}

void FakeBus::Desk::ack(v1::CancelAckStatus status, bool final_follows) const {
  bus_.publish(make_ack(status, final_follows));
}

void FakeBus::Desk::ack_lost_on_the_way() const { bus_.publish(make_ack(v1::CANCEL_ACK_STATUS_ACCEPTED, true), true); }

void FakeBus::Desk::final(v1::OrdStatus status) const {
  v1::Event event;
  event.set_topic(bus_.sessions_[peer_]);
  v1::CancelFinal& final = *event.mutable_cancel_final();
  final.set_cl_ord_id(order.cl_ord_id());
  final.set_order_id(order.order_id());
  final.set_ord_status(status);
  final.set_evidence(v1::EVIDENCE_CHANNEL_452);
  *final.mutable_timeline()->mutable_finalized() = TimeUtil::GetCurrentTime();
  bus_.publish(event);
}

// A closed socket gives its port back a moment later.
void FakeBus::bind(zmq::socket_t& socket, const std::string& endpoint) {
  for (int attempt = 0;; ++attempt) {
    try {
      return socket.bind(endpoint);
    } catch (const zmq::error_t& e) {
      if (e.num() != EADDRINUSE || attempt == 1'000) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

void FakeBus::start() {
  router_ = zmq::socket_t(context_, zmq::socket_type::router);
  xpub_ = zmq::socket_t(context_, zmq::socket_type::xpub);
  for (auto* socket : {&router_, &xpub_}) {
    socket->set(zmq::sockopt::linger, 0);
    socket->set(zmq::sockopt::sndhwm, 0);
  }
  bind(router_, session_endpoint_);
  bind(xpub_, event_endpoint_);
  session_endpoint_ = router_.get(zmq::sockopt::last_endpoint);
  event_endpoint_ = xpub_.get(zmq::sockopt::last_endpoint);
  sessions_.clear();
  subscriptions_.clear();
  thread_ = std::jthread([this](std::stop_token stopped) {
    while (!stopped.stop_requested()) serve();
  });
}

void FakeBus::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  router_.close();
  xpub_.close();
}

void FakeBus::serve() {
  zmq::pollitem_t items[] = {{router_.handle(), 0, ZMQ_POLLIN, 0}, {xpub_.handle(), 0, ZMQ_POLLIN, 0}};
  zmq::poll(items, 2, std::chrono::milliseconds(10));
  zmq::message_t frame;
  while (xpub_.recv(frame, zmq::recv_flags::dontwait)) {
    const std::string said = frame.to_string();
    const std::lock_guard lock(mutex_);
    if (said.starts_with('\x01')) subscriptions_.insert(said.substr(1));
  }
  zmq::message_t peer;
  while (router_.recv(peer, zmq::recv_flags::dontwait)) {
    (void)router_.recv(frame, zmq::recv_flags::none);
    v1::SessionRequest request;
    if (request.ParseFromArray(frame.data(), static_cast<int>(frame.size()))) answer(peer.to_string(), request);
  }
}

template <typename Message>
void FakeBus::add_position(const std::string& peer, Message& message) {
  message.set_epoch(Epoch);
  auto& position = *message.add_position();
  position.set_topic(sessions_[peer]);
  position.set_next_seq(events_[sessions_[peer]].size() + 1);
}

void FakeBus::answer(const std::string& peer, const v1::SessionRequest& request) {
  v1::SessionReply answer;
  const std::string rejected = [this] {
    const std::lock_guard lock(mutex_);
    return rejected_field_;
  }();
  if (request.has_hello() && !rejected.empty()) {
    sessions_.erase(peer);
    answer.mutable_reject()->set_field(rejected);
    answer.mutable_reject()->set_reason(v1::CXL_REJ_REASON_NOT_AUTHORIZED);
    answer.mutable_reject()->set_text("of a test");
  } else if (request.has_hello()) {
    sessions_[peer] = "client." + request.hello().sender_comp_id() + ".";
    add_position(peer, *answer.mutable_welcome());
    for (const auto& topic : request.hello().topics()) {
      if (!events_.contains(topic) || topic == sessions_[peer]) continue;
      auto& position = *answer.mutable_welcome()->add_position();
      position.set_topic(topic);
      position.set_next_seq(events_[topic].size() + 1);
    }
  } else if (!sessions_.contains(peer)) {
    answer.mutable_hello_required()->set_cl_ord_id(request.cancel_order().cl_ord_id());
  } else if (on_request && on_request(request, answer)) {
    // It has answered.
  } else if (request.has_cancel_order()) {
    return cancel(peer, request.cancel_order());
  } else if (request.has_retransmit_request()) {
    return retransmit(peer, request.retransmit_request());
  } else if (request.has_open_orders_request()) {
    const auto page = pages.find(request.open_orders_request().from_order_id());
    if (page == pages.end()) return;
    *answer.mutable_open_orders() = page->second;
    answer.mutable_open_orders()->set_request_id(request.open_orders_request().request_id());
  } else if (request.has_status_request()) {
    answer.mutable_status()->set_commands_undecided(3);
    answer.mutable_status()->set_store_writable(true);
  } else if (request.has_resolve()) {
    answer.mutable_resolved()->set_sender_comp_id(request.resolve().sender_comp_id());
    answer.mutable_resolved()->set_cl_ord_id(request.resolve().cl_ord_id());
    answer.mutable_resolved()->set_status(resolved.front());
    answer.mutable_resolved()->set_text("as " + v1::OrdStatus_Name(request.resolve().as()));
    if (resolved.size() > 1) resolved.erase(resolved.begin());
  } else {
    add_position(peer, *answer.mutable_heartbeat());
    if (const v1::CauseKind kind = impaired_; kind != v1::CAUSE_KIND_UNSPECIFIED) {
      v1::Cause& cause = *answer.mutable_heartbeat()->add_cause();
      cause.set_kind(kind);
      cause.set_text("of a test");
      cause.mutable_remaining()->set_seconds(7);
    }
  }
  reply(peer, answer);
}

void FakeBus::cancel(const std::string& peer, const v1::CancelOrder& order) {
  ++commands_seen_;
  const Desk desk(*this, peer, order);
  if (!known_.insert(sessions_[peer] + order.cl_ord_id()).second) return desk.receipt(v1::RECEIPT_STATUS_DUPLICATE);
  if (on_cancel) return on_cancel(desk);
  desk.receipt(v1::RECEIPT_STATUS_APPLIED);
  desk.ack(v1::CANCEL_ACK_STATUS_ACCEPTED);
  desk.final(v1::ORD_STATUS_CANCELED);
}

void FakeBus::retransmit(const std::string& peer, const v1::RetransmitRequest& request) {
  const auto& kept = events_[request.topic()];
  for (uint64_t seq = request.from_seq(); seq < request.from_seq() + request.count() && seq <= kept.size(); ++seq) {
    v1::SessionReply answer;
    *answer.mutable_retransmission() = kept[seq - 1];
    answer.mutable_retransmission()->set_poss_dup(true);
    reply(peer, answer);
  }
}

void FakeBus::reply(const std::string& peer, const v1::SessionReply& reply) {
  router_.send(zmq::buffer(peer), zmq::send_flags::sndmore);
  router_.send(zmq::buffer(reply.SerializeAsString()), zmq::send_flags::none);
}

void FakeBus::publish(v1::Event event, bool lost_on_the_way) {
  auto& kept = events_[event.topic()];
  event.set_epoch(Epoch);
  event.set_seq(kept.size() + 1);
  *event.mutable_sending_time() = TimeUtil::GetCurrentTime();
  kept.push_back(event);
  if (lost_on_the_way) return;
  xpub_.send(zmq::buffer(event.topic()), zmq::send_flags::sndmore);
  xpub_.send(zmq::buffer(event.SerializeAsString()), zmq::send_flags::none);
}

}  // namespace cancelbus::client
