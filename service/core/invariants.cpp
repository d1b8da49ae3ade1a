#include "service/core/invariants.hpp"

#include <algorithm>

#include "service/core/check.hpp"

namespace cancelbus::core {

namespace {

void check_task(const Book& book, TaskId id, const Task& task) {
  if (book.tasks.limiter(task.kind).permit(id)) return;
  // No request lives so long. Only an outcome that still tells something is awaited.
  const Order* order = book.find_order(task.order_id);
  CANCELBUS_CHECK(task.kind == LimiterKind::Cancel && order && order->effort);
  const auto& attempts = order->effort->attempts.list;
  const auto attempt = std::ranges::find(attempts, id, &Attempt::task);
  CANCELBUS_CHECK(attempt != attempts.end() && attempt->state != Attempt::State::InFlight);
}

void check_effort(const Book& book, const Order& order, Instant now) {
  const Effort& effort = *order.effort;
  CANCELBUS_CHECK(!effort.commands.empty() && effort.attempts.list.size() <= Attempts::Most);
  for (const Command& command : effort.commands) {
    const CommandIndex::Entry* entry = book.commands.find(command.record.key);
    CANCELBUS_CHECK(entry && !entry->ended && entry->order_id == order.id);
  }
  for (const Attempt& attempt : effort.attempts.list) {
    if (attempt.state != Attempt::State::InFlight) continue;
    const Task* task = book.tasks.find(attempt.task);
    CANCELBUS_CHECK(task && task->kind == LimiterKind::Cancel && task->order_id == order.id);
  }
  const Reads& reads = effort.reads;
  const Task* query = book.tasks.find(reads.task);
  CANCELBUS_CHECK(reads.task == 0 || (query && query->kind == LimiterKind::Query && query->order_id == order.id));
  CANCELBUS_CHECK(book.timers.entries().contains(order.id));
  const OrderTimers::Times& times = book.timers.entries().at(order.id);
  // Before the next step since a gap has come to it, its timers are those of before.
  if (effort.heard.gap == book.gap.number) {
    CANCELBUS_CHECK(times.query.has_value() == (reads.task == 0 && reads.next != Never));
    CANCELBUS_CHECK(!times.query || times.query->due == reads.next);
  }
  CANCELBUS_CHECK(times.doubt_since.has_value() == effort.attempts.in_doubt());
  const bool may_queue = !effort.attempts.in_flight() && !order.proof && effort.schedule.next_delete <= now.tick;
  CANCELBUS_CHECK(may_queue || !book.queue.contains(order.id));
  const bool kill = std::ranges::any_of(
      effort.commands, [&](const Command& c) { return book.mass_cancels.is_of_kill_switch(c.record.key); });
  CANCELBUS_CHECK(!book.queue.contains(order.id) || book.queue.where(order.id).kill == kill);
}

void check_orders(const Book& book, Instant now) {
  absl::flat_hash_map<OrderId, uint32_t> known;
  for (const auto& [key, entry] : book.commands.entries()) ++known[entry.order_id];
  size_t undecided = 0, efforts = 0;
  for (const auto& [id, order] : book.orders) {
    CANCELBUS_CHECK(order->id == id);
    CANCELBUS_CHECK(order->remembered > 0 && order->remembered == known[id]);
    CANCELBUS_CHECK(!order->known_gone() || order->proof->fate.gone());
    CANCELBUS_CHECK(order->effort || !order->proof || order->proof->published);
    if (!order->effort) continue;
    check_effort(book, *order, now);
    undecided += order->effort->commands.size();
    ++efforts;
  }
  CANCELBUS_CHECK(undecided == book.commands.undecided());
  CANCELBUS_CHECK(efforts == book.timers.entries().size());
}

/// An undecided command of a mass cancel is that of one of its orders, and each such order has one.
void check_mass_cancels(const Book& book) {
  size_t children = 0;
  for (const auto& [key, entry] : book.commands.entries()) {
    const MassCancel* mass = entry.ended ? nullptr : book.mass_cancels.parent_of(key);
    CANCELBUS_CHECK(!mass || mass->is_canceling(entry.order_id));
    children += mass != nullptr;
  }
  CANCELBUS_CHECK(children == book.mass_cancels.canceling());
}

}  // namespace

Invariants::Invariants(const Snapshot& snapshot) {
  for (const PermitRecord& permit : snapshot.permits) stored_[permit.task] = permit;
}

void Invariants::check(const Book& book, const Event& event, const std::vector<Record>& records, Instant now) {
  book.sessions.check();
  book.commands.check();
  book.timers.check();
  book.queue.check();
  book.tasks.check();
  book.open_orders.check();
  book.sweeps.check();
  book.mass_cancels.check();
  book.dead_man.check();
  check_mass_cancels(book);
  check_orders(book, now);
  for (const auto& [id, task] : book.tasks.tasks()) check_task(book, id, task);
  note_stored(records);
  check_permits(book);
  check_published(book, event, now);
}

void Invariants::note_stored(const std::vector<Record>& records) {
  for (const Record& record : records) {
    if (const auto* permit = std::get_if<PermitRecord>(&record)) stored_[permit->task] = *permit;
    if (const auto* forgotten = std::get_if<PermitForgotten>(&record)) stored_.erase(forgotten->task);
  }
}

void Invariants::check_permits(const Book& book) const {
  size_t counted = 0;
  for (const LimiterKind kind : {LimiterKind::Cancel, LimiterKind::Query, LimiterKind::OpenOrders}) {
    counted += book.tasks.limiter(kind).permits();
  }
  CANCELBUS_CHECK(counted == stored_.size());
  for (const auto& [task, stored] : stored_) {
    const auto permit = book.tasks.limiter(stored.limiter).permit(task);
    CANCELBUS_CHECK(permit && permit->open == stored.open && permit->settles == stored.settles);
  }
}

void Invariants::check_published(const Book& book, const Event& event, Instant now) {
  const auto* fact = std::get_if<StreamFact>(&event);
  const bool inserted = fact && fact->fact.type == FactType::Inserted451;
  // Whose end may be past is not taken for gone any more when a command comes.
  const auto* command = std::get_if<CommandReceived>(&event);
  for (const OrderId id : published_) {
    const Order* order = book.find_order(id);
    const bool has_joined = order && order->effort && order->effort->schedule.joined == now.tick;
    const bool is_new =
        has_joined || (inserted && fact->fact.order_id == id) || (command && command->order.order_id == id);
    CANCELBUS_CHECK(!order || order->known_gone() || is_new);
  }
  published_.clear();
  for (const auto& [id, order] : book.orders) {
    if (order->known_gone()) published_.insert(id);
  }
}

}  // namespace cancelbus::core
