#include "service/core/mass_cancel_runner.hpp"

#include <algorithm>
#include <utility>

namespace cancelbus::core {

// ---- Requests ----

void MassCancelRunner::request(const std::string& sender, const MassCancelReceived& received, bool store_writable,
                               Instant now) {
  MassCancelRequest request = received.request;
  if (request.whose == MassCancelRequest::Whose::Own) request.scope.owner = sender;
  SendReceipt receipt =
      receipt_for(sender, {received.peer, request, received.dry_run, received.too_fast}, store_writable, now);
  const ReceiptStatus status = receipt.status;
  if (received.dry_run && status == ReceiptStatus::Applied) return preview(received.peer, sender, request, now);
  book_.out.send(std::move(receipt));
  const CommandKey key{sender, request.cl_ord_id};
  if (status == ReceiptStatus::Duplicate) {
    const uint64_t seq = book_.mass_cancels.find(key)->record().report_seq;
    if (seq != 0) book_.out.send(SendRetransmission{received.peer, client_topic(sender), seq, 1});
  } else if (status == ReceiptStatus::Applied) {
    MassCancelRecord record;
    record.key = key;
    record.request = std::move(request);
    record.received = now.wall;
    book_.mass_cancels.add(std::move(record), now.tick);
  }
}

SendReceipt MassCancelRunner::receipt_for(const std::string& sender, const MassCancelReceived& received,
                                          bool store_writable, Instant now) const {
  const MassCancelRequest& request = received.request;
  SendReceipt receipt{received.peer, request.cl_ord_id, ReceiptStatus::Refused, RejectReason::None, "", {}};
  const auto refuse = [&receipt](RejectReason reason, std::string text) {
    receipt.reason = reason;
    receipt.text = std::move(text);
    return receipt;
  };
  const MassCancel* known = received.dry_run ? nullptr : book_.mass_cancels.find({sender, request.cl_ord_id});
  if (known && known->request() != request) {
    return refuse(RejectReason::DuplicateClOrdId, "cl_ord_id: was used for a mass cancel with other fields");
  }
  if (known) {
    receipt.status = ReceiptStatus::Duplicate;
    return receipt;
  }
  if (received.too_fast) return refuse(RejectReason::BusFull, "more messages than a session may send");
  if (request.scope.whose == Scope::Whose::Owner && !book_.open_orders.owners().has(request.scope.owner)) {
    return refuse(RejectReason::Other, "scope: the policy gives " + request.scope.owner +
                                           " no prefix of client order ids, so that no order is known to be its own");
  }
  if (!received.dry_run) {
    if (!store_writable) return refuse(RejectReason::StoreUnavailable, "the bus cannot write its store");
    if (std::string why = why_not_new(sender, request); !why.empty()) {
      return refuse(RejectReason::DuplicateClOrdId, std::move(why));
    }
    if (std::string full = book_.mass_cancels.why_full(sender); !full.empty()) {
      return refuse(RejectReason::BusFull, std::move(full));
    }
  }
  receipt.estimated_wait = estimate(sender, request.priority, 1, now.tick);
  receipt.status = ReceiptStatus::Applied;
  return receipt;
}

std::string MassCancelRunner::why_not_new(const std::string& sender, const MassCancelRequest& request) const {
  if (const auto* command = book_.commands.find({sender, request.cl_ord_id})) {
    return "cl_ord_id: was used for order " + std::to_string(command->order_id);
  }
  // They would be taken for its own.
  if (book_.commands.has_undecided(sender, request.cl_ord_id + "/")) {
    return "cl_ord_id: the sender has open commands whose cl_ord_id begins with it and a slash";
  }
  return "";
}

void MassCancelRunner::preview(const PeerId& peer, const std::string& sender, const MassCancelRequest& request,
                               Instant now) {
  SendMassCancelPreview preview;
  preview.peer = peer;
  preview.cl_ord_id = request.cl_ord_id;
  absl::btree_map<std::pair<std::string, std::string>, uint32_t> orders;
  for (const OrderId id : book_.open_orders.matching(request.scope)) {
    const OpenOrder& order = *book_.open_orders.find(id);
    ++orders[{order.owner, order.symbol}];
    ++preview.total_affected;
  }
  for (const auto& [of, count] : orders) {
    if (preview.orders.size() == MostPreviewed) break;
    preview.orders.push_back({of.first, of.second, count});
  }
  const auto& as_of = book_.open_orders.complete_as_of();
  if (as_of) preview.complete_as_of = as_of->wall;
  if (!as_of) preview.text = "no list of the open orders is complete yet: some may be missing";
  if (options_.observe) preview.text = "the bus runs with --observe and sends no cancel";
  if (preview.total_affected > 0) {
    preview.estimated_duration = estimate(sender, request.priority, preview.total_affected, now.tick);
  }
  book_.out.send(std::move(preview));
}

Duration MassCancelRunner::estimate(const std::string& sender, Priority priority, size_t orders, Tick now) const {
  const size_t ahead = book_.queue.ahead(sender, priority) + orders;
  if (ahead == 0) return Duration::zero();
  return book_.tasks.limiter(LimiterKind::Cancel).earliest(now, ahead - 1) - now;
}

// ---- What an open one needs ----

void MassCancelRunner::advance(Instant now) {
  const std::vector<OrderId> entered = book_.open_orders.take_entered();
  behind_ = false;
  for (MassCancel* mass : book_.mass_cancels.open()) {
    if (options_.observe) break;
    Work& work = work_[mass->record().key];
    look_at(entered, *mass, now);
    scan(*mass, work, now);
    issue(*mass);
    const Tick wanted = mass->wants_sweep();
    if (wanted != Never && wanted != work.asked) book_.sweeps.ask(wanted);
    work.asked = wanted;
  }
  judge_.judge_touched();
}

void MassCancelRunner::tell(Instant now, bool may_begin, std::string sweep_trouble) {
  sweep_trouble_ = std::move(sweep_trouble);
  for (MassCancel* mass : book_.mass_cancels.open()) {
    if (may_begin) report(*mass, now);
    save(*mass, now);
    if (mass->ended()) work_.erase(mass->record().key);
  }
  book_.mass_cancels.close_ended(book_.run_time);
}

void MassCancelRunner::look_at(const std::vector<OrderId>& entered, MassCancel& mass, Instant now) {
  for (const OrderId id : entered) {
    const OpenOrder* order = book_.open_orders.find(id);
    if (order && mass.request().scope.contains(*order)) mass.found(id, order->owner, true, now.tick, now.tick);
  }
}

void MassCancelRunner::scan(MassCancel& mass, Work& work, Instant now) {
  if (mass.record().swept && !mass.request().until_empty) return;
  const Instant latest = book_.open_orders.complete_as_of().value_or(Instant{Tick::min(), {}});
  const bool begins = work.from == 0 && (!work.done || latest.tick > work.as_of.tick);
  if (begins) work = {.as_of = latest, .asked = work.asked};
  if (work.done) return;
  const OpenOrders::Page page = book_.open_orders.page(mass.request().scope, work.from, MostPerStep);
  for (const OpenOrder& order : page.orders) mass.found(order.order_id, order.owner, false, work.as_of.tick, now.tick);
  work.any |= !page.orders.empty();
  work.from = page.next;
  work.done = page.next == 0;
  behind_ |= !work.done;
  if (work.done) mass.swept(work.as_of, !work.any);
}

void MassCancelRunner::issue(MassCancel& mass) {
  for (size_t left = MostPerStep; mass.waiting() < MostWaiting && mass.has_pending(); --left) {
    if (left == 0) {
      behind_ = true;
      return;
    }
    const OrderId id = *mass.next_pending();
    const OpenOrder* order = book_.open_orders.find(id);
    // Before the first sweep after a start the registry is not expected to know it.
    const bool known = order || !book_.open_orders.complete_as_of();
    const bool in_scope = !order || mass.request().scope.contains(*order);
    known&& in_scope ? make_child(mass, id, order) : mass.left(id);
  }
}

void MassCancelRunner::make_child(MassCancel& mass, OrderId order, const OpenOrder* known) {
  const CommandKey& key = mass.record().key;
  CancelOrder child;
  const std::string name = key.cl_ord_id + "/" + std::to_string(order);
  child.cl_ord_id = name;
  for (int n = 2; book_.commands.find({key.sender, child.cl_ord_id}); ++n) {
    child.cl_ord_id = name + "/" + std::to_string(n);
  }
  child.order_id = order;
  if (known) child.symbol = known->symbol;
  child.priority = mass.request().priority;
  child.traceparent = mass.request().traceparent;
  mass.issued(order);
  judge_.join(key.sender, child, std::nullopt, false);
}

// ---- What leaves ----

void MassCancelRunner::report(MassCancel& mass, Instant now) {
  const std::string& why = sweep_trouble_;
  const CommandKey& key = mass.record().key;
  const bool is_new = mass.record().report_seq == 0;
  const bool rejected = is_new && options_.observe;
  if (!mass.complete() && !rejected && !(mass.news(why) && now.tick >= mass.next_report())) return;
  MassCancelReport report = mass.report(why);
  if (rejected) {
    report.status = MassCancelStatus::Rejected;
    report.text = "the bus runs with --observe and sends no cancel";
  }
  if (report.unsent > 0) {
    report.estimated_completion = now.wall + estimate(key.sender, mass.request().priority, mass.pending(), now.tick);
  }
  const uint64_t seq = book_.out.mass_cancel_report(key.sender, report, mass.request().traceparent);
  mass.reported(report, seq, now.tick);
}

void MassCancelRunner::save(MassCancel& mass, Instant now) {
  for (MassCancelOrder& order : mass.take_changes()) book_.out.record(std::move(order));
  if (!mass.take_changed()) return;
  MassCancelRecord record = mass.record();
  record.updated = now.wall;
  record.run_time = book_.run_time;
  book_.out.record(std::move(record));
}

void MassCancelRunner::forget() {
  for (CommandKey& key : book_.mass_cancels.forget(book_.run_time))
    book_.out.record(MassCancelForgotten{std::move(key)});
}

Tick MassCancelRunner::next_deadline(Tick now) const {
  if (behind_) return now;
  Tick next = Never;
  for (const MassCancel* mass : book_.mass_cancels.open()) {
    if (mass->news(sweep_trouble_)) next = std::min(next, mass->next_report());
  }
  return next;
}

}  // namespace cancelbus::core
