#include "service/core/mass_cancel_runner.hpp"

#include <algorithm>
#include <utility>

namespace cancelbus::core {

// ---- Requests ----

void MassCancelRunner::request(const std::string& sender, const MassCancelReceived& received) {
  MassCancelRequest request = received.request;
  if (request.whose == MassCancelRequest::Whose::Own) request.scope.owner = sender;
  SendReceipt receipt = receipt_for(sender, {received.peer, request, received.dry_run, received.too_fast});
  const ReceiptStatus status = receipt.status;
  if (received.dry_run && status == ReceiptStatus::Applied) return preview(received.peer, sender, request);
  book_.out.send(std::move(receipt));
  const CommandKey key{sender, request.cl_ord_id};
  if (status == ReceiptStatus::Duplicate) {
    const uint64_t seq = book_.mass_cancels.find(key)->record().report_seq;
    if (seq != 0) book_.out.send(SendRetransmission{received.peer, client_topic(sender), seq, 1});
  } else if (status == ReceiptStatus::Applied) {
    add(sender, std::move(request));
  }
}

MassCancel& MassCancelRunner::add(const std::string& sender, MassCancelRequest request) {
  MassCancelRecord record;
  record.key = {sender, request.cl_ord_id};
  record.request = std::move(request);
  record.received = book_.now.wall;
  return book_.mass_cancels.add(std::move(record), book_.now.tick);
}

const MassCancel& MassCancelRunner::begin(const std::string& sender, MassCancelRequest request,
                                          const std::string& name) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(book_.now.wall.time_since_epoch()).count();
  for (int64_t number = ms; request.cl_ord_id.empty(); ++number) {
    request.cl_ord_id = name + "-" + std::to_string(number);
    const bool known = book_.mass_cancels.find({sender, request.cl_ord_id}) != nullptr;
    if (known || !why_not_new(sender, request).empty()) request.cl_ord_id.clear();
  }
  return add(sender, std::move(request));
}

std::string MassCancelRunner::why_never(const Scope& scope) const {
  if (scope.whose != Scope::Whose::Owner || book_.open_orders.owners().has(scope.owner)) return "";
  return "the policy gives " + scope.owner + " no prefix of client order ids, so that no order is known to be its own";
}

SendReceipt MassCancelRunner::receipt_for(const std::string& sender, const MassCancelReceived& received) const {
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
  if (const std::string why = why_never(request.scope); !why.empty()) {
    return refuse(RejectReason::Other, "scope: " + why);
  }
  if (!received.dry_run) {
    if (!book_.store_writable) return refuse(RejectReason::StoreUnavailable, "the bus cannot write its store");
    if (std::string why = why_not_new(sender, request); !why.empty()) {
      return refuse(RejectReason::DuplicateClOrdId, std::move(why));
    }
    if (std::string full = book_.mass_cancels.why_full(sender); !full.empty()) {
      return refuse(RejectReason::BusFull, std::move(full));
    }
  }
  receipt.estimated_wait = estimate(sender, request.priority, 1);
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

void MassCancelRunner::preview(const PeerId& peer, const std::string& sender, const MassCancelRequest& request) {
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
    preview.estimated_duration = estimate(sender, request.priority, preview.total_affected);
  }
  book_.out.send(std::move(preview));
}

Duration MassCancelRunner::estimate(const std::string& sender, Priority priority, size_t orders) const {
  return estimate(book_.queue.ahead(sender, priority), priority, orders);
}

Duration MassCancelRunner::estimate(CancelQueue::Ahead ahead, Priority priority, size_t orders) const {
  size_t& mine = priority == Priority::Urgent ? ahead.urgent : ahead.normal;
  mine += orders;
  if (ahead.urgent + ahead.normal == 0) return Duration::zero();
  mine -= mine > 0;  // the last of them waits for the others
  return book_.wait_for_budget(ahead, priority);
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
    mass->look_at_watch(now.tick);
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
  if (mass.record().swept && !mass.watches()) return;
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
  // Of a scope that no order can be known to be in, nothing shows that it is empty.
  const bool shows = why_never(mass.request().scope).empty();
  if (work.done) mass.swept(work.as_of, shows && !work.any, now.tick);
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
  const std::string why = why_unproven(mass);
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
    const Priority priority = mass.request().priority;
    const CancelQueue::Ahead ahead = mass.is_engaged() ? CancelQueue::Ahead{book_.queue.of_kill_switch(key.sender), 0}
                                                       : book_.queue.ahead(key.sender, priority);
    report.estimated_completion = now.wall + estimate(ahead, priority, mass.pending());
  }
  const uint64_t seq = book_.out.mass_cancel_report(key.sender, report, mass.request().traceparent);
  mass.reported(report, seq, now.tick);
}

std::string MassCancelRunner::why_unproven(const MassCancel& mass) const {
  std::string never = why_never(mass.request().scope);
  return never.empty() ? sweep_trouble_ : never;
}

void MassCancelRunner::rejudge_commands(const MassCancel& mass) {
  for (const OrderId id : mass.undecided()) {
    if (const Order* order = judge_.find(id)) judge_.touch(*order);
  }
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
    if (!options_.observe) next = std::min(next, mass->watch_ends());
    if (mass->news(why_unproven(*mass))) next = std::min(next, mass->next_report());
  }
  return next;
}

}  // namespace cancelbus::core
