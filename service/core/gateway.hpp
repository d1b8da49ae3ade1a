// The gateway: every decision of the bus. Events and time come in, actions go out; same events, same actions.
//
// One turn of its user: step() for every event that waited, then one step(DeadlinePassed), which judges deadlines and
// gives out work; so after a stall no deadline is judged before the news that waited. Commit the records, then send.
//
// The gateway passes events on to the owners of its state (book.hpp), has the orders judged that an event touched
// (judge.hpp), and gives out work. Requests of clients are answered in session_requests.hpp. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service/core/actions.hpp"
#include "service/core/book.hpp"
#include "service/core/counters.hpp"
#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/invariants.hpp"
#include "service/core/judge.hpp"
#include "service/core/mass_cancel_runner.hpp"
#include "service/core/session_requests.hpp"
#include "service/core/status.hpp"
#include "service/core/sweeper.hpp"
#include "service/core/switches.hpp"

namespace cancelbus::core {

class Gateway {
 public:
  /// `counters`: what was counted before, if the process begins again.
  Gateway(GatewayOptions options, const Snapshot& snapshot, Instant now, GatewayCounters counters = {});
  Gateway(const Gateway&) = delete;

  Actions step(Instant now, const Event& event);

  /// When step(DeadlinePassed) has something to do even if nothing else happens.
  Tick next_deadline(Tick now) const;

  BusStatus status(Instant now) const;
  /// What commands wait for, as of the last step(DeadlinePassed), the most serious first. BusStatus has more.
  std::vector<Cause> causes(Instant now) const { return book_.causes.holding_up(now); }
  const GatewayCounters& counters() const { return counters_; }
  /// What is known of the account's open orders.
  const OpenOrders& open_orders() const { return book_.open_orders; }
  /// DrainRequested was stepped and no worker holds a task.
  bool drained() const;

 private:
  // Workers, the stream, and time (gateway.cpp); what sessions say goes to session_requests.hpp.
  template <typename Said>
  requires requires(SessionRequests& sessions, const Said& said) { sessions.on(said); }
  void on(const Said& said) { sessions_.on(said); }
  void on(const WorkerReady& ready);
  void on(const TaskEnded& ended);
  void on(const StreamFact& event);
  void on(const StreamReport& report);
  void on(const StoreHealth& health);
  void on(const KeysBarred& barred) { book_.bars = barred.bars; }
  void on(const WeightsSet& set) { book_.queue.set_weights(set.weights); }
  void on(const OwnersSet& set) { book_.open_orders.set_owners(Owners(set.prefixes)); }
  void on(const DrainRequested&);
  void on(const DeadlinePassed&);
  void query_ended(const TaskTable::Outcome& outcome, const TaskEnded& ended);
  void task_silent(TaskId task);
  void left_book_without_command(const OrderFact& fact, Order* order);
  void forget_ended();
  void look_at_causes();

  // Giving out work (gateway_dispatch.cpp).
  void dispatch();
  bool dispatch_cancel();
  void send_delete(Worker& worker, Order& order, TaskId task);
  bool dispatch_query();
  bool send_query(Worker& worker, OrderId order, double share);

  const GatewayOptions options_;
  GatewayCounters counters_;
  Book book_;
  Judge judge_;
  MassCancelRunner mass_cancels_;
  Switches switches_;
  SessionRequests sessions_;
  Sweeper sweeper_;
  std::optional<Invariants> invariants_;
};

}  // namespace cancelbus::core
