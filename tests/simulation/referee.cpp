#include "tests/simulation/referee.hpp"

#include <algorithm>
#include <chrono>

#include "tests/simulation/describe.hpp"

namespace cancelbus::simulation {

namespace {

/// The true time differs from the bus's ticks by less than this within what is measured here.
constexpr Duration ClockSlack = 20ms;
/// From a decision to its commit.
constexpr Duration LongestTrouble = 16s;
/// What a worker may be wrong about the exchange's clock, and what its own stop between two instructions costs.
constexpr std::chrono::milliseconds StampSlack{1'000};

}  // namespace

// ---- Leases, as the bus heard them ----

void Referee::bus_started() {
  ++life_;
  worker_of_.clear();
  last_heard_.clear();
  facts_.clear();
  words_.clear();
  // Whoever held a task before is one unknown worker, whose lease starts now.
  for (const core::TaskId id : open_deletes_) {
    tasks_[id].worker = 0;
    tasks_[id].released = false;
  }
  last_heard_[0] = world_.now();
  for (auto& [id, order] : orders_) {
    order.left_book = Time::min();
    order.looked_gone = false;
  }
}

void Referee::commits_lost() {
  std::erase_if(open_deletes_, [this](core::TaskId id) { return !store_.permits().contains(id); });
  // Whether anything was sent of what it still holds, it cannot know.
  for (const auto& [key, command] : ledger_.commands()) {
    if (!command.ended()) orders_[command.order.order_id].permitted = true;
  }
}

void Referee::heard(const core::WorkerReady& ready) {
  worker_of_[ready.peer] = ready.worker;
  last_heard_[ready.worker] = world_.now();
  request_timeout_[ready.worker] = ready.request_timeout;
  for (const core::TaskId id : open_deletes_) {
    Task& task = tasks_[id];
    const bool listed = std::find(ready.tasks.begin(), ready.tasks.end(), id) != ready.tasks.end();
    const Duration age = world_.now() - task.sent;
    if (listed) {
      task.worker = ready.worker;
      const bool another = std::any_of(open_deletes_.begin(), open_deletes_.end(), [&](core::TaskId o) {
        return o != id && tasks_[o].order == task.order && !tasks_[o].released;
      });
      if (task.released && !another && age <= ready.request_timeout - ClockSlack) task.released = false;
    } else if (task.worker == ready.worker && age > rules_.options.worker_lease - ClockSlack) {
      task.released = true;
    }
  }
}

void Referee::judging_deadlines() {
  for (const core::TaskId id : open_deletes_) {
    Task& task = tasks_[id];
    const Duration silence = world_.now() - last_heard_[task.worker];
    // Its stamp is as old as the decision, however late it left: no worker sends it then.
    const bool overlong = world_.now() - task.decided >= rules_.options.lost_after - ClockSlack;
    if (silence > rules_.options.worker_lease - ClockSlack || overlong) task.released = true;
  }
}

void Referee::heard(const core::TaskEnded& ended) {
  for (auto& [worker, tasks] : owed_outcomes_) tasks.erase(ended.task);
  const auto it = tasks_.find(ended.task);
  if (it == tasks_.end()) return;
  Task& task = it->second;
  const auto permit = store_.permits().find(ended.task);
  // Of one whose permit has settled the wait is long over.
  if (ended.answer.verdict == core::Verdict::Throttled && permit != store_.permits().end() && permit->second.open) {
    const Duration asked = ended.answer.retry_after.value_or(60s);
    waits_heard_.try_emplace(ended.task, world_.now() + std::min<Duration>(asked, 120s));
  }
  if (std::exchange(task.ended, true)) return;
  open_deletes_.erase(task.id);
  // What was never written has not used its stamp, and after a restart nothing of it may be remembered.
  const bool written = ended.answer.arrival != core::Arrival::NeverSent;
  if (!written) std::erase_if(by_stamp_, [&](const auto& entry) { return entry.second == ended.task; });
  if (task.kind != core::LimiterKind::Query || ended.answer.verdict != core::Verdict::Read) return;
  Order& order = orders_[task.order];
  order.last_read = ended.answer.reading.status;
  const bool gone = order.last_read == core::ReadStatus::Canceled || order.last_read == core::ReadStatus::Closed;
  if (gone) return;
  // A probe of the same order may overtake its query.
  order.first_open_read = std::min(order.first_open_read.value_or(task.sent), task.sent);
  order.last_open_read = std::max(order.last_open_read.value_or(task.sent), task.sent);
}

void Referee::heard(const core::StreamFact& event) { facts_[{event.subscriber, event.seq}] = event.fact; }

void Referee::committed(const core::FactPosition& position) {
  for (const auto& [subscriber, seq] : owed_facts_) {
    if (subscriber != position.subscriber || seq >= position.seq) continue;
    world_.fail("promise 7: fact ", seq, " of the stream is passed over for ", position.seq);
  }
  owed_facts_.erase({position.subscriber, position.seq});
  const auto it = facts_.find({position.subscriber, position.seq});
  if (it == facts_.end()) return;  // a state of the stream
  const core::OrderFact& fact = it->second;
  Order& order = orders_[fact.order_id];
  if (fact.type == core::FactType::Inserted451) {
    order.last_book_fact = fact.type;
    order.gone_in_life = 0;
    order.looked_gone = false;
  } else if (fact.type == core::FactType::Deleted452) {
    order.last_book_fact = fact.type;
    order.left_book = world_.now();
  }
}

// ---- Requests ----

void Referee::committed(const core::PermitRecord& permit) {
  if (!permit.open) return;
  decided_.try_emplace(permit.task, world_.now());
  if (permit.limiter != core::LimiterKind::Cancel) return;
  Order& order = orders_[permit.order_id];
  order.permitted = true;
  order.first_delete = std::min(order.first_delete, world_.now());
}

void Referee::sending(const core::SendTask& sent) {
  const auto permit = store_.permits().find(sent.task);
  if (permit == store_.permits().end() || !permit->second.open) {
    return world_.fail("promise 3: task ", task_name(sent.task), " leaves without a committed permit");
  }
  check_waits(sent.kind);
  Task& task = tasks_[sent.task];
  if (task.id != 0) world_.fail("task ", task_name(sent.task), " leaves twice");
  task = {.id = sent.task,
          .number = ++last_number_,
          .order = sent.order.order_id,
          .kind = sent.kind,
          .sent = world_.now(),
          .decided = decided_.at(sent.task),
          .worker = worker_of_[sent.peer]};
  // What lies too far ahead for a clock that was set back is not believed, and may come again.
  const bool clocks_set = rules_.clock_set || rules_.our_clocks_set;
  if (by_stamp_.contains(sent.stamp_ms) && !clocks_set) world_.fail("stamp ", sent.stamp_ms, " is used twice");
  by_stamp_[sent.stamp_ms] = sent.task;
  if (sent.kind != core::LimiterKind::Cancel) return;
  Order& order = orders_[task.order];
  check_one_in_flight(task);
  if (!ledger_.has_undecided(task.order)) {
    world_.fail("promise 6: a DELETE of ", order_name(task.order), ", of which no command is open");
  }
  const bool remembered = world_.now() - order.gone_at < rules_.options.retention - LongestTrouble;
  if (order.gone_in_life == life_ && remembered) {
    world_.fail("promise 4: a DELETE of ", order_name(task.order), ", which is proven gone");
  }
  order.first_open_read.reset();
  order.deletes.push_back(task.id);
  open_deletes_.insert(task.id);
}

void Referee::sending(const core::SendConfirm& confirm) {
  const auto wait = waits_heard_.find(confirm.task);
  if (wait == waits_heard_.end()) return;
  Time& until = waits_confirmed_[tasks_.at(confirm.task).kind];
  until = std::max(until, wait->second);
}

void Referee::check_waits(core::LimiterKind kind) {
  // By the wall clock it is remembered over a restart of the machine.
  if (rules_.our_clocks_set || world_.now() >= waits_confirmed_[kind]) return;
  world_.fail("promise 3: a request is sent while the exchange has said to wait");
}

void Referee::check_one_in_flight(const Task& task) {
  for (const core::TaskId id : open_deletes_) {
    const Task& other = tasks_[id];
    if (other.order != task.order || other.released) continue;
    world_.fail("promise 4: task ", task_name(task.id), " and task ", task_name(id), " both delete ",
                order_name(task.order), " on workers inside their lease");
  }
}

void Referee::writing(const std::string& worker, int64_t stamp_ms, exchange_sim::Instant exchange_clock) {
  if (rules_.clock_set) return;
  const std::chrono::milliseconds behind{exchange_sim::unix_ms(exchange_clock) - stamp_ms};
  if (behind > std::chrono::milliseconds(1'000) + StampSlack) {
    world_.fail("promise 7: ", worker, " sends a stale task, ", behind.count(), " ms old");
  }
}

void Referee::exchange_moved() {
  const exchange_sim::World& seen = exchange_.seen();
  const auto& arrivals = seen.arrivals.kept();
  for (; arrivals_seen_ < seen.arrivals.total(); ++arrivals_seen_) {
    const exchange_sim::Arrival& arrival = arrivals[arrivals_seen_];
    if (arrival.endpoint != exchange_sim::Endpoint::CancelOrder || !arrival.order_id) continue;
    const exchange_sim::Order* order = book(*arrival.order_id);
    if (!order || !order->cancel_pending) continue;
    const auto task = by_stamp_.find(std::stoll(arrival.stamp));
    const bool ours = task != by_stamp_.end();
    if (!cancels_pending_.emplace(order->id, ours ? task->second : 0).second) continue;
    if (ours) acted(arrival, task->second);
  }
  // An edit that wins takes the cancel back.
  std::erase_if(cancels_pending_, [this](const auto& entry) { return !book(entry.first)->cancel_pending; });

  const exchange_sim::Counters& counters = seen.counters;
  if (rules_.foreign_traffic) return;
  if (counters.refused_429 > 0) world_.fail("promise 3: the exchange refuses for its limits");
  for (const core::RateRule& rule : rules_.options.cancel_limits) {
    const auto& peak = rule.period == Duration(1s) ? counters.deletes_1s : counters.deletes_60s;
    if (peak.peak() > rule.limit) world_.fail("promise 3: ", peak.peak(), " DELETEs within ", rule.period / 1s, " s");
  }
}

void Referee::acted(const exchange_sim::Arrival&, core::TaskId id) {
  Task& task = tasks_[id];
  task.acted = true;
  world_.tell("exchange", "task ", task_name(id), " acts on ", order_name(task.order));
  const Order& order = orders_[task.order];
  if (task.number <= order.barrier) {
    world_.fail("promise 2: task ", task_name(id), " acts on ", order_name(task.order), " after ", order.barrier_by);
  }
}

bool Referee::was_answered(core::OrderId order, int http_status) const {
  const auto& arrivals = exchange_.seen().arrivals.kept();
  return std::any_of(arrivals.begin(), arrivals.end(), [&](const exchange_sim::Arrival& arrival) {
    return arrival.endpoint == exchange_sim::Endpoint::CancelOrder && arrival.order_id == order &&
           arrival.outcome == std::to_string(http_status);
  });
}

// ---- The truth of what is told ----

void Referee::set_barrier(core::OrderId id, const std::string& by) {
  Order& order = orders_[id];
  if (order.deletes.empty()) return;
  order.barrier = tasks_[order.deletes.back()].number;
  order.barrier_by = by;
}

void Referee::told(const CommandSeen& command, const core::CancelAck& ack) {
  const std::string name = command.key.cl_ord_id;
  const Order& order = orders_[command.order.order_id];
  if (ack.origin == core::Origin::Exchange && !was_answered(ack.order_id, ack.http_status)) {
    world_.fail("promise 2: the exchange never answered ", ack.http_status, ", as the ack of ", name, " says");
  }
  if (ack.status == core::AckStatus::InDoubt && !order.permitted) {
    world_.fail("promise 2: ", name, " is in doubt, and nothing was ever sent");
  }
  if (ack.final_follows) return;
  // Nothing happened, it says: then nothing may have, and nothing may come of what was sent.
  for (const core::TaskId id : order.deletes) {
    const Task& task = tasks_[id];
    if (task.acted && task.sent >= command.received) {
      world_.fail("promise 2: ", name, " ends as if nothing had happened, after task ", task_name(id), " has acted");
    }
  }
  set_barrier(ack.order_id, "the ack of " + name);
  rests(ack.order_id);
}

void Referee::told(const CommandSeen& command, const core::CancelFinal& final) {
  Order& order = orders_[final.order_id];
  if (final.evidence == core::Evidence::Operator) {
    check_word(command, final);
    return rests(final.order_id);
  }
  const exchange_sim::Order* truth = book(final.order_id);
  order.gone_at = world_.now();
  const std::string name = command.key.cl_ord_id;
  const bool by_452 = final.evidence == core::Evidence::Channel452;
  const auto wrong = [&](const char* says) {
    world_.fail("promise 2: the final of ", name, " says ", says, ", the book says ",
                truth ? std::string(exchange_sim::status_name(truth->status)) : "no such order");
  };
  switch (final.ord_status) {
    case core::OrdStatus::Canceled:
      if (!truth || truth->status != exchange_sim::OrderStatus::Canceled) check_left_book(command, final, order);
      // REST may never show what the stream has said.
      if (by_452 && command.order.exact_quantities && !read_open_twice(order)) {
        world_.fail("the final of ", name, " did not wait for exact quantities");
      }
      order.gone_in_life = life_;
      break;
    case core::OrdStatus::Filled:
      if (!truth || truth->status != exchange_sim::OrderStatus::Closed) wrong("FILLED");
      order.gone_in_life = life_;
      break;
    case core::OrdStatus::Rejected:
      if (truth) wrong("REJECTED");
      break;
    case core::OrdStatus::New:
    case core::OrdStatus::PartiallyFilled:
      if (!truth) wrong("open");
      check_open(command, truth, order);
      break;
  }
  rests(final.order_id);
}

// Without a command the bus forgets what it sent; whoever of its workers was out of hearing then is not waited for,
// also not by a bus that starts later.
void Referee::rests(core::OrderId id) {
  if (ledger_.has_undecided(id)) return;
  orders_[id].first_delete = Never;
  std::erase_if(open_deletes_, [&](core::TaskId task) { return tasks_[task].order == id && tasks_[task].released; });
}

// The one limit of promise 2: an edit of the same order at the same moment makes a 452 like a cancel's. It counts only
// after a request of ours, and only until the 451 that follows it.
void Referee::check_left_book(const CommandSeen& command, const core::CancelFinal& final, Order& order) {
  const bool by_452 = final.evidence == core::Evidence::Channel452;
  const bool left = order.last_book_fact == core::FactType::Deleted452 && order.left_book >= order.first_delete;
  order.looked_gone |= by_452 && left;
  if (by_452 && order.looked_gone) return;
  world_.fail("promise 2: the final of ", command.key.cl_ord_id, " says CANCELED, the book does not, and no 452 ",
              "between our request and a 451 made it look so");
}

bool Referee::read_open_twice(const Order& order) {
  return order.first_open_read && *order.last_open_read - *order.first_open_read >= Duration(2s) - ClockSlack;
}

void Referee::check_open(const CommandSeen& command, const exchange_sim::Order* truth, Order& order) {
  const std::string name = command.key.cl_ord_id;
  if (order.last_read != core::ReadStatus::Open) {
    world_.fail("promise 2: the final of ", name, " says open, and no query says so");
  }
  if (!read_open_twice(order)) {
    world_.fail("promise 2: the final of ", name, " says open, and no two reads 2 s apart say so");
  }
  const auto pending = cancels_pending_.find(command.order.order_id);
  const bool by_us = pending != cancels_pending_.end() && pending->second != 0;
  if (truth && by_us && exchange_sim::is_open(truth->status)) {
    world_.fail("promise 2: the final of ", name, " says open, and a cancel is under way at the exchange");
  }
  set_barrier(command.order.order_id, "the final of " + name);
}

std::string Referee::owed_to_the_bus() const {
  for (const auto& [worker, tasks] : owed_outcomes_) {
    if (!tasks.empty())
      return worker + " lives, and the bus never heard how task " + task_name(*tasks.begin()) + " ended";
  }
  if (owed_facts_.empty()) return "";
  return "the subscriber lives, and the bus never took " + std::to_string(owed_facts_.size()) + " facts of the stream";
}

void Referee::at_the_end() {
  if (const std::string owed = owed_to_the_bus(); !owed.empty()) world_.fail("promise 7: ", owed);
  const exchange_sim::Counters& counters = exchange_.seen().counters;
  const auto refused = counters.stream.find("handshakes_refused_429");
  const bool handshakes_refused = refused != counters.stream.end() && refused->second > 0;
  if (handshakes_refused && rules_.subscriber_deaths == 0) world_.fail("promise 3: too many handshakes");
  if (counters.max_unauthorized_in_a_row >= 50) world_.fail("the exchange has blocked our address");
  if (counters.repeated_stamps > 0 && !rules_.clock_set && !rules_.our_clocks_set) {
    world_.fail("a stamp was used twice");
  }
  for (const auto& [key, command] : ledger_.commands()) {
    if (!command.stuck || command.ended()) continue;
    const exchange_sim::Order* truth = book(command.order.order_id);
    if (!truth || !exchange_sim::is_open(truth->status)) {
      world_.fail(key.cl_ord_id, " is stuck, and its order is not open");
    }
  }
}

}  // namespace cancelbus::simulation
