// The gateway: every decision of the bus. Events and time come in, actions go out; same events, same actions.
//
// One turn of its user: step() for every event that waited, then one step(DeadlinePassed), which judges deadlines and
// gives out work; so after a stall no deadline is judged before the news that waited. Commit the records, then send.
//
// Where to read on: gateway_door.cpp (sessions, commands coming in), gateway_work.cpp (workers, permits, tasks and
// their outcomes), gateway_fate.cpp (what an order's facts mean for its commands), gateway_operator.cpp (an operator's
// word), gateway_restore.cpp (restarts). The rules of one order are in order.hpp.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <deque>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "service/core/actions.hpp"
#include "service/core/cancel_queue.hpp"
#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/order.hpp"
#include "service/core/rate_limiter.hpp"
#include "service/core/session_book.hpp"
#include "service/core/status.hpp"
#include "service/core/stream_watch.hpp"
#include "service/core/worker_pool.hpp"

namespace cancelbus::core {

/// What only a counter remembers.
struct GatewayCounters {
  uint64_t commands = 0;
  uint64_t duplicates = 0;
  uint64_t unsolicited = 0;
  uint64_t deletes = 0;
  uint64_t queries = 0;
  uint64_t throttled = 0;
  uint64_t unauthorized = 0;
  uint64_t leases_lost = 0;
  uint64_t unknown_outcomes = 0;
  uint64_t outcomes_of_others = 0;
  uint64_t repeated_departures = 0;  ///< a 452 of an order known to be gone
  uint64_t relogins = 0;
  uint64_t words_contradicted = 0;  ///< a 452 that an operator's word does not agree with
};

class Gateway {
 public:
  static constexpr size_t MaxForeign = 100'000;
  static constexpr size_t MaxForgottenPerTurn = 1'000;

  Gateway(GatewayOptions options, const Snapshot& snapshot, Instant now);

  Actions step(Instant now, const Event& event);

  /// When step(DeadlinePassed) has something to do even if nothing else happens.
  Tick next_deadline(Tick now) const;

  BusStatus status(Instant now) const;
  const GatewayCounters& counters() const { return counters_; }
  /// DrainRequested was stepped and no worker holds a task.
  bool drained() const;
  uint64_t epoch() const { return epoch_; }
  uint64_t term() const { return term_; }

 private:
  /// A request given to a worker whose outcome is awaited.
  struct TaskInfo {
    LimiterKind kind = LimiterKind::Cancel;
    OrderId order_id = 0;
    WorkerId worker = 0;
    Tick dispatched;
    int64_t stamp_ms = 0;
    /// By when it was with its worker or on its way there; Never: its turn may not be committed yet.
    Tick left = Never;
  };
  /// Where a cl_ord_id leads, undecided or within retention.
  struct CommandRef {
    OrderId order_id = 0;
    uint64_t ack_seq = 0;
    uint64_t final_seq = 0;
    bool ended = false;
    std::optional<OrdStatus> word = std::nullopt;  ///< by which an operator has settled it
  };

  // The door.
  void on(const Hello& hello);
  void on(const CommandReceived& received);
  void on(const CommandMalformed& malformed);
  void on(const RetransmitRequest& request);
  void on(const SessionHeartbeat& heartbeat);
  void on(const StatusRequest& request);
  void on(const SessionEnded& ended) { sessions_.close(ended.peer); }
  void on(const WeightsSet& set) { queue_.set_weights(set.weights); }
  void on(const ResolveRequest& request);
  void on(const StoreHealth& health) { store_writable_ = health.writable; }
  void on(const DrainRequested&);
  void on(const DeadlinePassed&);
  std::string why_not_resolved(const ResolveRequest& request) const;
  void take_word(Order& order, const ResolveRequest& request, const std::string& sender);
  void repeat_answers(const PeerId& peer, const CommandKey& key, const CommandRef& ref);
  struct Refusal {
    RejectReason reason = RejectReason::None;
    std::string text;
  };
  Refusal why_refused(const std::string& sender, const CancelOrder& order, Duration wait) const;
  void attach(const std::string& sender, const CancelOrder& order);
  void remember(const CommandKey& key, CommandRef ref);
  bool needs_permit(const Order* order) const;
  std::optional<Duration> ttl_of(const CancelOrder& order) const;

  // The work.
  void on(const WorkerReady& ready);
  void on(const TaskEnded& ended);
  void heed_throttling(TaskId task, const Answer& answer);
  void settle_permit(TaskId task, const TaskInfo& info, const Answer& answer);
  void cancel_ended(Order& order, TaskId task, const Answer& answer);
  void query_ended(const TaskInfo& info, TaskId task, const Answer& answer);
  void note_answer(Order& order, HistoryLine::What what, TaskId task, WorkerId worker, const Answer& answer);
  void probe_ended(const TaskInfo& info, const Answer& answer);
  void keep_place(Order& order, const Attempt& ended, Duration delay);
  void repeat_later(Order& order, const Attempt& ended);
  void task_silent(TaskId task);
  void drop_task(TaskId task);
  void listed_again(Worker& worker, TaskId task);
  /// Its worker was silent, is heard again, and may still have the request under way.
  bool held_again(const Attempt& attempt) const;
  void expire_permits();
  void too_old(Order& order, Attempt& attempt);
  void save_unauthorized();
  void note_left();
  void dispatch();
  bool dispatch_cancel();
  bool dispatch_query();
  bool dispatch_probe();
  bool send_query(Worker& worker, OrderId order_id, double share);
  RateLimiter& limiter(LimiterKind kind) { return kind == LimiterKind::Cancel ? cancel_limiter_ : query_limiter_; }
  /// Takes a permit and a stamp, or neither; the task id, or 0.
  TaskId grant(LimiterKind kind, double share, Worker& worker, OrderId order_id);
  PermitRecord permit_record(TaskId task, const TaskInfo& info, bool open, Tick settles) const;
  void hold(LimiterKind kind, Tick until, const std::string& why);
  Duration longest_hold(LimiterKind kind);

  // The fate.
  void on(const StreamFact& event);
  void on(const StreamReport& report);
  /// `news`: a StreamFact or a StreamReport with a seq.
  template <typename News>
  bool takes(const News& news);
  void left_book_without_command(const OrderFact& fact, Order* order);
  /// False if it was remembered already.
  bool remember_foreign(OrderId id);
  void back_on_book(Order& order);
  void question_all();
  void touch(Order& order);
  void judge_touched();
  void judge(Order& order);
  void prove(Order& order);
  void conclude(Order& order);
  bool concludes(const Order& order, const Command& command) const;
  void still_open(Order& order);
  void settle_by_word(Order& order);
  void overdue(Order& order);
  void schedule_delete(Order& order);
  void schedule_query(Order& order);
  Tick next_wake(const Order& order) const;
  void ack_all(Order& order, const Answer& answer, AckStatus status, RejectReason reason);
  void refuse_all(Order& order, const Answer& answer, RejectReason reason);
  void ack(Order& order, Command& command, CancelAck ack);
  void ack_in_doubt(Order& order, Command& command, const std::string& text);
  void final(Order& order, Command& command, const Fate& fate);
  void tell(const Order& order, const Command& command, Stage stage, const std::string& text);
  void tell_all(Order& order, Stage stage, const std::string& text);
  void note(Order& order, HistoryLine line);
  void end(const Command& command);
  void save_changed(Order& order);
  void unindex(Order& order);
  uint64_t publish(const std::string& topic, std::variant<CancelAck, CancelFinal, CancelStatus> body,
                   const std::string& traceparent = {});
  void forget_ended();
  void forget_command(const CommandKey& key);
  Order& order_of(OrderId id);
  Order* find_order(OrderId id);

  std::vector<QueueStatus> queue_status() const;

  void restore(const Snapshot& snapshot);
  void restore_permit(const PermitRecord& permit, bool same_boot);
  void restore_hold(const HoldRecord& hold, bool same_boot);
  void distrust_store();
  void restore_command(const CommandRecord& record, bool same_boot);
  void restore_dispatch(Order& order, const CommandRecord& record, bool same_boot);
  void restore_order(Order& order);

  const GatewayOptions options_;
  const uint64_t epoch_;
  const uint64_t term_;
  Instant now_;
  Actions out_;
  GatewayCounters counters_;

  SessionBook sessions_;
  absl::flat_hash_map<CommandKey, CommandRef> commands_;
  /// Undecided cl_ord_ids of each sender that has any.
  absl::flat_hash_map<std::string, absl::flat_hash_set<std::string>> open_by_sender_;
  size_t open_ = 0;
  absl::flat_hash_map<std::string, size_t> remembered_by_sender_;  ///< how many of commands_
  std::deque<std::pair<WallTime, CommandKey>> ended_;              ///< in the order of their end
  absl::flat_hash_map<OrderId, std::unique_ptr<Order>> orders_;
  absl::flat_hash_set<OrderId> foreign_;  ///< left the book without a command of ours
  std::deque<OrderId> foreign_order_;

  CancelQueue queue_;
  RateLimiter cancel_limiter_;
  RateLimiter query_limiter_;
  WorkerPool pool_;
  StreamWatch stream_;
  absl::flat_hash_map<TaskId, TaskInfo> tasks_;
  std::vector<TaskId> leaving_;  ///< given out in the latest turn
  TaskId next_task_;
  FactPosition facts_;

  std::vector<OrderId> touched_;                                ///< to be judged in this step
  absl::btree_set<std::pair<Tick, OrderId>> wakes_;             ///< one per undecided order
  absl::btree_set<std::tuple<bool, Tick, OrderId>> questions_;  ///< old?, due; one per order with a query to come
  absl::btree_set<std::pair<WallTime, OrderId>> doubts_;        ///< first sent; one per undecided order in doubt
  Tick next_dispatch_ = Never;                                  ///< when work that is ready now could be given out
  uint32_t saved_unauthorized_ = 0;
  absl::flat_hash_set<TaskId> refused_late_;  ///< requests refused as unauthorized, of which only the permit is known
  Tick distrusts_until_ = Tick::min();        ///< after a power cut, requests may be answered that are not known
  bool store_writable_ = true;
  bool draining_ = false;
};

}  // namespace cancelbus::core
