// A restart: what the store holds becomes the book again.
//
// What was with workers is unknown until they speak: their leases start anew, their outcomes still count by task id,
// and every undecided order is queried. The rate limiter goes on where it stood.
#include <algorithm>

#include "service/core/check.hpp"
#include "service/core/gateway.hpp"

namespace cancelbus::core {

namespace {

/// The attempt that the exchange's last answer speaks of, or nothing if that answer left no trace.
std::optional<Attempt::State> trace_of(const std::optional<Verdict>& answer) {
  if (answer == Verdict::Accepted) return Attempt::State::Accepted;
  if (answer == Verdict::UnknownOrder || answer == Verdict::Refused) return Attempt::State::Denied;
  return std::nullopt;
}

}  // namespace

void Gateway::restore(const Snapshot& snapshot) {
  for (const TopicPosition& topic : snapshot.topics) sessions_.restore(topic);
  for (const CommandRecord& record : snapshot.commands) restore_command(record, snapshot.same_boot);
  std::sort(ended_.begin(), ended_.end());
  // Whoever had a task before is one silent worker, until a real one lists it or the lease ends.
  WorkerReady before;
  before.worker = WorkerPool::BeforeRestart;
  pool_.heard(before, now_.tick);
  for (const PermitRecord& permit : snapshot.permits) restore_permit(permit, snapshot.same_boot);
  pool_.restore(snapshot.unauthorized);
  saved_unauthorized_ = snapshot.unauthorized.in_a_row;
  for (const HoldRecord& hold : snapshot.holds) restore_hold(hold, snapshot.same_boot);
  if (snapshot.commits_lost) distrust_store();
  for (auto& [id, order] : orders_) {
    if (!order->commands.empty()) restore_order(*order);
  }
  // What this decides, of commands whose time ended meanwhile, leaves with the first step.
  judge_touched();
}

void Gateway::restore_command(const CommandRecord& record, bool same_boot) {
  Order& order = order_of(record.order.order_id);
  remember(record.key, {order.id, record.ack_seq, record.final_seq, record.ended});
  ++order.remembered;
  restore_dispatch(order, record, same_boot);
  if (record.ended) {
    ended_.emplace_back(record.updated, record.key);
    const std::optional<CancelFinal>& final = record.final;
    if (final && final->ord_status == OrdStatus::Canceled) order.remember_canceled(record.key);
    // It may have come back since, and nobody wrote that down: a later command costs one query.
    const bool gone = final && (final->ord_status == OrdStatus::Canceled || final->ord_status == OrdStatus::Filled);
    if (gone) remember_foreign(order.id);
    if (final && final->evidence == Evidence::Operator) {
      order.word = commands_[record.key].word = final->ord_status;
    }
    return;
  }
  ++open_;
  open_by_sender_[record.key.sender].insert(record.key.cl_ord_id);
  Command command;
  command.record = record;
  command.received = now_.tick;
  command.changed = !same_boot;  // ticks of another boot must not be taken for this one's by the next start
  if (record.expires) command.expires = now_.tick + (*record.expires - now_.wall);
  order.earlier_doubt |= record.doubt;
  order.answered = std::max(order.answered, record.answered);
  order.dispatched = std::max(order.dispatched, record.timeline.attempts);
  if (record.last_answer) order.last_answer = record.last_answer;
  order.commands.push_back(std::move(command));
}

void Gateway::restore_dispatch(Order& order, const CommandRecord& record, bool same_boot) {
  if (!record.last_dispatch) return;
  Instant dispatch = *record.last_dispatch;
  // Of another boot the tick means nothing: it counts from this start, and so does what lies beyond.
  dispatch.tick = same_boot ? std::min(dispatch.tick, now_.tick) : now_.tick;
  const auto& latest = order.last_dispatch;
  const bool later = !latest || (same_boot ? latest->tick < dispatch.tick : latest->wall < dispatch.wall);
  if (later) order.last_dispatch = dispatch;
}

void Gateway::restore_permit(const PermitRecord& permit, bool same_boot) {
  // Another boot has another clock: what may still count by the wall clock counts as answered just now.
  const Tick settles = same_boot ? permit.settles : now_.tick + (permit.open ? options_.lost_after : Duration::zero());
  pool_.stamps().restore(permit.stamp_ms);
  limiter(permit.limiter).restore(permit.task, settles, permit.open);
  if (!same_boot) {
    const TaskInfo info{permit.limiter, permit.order_id, 0, now_.tick, permit.stamp_ms, now_.tick};
    out_.records.push_back(permit_record(permit.task, info, permit.open, settles));
  }
  Order* order = find_order(permit.order_id);
  if (!permit.open || permit.limiter != LimiterKind::Cancel || !order || order->commands.empty()) return;
  if (order->attempts.size() == Order::MaxAttempts) {
    order->earlier_doubt = true;
    return;
  }
  // When it left is not stored: no later than now.
  const Tick dispatched = now_.tick;
  const uint32_t count = order->dispatched;
  order->attempt_dispatched(permit.task, WorkerPool::BeforeRestart, dispatched);
  order->dispatched = std::max(count, static_cast<uint32_t>(order->attempts.size()));
  tasks_[permit.task] = {permit.limiter, order->id, WorkerPool::BeforeRestart, dispatched, permit.stamp_ms, dispatched};
  pool_.find(WorkerPool::BeforeRestart)->tasks.insert(permit.task);
}

void Gateway::restore_hold(const HoldRecord& was, bool same_boot) {
  if (same_boot) return limiter(was.limiter).hold(was.until, was.text);
  // Whatever the wall clock of another boot says, none is longer than the longest.
  const Duration left = std::min(was.until_wall - now_.wall, longest_hold(was.limiter));
  hold(was.limiter, now_.tick + left, was.text);
}

// What the missing commits let out has happened. So requests may be under way, or count at the exchange, of which
// nothing is known here, and each command may be one that was sent.
void Gateway::distrust_store() {
  distrusts_until_ = now_.tick + options_.lost_after;
  for (const LimiterKind kind : {LimiterKind::Cancel, LimiterKind::Query}) {
    hold(kind, now_.tick + options_.lost_after + limiter(kind).longest_tail(),
         "requests of before the machine's end may be missing from the store, which was not synced");
  }
  for (auto& [id, order] : orders_) {
    for (Command& command : order->commands) order->earlier_doubt = command.changed = true;
  }
  out_.records.push_back(facts_);
}

void Gateway::restore_order(Order& order) {
  order.word.reset();
  std::sort(order.commands.begin(), order.commands.end(),
            [](const Command& a, const Command& b) { return a.record.timeline.received < b.record.timeline.received; });
  if (const auto state = trace_of(order.last_answer)) {
    order.attempts.insert(order.attempts.begin(), Attempt{0, WorkerPool::BeforeRestart, now_.tick, *state, now_.tick});
    order.first_dispatch = std::min(order.first_dispatch, now_.tick);
  }
  if (order.earlier_doubt) order.earlier_quiet = now_.tick + Order::StampDead;
  if (!order.untouched_by_us() || order.any_acked()) {
    order.news(now_.tick);
    // A fill that the bus had seen, or missed while it was away, would make a 452 prove too much.
    order.filled_at = now_.tick;
  }
  const bool unanswered = order.answered == 0 || !std::all_of(order.commands.begin(), order.commands.end(),
                                                              [](const Command& c) { return c.acked(); });
  if (unanswered) order.next_delete = now_.tick;
  touch(order);
}

}  // namespace cancelbus::core
