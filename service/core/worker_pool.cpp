#include "service/core/worker_pool.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cancelbus::core {

namespace {

/// Between a stamp check that still passes and the last byte that TCP may deliver lie this and the request timeout.
constexpr Duration SlackBeforeLost = std::chrono::seconds(2);

/// What a probe queries if none is known: whatever the exchange says of it, it has looked past the key.
constexpr OrderId AnyOrder = 1;

bool has_room(const Worker& worker) { return worker.tasks.size() < worker.credit; }

bool probe_under_way(const Worker& worker) { return worker.unauthorized && worker.probe_at == Never; }

/// How many unauthorized requests in a row there may be before this worker must not make another.
uint32_t end_of_probes(const Worker& worker) {
  return worker.key_refused ? WorkerPool::MostUnauthorized : WorkerPool::MostWithOtherKeys;
}

}  // namespace

Worker* WorkerPool::heard(const WorkerReady& ready, Tick now) {
  auto it = workers_.find(ready.worker);
  if (it == workers_.end()) {
    if (workers_.size() >= MaxWorkers) return nullptr;
    it = workers_.try_emplace(ready.worker).first;
    std::erase_if(dead_, [&ready](const Dead& dead) { return dead.name == ready.name; });
    it->second.id = ready.worker;
    // So near to the block a newcomer must not find out by several requests at once that its key is no better.
    it->second.unauthorized = unauthorized_in_a_row() >= MostUnauthorized;
    it->second.probe_order = refused_order_;
  }
  Worker& worker = it->second;
  worker.peer = ready.peer;
  worker.name = ready.name;
  worker.credit = ready.credit;
  worker.request_timeout = ready.request_timeout;
  worker.last_heard = now;
  worker.ending = ready.ending;
  worker.sweeps = ready.sweeps;
  worker.clock = ready.clock;
  const bool believed = ready.clock && ready.clock->exchange_time && ready.clock->series > worker.disbelieved_series;
  if (believed) {
    stamps_.report(worker.id, *ready.clock, now);
  } else {
    stamps_.forget(worker.id);
  }
  if (ready.key_series != worker.key_series) take_key(worker, ready.key_series, now);
  return &worker;
}

void WorkerPool::take_key(Worker& worker, uint64_t series, Tick now) {
  const bool first = worker.key_series == 0;
  worker.key_series = series;
  worker.key_refused = false;
  worker.probe_interval = FirstProbe;
  if (worker.unauthorized && (first || !probe_under_way(worker))) worker.probe_at = now;
}

Worker* WorkerPool::find(WorkerId id) {
  const auto it = workers_.find(id);
  return it == workers_.end() ? nullptr : &it->second;
}

const Worker* WorkerPool::find(WorkerId id) const {
  const auto it = workers_.find(id);
  return it == workers_.end() ? nullptr : &it->second;
}

Worker* WorkerPool::choose(Tick now) {
  return choose_among(now, [](const Worker&) { return true; });
}

Worker* WorkerPool::choose_for_sweep(Tick now) {
  return choose_among(now, [](const Worker& worker) {
    return worker.sweeps && (worker.credit == 1 || worker.tasks.size() + 1 < worker.credit);
  });
}

bool WorkerPool::any_sweeps(Tick now) const {
  return std::ranges::any_of(workers_,
                             [&](const auto& entry) { return entry.second.sweeps && !is_silent(entry.second, now); });
}

template <typename May>
Worker* WorkerPool::choose_among(Tick now, May may) {
  // All that is under way may be refused.
  if (unauthorized_in_a_row() + in_flight() >= MostWithOtherKeys) return nullptr;
  Worker* best = nullptr;
  size_t most = 0;
  for (auto& [id, worker] : workers_) {
    if (!has_room(worker) || worker.credit - worker.tasks.size() <= most) continue;
    if (!may(worker) || hindrance(worker, now) != Hindrance::None) continue;
    best = &worker;
    most = worker.credit - worker.tasks.size();
  }
  return best;
}

void WorkerPool::met_unauthorized(Worker& worker, OrderId order, Tick now) {
  ++worker.unauthorized_in_a_row;
  worker.key_refused = true;
  if (order == 0) order = refused_order_ == 0 ? AnyOrder : refused_order_;
  refused_order_ = order;
  // What was under way when it became unavailable says nothing new; its probe has still to come.
  if (worker.unauthorized && worker.probe_at != Never) return;
  worker.probe_interval =
      worker.unauthorized ? std::min(worker.probe_interval * 2, Duration(LongestProbe)) : Duration(FirstProbe);
  worker.unauthorized = true;
  worker.probe_order = order;
  worker.probe_at = now + worker.probe_interval;
}

void WorkerPool::met_authorized(Worker& worker) {
  worker.unauthorized = false;
  worker.probe_at = Never;
}

void WorkerPool::was_let_in(Worker& worker) {
  worker.unauthorized_in_a_row = 0;
  worker.key_refused = false;
  unauthorized_of_the_gone_ = 0;
}

uint32_t WorkerPool::unauthorized_in_a_row() const {
  uint32_t sum = unauthorized_of_the_gone_;
  for (const auto& [id, worker] : workers_) sum += worker.unauthorized_in_a_row;
  return sum;
}

void WorkerPool::restore(const UnauthorizedCount& before) {
  unauthorized_of_the_gone_ = before.in_a_row;
  refused_order_ = before.order_id;
}

uint32_t WorkerPool::in_flight() const {
  uint32_t sum = 0;
  for (const auto& [id, worker] : workers_) sum += static_cast<uint32_t>(worker.tasks.size());
  return sum;
}

uint32_t WorkerPool::probes_under_way() const {
  return static_cast<uint32_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const auto& entry) { return probe_under_way(entry.second); }));
}

void WorkerPool::met_nothing(Worker& worker, Tick now) {
  if (worker.unauthorized && worker.probe_at == Never) worker.probe_at = now + worker.probe_interval;
}

void WorkerPool::met_void_stamp(Worker& worker, const StampClock::Estimate& estimate, Tick now) {
  if (stamps_.was_let_in(estimate, now)) {
    if (worker.clock) disbelieve(worker, worker.clock->series);
  } else if (Worker* source = find(estimate.worker)) {
    disbelieve(*source, estimate.series);
  }
}

void WorkerPool::disbelieve(Worker& worker, uint64_t series) {
  worker.disbelieved_series = std::max(worker.disbelieved_series, series);
  if (worker.clock && worker.clock->series <= worker.disbelieved_series) stamps_.forget(worker.id);
}

Worker* WorkerPool::probe_due(Tick now) {
  const uint32_t spent = unauthorized_in_a_row() + probes_under_way();
  for (auto& [id, worker] : workers_) {
    const bool able = has_room(worker) && why_not_by_clock(worker).empty() && !is_silent(worker, now) &&
                      spent < end_of_probes(worker);
    if (worker.unauthorized && worker.probe_at <= now && able) return &worker;
  }
  return nullptr;
}

std::vector<TaskId> WorkerPool::take_abandoned(Tick now) {
  std::vector<TaskId> out;
  for (auto& [id, worker] : workers_) {
    const std::vector<TaskId> unlisted = std::exchange(worker.unlisted, {});
    if (is_silent(worker, now)) {
      out.insert(out.end(), worker.tasks.begin(), worker.tasks.end());
    } else {
      std::ranges::copy_if(unlisted, std::back_inserter(out),
                           [&tasks = worker.tasks](TaskId task) { return tasks.contains(task); });
    }
  }
  std::ranges::sort(out);  // the same in every run
  return out;
}

void WorkerPool::forget_gone(Tick now) {
  for (auto it = workers_.begin(); it != workers_.end();) {
    const Worker& worker = it->second;
    const bool gone = now - worker.last_heard > Forget && worker.tasks.empty();
    // A stopped worker's view of the clock has no say.
    if (is_silent(worker, now)) stamps_.forget(worker.id);
    if (gone) bury(worker);
    it = gone ? workers_.erase(it) : std::next(it);
  }
  std::erase_if(dead_, [now](const Dead& dead) { return now - dead.last_heard > ShowDead; });
}

void WorkerPool::bury(const Worker& worker) {
  unauthorized_of_the_gone_ += worker.unauthorized_in_a_row;
  const bool replaced = std::ranges::any_of(workers_, [&worker](const auto& entry) {
    return entry.second.name == worker.name && entry.second.last_heard > worker.last_heard;
  });
  if (worker.ending || worker.id == BeforeRestart || replaced) return;
  if (dead_.size() >= MaxDead) dead_.erase(dead_.begin());
  dead_.push_back({worker.name, worker.last_heard});
}

Tick WorkerPool::next_deadline(Tick now) const {
  Tick at = Never;
  for (const auto& [id, worker] : workers_) {
    if (!is_silent(worker, now)) {
      at = std::min(at, worker.last_heard + lease_ + Duration(1));
      // One that is due already waits for budget or for a place.
      if (worker.unauthorized && worker.probe_at > now) at = std::min(at, worker.probe_at);
    }
  }
  return at;
}

std::vector<WorkerStatus> WorkerPool::status(Tick now) const {
  std::vector<WorkerStatus> out;
  for (const auto& [id, worker] : workers_) {
    if (id == BeforeRestart || has_ended(worker, now)) continue;
    WorkerStatus status;
    status.name = worker.name;
    status.credit = worker.credit;
    status.in_flight = static_cast<uint32_t>(worker.tasks.size());
    // One that ends finishes what it holds, and nothing is wrong with it.
    if (!worker.ending) status.unavailable = why_unavailable(worker, now);
    if (is_silent(worker, now)) status.silent_for = now - worker.last_heard;
    if (worker.clock) {
      status.clock_offset = worker.clock->offset;
      status.clock_round_trip = worker.clock->round_trip;
    }
    out.push_back(std::move(status));
  }
  for (const Dead& dead : dead_) {
    // forget_gone() runs with the deadlines alone.
    if (now - dead.last_heard > ShowDead) continue;
    out.push_back({.name = dead.name, .unavailable = "silent", .silent_for = now - dead.last_heard, .dead = true});
  }
  return out;
}

Availability WorkerPool::availability(Tick now) const {
  Availability out;
  out.near_block = unauthorized_in_a_row() >= MostWithOtherKeys;
  for (const auto& [id, worker] : workers_) {
    if (id == BeforeRestart) continue;
    const Hindrance why = hindrance(worker, now);
    out.heard += why != Hindrance::Silent;
    const bool available = why == Hindrance::None && worker.credit > 0;
    out.available += available;
    if (!available && out.missing.empty() && !worker.ending) {
      out.missing = worker.name + ": " + why_unavailable(worker, now);
    }
  }
  if (out.missing.empty() && !dead_.empty()) out.missing = dead_.front().name + ": silent";
  if (out.available > 0 && !out.near_block) return out;
  for (const auto& [id, worker] : workers_) {
    if (id == BeforeRestart || has_ended(worker, now)) continue;
    const Hindrance why = hindrance(worker, now);
    std::string& text = why == Hindrance::Unauthorized ? out.unauthorized
                        : why == Hindrance::Clock      ? out.clock
                                                       : out.other;
    if (!text.empty()) continue;
    text = worker.name + ": " + why_unavailable(worker, now);
  }
  return out;
}

WorkerPool::Hindrance WorkerPool::hindrance(const Worker& worker, Tick now) const {
  if (is_silent(worker, now)) return Hindrance::Silent;
  if (worker.unauthorized) return Hindrance::Unauthorized;
  if (!why_not_by_clock(worker).empty()) return Hindrance::Clock;
  return worker.request_timeout + SlackBeforeLost > lost_after_ ? Hindrance::Timeout : Hindrance::None;
}

std::string WorkerPool::why_unavailable(const Worker& worker, Tick now) const {
  switch (hindrance(worker, now)) {
    case Hindrance::None:
      return worker.credit > 0 ? "" : "has no connection to the exchange, or is ending";
    case Hindrance::Silent:
      return "silent";
    case Hindrance::Unauthorized:
      return why_unauthorized(worker);
    case Hindrance::Clock:
      return std::string(why_not_by_clock(worker));
    case Hindrance::Timeout:
      return "its request_timeout is too long for lost_after";
  }
  return "";
}

std::string_view WorkerPool::why_not_by_clock(const Worker& worker) const {
  if (!worker.clock) return "clock: has not read the exchange's clock";
  if (!worker.clock->exchange_time) return "clock: does not report exchange_time; it is of an earlier version";
  if (worker.clock->series <= worker.disbelieved_series) {
    return "clock: its reading of the exchange's clock was contradicted; waits for its next one";
  }
  return stamps_.why_not(worker.id);
}

std::string WorkerPool::why_unauthorized(const Worker& worker) const {
  const uint32_t spent = unauthorized_in_a_row();
  if (spent < end_of_probes(worker)) return "not authorized by the exchange; waits for its probe";
  return "not authorized by the exchange, " + std::to_string(spent) +
         " times in a row; no more probes, for 50 would block the address: " +
         (spent < MostWithOtherKeys ? "give it another key, or restart it"
                                    : "restart cancel-bus in order, with a key that works");
}

}  // namespace cancelbus::core
