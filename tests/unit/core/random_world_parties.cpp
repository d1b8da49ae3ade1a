// Everybody but the bus: strategies, workers, the exchange and its stream, and what goes wrong with them.
#include <algorithm>

#include "tests/unit/core/random_world.hpp"

namespace cancelbus::core {

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// REST shows what was true so long ago.
constexpr Duration Lag = milliseconds(200);
const char* const Senders[] = {"alice", "bob", "carol"};

Answer answered(Verdict verdict, int status, const char* text) {
  return {verdict, Arrival::Answered, status, 0, text, {}, {}, {}, {}};
}

}  // namespace

// ---- Strategies ----

void RandomWorld::say_hello() {
  for (const char* sender : Senders) feed(Hello{sender, sender, {"venue."}, pick(2) == 0});
}

void RandomWorld::strategy() {
  for (const char* sender : Senders) feed(SessionHeartbeat{sender});
  if (!calm_) {
    if (!commands_.empty() && pick(10) == 0) operator_speaks();
    if (!commands_.empty() && pick(8) == 0) {
      const size_t again = pick(commands_.size());
      feed(CommandReceived{senders_[again], commands_[again]});
    } else {
      CancelOrder order;
      order.cl_ord_id = "c" + std::to_string(commands_.size());
      order.order_id = static_cast<OrderId>(1 + pick(Orders));
      if (pick(3) == 0) order.time_to_live = ms(1, pick(2) == 0 ? 800 : 20'000);
      if (pick(5) == 0) order.priority = Priority::Urgent;
      order.exact_quantities = pick(5) == 0;
      senders_.emplace_back(Senders[pick(3)]);
      commands_.push_back(order);
      feed(CommandReceived{senders_.back(), order});
    }
  }
  in(calm_ ? seconds(5) : pick(10) == 0 ? ms(500, 5'000) : ms(1, 300), [this] { strategy(); });
}

void RandomWorld::operator_speaks() {
  // Of one of the latest commands, as it is at the exchange.
  const size_t latest = commands_.size() - 1 - pick(std::min<size_t>(commands_.size(), 10));
  const auto order = orders_.find(commands_[latest].order_id);
  ResolveRequest word{Senders[pick(3)], {senders_[latest], commands_[latest].cl_ord_id}, OrdStatus::Rejected};
  if (order != orders_.end()) {
    const State state = order->second.state;
    word.as = state == State::Open       ? OrdStatus::New
              : state == State::Canceled ? OrdStatus::Canceled
                                         : OrdStatus::Filled;
  }
  feed(word);
}

// ---- Workers ----

void RandomWorld::new_worker(size_t index) {
  Worker& worker = workers_[index];
  worker = {};
  worker.id = ++last_worker_;
  worker.peer = "w" + std::to_string(worker.id);
  beat(index);
}

void RandomWorld::beat(size_t index) {
  Worker& worker = workers_[index];
  const WorkerId id = worker.id;
  if (worker.alive && worker.paused_until <= now_) {
    WorkerReady ready;
    ready.peer = ready.name = worker.peer;
    ready.worker = worker.id;
    ready.credit = 4;
    ready.tasks.assign(worker.holding.begin(), worker.holding.end());
    ready.clock = ClockSample{++worker.series, Duration::zero(), milliseconds(2)};
    ready.request_timeout = RequestTimeout;
    if (gateway_) {
      worker.heard = now_;
      worker.listed = worker.holding;
    }
    feed(ready);
    for (const auto& [task, outcome] : std::map<TaskId, Outcome>(worker.outcomes)) {
      if (now_ - outcome.sent >= seconds(1)) report(worker, task);
    }
  }
  in(milliseconds(250), [this, index, id] {
    if (workers_[index].id == id) beat(index);
  });
}

void RandomWorld::take(size_t index, WorkerId id, Request request) {
  Worker& worker = workers_[index];
  if (worker.id != id || !worker.alive) return;
  if (worker.paused_until > now_) {
    return in(worker.paused_until - now_, [=, this] { take(index, id, request); });
  }
  worker.holding.insert(request.task);
  if (now_ - request.given_out > seconds(1)) {
    return outcome(index, id, request.task, {Verdict::StaleStamp, Arrival::NeverSent, 0, 0, "stale", {}, {}, {}, {}});
  }
  if (chance(2)) {
    return outcome(index, id, request.task, {Verdict::NeverWritten, Arrival::NeverSent, 0, 0, "", {}, {}, {}, {}});
  }
  this->request(index, id, request);
}

void RandomWorld::request(size_t index, WorkerId id, Request request) {
  const Duration there = chance(5) ? ms(0, 1'000) : ms(1, 30), back = chance(5) ? ms(0, 1'000) : ms(1, 30);
  if (chance(5)) {
    // No answer; it may arrive all the same, and late.
    if (pick(2) == 0) in(ms(1, 4'000), [=, this] { arrives(request); });
    return in(RequestTimeout, [=, this] {
      outcome(index, id, request.task, {Verdict::Doubtful, Arrival::Silent, 0, 0, "timeout", {}, {}, {}, {}});
    });
  }
  if (chance(5)) {
    if (pick(2) == 0) in(ms(1, 4'500), [=, this] { arrives(request); });
    return in(back, [=, this] {
      outcome(index, id, request.task, {Verdict::Doubtful, Arrival::Page, 503, 0, "page", {}, {}, {}, {}});
    });
  }
  in(there, [=, this] {
    const Answer answer = arrives(request);
    in(back, [=, this] { outcome(index, id, request.task, answer); });
  });
}

void RandomWorld::outcome(size_t index, WorkerId id, TaskId task, Answer answer) {
  Worker& worker = workers_[index];
  if (worker.id != id || !worker.alive) return;
  if (worker.paused_until > now_) {
    return in(worker.paused_until - now_, [=, this] { outcome(index, id, task, answer); });
  }
  worker.outcomes[task] = {answer, now_};
  report(worker, task);
}

void RandomWorld::report(Worker& worker, TaskId task) {
  Outcome& outcome = worker.outcomes.at(task);
  outcome.sent = now_;
  in(ms(0, 3), [this, peer = worker.peer, task, answer = outcome.answer] {
    if (gateway_) requests_.at(task).ended = true;
    feed(TaskEnded{peer, task, answer});
  });
}

void RandomWorld::trouble() {
  const size_t index = pick(workers_.size());
  Worker& worker = workers_[index];
  switch (calm_ ? 99 : pick(8)) {
    case 0:
      worker.alive = false;
      in(ms(100, 4'000), [this, index] { new_worker(index); });
      break;
    case 1:
    case 2:
      worker.paused_until = now_ + ms(200, 4'000);
      break;
    case 3:
      login();
      break;
    case 4:
      if (gateway_) stop_bus();
      break;
    case 5:
      edit(static_cast<OrderId>(1 + pick(Orders)));
      break;
    case 6: {
      const auto order = orders_.find(static_cast<OrderId>(1 + pick(Orders)));
      if (order == orders_.end() || order->second.state != State::Open) break;
      set_state(order->second, State::Canceled);  // by somebody else
      emit(FactType::Deleted452, order->first, order->second.left);
      break;
    }
    default:
      break;
  }
  in(ms(200, 4'000), [this] { trouble(); });
}

// ---- The exchange ----

Answer RandomWorld::arrives(const Request& request) {
  count_arrival(request.kind);
  if (chance(1)) return answered(Verdict::Unauthorized, 401, "Unauthorized");
  if (chance(2)) {
    Answer throttled = answered(Verdict::Throttled, 429, "TOO_MANY_REQUESTS");
    if (pick(2) == 0) throttled.retry_after = ms(0, 3'000);
    if (!throttled.retry_after && pick(4) != 0) throttled.retry_after = seconds(1);
    return throttled;
  }
  return request.kind == LimiterKind::Cancel ? arrives_delete(request) : arrives_query(request.order);
}

void RandomWorld::count_arrival(LimiterKind kind) {
  std::deque<Duration>& log = arrivals_[kind];
  log.push_back(now_);
  for (const RateRule& rule : kind == LimiterKind::Cancel ? options_.cancel_limits : options_.query_limits) {
    const auto recent = log.end() - std::upper_bound(log.begin(), log.end(), now_ - rule.period);
    EXPECT_LE(recent, static_cast<std::ptrdiff_t>(rule.limit)) << "at " << now_.count();
  }
  while (now_ - log.front() > minutes(1)) log.pop_front();
}

Answer RandomWorld::arrives_delete(const Request& request) {
  const Answer unknown = answered(Verdict::UnknownOrder, 400, "NO_ORDER_MATCHES_YOUR_REQUEST");
  const Answer accepted = answered(Verdict::Accepted, 200, "SUCCESS");
  const auto it = orders_.find(request.order);
  if (chance(2)) return answered(Verdict::Blocked, 400, "ORDER_CANCEL_BLOCKED");
  if (chance(3)) return answered(Verdict::Refused, 400, "ORDER_COULD_NOT_BE_CANCELED");
  if (it == orders_.end()) return unknown;
  ExchangeOrder& order = it->second;
  if (order.state == State::Closed) return unknown;
  if (order.state == State::Canceled) return pick(2) == 0 ? accepted : unknown;
  if (chance(3)) return accepted;  // and forgets about it
  order.processed.push_back(request.given_out);
  in(ms(0, chance(10) ? 1'500 : 50), [this, id = request.order, left = order.left, given_out = request.given_out] {
    ExchangeOrder& canceled = orders_.at(id);
    if (canceled.state != State::Open) return;
    EXPECT_GE(given_out, canceled.told_open) << "order " << id << " was told open while a cancel could still act";
    set_state(canceled, State::Canceled);
    emit(FactType::Deleted452, id, left);
  });
  return chance(3) ? Answer{Verdict::Doubtful, Arrival::Page, 503, 0, "page", {}, {}, {}, {}} : accepted;
}

Answer RandomWorld::arrives_query(OrderId id) {
  Answer answer = answered(Verdict::Read, 200, "");
  const auto it = orders_.find(id);
  if (it == orders_.end()) {
    answer.reading.status = ReadStatus::NotFound;
    return answer;
  }
  const ExchangeOrder& order = it->second;
  const State seen = now_ - order.changed < Lag ? order.state_before : order.state;
  answer.reading.status = seen == State::Open       ? ReadStatus::Open
                          : seen == State::Canceled ? ReadStatus::Canceled
                                                    : ReadStatus::Closed;
  answer.reading.quantity = std::to_string(order.quantity);
  answer.reading.left_amount = std::to_string(seen == State::Closed ? 0 : order.left);
  return answer;
}

void RandomWorld::set_state(ExchangeOrder& order, State state) {
  order.state_before = order.state;
  order.state = state;
  order.changed = now_;
}

void RandomWorld::market() {
  const auto id = static_cast<OrderId>(1 + pick(Orders));
  const auto it = orders_.find(id);
  if (!calm_ && it != orders_.end() && it->second.state == State::Open) {
    ExchangeOrder& order = it->second;
    order.left -= static_cast<int>(1 + pick(static_cast<uint64_t>(order.left)));
    if (order.left == 0) set_state(order, State::Closed);
    emit(pick(2) == 0 ? FactType::Matched441 : FactType::Trade423, id, 0);
  }
  in(ms(50, 3'000), [this] { market(); });
}

void RandomWorld::edit(OrderId id) {
  const auto it = orders_.find(id);
  if (it == orders_.end() || it->second.state != State::Open) return;
  it->second.edited = true;
  emit(FactType::Deleted452, id, it->second.left);
  emit(FactType::Inserted451, id, it->second.left);
}

void RandomWorld::emit(FactType type, OrderId id, int left) {
  if (!logged_in_ || muted_) return;
  OrderFact fact{type, id, "BTCTRY", "100", std::to_string(orders_.at(id).quantity), std::to_string(left)};
  if (type == FactType::Matched441 || type == FactType::Trade423) fact.num_left.clear();
  // Frames of one stream keep their order.
  last_frame_ = std::max(last_frame_, now_ + (chance(5) ? ms(0, 800) : ms(1, 40)));
  in(last_frame_ - now_, [this, fact] {
    if (!logged_in_) return;
    facts_.push_back({++fact_seq_, fact});
    push_fact(facts_.back());
  });
}

// ---- The stream ----

void RandomWorld::login() {
  logged_in_ = false;
  report_stream();
  in(ms(10, 2'000), [this] {
    ++logins_;
    logged_in_ = true;
    muted_ = chance(25);
    report_stream();
  });
}

void RandomWorld::push_fact(const Fact& fact) {
  if (gateway_ && fact.fact.type == FactType::Inserted451) gone_told_.erase(fact.fact.order_id);
  feed(StreamFact{"feed", 501, fact.seq, fact.fact});
}

void RandomWorld::report_stream() {
  feed(StreamReport{"feed", 501, 0, logged_in_, logged_in_, logins_, ""});
  for (const Fact& fact : std::deque<Fact>(facts_)) push_fact(fact);
}

void RandomWorld::stream_beat() {
  report_stream();
  in(seconds(1), [this] { stream_beat(); });
}

}  // namespace cancelbus::core
