// Which request is with which worker, under which permit.
//
// A task is one request to the exchange. Guarantees: it is with one worker at most, and only that worker's outcome
// counts; it has one permit, which is settled as early as its outcome allows and never earlier; a task whose permit is
// no longer counted is given up. What has to be stored is appended to `records` in the order of its making.
//
// An entry stays after its worker was silent: the outcome may still come.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/rate_limiter.hpp"
#include "service/core/records.hpp"
#include "service/core/worker_pool.hpp"

namespace cancelbus::core {

struct Task {
  LimiterKind kind = LimiterKind::Cancel;
  OrderId order_id = 0;
  WorkerId worker = 0;
  Tick dispatched;
  int64_t stamp_ms = 0;
  /// By when it was with its worker or on its way there; Never: its turn may not be committed yet.
  Tick left = Never;
  StampClock::Estimate estimate{};  ///< that its stamp was made of
};

class TaskTable {
 public:
  using Records = std::vector<Record>;
  /// A page may be a proxy's, with the request still on its way. Its stamp may be ahead by what workers let pass, and
  /// the exchange takes it until it is further behind than it bears; a second is for all that is not exact.
  static constexpr Duration PageSettles = StampClock::MostApart + StampClock::ExchangeBears + std::chrono::seconds(1);
  /// A stamp that was older when its task left says nothing about any clock.
  static constexpr Duration OldWhenItLeft = std::chrono::milliseconds(500);

  TaskTable(const GatewayOptions& options, TaskId first);

  /// A turn of events begins: what was given out before has left, however long its commit took.
  /// `run_time`: of the bus.
  void begin(Instant now, Duration run_time);

  // Workers.
  WorkerPool& workers() { return pool_; }
  const WorkerPool& workers() const { return pool_; }
  /// A worker presents itself. Returns the tasks that it lists and that it may have.
  std::vector<TaskId> heard(const WorkerReady& ready);
  /// A task that its worker does not hold any more; one that is no cancel is forgotten. Absent if it is not known.
  std::optional<Task> silent(TaskId task);
  /// Its worker was silent, is heard again, and may still have the request under way.
  bool held_again(TaskId task) const;
  std::string worker_name(WorkerId worker) const;

  // Granting.
  /// Takes a permit and a stamp, or neither; the task's id, or 0.
  TaskId grant(LimiterKind kind, RateLimiter::Part part, Worker& worker);
  /// Says what the task is for and appends its permit.
  const Task& assign(TaskId task, OrderId order, Records& records);
  /// The earliest moment at which a grant that was refused since dispatching() can succeed.
  Tick next_grant() const { return next_grant_; }
  void dispatching() { next_grant_ = Never; }

  // Outcomes.
  struct Outcome {
    enum class From : uint8_t {
      Holder,
      Stranger,  ///< a worker that does not have the task: it counts for nothing and is not confirmed
      Unknown    ///< of a task that is not known any more: to be confirmed, or it would come again and again
    };
    From from = From::Holder;
    Task task;
    std::string worker;
    bool throttled = false;  ///< the exchange said to wait, and it counts
  };
  /// The task is known, and it is with the worker that says so.
  bool is_holders(const TaskEnded& ended) const;
  /// Settles the permit, and forgets the task.
  Outcome end(const TaskEnded& ended, Records& records);
  /// Permits that count no longer; their tasks stay until they are dropped. Lowered limits regain what is due.
  std::vector<TaskId> expire(Records& records);
  void drop(TaskId task);
  const Task* find(TaskId task) const;

  // Limits.
  const RateLimiter& limiter(LimiterKind kind) const { return limiters_[static_cast<size_t>(kind)]; }
  /// Nothing is granted before `until`.
  void back_off(LimiterKind kind, Tick until, const std::string& why, Records& records);
  /// Appends the count of unauthorized requests if it has changed: a bus that dies again and again must not forget
  /// again and again how near the exchange's block is.
  void save_unauthorized(Records& records);
  void forget_unauthorized(Records& records);

  // Restart.
  /// `seen_settled`: of another boot; by then its outcome had come, as this process saw itself.
  void restore(const PermitRecord& permit, bool same_boot, Records& records, std::optional<Tick> seen_settled = {});
  /// `since`: of another boot; by then it had begun.
  void restore(const HoldRecord& backoff, bool same_boot, Records& records, std::optional<Tick> since = {});
  void restore(const LoweredLimits& lowered);
  void restore(const UnauthorizedCount& count);
  /// A task that was with a worker before the restart. When it left is not stored: no later than now.
  void restore_task(TaskId task, OrderId order, int64_t stamp_ms);
  /// Requests may be under way, or count at the exchange, of which nothing is known. `why`: for people.
  void distrust(const std::string& why, Records& records);

  const absl::flat_hash_map<TaskId, Task>& tasks() const { return tasks_; }
  /// Broken invariant: a task with two workers, or limiters that count something else than their permits.
  void check() const;

 private:
  /// The same, to be changed.
  RateLimiter& budget(LimiterKind kind) { return limiters_[static_cast<size_t>(kind)]; }
  void heed_wait(TaskId task, const Answer& answer, Outcome& outcome, Records& records);
  LoweredLimits lowered() const;
  void settle(TaskId task, const Task& info, const Answer& answer, Records& records);
  void tell_pool(Worker& worker, const Task& task, const Answer& answer);
  PermitRecord permit_record(TaskId task, const Task& info, bool open, Tick settles) const;

  const Duration lost_after_;
  Instant now_{};
  Duration run_time_{};
  std::array<RateLimiter, 3> limiters_;  ///< by LimiterKind
  WorkerPool pool_;
  absl::flat_hash_map<TaskId, Task> tasks_;
  std::vector<TaskId> leaving_;  ///< granted since the last begin()
  TaskId next_;
  Tick next_grant_ = Never;
  uint32_t saved_unauthorized_ = 0;
  absl::flat_hash_set<TaskId> refused_late_;  ///< requests refused as unauthorized, of which only the permit is known
  Tick distrusts_until_ = Tick::min();        ///< after a power cut, requests may be answered that are not known
};

}  // namespace cancelbus::core
