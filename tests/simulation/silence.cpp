#include "tests/simulation/silence.hpp"

#include <algorithm>

#include "service/core/causes.hpp"

namespace cancelbus::simulation {

namespace {

/// Whether the exchange has looked at the order.
bool looked_at(core::Verdict verdict) {
  using enum core::Verdict;
  return verdict == Accepted || verdict == UnknownOrder || verdict == Refused || verdict == Blocked || verdict == Read;
}

bool failed(core::Verdict verdict) {
  return verdict == core::Verdict::Doubtful || verdict == core::Verdict::WrongRequest;
}

bool names(const v1::HeartbeatReply& reply, v1::CauseKind kind) {
  return std::ranges::any_of(reply.cause(), [kind](const v1::Cause& cause) { return cause.kind() == kind; });
}

}  // namespace

// ---- What the bus has heard ----

void Silence::bus_started() {
  started_ = now_ = world_.now();
  draining_ = false;
  writable_ = true;
  writable_changed_ = world_.now() - Within;  // what it says of its store counts at once
  workers_.clear();
  worker_of_.clear();
  able_until_ = Time::min();
  given_.clear();
  ended_.clear();
  requests_ = cancels_ = {.let_in = world_.now()};
  owed_stuck_.clear();
  statuses_.clear();
  for (auto& [kind, hold] : holds_) hold.known = world_.now();
  limits_.clear();
  for (const core::LimiterKind kind : kept_lowered_) limits_[kind] = {true, world_.now()};
}

Time Silence::able_until(const Worker& worker) const {
  return worker.able ? std::min(world_.now(), worker.heard + options_.worker_lease) : Time::min();
}

void Silence::heard(const core::WorkerReady& ready) {
  Worker& worker = workers_[ready.worker];
  able_until_ = std::max(able_until_, able_until(worker));
  const bool gap = world_.now() - worker.heard > options_.worker_lease - ClockSlack;
  if (!worker.able || gap) worker.able_since = world_.now();
  if (gap) worker.back = world_.now();
  worker.peer = ready.peer;
  worker.heard = world_.now();
  worker.able = ready.credit > 0 && ready.clock;
  if (ready.clock || ready.credit == 0) {
    worker.no_clock.reset();
  } else if (!worker.no_clock || gap) {
    worker.no_clock = world_.now();
  }
  if (worker.able) able_until_ = world_.now();
  worker_of_[ready.peer] = ready.worker;
}

void Silence::sending(const core::SendTask& task) {
  const auto worker = worker_of_.find(task.peer);
  if (worker != worker_of_.end()) given_[task.task] = {worker->second, world_.now(), task.kind};
}

void Silence::heard(const core::TaskEnded& ended) {
  const core::Verdict verdict = ended.answer.verdict;
  const auto given = given_.find(ended.task);
  const auto from = worker_of_.find(ended.peer);
  if (given != given_.end()) {
    // Before its worker has presented itself on a new connection the bus takes none from there: it is repeated.
    const core::WorkerId holder = given->second.worker;
    if (from == worker_of_.end() || from->second != holder || workers_[holder].peer != ended.peer) return;
    if (!ended_.insert(ended.task).second) return;  // a repetition
  }
  // Commands do not wait for sweeps, but for a key that is let in.
  const bool of_sweep = given != given_.end() && given->second.kind == core::LimiterKind::OpenOrders;
  if (of_sweep && verdict != core::Verdict::Unauthorized) return;
  // Of one that was given away long ago, or by whom is not known, the bus may take no notice.
  const bool counts = given != given_.end() && from != worker_of_.end() && from->second == given->second.worker &&
                      world_.now() - given->second.at <= options_.worker_lease - ClockSlack &&
                      workers_[from->second].back <= given->second.at;
  if (from != worker_of_.end()) {
    Worker& worker = workers_[from->second];
    if (verdict == core::Verdict::Unauthorized) {
      worker.perhaps_refused = true;
      if (counts && !worker.refused) worker.refused = world_.now();
    } else if (verdict == core::Verdict::Read) {
      worker.refused.reset();
      worker.perhaps_refused = worker.perhaps_refused && !counts;
    }
  }
  requests_.ended(verdict, counts, world_.now());
  // Whether it was a cancel may not be known, to the bus neither.
  const bool cancel = given != given_.end() && given->second.kind == core::LimiterKind::Cancel;
  if (cancel || given == given_.end()) cancels_.ended(verdict, counts, world_.now());
}

void Silence::Failures::ended(core::Verdict verdict, bool counts, Time now) {
  if (looked_at(verdict)) {
    count = 0;
    if (counts) perhaps = 0;
    if (counts) let_in = now;
  } else if (failed(verdict)) {
    ++perhaps;
    perhaps_last = now;
    if (!counts) return;
    last = now;
    if (++count == 2) since = now;
  }
}

void Silence::store_writable(bool writable) {
  writable_ = writable;
  writable_changed_ = world_.now();
}

void Silence::committed(const core::HoldRecord& hold) {
  if (hold.limiter == core::LimiterKind::OpenOrders) return;  // no command waits for that
  holds_[hold.limiter] = {world_.now() + (hold.until - store_.tick()), world_.now()};
}

std::set<core::LimiterKind> Silence::lowered(const core::LoweredLimits& limits) const {
  std::set<core::LimiterKind> kinds;
  for (const auto& [kind, state] : limits.entries) {
    if (kind == core::LimiterKind::OpenOrders) continue;
    const auto& rules = kind == core::LimiterKind::Cancel ? options_.cancel_limits : options_.query_limits;
    const auto rule = std::ranges::find(rules, state.period, &core::RateRule::period);
    if (rule != rules.end() && state.limit < rule->limit) kinds.insert(kind);
  }
  return kinds;
}

void Silence::committed(const core::LoweredLimits& limits) { kept_lowered_ = lowered(limits); }

void Silence::commits_lost() { kept_lowered_ = lowered(store_.lowered()); }

void Silence::decided(const core::LoweredLimits& decided) {
  const std::set<core::LimiterKind> now_lowered = lowered(decided);
  for (const core::LimiterKind kind : {core::LimiterKind::Cancel, core::LimiterKind::Query}) {
    Limits& limits = limits_[kind];
    const bool so = now_lowered.contains(kind);
    if (std::exchange(limits.lowered, so) != so) limits.changed = world_.now();
  }
}

// ---- Statuses ----

void Silence::committed(const core::HistoryLine& line) {
  const auto* stage = std::get_if<core::Stage>(&line.status);
  if (line.what != core::HistoryLine::What::Status || !stage || *stage != core::Stage::Stuck) return;
  for (const auto& [key, command] : ledger_.commands()) {
    if (command.order.order_id == line.order_id && !command.ended()) owed_stuck_.try_emplace(key, world_.now());
  }
}

void Silence::told(const CommandSeen& command, const core::CancelStatus& status) {
  if (status.stage == core::Stage::Stuck) owed_stuck_.erase(command.key);
}

void Silence::decided(const core::Actions& actions, Tick now) {
  for (const core::Record& record : actions.records) {
    if (const auto* lowered = std::get_if<core::LoweredLimits>(&record)) decided(*lowered);
    if (const auto* hold = std::get_if<core::HoldRecord>(&record)) {
      decided_until_[hold->limiter] = world_.now() + (hold->until - now);
    }
    const auto* publication = std::get_if<core::Publication>(&record);
    const auto* status = publication ? std::get_if<core::CancelStatus>(&publication->body) : nullptr;
    if (!status || status->text == "undecided") continue;  // that was asked for
    while (!statuses_.empty() && statuses_.front() <= now - 1s) statuses_.pop_front();
    statuses_.push_back(now);
    const bool waits = status->stage != core::Stage::BackOnBook;
    if (waits && statuses_.size() > options_.statuses_per_second) {
      world_.fail("promise 9: ", statuses_.size(), " statuses within a second");
    }
  }
}

// ---- Answers to heartbeats ----

void Silence::must(const v1::HeartbeatReply& reply, bool holds, std::initializer_list<v1::CauseKind> kinds,
                   const std::string& why) {
  if (!holds || std::ranges::any_of(kinds, [&](v1::CauseKind kind) { return names(reply, kind); })) return;
  world_.fail("promise 9: a heartbeat's answer does not name ", v1::CauseKind_Name(*kinds.begin()), ": ", why);
}

void Silence::must_not(const v1::HeartbeatReply& reply, bool over, v1::CauseKind kind, const std::string& why) {
  if (over && names(reply, kind)) {
    world_.fail("promise 9: a heartbeat's answer names ", v1::CauseKind_Name(kind), ": ", why);
  }
}

void Silence::answering(const v1::HeartbeatReply& reply) {
  // What this turn has found out about the store is not known here yet.
  const bool changed = now_ - writable_changed_ >= Within,
             able = !store_.full() && !store_.misplaced() && !store_.in_trouble();
  must(reply, !writable_ && store_.refuses() && changed, {v1::CAUSE_KIND_STORE}, "the store refuses for over 2 s");
  must_not(reply, writable_ && able && changed, v1::CAUSE_KIND_STORE, "the store takes writes for over 2 s");
  must(reply, draining_, {v1::CAUSE_KIND_DRAINING}, "the bus was asked to end");
  must_not(reply, !draining_, v1::CAUSE_KIND_DRAINING, "the bus was not asked to end");
  for (const v1::CauseKind kind :
       {v1::CAUSE_KIND_STREAM, v1::CAUSE_KIND_KEY_BARRED, v1::CAUSE_KIND_FEWER_WORKERS, v1::CAUSE_KIND_QUEUE}) {
    must_not(reply, true, kind, "no command waits for it");
  }
  check_workers(reply);
  check_backoffs(reply);
  check_limits(reply);
  check_exchange(reply);
  const auto patience = Within + 2s * static_cast<int64_t>(ledger_.commands().size()) /
                                     static_cast<int64_t>(options_.statuses_per_second);
  for (const auto& [key, since] : owed_stuck_) {
    const CommandSeen* command = ledger_.find(key);
    const bool lost = command && !command->ended() && now_ - since > patience;
    if (lost && writable_ && changed) world_.fail("promise 9: STUCK of ", key.cl_ord_id, " is lost");
  }
}

void Silence::check_workers(const v1::HeartbeatReply& reply) {
  Time able = std::max(able_until_, started_ + options_.worker_lease);
  bool any_heard = false, any_surely_heard = false, any_refused = false, all_refused = true, long_able = false;
  bool no_clock = false;
  for (const auto& [id, worker] : workers_) {
    able = std::max(able, able_until(worker));
    const Duration silent = now_ - worker.heard;
    any_refused |= worker.perhaps_refused;
    if (silent <= options_.worker_lease + ClockSlack) {
      any_heard = true;
      all_refused &= worker.refused && now_ - *worker.refused >= Within;
    }
    const bool surely_heard = silent <= options_.worker_lease - ClockSlack;
    any_surely_heard |= surely_heard;
    long_able |= worker.able && surely_heard && now_ - worker.able_since > Within;
    no_clock |= worker.no_clock && surely_heard && now_ - *worker.no_clock > Within;
  }
  const bool none_able = now_ - able > Within + ClockSlack;
  must(reply, none_able, {v1::CAUSE_KIND_NO_WORKER, v1::CAUSE_KIND_KEYS_REFUSED, v1::CAUSE_KIND_CLOCK},
       "none can work for over 2 s");
  must(reply, none_able && !any_heard, {v1::CAUSE_KIND_NO_WORKER}, "none is heard");
  must(reply, none_able && no_clock, {v1::CAUSE_KIND_CLOCK, v1::CAUSE_KIND_KEYS_REFUSED},
       "none can work for over 2 s, and one cannot read the exchange's clock");
  // Of one whose lease has ended it is no longer the key that stops it.
  must(reply, any_surely_heard && all_refused, {v1::CAUSE_KIND_KEYS_REFUSED}, "all keys are refused for over 2 s");
  must_not(reply, long_able, v1::CAUSE_KIND_NO_WORKER, "one is heard all the time, and may be given something");
  // So near to the block a newcomer counts as refused until its probe.
  const bool newcomers = store_.unauthorized_in_a_row() > 0;
  must_not(reply, !any_refused && !newcomers, v1::CAUSE_KIND_KEYS_REFUSED, "no key was refused");
}

void Silence::check_backoffs(const v1::HeartbeatReply& reply) {
  for (const core::LimiterKind kind : {core::LimiterKind::Cancel, core::LimiterKind::Query}) {
    const std::string name = kind == core::LimiterKind::Cancel ? "cancel" : "query";
    const auto cause = std::ranges::find_if(reply.cause(), [&](const v1::Cause& each) {
      return each.kind() == v1::CAUSE_KIND_BACKOFF && each.limiter() == name;
    });
    const bool named = cause != reply.cause().end();
    const auto hold = holds_.find(kind);
    const bool any = hold != holds_.end();
    // The bus's clock may run up to a thousandth faster.
    const Duration slack = any ? ClockSlack + (hold->second.until - hold->second.known) / 1000 : ClockSlack;
    if (any && !named && now_ - hold->second.known >= Within && now_ < hold->second.until - slack) {
      world_.fail("promise 9: a heartbeat's answer does not name the backoff of ", name);
    }
    // What is decided and not committed yet is not known here.
    const bool known = writable_ && now_ - writable_changed_ >= Within;
    if (named && known && now_ > decided_until_[kind] + Within + slack) {
      world_.fail("promise 9: a heartbeat's answer names a backoff of ", name, " that is over");
    }
  }
}

void Silence::check_limits(const v1::HeartbeatReply& reply) {
  for (const auto& [kind, limits] : limits_) {
    const std::string name = kind == core::LimiterKind::Cancel ? "cancel" : "query";
    const bool named = std::ranges::any_of(reply.cause(), [&](const v1::Cause& cause) {
      return cause.kind() == v1::CAUSE_KIND_LIMIT_LOWERED && cause.limiter() == name;
    });
    const bool known = writable_ && now_ - std::max(writable_changed_, limits.changed) >= Within;
    if (known && named != limits.lowered) {
      world_.fail("promise 9: a heartbeat's answer ", named ? "names" : "does not name", " a lowered limit of ", name);
    }
  }
}

void Silence::check_exchange(const v1::HeartbeatReply& reply) {
  const auto fails = [this](const Failures& failures) {
    return failures.count >= 2 && now_ - failures.since >= Within;
  };
  const auto works = [this](const Failures& failures) {
    return failures.perhaps < 2 && now_ - failures.let_in > Within;
  };
  must(reply, fails(requests_), {v1::CAUSE_KIND_EXCHANGE_FAILING}, "the last two requests got no usable answer");
  constexpr Duration forgotten = core::Causes::CancelsFailFor;
  // The bus's clock may run up to a thousandth faster.
  constexpr Duration surely_kept = forgotten - ClockSlack - forgotten / 1000;
  must(reply, fails(cancels_) && now_ - cancels_.last < surely_kept, {v1::CAUSE_KIND_EXCHANGE_FAILING},
       "the last two cancels got no usable answer");
  must_not(reply, works(requests_) && (works(cancels_) || now_ - cancels_.perhaps_last > forgotten + Within),
           v1::CAUSE_KIND_EXCHANGE_FAILING, "one was let in over 2 s ago, and before it a cancel");
}

}  // namespace cancelbus::simulation
