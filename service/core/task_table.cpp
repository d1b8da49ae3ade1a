#include "service/core/task_table.hpp"

#include <absl/container/btree_set.h>

#include <algorithm>
#include <utility>

#include "service/core/check.hpp"

namespace cancelbus::core {

namespace {

/// Of a bus that did not store how long a backoff is.
constexpr Duration LongestOfVersion1 = std::chrono::seconds(120);
constexpr Duration BackoffMargin = std::chrono::seconds(1);
constexpr LimiterKind Kinds[] = {LimiterKind::Cancel, LimiterKind::Query, LimiterKind::OpenOrders};

}  // namespace

TaskTable::TaskTable(const GatewayOptions& options, TaskId first)
    : lost_after_(options.lost_after),
      limiters_{RateLimiter(options.cancel_limits, options.urgent_reserve), RateLimiter(options.query_limits),
                RateLimiter(options.open_orders_limits)},
      pool_(options.worker_lease, options.lost_after),
      next_(first) {}

void TaskTable::begin(Instant now, Duration run_time) {
  now_ = now;
  run_time_ = run_time;
  for (const TaskId task : std::exchange(leaving_, {})) {
    if (const auto it = tasks_.find(task); it != tasks_.end()) it->second.left = now.tick;
  }
}

std::vector<TaskId> TaskTable::heard(const WorkerReady& ready) {
  std::vector<TaskId> held;
  Worker* worker = pool_.heard(ready, now_.tick);
  if (!worker) return held;
  const absl::btree_set<TaskId> listed(ready.tasks.begin(), ready.tasks.end());
  // Judged with the deadlines: after a stall a later message that waits as well may list what this one does not.
  worker->unlisted.clear();
  for (const TaskId task : worker->tasks) {
    const auto info = tasks_.find(task);
    // What left just now may not have arrived when this was written.
    const bool young = info != tasks_.end() && now_.tick - info->second.left <= pool_.lease();
    if (!listed.contains(task) && !young) worker->unlisted.push_back(task);
  }
  for (const TaskId id : listed) {
    const auto it = tasks_.find(id);
    if (it == tasks_.end()) continue;
    Task& task = it->second;
    if (task.worker != worker->id && task.worker != WorkerPool::BeforeRestart) continue;  // it is another's
    if (Worker* before = pool_.find(task.worker)) before->tasks.erase(id);
    task.worker = worker->id;
    worker->tasks.insert(id);
    held.push_back(id);
  }
  return held;
}

std::optional<Task> TaskTable::silent(TaskId id) {
  const auto it = tasks_.find(id);
  if (it == tasks_.end()) return std::nullopt;
  const Task task = it->second;
  Worker* worker = pool_.find(task.worker);
  if (worker) worker->tasks.erase(id);
  if (task.kind != LimiterKind::Cancel) tasks_.erase(it);
  if (task.kind == LimiterKind::Query && worker) pool_.met_nothing(*worker, now_.tick);
  return task;
}

bool TaskTable::held_again(TaskId id) const {
  const Task* task = find(id);
  const Worker* worker = task ? pool_.find(task->worker) : nullptr;
  return worker && worker->tasks.contains(id) && !pool_.is_silent(*worker, now_.tick) &&
         now_.tick - task->dispatched <= worker->request_timeout;
}

std::string TaskTable::worker_name(WorkerId id) const {
  const Worker* worker = pool_.find(id);
  return worker ? worker->name : "";
}

TaskId TaskTable::grant(LimiterKind kind, RateLimiter::Part part, Worker& worker) {
  const Duration stamp_wait = pool_.stamps().wait(now_.tick);
  if (stamp_wait > Duration::zero()) {
    next_grant_ = std::min(next_grant_, now_.tick + stamp_wait);
    return 0;
  }
  if (!budget(kind).acquire_within(part, next_, now_.tick, now_.tick + lost_after_)) {
    next_grant_ = std::min(next_grant_, limiter(kind).next_grant(now_.tick, part));
    return 0;
  }
  const auto stamp = pool_.stamps().issue(now_.tick);
  CANCELBUS_CHECK(stamp.has_value());
  const TaskId task = next_++;
  tasks_[task] = {kind, 0, worker.id, now_.tick, stamp->ms, Never, stamp->from};
  leaving_.push_back(task);
  worker.tasks.insert(task);
  return task;
}

const Task& TaskTable::assign(TaskId id, OrderId order, Records& records) {
  Task& task = tasks_.at(id);
  task.order_id = order;
  records.push_back(permit_record(id, task, true, now_.tick + lost_after_));
  return task;
}

bool TaskTable::is_holders(const TaskEnded& ended) const {
  const Task* task = find(ended.task);
  const Worker* worker = task ? pool_.find(task->worker) : nullptr;
  return worker && (worker->peer == ended.peer || worker->id == WorkerPool::BeforeRestart);
}

TaskTable::Outcome TaskTable::end(const TaskEnded& ended, Records& records) {
  Outcome outcome;
  const auto it = tasks_.find(ended.task);
  if (it == tasks_.end()) {
    // Whose it was is forgotten, so that its permit waits out its time.
    outcome.from = Outcome::From::Unknown;
    const bool permitted = std::ranges::any_of(
        limiters_, [&](const RateLimiter& limiter) { return limiter.open_until(ended.task).has_value(); });
    const bool refused = permitted && ended.answer.verdict == Verdict::Unauthorized;
    if (refused && refused_late_.insert(ended.task).second) pool_.met_unauthorized_unseen();
    heed_wait(ended.task, ended.answer, outcome, records);
    return outcome;
  }
  outcome.task = it->second;
  Worker* worker = pool_.find(outcome.task.worker);
  if (!is_holders(ended)) {
    // The task's worker on a new connection presents itself, and reports it again.
    outcome.from = Outcome::From::Stranger;
    return outcome;
  }
  outcome.worker = worker->name;
  heed_wait(ended.task, ended.answer, outcome, records);
  settle(ended.task, outcome.task, ended.answer, records);
  drop(ended.task);
  tell_pool(*worker, outcome.task, ended.answer);
  return outcome;
}

void TaskTable::heed_wait(TaskId task, const Answer& answer, Outcome& outcome, Records& records) {
  const std::optional<AskedWait> wait = asked_wait(answer);
  if (!wait) return;
  const bool forgotten = now_.tick < distrusts_until_ && !tasks_.contains(task);
  for (const LimiterKind kind : Kinds) {
    // A worker repeats it until it is confirmed: only the first counts.
    const auto open = limiter(kind).open_until(task);
    if (!forgotten && !open) continue;
    // Otherwise it left before the last backoff, and has met what that one was for; or before a power cut, which begins
    // one as well, and the excess may be our own.
    const bool anew = open && *open - lost_after_ >= limiter(kind).held_until();
    const Duration length = budget(kind).backoff().length(wait->asked, wait->longest, anew);
    back_off(kind, now_.tick + length + BackoffMargin, answer.text, records);
    if (answer.verdict != Verdict::Throttled) continue;
    outcome.throttled = true;
    if (!anew) continue;
    budget(kind).lower(answer.period, answer.retry_after, now_.wall);
    records.push_back(lowered());
  }
}

LoweredLimits TaskTable::lowered() const {
  LoweredLimits all;
  for (const LimiterKind kind : Kinds) {
    for (const LoweredLimit::State& state : limiter(kind).lowered()) all.entries.push_back({kind, state});
  }
  return all;
}

void TaskTable::settle(TaskId task, const Task& info, const Answer& answer, Records& records) {
  Backoff& backoff = budget(info.kind).backoff();
  if (answer.arrival == Arrival::Answered || answer.arrival == Arrival::Page) backoff.answered(task);
  if (let_in(answer.verdict) && info.dispatched >= backoff.until()) backoff.succeeded();
  const auto open = limiter(info.kind).open_until(task);
  if (!open) return;
  if (answer.arrival == Arrival::NeverSent) {
    budget(info.kind).give_back(task);
    records.push_back(PermitForgotten{task});
    return;
  }
  Tick settles = *open;
  // Without any response nothing is learned: it stays held until it can arrive no more.
  if (answer.arrival == Arrival::Answered) settles = std::min(settles, now_.tick);
  if (answer.arrival == Arrival::Page) settles = std::min(settles, info.dispatched + PageSettles);
  budget(info.kind).settle(task, settles);
  records.push_back(permit_record(task, info, false, settles));
}

void TaskTable::tell_pool(Worker& worker, const Task& task, const Answer& answer) {
  const bool left_in_time = task.left - task.dispatched <= OldWhenItLeft;
  if (answer.verdict == Verdict::StaleStamp && left_in_time) pool_.met_void_stamp(worker, task.estimate, now_.tick);
  if (answer.verdict == Verdict::Unauthorized) pool_.met_unauthorized(worker, task.order_id, now_.tick);
  if (let_in(answer.verdict)) {
    pool_.was_let_in(worker);
    pool_.stamps().let_in(task.estimate, now_.tick);
  }
  const bool probe = task.kind == LimiterKind::Query && worker.unauthorized && answer.verdict != Verdict::Unauthorized;
  if (!probe) return;
  if (answer.verdict == Verdict::Read) return pool_.met_authorized(worker);
  pool_.met_nothing(worker, now_.tick);
}

std::vector<TaskId> TaskTable::expire(Records& records) {
  std::vector<TaskId> over;
  for (const LimiterKind kind : Kinds) {
    for (const TaskId task : budget(kind).expire(now_.tick)) {
      records.push_back(PermitForgotten{task});
      refused_late_.erase(task);
      over.push_back(task);
    }
    if (budget(kind).regain(now_.tick)) records.push_back(lowered());
  }
  return over;
}

void TaskTable::drop(TaskId id) {
  const auto it = tasks_.find(id);
  if (it == tasks_.end()) return;
  if (Worker* worker = pool_.find(it->second.worker)) worker->tasks.erase(id);
  tasks_.erase(it);
}

const Task* TaskTable::find(TaskId id) const {
  const auto it = tasks_.find(id);
  return it == tasks_.end() ? nullptr : &it->second;
}

void TaskTable::back_off(LimiterKind kind, Tick until, const std::string& why, Records& records) {
  if (until <= limiter(kind).held_until()) return;
  budget(kind).hold(until, why);
  const Duration length = until - now_.tick;
  records.push_back(HoldRecord{kind, until, now_.wall + length, why, length, run_time_});
}

void TaskTable::save_unauthorized(Records& records) {
  const UnauthorizedCount count = pool_.unauthorized();
  if (std::exchange(saved_unauthorized_, count.in_a_row) != count.in_a_row) records.push_back(count);
}

void TaskTable::forget_unauthorized(Records& records) {
  if (saved_unauthorized_ > 0) records.push_back(UnauthorizedCount{});
}

void TaskTable::restore(const PermitRecord& permit, bool same_boot, Records& records,
                        std::optional<Tick> seen_settled) {
  // Another boot has another clock: what was not seen settled counts as answered just now.
  const Tick latest = now_.tick + (permit.open ? lost_after_ : Duration::zero());
  const Tick settles = same_boot ? permit.settles : seen_settled.value_or(latest);
  pool_.stamps().restore(permit.stamp_ms);
  budget(permit.limiter).restore(permit.task, settles, permit.open);
  if (same_boot) return;
  const Task task{permit.limiter, permit.order_id, 0, now_.tick, permit.stamp_ms, now_.tick};
  records.push_back(permit_record(permit.task, task, permit.open, settles));
}

void TaskTable::restore(const HoldRecord& was, bool same_boot, Records& records, std::optional<Tick> since) {
  if (same_boot) return budget(was.limiter).hold(was.until, was.text);
  // How much of it was over by then, no clock says: it runs its full length. One that does not know its length is of an
  // earlier version, and none is longer than the longest.
  const Duration longest = std::max(LongestOfVersion1, lost_after_ + limiter(was.limiter).longest_tail());
  back_off(was.limiter, since.value_or(now_.tick) + (was.length > Duration::zero() ? was.length : longest), was.text,
           records);
}

void TaskTable::restore(const LoweredLimits& was) {
  for (const LoweredLimits::Entry& entry : was.entries) budget(entry.limiter).restore(entry.state);
}

void TaskTable::restore(const UnauthorizedCount& count) {
  pool_.restore(count);
  saved_unauthorized_ = count.in_a_row;
}

void TaskTable::restore_task(TaskId id, OrderId order, int64_t stamp_ms) {
  tasks_[id] = {LimiterKind::Cancel, order, WorkerPool::BeforeRestart, now_.tick, stamp_ms, now_.tick};
  pool_.find(WorkerPool::BeforeRestart)->tasks.insert(id);
}

void TaskTable::distrust(const std::string& why, Records& records) {
  distrusts_until_ = now_.tick + lost_after_;
  for (const LimiterKind kind : Kinds) {
    back_off(kind, now_.tick + lost_after_ + limiter(kind).longest_tail(), why, records);
  }
}

void TaskTable::check() const {
  for (const RateLimiter& limiter : limiters_) limiter.check();
  for (const auto& [id, worker] : pool_.workers()) {
    for (const TaskId task : worker.tasks) {
      const Task* known = find(task);
      CANCELBUS_CHECK(known && known->worker == id);
    }
  }
}

PermitRecord TaskTable::permit_record(TaskId task, const Task& info, bool open, Tick settles) const {
  return {task, info.kind, info.order_id, info.stamp_ms, open, settles, now_.wall + (settles - now_.tick)};
}

}  // namespace cancelbus::core
