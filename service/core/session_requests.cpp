#include "service/core/session_requests.hpp"

#include <algorithm>

#include "service/core/command_list.hpp"

namespace cancelbus::core {

namespace {

/// Of one sender. Every change of the order costs a look at each.
constexpr std::ptrdiff_t MostForOneOrder = 100;

std::ptrdiff_t commands_of(const std::string& sender, const Order& order) {
  if (!order.effort) return 0;
  return std::ranges::count(order.effort->commands, sender, [](const Command& c) { return c.record.key.sender; });
}

/// What an operator did is noted with the command that it is about. io/history_table.cpp knows by this beginning to
/// whom the line may be shown.
std::string by_operator(const CommandKey& about, const std::string& who) {
  return "of " + about.sender + "/" + about.cl_ord_id + " by " + who;
}

}  // namespace

const Session* SessionRequests::heard(const PeerId& peer, const std::string& cl_ord_id) {
  const Session* session = book_.sessions.heard(peer, book_.now.tick);
  if (!session) {
    book_.out.send(SendHelloRequired{peer, cl_ord_id});
  } else {
    switches_.heard(session->sender);
  }
  return session;
}

void SessionRequests::on(const Hello& hello) {
  const Session& session = book_.sessions.open(hello.peer, hello.sender, hello.topics, book_.now.tick);
  book_.out.send(SendWelcome{hello.peer, book_.out.topics().positions(session.sender, session.topics),
                             hello.cancel_on_disconnect.has_value()});
  if (hello.cancel_on_disconnect) {
    switches_.arm(session.sender, *hello.cancel_on_disconnect);
  } else {
    switches_.heard(session.sender);
  }
  if (hello.open_commands) judge_.report_open(hello.sender);
}

void SessionRequests::on(const SessionHeartbeat& heartbeat) {
  const Session* session = heard(heartbeat.peer);
  if (!session) return;
  book_.out.send(SendHeartbeat{heartbeat.peer, book_.out.topics().positions(session->sender, session->topics)});
}

void SessionRequests::on(const StatusRequest& request) {
  if (heard(request.peer)) book_.out.send(SendStatus{request.peer});
}

void SessionRequests::on(const RetransmitRequest& request) {
  if (!heard(request.peer)) return;
  const uint64_t next_seq = book_.out.topics().next_seq(request.topic);
  const bool other_epoch = request.epoch != epoch_;
  if (other_epoch || request.from_seq >= next_seq) {
    // Of another epoch nothing is kept by its own numbers; of this one nothing beyond the last.
    return book_.out.send(SendRetransmitReject{request.peer, request.topic, next_seq, other_epoch});
  }
  const uint64_t count = std::min<uint64_t>(request.count, next_seq - request.from_seq);
  book_.out.send(SendRetransmission{request.peer, request.topic, request.from_seq, static_cast<uint32_t>(count)});
}

void SessionRequests::on(const CommandMalformed& malformed) {
  if (!heard(malformed.peer, malformed.cl_ord_id)) return;
  book_.out.send(SendReceipt{
      malformed.peer, malformed.cl_ord_id, ReceiptStatus::Refused, RejectReason::Malformed, malformed.text, {}});
}

void SessionRequests::on(const CommandReceived& received) {
  const Session* session = heard(received.peer, received.order.cl_ord_id);
  if (!session) return;
  SendReceipt receipt = receipt_for(session->sender, received);
  const ReceiptStatus status = receipt.status;
  counters_.not_owner += receipt.reason == RejectReason::NotOwner;
  book_.out.send(std::move(receipt));
  if (status == ReceiptStatus::Duplicate) {
    ++counters_.duplicates;
    const CommandKey key{session->sender, received.order.cl_ord_id};
    const CommandIndex::Entry& known = *book_.commands.find(key);
    for (const uint64_t seq : {known.ack_seq, known.final_seq}) {
      if (seq != 0) book_.out.send(SendRetransmission{received.peer, client_topic(key.sender), seq, 1});
    }
  } else if (status == ReceiptStatus::Applied) {
    ++counters_.commands;
    judge_.join(session->sender, received.order, ttl_of(received.order, options_));
  }
}

void SessionRequests::on(const MassCancelReceived& received) {
  const Session* session = heard(received.peer, received.request.cl_ord_id);
  if (session) mass_cancels_.request(session->sender, received);
}

void SessionRequests::on(const KillSwitchReceived& received) {
  if (const Session* session = heard(received.peer)) switches_.request(session->sender, received);
}

void SessionRequests::on(const GoodbyeReceived& received) {
  if (const Session* session = heard(received.peer)) switches_.goodbye(session->sender, received);
}

SendReceipt SessionRequests::receipt_for(const std::string& sender, const CommandReceived& received) const {
  const CancelOrder& order = received.order;
  SendReceipt receipt{received.peer, order.cl_ord_id, ReceiptStatus::Refused, RejectReason::None, "", {}};
  const auto refuse = [&receipt](RejectReason reason, std::string text) {
    receipt.reason = reason;
    receipt.text = std::move(text);
    return receipt;
  };
  if (const auto* known = book_.commands.find({sender, order.cl_ord_id})) {
    if (known->order_id != order.order_id) {
      return refuse(RejectReason::DuplicateClOrdId, "cl_ord_id: was used for order " + std::to_string(known->order_id));
    }
    receipt.status = ReceiptStatus::Duplicate;
    return receipt;
  }
  if (const CommandKey key{sender, order.cl_ord_id}; book_.mass_cancels.find(key) || book_.mass_cancels.is_child(key)) {
    return refuse(RejectReason::DuplicateClOrdId, "cl_ord_id: is that of a mass cancel, or begins with it and a slash");
  }
  const Order* target = book_.find_order(order.order_id);
  if (!target ||
      (judge_.verdicts().needs_permit(*target, book_.gap, book_.now.tick) && !book_.queue.contains(order.order_id))) {
    receipt.estimated_wait = book_.wait_for_budget(book_.queue.ahead(sender, order.priority), order.priority);
  }
  if (received.too_fast) return refuse(RejectReason::BusFull, "more messages than a session may send");
  if (!book_.store_writable) return refuse(RejectReason::StoreUnavailable, "the bus cannot write its store");
  if (!order.account.empty() && order.account != options_.account) {
    return refuse(RejectReason::WrongAccount, "account: this bus cancels for another account");
  }
  const OpenOrder* open = book_.open_orders.find(order.order_id);
  if (received.own_only && open && !open->owner.empty() && open->owner != sender) {
    return refuse(RejectReason::NotOwner,
                  "order_id: the order is " + open->owner + "'s, and the policy says cancels=own of this key");
  }
  if (std::string full = book_.commands.why_full(sender); !full.empty()) {
    return refuse(RejectReason::BusFull, std::move(full));
  }
  if (target && commands_of(sender, *target) >= MostForOneOrder) {
    return refuse(RejectReason::BusFull, "the sender has 100 open commands for this order");
  }
  if (const auto ttl = ttl_of(order, options_); ttl && *ttl < receipt.estimated_wait) {
    return refuse(RejectReason::TtlTooShort, "time_to_live: ends before there is budget; see estimated_wait");
  }
  receipt.status = ReceiptStatus::Applied;
  return receipt;
}

void SessionRequests::on(const OpenOrdersRequest& request) {
  if (!heard(request.peer)) return;
  OpenOrders::Page page = book_.open_orders.page(request.scope, request.from);
  SendOpenOrders reply{request.peer, {}, std::move(page.orders), page.next, request.request_id};
  if (const auto as_of = book_.open_orders.complete_as_of()) reply.complete_as_of = as_of->wall;
  book_.out.send(std::move(reply));
}

void SessionRequests::on(const CommandsRequest& request) {
  if (heard(request.peer)) book_.out.send(CommandList(book_, judge_.verdicts()).page(request));
}

void SessionRequests::on(const HistoryRequest& request) {
  if (heard(request.peer)) book_.out.send(SendHistory{request.peer, request.query, request.request_id});
}

// ---- Overrides ----
//
// An override settles commands and is not evidence of the order's state: it waits for attempts in flight, a proof that
// comes first counts more, and a later command for the order is sent all the same. The session listener has checked who
// may.

void SessionRequests::on(const ResolveRequest& request) {
  const Session* session = heard(request.peer);
  if (!session) return;
  SendResolved reply{request.peer, request.key, ResolveStatus::Refused, why_not_resolved(request)};
  if (reply.text.empty()) {
    const CommandIndex::Entry& entry = *book_.commands.find(request.key);
    if (!entry.ended) {
      Order& order = *judge_.find(entry.order_id);
      if (order.take_override(request.key, request.as)) {
        std::string text = by_operator(request.key, session->sender);
        if (!request.reason.empty()) text += ": " + request.reason;
        book_.out.note(order, {.what = HistoryLine::What::Resolve, .status = request.as, .text = std::move(text)});
      }
      judge_.judge(order);
    }
    // What the exchange has proven just now comes before the override.
    reply.text = why_not_resolved(request);
    if (reply.text.empty() && entry.ended) {
      reply.status = ResolveStatus::Settled;
    } else if (reply.text.empty()) {
      reply.status = ResolveStatus::Pending;
      reply.text = "a cancel of the order is in flight; its answer is waited for";
    }
  }
  book_.out.send(std::move(reply));
}

std::string SessionRequests::why_not_resolved(const ResolveRequest& request) const {
  const CommandIndex::Entry* known = book_.commands.find(request.key);
  if (!known) return "cl_ord_id: no such command is known";
  // The answer was lost, and it is asked again.
  if (known->ended && known->override_status == request.as) return "";
  if (known->ended)
    return known->final_seq != 0 ? "the command has its final already" : "the command has ended already";
  if (!book_.store_writable) return "the bus cannot write its store";
  const Order& order = *book_.find_order(known->order_id);
  if (order.proof && order.proof->fate.gone()) {
    return "the exchange has proven what became of the order; the final will come";
  }
  return "";
}

void SessionRequests::on(const RetryRequest& request) {
  const Session* session = heard(request.peer);
  if (!session) return;
  SendRetry reply{request.peer, false, false, why_not_retried(request), request.request_id};
  if (reply.text.empty()) {
    Order& order = *judge_.find(book_.commands.find(request.key)->order_id);
    reply.retrying = true;
    reply.sends_delete = !options_.observe && order.retry(book_.now.tick, options_.final_wait);
    if (options_.observe) order.effort->reads.news(book_.now.tick);
    reply.text = reply.sends_delete ? "a DELETE of the order is due now, and goes as soon as budget and a worker allow"
                                    : "no DELETE is sent now; a query of the order is due";
    book_.out.note(order, {.what = HistoryLine::What::Retry, .text = by_operator(request.key, session->sender)});
    judge_.judge(order);
  }
  book_.out.send(std::move(reply));
}

std::string SessionRequests::why_not_retried(const RetryRequest& request) const {
  const CommandIndex::Entry* known = book_.commands.find(request.key);
  if (!known) return "cl_ord_id: no such command is known";
  if (known->ended) return "the command has ended already";
  if (!book_.store_writable) return "the bus cannot write its store, and sends nothing";
  if (book_.draining) return "the bus was asked to end, and sends nothing; ask again when it is back";
  return "";
}

}  // namespace cancelbus::core
