// Sessions, and commands coming in.
#include <algorithm>

#include "service/core/gateway.hpp"

namespace cancelbus::core {

namespace {

/// Of one sender. Every change of the order costs a look at each.
constexpr std::ptrdiff_t MostForOneOrder = 100;

std::ptrdiff_t commands_of(const std::string& sender, const Order& order) {
  return std::ranges::count_if(order.commands, [&](const Command& c) { return c.record.key.sender == sender; });
}

}  // namespace

void Gateway::on(const Hello& hello) {
  const Session& session = sessions_.open(hello.peer, hello.sender, hello.topics, now_.tick);
  out_.sends.push_back(SendWelcome{hello.peer, sessions_.positions(session)});
  if (!hello.open_commands) return;
  const auto open = open_by_sender_.find(hello.sender);
  if (open == open_by_sender_.end()) return;
  absl::btree_set<OrderId> orders;  // each once, however many commands it has
  for (const std::string& cl_ord_id : open->second) orders.insert(commands_.at({hello.sender, cl_ord_id}).order_id);
  for (const OrderId id : orders) {
    const Order& order = *find_order(id);
    for (const Command& command : order.commands) {
      if (command.record.key.sender == hello.sender) tell(order, command, order.stage(), "undecided");
    }
  }
}

void Gateway::on(const SessionHeartbeat& heartbeat) {
  const Session* session = sessions_.heard(heartbeat.peer, now_.tick);
  if (!session) return out_.sends.push_back(SendHelloRequired{heartbeat.peer, ""});
  out_.sends.push_back(SendHeartbeat{heartbeat.peer, sessions_.positions(*session)});
}

void Gateway::on(const StatusRequest& request) {
  if (!sessions_.heard(request.peer, now_.tick)) return out_.sends.push_back(SendHelloRequired{request.peer, ""});
  out_.sends.push_back(SendStatus{request.peer});
}

void Gateway::on(const RetransmitRequest& request) {
  if (!sessions_.heard(request.peer, now_.tick)) return out_.sends.push_back(SendHelloRequired{request.peer, ""});
  const TopicPosition* topic = sessions_.find_topic(request.topic);
  const uint64_t next_seq = topic ? topic->next_seq : 1;
  const bool other_epoch = request.epoch != epoch_;
  if (other_epoch || request.from_seq >= next_seq) {
    // Of another epoch nothing is kept by its own numbers; of this one nothing beyond the last.
    return out_.sends.push_back(SendRetransmitReject{request.peer, request.topic, next_seq, other_epoch});
  }
  const uint64_t count = std::min<uint64_t>(request.count, next_seq - request.from_seq);
  out_.sends.push_back(SendRetransmission{request.peer, request.topic, request.from_seq, static_cast<uint32_t>(count)});
}

void Gateway::on(const CommandMalformed& malformed) {
  if (!sessions_.heard(malformed.peer, now_.tick)) {
    return out_.sends.push_back(SendHelloRequired{malformed.peer, malformed.cl_ord_id});
  }
  out_.sends.push_back(SendReceipt{
      malformed.peer, malformed.cl_ord_id, ReceiptStatus::Refused, RejectReason::Malformed, malformed.text, {}});
}

void Gateway::on(const CommandReceived& received) {
  const CancelOrder& order = received.order;
  const Session* session = sessions_.heard(received.peer, now_.tick);
  if (!session) return out_.sends.push_back(SendHelloRequired{received.peer, order.cl_ord_id});
  SendReceipt receipt{received.peer, order.cl_ord_id, ReceiptStatus::Applied, RejectReason::None, "", {}};

  const CommandKey key{session->sender, order.cl_ord_id};
  if (const auto known = commands_.find(key); known != commands_.end()) {
    if (known->second.order_id == order.order_id) {
      ++counters_.duplicates;
      receipt.status = ReceiptStatus::Duplicate;
      out_.sends.push_back(std::move(receipt));
      return repeat_answers(received.peer, key, known->second);
    }
    receipt.status = ReceiptStatus::Refused;
    receipt.reason = RejectReason::DuplicateClOrdId;
    receipt.text = "cl_ord_id: was used for order " + std::to_string(known->second.order_id);
  } else {
    if (needs_permit(find_order(order.order_id))) {
      const size_t ahead = queue_.ahead(session->sender, order.priority);
      receipt.estimated_wait = cancel_limiter_.earliest(now_.tick, ahead) - now_.tick;
    }
    Refusal refusal = received.too_fast ? Refusal{RejectReason::BusFull, "more messages than a session may send"}
                                        : why_refused(session->sender, order, receipt.estimated_wait);
    if (refusal.reason != RejectReason::None) {
      receipt.status = ReceiptStatus::Refused;
      receipt.reason = refusal.reason;
      receipt.text = std::move(refusal.text);
    }
  }
  const bool applied = receipt.status == ReceiptStatus::Applied;
  out_.sends.push_back(std::move(receipt));
  if (!applied) return;
  ++counters_.commands;
  attach(session->sender, order);
}

void Gateway::repeat_answers(const PeerId& peer, const CommandKey& key, const CommandRef& ref) {
  for (const uint64_t seq : {ref.ack_seq, ref.final_seq}) {
    if (seq != 0) out_.sends.push_back(SendRetransmission{peer, client_topic(key.sender), seq, 1});
  }
}

bool Gateway::needs_permit(const Order* order) const {
  if (!order) return true;
  const bool under_way = order->in_flight() || order->freshly_accepted(now_.tick, options_.final_wait);
  return !under_way && !order->proven_gone && !queue_.contains(order->id);
}

Gateway::Refusal Gateway::why_refused(const std::string& sender, const CancelOrder& order, Duration wait) const {
  if (!store_writable_) return {RejectReason::StoreUnavailable, "the bus cannot write its store"};
  if (!order.account.empty() && order.account != options_.account) {
    return {RejectReason::WrongAccount, "account: this bus cancels for another account"};
  }
  if (open_ >= options_.max_open) return {RejectReason::BusFull, "the bus holds max_open commands"};
  const auto mine = open_by_sender_.find(sender);
  if (mine != open_by_sender_.end() && mine->second.size() >= options_.max_open_per_sender) {
    return {RejectReason::BusFull, "the sender has max_open_per_sender open commands"};
  }
  const auto remembered = remembered_by_sender_.find(sender);
  if (remembered != remembered_by_sender_.end() && remembered->second >= options_.max_remembered_per_sender) {
    return {RejectReason::BusFull, "the sender has max_remembered_per_sender commands within retention"};
  }
  const auto known = orders_.find(order.order_id);
  if (known != orders_.end() && commands_of(sender, *known->second) >= MostForOneOrder) {
    return {RejectReason::BusFull, "the sender has 100 open commands for this order"};
  }
  if (const auto ttl = ttl_of(order); ttl && *ttl < wait) {
    return {RejectReason::TtlTooShort, "time_to_live: ends before there is budget; see estimated_wait"};
  }
  return {};
}

std::optional<Duration> Gateway::ttl_of(const CancelOrder& order) const {
  if (order.time_to_live || options_.default_ttl == Duration::zero()) return order.time_to_live;
  return options_.default_ttl;
}

void Gateway::remember(const CommandKey& key, CommandRef ref) {
  commands_[key] = std::move(ref);
  ++remembered_by_sender_[key.sender];
}

void Gateway::attach(const std::string& sender, const CancelOrder& request) {
  Order& order = order_of(request.order_id);
  const bool at_rest = order.commands.empty();
  order.word.reset();
  Command command;
  command.received = now_.tick;
  command.record.key = {sender, request.cl_ord_id};
  command.record.order = request;
  command.record.timeline.received = now_.wall;
  if (const auto ttl = ttl_of(request)) {
    command.expires = now_.tick + *ttl;
    command.record.expires = now_.wall + *ttl;
  }
  remember(command.record.key, {order.id, 0, 0, false});
  ++order.remembered;
  ++open_;
  open_by_sender_[sender].insert(request.cl_ord_id);
  order.commands.push_back(std::move(command));

  if (order.freshly_accepted(now_.tick, options_.final_wait) && !order.fate) {
    CancelAck accepted;
    accepted.status = AckStatus::Accepted;
    accepted.origin = Origin::Exchange;
    accepted.text = "an earlier cancel of this order was accepted";
    accepted.http_status = 200;
    accepted.final_follows = true;
    ack(order, order.commands.back(), std::move(accepted));
  } else if (!order.in_flight() && !order.fate) {
    order.next_delete = std::min(order.next_delete, now_.tick);
    if (at_rest && foreign_.contains(order.id)) {
      // The stream said that it left the book, which alone proves nothing: one query may spare the DELETE.
      order.news(now_.tick);
      order.withheld_until = now_.tick + Order::ReadPatience;
    }
  }
  touch(order);
}

}  // namespace cancelbus::core
