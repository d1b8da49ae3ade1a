#include "service/core/worker_pool.hpp"

#include <algorithm>

namespace cancelbus::core {

namespace {

/// Between a stamp check that still passes and the last byte that TCP may deliver lie this and the request timeout.
constexpr Duration SlackBeforeLost = std::chrono::seconds(2);

bool has_room(const Worker& worker) { return worker.tasks.size() < worker.credit; }

}  // namespace

Worker* WorkerPool::heard(const WorkerReady& ready, Tick now) {
  auto it = workers_.find(ready.worker);
  if (it == workers_.end()) {
    if (workers_.size() >= MaxWorkers) return nullptr;
    it = workers_.try_emplace(ready.worker).first;
    it->second.id = ready.worker;
  }
  Worker& worker = it->second;
  worker.peer = ready.peer;
  worker.name = ready.name;
  worker.credit = ready.credit;
  worker.request_timeout = ready.request_timeout;
  worker.last_heard = now;
  worker.clock = ready.clock;
  if (ready.clock) {
    stamps_.report(worker.id, ready.clock->offset);
  } else {
    stamps_.forget(worker.id);
  }
  return &worker;
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
  Worker* best = nullptr;
  size_t most = 0;
  for (auto& [id, worker] : workers_) {
    if (!has_room(worker) || worker.credit - worker.tasks.size() <= most) continue;
    if (!why_benched(worker, now).empty()) continue;
    best = &worker;
    most = worker.credit - worker.tasks.size();
  }
  return best;
}

void WorkerPool::met_unauthorized(Worker& worker, OrderId order, Tick now) {
  // What was under way when it was benched says nothing new; its probe has still to come.
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

void WorkerPool::met_nothing(Worker& worker, Tick now) {
  if (worker.unauthorized && worker.probe_at == Never) worker.probe_at = now + worker.probe_interval;
}

void WorkerPool::met_stale_stamp(Worker& worker) {
  if (worker.clock) worker.stale_series = worker.clock->series;
}

Worker* WorkerPool::probe_due(Tick now) {
  for (auto& [id, worker] : workers_) {
    const bool able = has_room(worker) && worker.clock && !is_silent(worker, now);
    if (worker.unauthorized && worker.probe_at <= now && able) return &worker;
  }
  return nullptr;
}

std::vector<Worker*> WorkerPool::silent(Tick now) {
  std::vector<Worker*> out;
  for (auto& [id, worker] : workers_) {
    if (is_silent(worker, now) && !worker.tasks.empty()) out.push_back(&worker);
  }
  return out;
}

void WorkerPool::forget_gone(Tick now) {
  for (auto it = workers_.begin(); it != workers_.end();) {
    const Worker& worker = it->second;
    const bool gone = now - worker.last_heard > Forget && worker.tasks.empty();
    // A stopped worker's view of the clock must not sway the median.
    if (is_silent(worker, now)) stamps_.forget(worker.id);
    it = gone ? workers_.erase(it) : std::next(it);
  }
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
    if (id == BeforeRestart) continue;
    WorkerStatus status;
    status.name = worker.name;
    status.credit = worker.credit;
    status.in_flight = static_cast<uint32_t>(worker.tasks.size());
    status.benched = why_benched(worker, now);
    if (worker.clock) {
      status.clock_offset = worker.clock->offset;
      status.clock_round_trip = worker.clock->round_trip;
    }
    out.push_back(std::move(status));
  }
  return out;
}

std::string WorkerPool::why_benched(const Worker& worker, Tick now) const {
  if (is_silent(worker, now)) return "silent";
  if (worker.unauthorized) return "not authorized by the exchange; waits for its probe";
  if (!worker.clock) return "has not read the exchange's clock";
  if (worker.clock->series <= worker.stale_series) return "met a stale stamp; waits for a fresh clock reading";
  if (stamps_.is_outlier(worker.id)) return "its clock is more than 500 ms off the other workers'";
  if (worker.request_timeout + SlackBeforeLost > lost_after_) return "its request_timeout is too long for lost_after";
  return "";
}

}  // namespace cancelbus::core
