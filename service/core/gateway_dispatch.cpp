// Giving out work: last in a turn, so that everything that the turn brought has been judged.
#include <algorithm>

#include "service/core/check.hpp"
#include "service/core/gateway.hpp"

namespace cancelbus::core {

namespace {

/// Queries of orders asked about for long have this part of the budget at most.
constexpr double ShareOfOld = 0.5;
/// Of the cancel budget: what repeats leave free for first attempts, where it is not their turn.
constexpr double ShareOfRepeats = 0.8;

}  // namespace

void Gateway::dispatch() {
  book_.tasks.dispatching();
  if (!book_.store_writable || book_.draining) return;
  for (Worker* worker; (worker = book_.tasks.workers().probe_due(book_.now.tick));) {
    if (!send_query(*worker, worker->probe_order, 1.0)) break;
    worker->probe_at = Never;
  }
  // In turns, so that neither starves the other of workers.
  for (bool more = true; more;) {
    more = dispatch_cancel();
    more = dispatch_query() || more;
  }
  sweeper_.dispatch();
}

bool Gateway::dispatch_cancel() {
  for (const CancelQueue::Next& next : book_.queue.next()) {
    // Of more deadlines than one step judges the rest is judged in the next, which is due at once.
    if (!book_.find_order(next.order)->effort->first_wanting(book_.now.tick)) continue;
    Worker* worker = book_.tasks.workers().choose(book_.now.tick);
    if (!worker) return false;  // a worker's next message wakes us
    // Which order goes is decided only once there is a permit for it.
    const TaskId id =
        book_.tasks.grant(LimiterKind::Cancel, {next.spare ? ShareOfRepeats : 1.0, !next.urgent}, *worker);
    if (id == 0) continue;
    book_.queue.pop(next.order);
    send_delete(*worker, *judge_.find(next.order), id);
    return true;
  }
  return false;
}

void Gateway::send_delete(Worker& worker, Order& order, TaskId id) {
  CANCELBUS_CHECK(!options_.observe);
  const Task& task = book_.tasks.assign(id, order.id, book_.out.records());
  order.dispatched(id, worker.id, book_.now);
  ++counters_.deletes;
  Effort& effort = *order.effort;
  const uint32_t attempt = effort.attempts.dispatched;
  book_.out.note(order, {.what = HistoryLine::What::Delete,
                         .task = id,
                         .attempt = attempt,
                         .stamp_ms = task.stamp_ms,
                         .worker = worker.name});
  for (Command& command : effort.commands) {
    if (!command.record.timeline.dispatched) command.record.timeline.dispatched = book_.now.wall;
    command.record.timeline.attempts = attempt;
    command.changed = true;
  }
  const CancelOrder& target = effort.first_wanting(book_.now.tick)->record.order;
  book_.out.send(SendTask{worker.peer, id, attempt, task.stamp_ms, LimiterKind::Cancel, target});
  judge_.judge(order);
}

bool Gateway::dispatch_query() {
  for (const auto tier : {OrderTimers::Tier::Fresh, OrderTimers::Tier::Old}) {
    const std::optional<OrderId> order = book_.timers.due_query(tier, book_.now.tick);
    if (!order) continue;
    Worker* worker = book_.tasks.workers().choose(book_.now.tick);
    if (!worker) return false;
    if (send_query(*worker, *order, tier == OrderTimers::Tier::Old ? ShareOfOld : 1.0)) return true;
  }
  return false;
}

bool Gateway::send_query(Worker& worker, OrderId target, double share) {
  const TaskId id = book_.tasks.grant(LimiterKind::Query, {share}, worker);
  if (id == 0) return false;
  ++counters_.queries;
  const Task& task = book_.tasks.assign(id, target, book_.out.records());
  CancelOrder query;
  query.order_id = target;
  book_.out.send(SendTask{worker.peer, id, 0, task.stamp_ms, LimiterKind::Query, std::move(query)});
  Order* order = judge_.find(target);
  if (!order || !order->effort) return true;
  Reads& reads = order->effort->reads;
  if (reads.task == 0) {
    reads.task = id;
    reads.sent = book_.now.tick;
    reads.next = Never;
  }
  judge_.judge(*order);
  return true;
}

}  // namespace cancelbus::core
