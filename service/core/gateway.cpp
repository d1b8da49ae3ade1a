#include "service/core/gateway.hpp"

#include <algorithm>
#include <utility>

#include "service/core/names.hpp"

namespace cancelbus::core {

namespace {

/// Ids of one start of the bus share their upper half, which no other start has, of this store or another: a worker may
/// outlive both, and its old outcome must not be taken for a new task's.
TaskId first_task(uint64_t epoch, uint64_t term) {
  uint64_t mixed = epoch ^ (term * 0x9E3779B97F4A7C15u);
  mixed = (mixed ^ (mixed >> 31)) * 0xBF58476D1CE4E5B9u;
  constexpr uint64_t UpperHalf = 0x7FFFFFFF00000000u;  // the store's integers are signed
  return (mixed & UpperHalf) + 1;
}

/// Facts that were confirmed and are missing do not come again: the next one does not follow the last one known.
FactPosition position_of(const Snapshot& snapshot) { return snapshot.commits_lost ? FactPosition{} : snapshot.facts; }

/// False if the subscriber's news was taken before, or skips ahead; confirmed if it needs not come again.
template <typename News>
bool take(Book& book, const News& news) {
  const FactLog::Taken taken = book.facts.take(news);
  if (taken == FactLog::Taken::Early) return false;
  if (taken == FactLog::Taken::Fresh) book.out.record(book.facts.position());
  book.out.send(SendConfirm{news.peer, 0, book.facts.position().seq});
  return taken == FactLog::Taken::Fresh;
}

std::vector<Doubt> oldest_doubts(const Book& book) {
  std::vector<Doubt> out;
  for (const auto& [since, id] : book.timers.oldest_doubts(BusStatus::MostDoubts)) {
    const Effort& effort = *book.find_order(id)->effort;
    out.push_back({id, effort.commands.front().record.key, since, effort.attempts.doubtful.value_or(LastAnswer{}),
                   effort.attempts.dispatched});
  }
  return out;
}

}  // namespace

Gateway::Gateway(GatewayOptions options, const Snapshot& snapshot, Instant now, GatewayCounters counters)
    : options_(std::move(options)),
      counters_(counters),
      book_(options_, first_task(snapshot.epoch, snapshot.term), position_of(snapshot), {snapshot.run_time, now.tick}),
      judge_(book_, options_),
      mass_cancels_(book_, judge_, options_),
      switches_(book_, mass_cancels_, options_),
      sessions_(book_, judge_, mass_cancels_, switches_, options_, counters_, snapshot.epoch),
      sweeper_(book_, counters_) {
  book_.begin(now);
  judge_.begin(now);
  restore(book_, snapshot, now);
  // What this decides, of commands whose time ended meanwhile, leaves with the first step.
  for (const auto& [id, order] : book_.orders) judge_.touch(*order);
  judge_.judge_touched();
  if (options_.check_invariants) invariants_.emplace(snapshot);
}

Actions Gateway::step(Instant now, const Event& event) {
  book_.begin(now);
  judge_.begin(now);
  std::visit([this](const auto& e) { on(e); }, event);
  judge_.judge_touched();
  judge_.publish_statuses();
  if (std::holds_alternative<DeadlinePassed>(event)) {
    if (book_.may_begin()) {
      switches_.fire_due();
      mass_cancels_.advance(now);
    }
    if (!book_.draining) book_.tasks.save_unauthorized(book_.out.records());
    dispatch();
    mass_cancels_.tell(now, book_.may_begin(), sweeper_.trouble(now.tick));
    look_at_causes();
  }
  if (invariants_) invariants_->check(book_, event, book_.out.records(), now);
  return book_.out.take();
}

// ---- Time ----

void Gateway::on(const DeadlinePassed&) {
  judge_.expire_permits();
  for (const TaskId task : book_.tasks.workers().take_abandoned(book_.now.tick)) task_silent(task);
  book_.tasks.workers().forget_gone(book_.now.tick);
  if (book_.stream.lost(book_.now.tick)) judge_.gap();
  if (book_.stream.seems_muted(book_.now.tick)) {
    ++counters_.relogins;
    book_.out.send(SendRelogin{book_.stream.peer()});
    judge_.gap();
  }
  judge_.catch_up();
  if (book_.sweeps.overdue(book_.now.tick)) sweeper_.failed("no answer came", false);
  book_.open_orders.forget_departures(book_.sweeps.oldest_request().value_or(book_.now.tick));
  book_.sessions.sweep(book_.now.tick);
  forget_ended();
}

Tick Gateway::next_deadline(Tick now) const {
  if (judge_.behind()) return now;
  const Tick mass_cancels = book_.may_begin() ? mass_cancels_.next_deadline(now) : Never;
  const Tick dead_man = book_.may_begin() ? book_.dead_man.next_deadline() : Never;
  return std::min({mass_cancels, dead_man, book_.tasks.next_grant(), book_.tasks.workers().next_deadline(now),
                   book_.stream.next_deadline(now), book_.timers.next_deadline(now), book_.statuses.next_deadline(),
                   book_.sweeps.next_deadline(now)});
}

void Gateway::look_at_causes() {
  Causes::Conditions conditions;
  if (!book_.store_writable) conditions.store = book_.store_trouble;
  conditions.draining = book_.draining;
  conditions.workers = book_.tasks.workers().availability(book_.now.tick);
  for (const LimiterKind kind : {LimiterKind::Cancel, LimiterKind::Query}) {
    const RateLimiter& limiter = book_.tasks.limiter(kind);
    conditions.backoffs[static_cast<size_t>(kind)] = {limiter.held_until(), limiter.hold_text()};
    conditions.lowered[static_cast<size_t>(kind)] = limiter.lowered_text();
  }
  conditions.expected = options_.expected_workers;
  conditions.stream = book_.stream.trouble();
  conditions.muted = book_.stream.muted();
  conditions.bars = book_.bars;
  conditions.queued = book_.queue.size();
  conditions.empty_in = book_.queue_empty_in(book_.now.tick);
  book_.causes.look(conditions, book_.now.tick, book_.out.cause_changes());
}

void Gateway::on(const StoreHealth& health) {
  book_.store_writable = health.writable;
  book_.store_trouble = health.why;
}

void Gateway::forget_ended() {
  mass_cancels_.forget();
  for (const auto& [key, id] : book_.commands.forget(book_.run_time)) {
    book_.out.record(CommandForgotten{key});
    MassCancel* mass = book_.mass_cancels.parent_of(key);
    if (mass && mass->child_forgotten(id)) book_.out.record(MassCancelOrderForgotten{mass->record().key, id});
    Order* order = book_.find_order(id);
    if (!order || --order->remembered > 0) continue;
    book_.orders.erase(id);
    book_.out.record(HistoryForgotten{id});
  }
}

void Gateway::on(const DrainRequested&) {
  book_.draining = true;
  // An orderly end: the operator who starts the bus again says that it may try again.
  book_.tasks.forget_unauthorized(book_.out.records());
}

bool Gateway::drained() const {
  return book_.draining && std::ranges::all_of(book_.tasks.tasks(), [this](const auto& entry) {
           const Order* order = book_.find_order(entry.second.order_id);
           if (!order || !order->effort) return true;
           return !order->effort->attempts.in_flight() && order->effort->reads.task != entry.first;
         });
}

// ---- Workers ----

void Gateway::on(const WorkerReady& ready) {
  for (const TaskId task : book_.tasks.heard(ready)) {
    Order* order = judge_.find(book_.tasks.find(task)->order_id);
    if (order && order->find_attempt(task)) judge_.touch(*order);
  }
}

void Gateway::on(const TaskEnded& ended) {
  if (ended.answer.listing && !sweeper_.take_part(ended)) return;  // other parts follow
  const TaskTable::Outcome outcome = book_.tasks.end(ended, book_.out.records());
  counters_.throttled += outcome.throttled;
  if (outcome.from == TaskTable::Outcome::From::Stranger) {
    ++counters_.outcomes_from_wrong_worker;
    return;
  }
  book_.out.send(SendConfirm{ended.peer, ended.task, 0});
  const bool unknown = outcome.from == TaskTable::Outcome::From::Unknown;
  const bool of_sweep = !unknown && outcome.task.kind == LimiterKind::OpenOrders;
  // Commands do not wait for sweeps, but for a key that is let in.
  const bool tells = of_sweep ? ended.answer.verdict == Verdict::Unauthorized : !unknown || outcome.throttled;
  if (tells)
    book_.causes.ended(unknown ? std::nullopt : std::optional(outcome.task.kind), ended.answer, book_.now.tick);
  if (unknown) {
    ++counters_.unknown_outcomes;
    return;
  }
  book_.answers.ended(ended.answer, book_.now.tick);
  counters_.unauthorized += ended.answer.verdict == Verdict::Unauthorized;
  if (of_sweep) return sweeper_.ended(ended);
  if (outcome.task.kind == LimiterKind::Query) return query_ended(outcome, ended);
  Order* order = judge_.find(outcome.task.order_id);
  const Attempt* attempt = order ? order->find_attempt(ended.task) : nullptr;
  if (!attempt) return;
  const std::string worker = book_.tasks.worker_name(attempt->worker);
  book_.out.note_answer(*order, HistoryLine::What::Answer, ended.task, worker, ended.answer);
  judge_.carry_out(*order, judge_.verdicts().delete_ended(*order, ended.task, ended.answer, worker, book_.stream.live(),
                                                          book_.now.tick));
  judge_.touch(*order);
}

void Gateway::query_ended(const TaskTable::Outcome& outcome, const TaskEnded& ended) {
  Order* order = judge_.find(outcome.task.order_id);
  if (!order || !order->effort || order->effort->reads.task != ended.task) return;
  order->effort->reads.task = 0;
  const Answer& answer = ended.answer;
  const bool read = answer.verdict == Verdict::Read;
  book_.out.note_answer(*order, read ? HistoryLine::What::Read : HistoryLine::What::Query, ended.task, outcome.worker,
                        answer);
  counters_.contradicting_reads += read && contradicts_itself(answer.reading);
  judge_.verdicts().query_ended(*order, answer, book_.now.tick);
  if (read && order->read_gone()) book_.open_orders.gone(order->id, book_.now);
  const Tick accepted = order->effort->attempts.last_accepted;
  const bool ours = read && answer.reading.status == ReadStatus::Canceled && accepted != Tick::min();
  if (ours) book_.stream.owes_frame(accepted);
  judge_.touch(*order);
}

void Gateway::task_silent(TaskId id) {
  const std::optional<Task> task = book_.tasks.silent(id);
  if (book_.sweeps.awaits(id)) return sweeper_.failed("its worker fell silent", false);
  Order* order = task ? judge_.find(task->order_id) : nullptr;
  if (!order || !order->effort) return;
  const HistoryLine line{
      .what = HistoryLine::What::WorkerSilent, .task = id, .worker = book_.tasks.worker_name(task->worker)};
  if (task->kind == LimiterKind::Query) {
    if (order->effort->reads.task != id) return;
    book_.out.note(*order, line);
    order->effort->reads.unanswered(book_.now.tick);
  } else {
    Attempt* attempt = order->find_attempt(id);
    if (!attempt || attempt->state != Attempt::State::InFlight) return;
    ++counters_.leases_lost;
    book_.out.note(*order, line);
    judge_.verdicts().worker_silent(*order, *attempt, book_.now.tick);
  }
  judge_.touch(*order);
}

// ---- The stream ----

void Gateway::on(const StreamReport& report) {
  if (report.seq != 0 && !take(book_, report)) return;
  if (book_.stream.report(report, book_.now)) judge_.gap();
}

void Gateway::on(const StreamFact& event) {
  if (!take(book_, event)) return;
  const OrderFact& fact = event.fact;
  if (book_.open_orders.fact(fact, book_.now)) book_.sweeps.filled(book_.now.tick);
  if (fact.type != FactType::Trade423) book_.stream.proof(event.peer, book_.now);
  Order* order = judge_.find(fact.order_id);
  if (order) {
    HistoryLine line{.what = HistoryLine::What::Fact, .status = fact.type};
    line.amount = fact.amount;
    line.left_amount = fact.num_left;
    book_.out.note(*order, std::move(line));
  }
  if (fact.type == FactType::Inserted451) {
    const bool told_gone =
        order && (order->known_gone() || book_.facts.is_gone(order->id) || !order->canceled_finals.empty());
    book_.facts.forget_gone(fact.order_id);
    if (told_gone) book_.out.on_book(*order, true);
    if (order) {
      order->inserted();
      book_.statuses.count(book_.out.back_on_book(*order), book_.now.tick);
    }
  }
  if (order && order->effort) {
    order->fact(fact, book_.now.tick);
    judge_.touch(*order);
  } else if (fact.type == FactType::Deleted452) {
    left_book_without_command(fact, order);
  }
}

void Gateway::left_book_without_command(const OrderFact& fact, Order* order) {
  if (order && order->override_status && !order->override_agrees(fact)) {
    // The operator was wrong. The final stands; venue. says that the order has left the book only now.
    ++counters_.overrides_contradicted;
    book_.out.note(*order, {.what = HistoryLine::What::Contradiction, .status = *order->override_status});
    order->override_status.reset();
    book_.facts.forget_gone(fact.order_id);
  }
  const bool by_override = order && order->override_status && order->override_status != OrdStatus::New;
  const bool known_gone = order && order->known_gone() && !order->may_be_back(book_.gap);
  if (known_gone || by_override || !book_.facts.remember_gone(fact.order_id)) {
    ++counters_.repeated_departures;
    return;
  }
  ++counters_.unsolicited;
  if (order) book_.out.on_book(*order, false);
  book_.out.unsolicited(fact);
}

// ---- Status ----

BusStatus Gateway::status(Instant now) const {
  BusStatus status;
  status.account = options_.account;
  status.uptime = now.tick - book_.run_clock.started;
  status.observing = options_.observe;
  for (const LimiterKind kind : {LimiterKind::Cancel, LimiterKind::Query, LimiterKind::OpenOrders}) {
    const std::string name = lower_name_of(kind);
    const RateLimiter& limiter = book_.tasks.limiter(kind);
    for (const auto& window : limiter.windows(now.tick)) {
      const RateRule in_force{window.limit, window.rule.period};
      status.windows.push_back({name, window.used, in_force, window.rule.limit, window.lowered_since});
    }
  }
  status.queues = book_.queue.status();
  for (QueueStatus& queue : status.queues) {
    for (const OrderId id : book_.queue.next(queue.sender)) {
      const auto& received = book_.find_order(id)->effort->commands.front().record.timeline.received;
      if (!queue.oldest || received < queue.oldest) queue.oldest = received;
    }
  }
  if (!book_.queue.empty()) status.queue_empty_in = book_.queue_empty_in(now.tick);
  status.undecided = static_cast<uint32_t>(book_.commands.undecided());
  for (const auto& [id, task] : book_.tasks.tasks()) {
    if (task.kind == LimiterKind::Cancel) ++status.cancels_in_flight;
    if (task.kind == LimiterKind::Query) ++status.queries_in_flight;
  }
  status.orders_in_doubt = static_cast<uint32_t>(book_.timers.in_doubt());
  status.oldest_doubt = book_.timers.oldest_doubt();
  status.doubts = oldest_doubts(book_);
  status.answers = book_.answers.list(now.tick);
  status.workers = book_.tasks.workers().status(now.tick);
  status.expected_workers = options_.expected_workers;
  status.unauthorized_in_a_row = book_.tasks.workers().unauthorized_in_a_row();
  status.unauthorized_limit = WorkerPool::Blocks;
  status.stream = book_.stream.status();
  status.store_writable = book_.store_writable;
  status.causes = book_.causes.list(now);
  sweeper_.add_to(status, now);
  switches_.add_to(status);
  status.as_of = now.wall;
  return status;
}

}  // namespace cancelbus::core
