#include "tests/simulation/referee.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/simulation/describe.hpp"

namespace cancelbus::simulation {

namespace {

/// From a decision to its commit.
constexpr Duration LongestTrouble = 16s;

bool asks_to_wait(const core::Answer& answer) {
  if (answer.verdict == core::Verdict::Throttled) return true;
  return answer.retry_after && (answer.http_status == 418 || answer.http_status == 503);
}
/// STUCK is told once a minute; some seconds for clocks.
constexpr Duration StuckEvery = 62s;
/// A query goes when it is due; a second for clocks and workers.
constexpr Duration QueryDelay = 1s;

}  // namespace

// ---- What the bus hears ----

void Referee::heard(const core::TaskEnded& ended) {
  for (auto& [worker, tasks] : owed_outcomes_) tasks.erase(ended.task);
  const auto it = tasks_.find(ended.task);
  if (it == tasks_.end()) return;
  Task& task = it->second;
  const auto permit = store_.permits().find(ended.task);
  // Of one whose permit has settled the wait is long over.
  if (permit != store_.permits().end() && permit->second.open) {
    if (asks_to_wait(ended.answer)) budget_.asked_to_wait(ended.task, task.kind, ended.answer);
    waits_.heard(ended.task, task.kind, ended.answer);
  }
  // On a connection on which its worker has not presented itself yet: it is reported again there.
  if (task.worker != core::WorkerPool::BeforeRestart && peer_of_[task.worker] != ended.peer) return;
  if (std::exchange(task.ended, true)) {
    const bool open = permit != store_.permits().end() && permit->second.open;
    if (open && task.kind == core::LimiterKind::Cancel) distance_.ended_again(task.order);
    return;
  }
  thrift_.worker_answered(task.worker, task.kind, ended.answer, task.sent, heard_since(task.worker, task.sent));
  if (task.kind == core::LimiterKind::Cancel && !task.lost) {
    thrift_.delete_ended(task.order, ended.answer);
    orders_[task.order].doubtful = ended.answer.verdict == core::Verdict::Doubtful;
    event_of(task.order);
    if (!task.rested) distance_.ended(task.order, ended.answer, orders_[task.order].deletes.back() == task.id);
  }
  open_deletes_.erase(task.id);
  // What was never written has not used its stamp, and after a restart nothing of it may be remembered.
  const bool written = ended.answer.arrival != core::Arrival::NeverSent;
  if (!written) std::erase_if(by_stamp_, [&](const auto& entry) { return entry.second == ended.task; });
  if (task.kind != core::LimiterKind::Query) return;
  Order& order = orders_[task.order];
  event_of(task.order);
  order.last_query = world_.now();
  order.last_answered_query = std::max(order.last_answered_query, task.sent);
  if (ended.answer.verdict == core::Verdict::WrongRequest) {
    order.queries_refused_since = std::min(order.queries_refused_since, world_.now());
    order.queries_refused_until = world_.now();
  }
  if (ended.answer.verdict == core::Verdict::Read) {
    order.queries_refused_since = Never;
    query_read(task, ended.answer, order);
  }
  thrift_.query_ended(task.order, task.id, ended.answer, read_open_twice(order));
}

void Referee::query_read(const Task& task, const core::Answer& answer, Order& order) {
  order.last_read = answer.reading.status;
  const bool gone = order.last_read == core::ReadStatus::Canceled || order.last_read == core::ReadStatus::Closed;
  if (gone && !core::contradicts_itself(answer.reading)) {
    order.read_gone = true;
  } else if (gone && std::exchange(order.contradiction, order.last_read) != order.last_read) {
    order.contradicted_since = world_.now();
  } else if (gone) {
    order.contradiction_stands |= task.sent - order.contradicted_since >= core::Reads::Apart - ClockSlack;
  }
  // What was asked before the stream's latest frame says nothing of what came after it.
  if (gone || task.sent < order.touched) return;
  order.open_read_at = std::max(order.open_read_at, chronicle_.read_at(task.stamp_ms));
  // A probe of the same order may overtake its query.
  order.first_open_read = std::min(order.first_open_read.value_or(task.sent), task.sent);
  order.last_open_read = std::max(order.last_open_read.value_or(task.sent), task.sent);
}

void Referee::heard(const core::StreamReport& report) {
  thrift_.stream_heard(report.seq != 0);
  if (report.seq == 0) return stream_state(report);
  reports_.try_emplace({report.subscriber, report.seq}, report);
}

void Referee::stream_state(const core::StreamReport& report) {
  const bool same = stream_ && stream_heard_ != Never && stream_->subscriber == report.subscriber &&
                    stream_->logins == report.logins && stream_->logged_in == report.logged_in;
  if (!same) {
    gap_at_ = maybe_gap_at_ = world_.now();
    const bool across = std::ranges::any_of(orders_, [this](const auto& entry) {
      const exchange_sim::Order* truth = book(entry.first);
      return entry.second.last_book_fact == core::FactType::Deleted452 && truth && exchange_sim::is_open(truth->status);
    });
    if (across) world_.happened.add(Fault::EditAcrossGap);
    for (auto& [id, order] : orders_) event_of(id);
  }
  stream_ = report;
  stream_heard_ = stream_taken_ = world_.now();
}

void Referee::heard(const core::StreamFact& event) {
  thrift_.stream_heard(false);
  if (stream_heard_ != Never) stream_heard_ = world_.now();
  facts_.try_emplace({event.subscriber, event.seq}, FactHeard{event.fact, world_.now()});
  if (!facts_heard_.insert({event.subscriber, event.seq}).second || chronicle_.heard(event.fact)) return;
  world_.fail("promise 2: a frame of ", order_name(event.fact.order_id), " is heard that the exchange never sent");
}

void Referee::committed(const core::FactPosition& position) {
  for (const auto& [subscriber, seq] : owed_facts_) {
    if (subscriber != position.subscriber || seq >= position.seq) continue;
    world_.fail("promise 7: fact ", seq, " of the stream is passed over for ", position.seq);
  }
  owed_facts_.erase({position.subscriber, position.seq});
  const auto it = facts_.find({position.subscriber, position.seq});
  if (it == facts_.end()) {
    const auto report = reports_.find({position.subscriber, position.seq});
    if (report != reports_.end()) stream_state(report->second);
    return;
  }
  const auto& [fact, heard] = it->second;
  event_of(fact.order_id);
  if (fact.type != core::FactType::Trade423) stream_heard_ = stream_taken_ = world_.now();
  Order& order = orders_[fact.order_id];
  order.touched = world_.now();
  order.first_open_read.reset();
  if (fact.type == core::FactType::Inserted451) {
    order.last_book_fact = fact.type;
    distance_.inserted(fact.order_id);
    order.gone_in_life = 0;
    order.perhaps_gone = false;
    order.looked_gone = false;
    order.left_book_first = Never;
    order.unsolicited_in_life = 0;
    came_back(fact.order_id);
  } else if (fact.type == core::FactType::Deleted452) {
    order.last_book_fact = fact.type;
    order.left_book = world_.now();
    order.left_book_heard = heard;
    if (order.first_delete != Never) order.left_book_first = std::min(order.left_book_first, heard);
    if (came_in_batch_.contains(fact.order_id)) {
      // Whether its first command came before or after is not known here.
      perhaps_departed_.insert(fact.order_id);
    } else if (!ledger_.has_undecided(fact.order_id)) {
      // Of a gap and a 452 that were committed together it is not known here which came first.
      const bool at_once = order.unsolicited_in_life == life_ && gap_at_ == order.unsolicited_at;
      // A bus that starts knows of its finals which orders were gone, and of no gap before. If one came back unheard,
      // no strategy was told so, and it is gone again.
      const Time gap = gap_at_ < bus_started_at_ ? Time::min() : gap_at_;
      if (!at_once && !known_gone(fact.order_id, order, gap)) {
        departed_.insert(fact.order_id);
      } else if (!known_gone(fact.order_id, order, maybe_gap_at_)) {
        perhaps_departed_.insert(fact.order_id);
      }
    }
  }
  thrift_.fact_came(fact.order_id);
}

// ---- Requests ----

void Referee::command_came(const core::CommandKey& key, const core::CancelOrder& command) {
  const core::OrderId id = command.order_id;
  Order& order = orders_[id];
  event_of(id);
  order.last_command_at = world_.now();
  if (order.open_since_life == 0) {
    order.open_since_life = life_;
    came_in_batch_.insert(id);
    // The bus has waited since it heard it, however long its store refused.
    const auto heard = commands_heard_.find(command.cl_ord_id);
    order.open_since = heard == commands_heard_.end() ? world_.now() : heard->second;
  }
  const auto heard_at = commands_heard_.find(command.cl_ord_id);
  if (heard_at != commands_heard_.end() && gap_at_ < heard_at->second) gap_before_[key] = gap_at_;
  // What was known of it is not about the new command.
  if (maybe_back(order, maybe_gap_at_)) {
    order.perhaps_gone |= order.gone_in_life != 0;
    order.gone_in_life = 0;
  }
  if (maybe_back(order, gap_at_)) {
    order.looked_gone = false;
    // A command that was heard before the gap, or after another 452, may be answered by what the stream has said.
    const bool since = gap_before_.contains(key) && order.left_book <= gap_at_;
    if (since) order.left_book_first = Never;
  }
  thrift_.command_came(id);
  distance_.command_came(id);
}

void Referee::committed(const core::HoldRecord& hold) {
  if (hold.limiter == core::LimiterKind::Query) query_share_.held(true_time(hold.until));
  waits_.committed(hold, true_time(hold.until));
}

void Referee::committed(const core::PermitRecord& permit) {
  if (permit.limiter == core::LimiterKind::Query) {
    query_share_.permitted(permit.task, world_.now(), true_time(permit.settles));
  }
  const Time decided = true_time(permit.settles - rules_.options.lost_after);
  waits_.committed(permit, decided);
  const bool is_new = permit.open && decided_.try_emplace(permit.task, decided).second;
  if (permit.limiter != core::LimiterKind::Cancel) return;
  if (is_new) {
    // One before it was decided on while the store refused, and was never sent: its worker gave it back.
    orders_[permit.order_id].unsure |= std::exchange(orders_[permit.order_id].unsent, true);
    judge_turn(permit.order_id, decided);
  }
  repeats_.permitted(permit.task, true_time(permit.settles));
  if (!permit.open) return;
  Order& order = orders_[permit.order_id];
  order.doubtful = false;
  order.permitted = true;
  order.first_delete = std::min(order.first_delete, world_.now());
}

void Referee::sending(const core::SendTask& sent) {
  const auto permit = store_.permits().find(sent.task);
  if (permit == store_.permits().end() || !permit->second.open) {
    return world_.fail("promise 3: task ", task_name(sent.task), " leaves without a committed permit");
  }
  budget_.sending(sent.kind);
  check_stamp(sent);
  Task& task = tasks_[sent.task];
  if (task.id != 0) world_.fail("task ", task_name(sent.task), " leaves twice");
  task = {.id = sent.task,
          .number = ++last_number_,
          .order = sent.order.order_id,
          .kind = sent.kind,
          .stamp_ms = sent.stamp_ms,
          .sent = world_.now(),
          .decided = decided_.at(sent.task),
          .worker = worker_of_[sent.peer]};
  by_stamp_[sent.stamp_ms] = sent.task;
  if (sent.kind == core::LimiterKind::OpenOrders) return;  // of what it lists the registry's judge takes care
  Order& order = orders_[task.order];
  if (sent.kind != core::LimiterKind::Cancel) {
    order.last_query = world_.now();
    return thrift_.query_sent(task.order, task.id, task.worker, task.decided);
  }
  check_one_in_flight(task);
  if (!ledger_.has_undecided(task.order)) {
    world_.fail("promise 6: a DELETE of ", order_name(task.order), ", of which no command is open");
  }
  check_not_gone(order, task.order);
  thrift_.delete_sent(task.order);
  distance_.sent(task.order, task.decided);
  order.first_open_read.reset();
  order.unsent = false;
  order.deletes.push_back(task.id);
  open_deletes_.insert(task.id);
}

void Referee::check_stamp(const core::SendTask& sent) {
  if (by_stamp_.contains(sent.stamp_ms)) world_.fail("stamp ", sent.stamp_ms, " is used twice");
}

// A bus that starts remembers a proof for the commands that were open when it was published. For one that came later it
// asks first, and sends a DELETE when no answer has come within a second, or none that says something; for one that had
// come before the start it sends one.
void Referee::check_not_gone(const Order& order, core::OrderId id) {
  const bool remembered = world_.now() - order.gone_at < rules_.options.retention - LongestTrouble;
  if (order.gone_in_life == 0 || !remembered) return;
  const bool waited = world_.now() - order.open_since >= core::Schedule::ReadPatience - ClockSlack;
  const bool asked_first = waited || order.last_answered_query >= order.open_since;
  const bool forgotten = order.gone_in_life != life_ && order.last_command_at >= order.gone_at;
  if (forgotten && (asked_first || order.open_since_life != life_)) return;
  world_.fail("promise 4: a DELETE of ", order_name(id), ", which is proven gone");
}

void Referee::sending(const core::SendConfirm& confirm) {
  budget_.confirmed(confirm.task);
  waits_.confirmed(confirm.task);
}

void Referee::check_one_in_flight(const Task& task) {
  for (const core::TaskId id : open_deletes_) {
    const Task& other = tasks_[id];
    if (other.order != task.order || other.released) continue;
    world_.fail("promise 4: task ", task_name(task.id), " and task ", task_name(id), " both delete ",
                order_name(task.order), " on workers inside their lease");
  }
}

void Referee::bus_drained() {
  thrift_.orderly_end();
  for (const core::TaskId id : open_deletes_) {
    if (!tasks_[id].released)
      world_.fail("promise 7: the bus ends in order, and task ", task_name(id), " is in flight");
  }
}

void Referee::exchange_moved() {
  chronicle_.exchange_moved();
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
  budget_.exchange_moved();
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

std::string Referee::owed_to_the_bus() const {
  for (const auto& [worker, tasks] : owed_outcomes_) {
    if (!tasks.empty())
      return worker + " lives, and the bus never heard how task " + task_name(*tasks.begin()) + " ended";
  }
  if (owed_facts_.empty()) return "";
  return "the subscriber lives, and the bus never took " + std::to_string(owed_facts_.size()) + " facts of the stream";
}

bool Referee::is_neglected(const Order& order) const {
  const Time now = world_.now();
  const Time due = std::max(order.last_query, bus_started_at_) + core::Reads::LongestInterval;
  return now - std::max(due, query_share_.room_since(now)) > QueryDelay;
}

void Referee::at_the_end() {
  if (const std::string owed = owed_to_the_bus(); !owed.empty()) world_.fail("promise 7: ", owed);
  const exchange_sim::Counters& counters = exchange_.seen().counters;
  budget_.at_the_end(rules_.subscriber_deaths);
  if (counters.max_unauthorized_in_a_row >= 50) world_.fail("the exchange has blocked our address");
  if (counters.repeated_stamps > 0) world_.fail("a stamp was used twice");
  for (const auto& [key, command] : ledger_.commands()) {
    if (!command.stuck || command.ended()) continue;
    const exchange_sim::Order* truth = book(command.order.order_id);
    if (!truth || !exchange_sim::is_open(truth->status)) {
      world_.fail(key.cl_ord_id, " is stuck, and its order is not open");
    }
    const Order& order = orders_[command.order.order_id];
    // It may have waited for the others.
    const auto wait =
        2s * static_cast<int64_t>(ledger_.commands().size()) / static_cast<int64_t>(rules_.options.statuses_per_second);
    if (world_.now() - std::max(order.stuck_at, bus_started_at_) > StuckEvery + wait) {
      world_.fail("promise 2: ", key.cl_ord_id, " is stuck, and STUCK is not told again");
    }
    if (is_neglected(order)) {
      world_.fail("promise 2: ", key.cl_ord_id, " is stuck, and its order is not asked about any more");
    }
  }
}

}  // namespace cancelbus::simulation
