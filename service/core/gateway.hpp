// The gateway: every decision of the bus. Events and time come in, actions go out; same events, same actions.
//
// One turn of its user: step() for every event that waited, then one step(DeadlinePassed), which judges deadlines and
// gives out work; so after a stall no deadline is judged before the news that waited. Commit the records, then send.
//
// The gateway passes events on to the owners of its state (book.hpp), has the orders judged that an event touched
// (judge.hpp), and gives out work. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service/core/actions.hpp"
#include "service/core/book.hpp"
#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/invariants.hpp"
#include "service/core/judge.hpp"
#include "service/core/mass_cancel_runner.hpp"
#include "service/core/status.hpp"

namespace cancelbus::core {

/// What only a counter remembers.
struct GatewayCounters {
  uint64_t commands = 0;
  uint64_t duplicates = 0;
  uint64_t unsolicited = 0;
  uint64_t deletes = 0;
  uint64_t queries = 0;
  uint64_t open_orders_requests = 0;
  uint64_t sweeps = 0;         ///< complete ones
  uint64_t sweeps_failed = 0;  ///< others
  uint64_t not_owner = 0;      ///< commands refused, because the order is another sender's
  uint64_t throttled = 0;
  uint64_t unauthorized = 0;
  uint64_t leases_lost = 0;
  uint64_t unknown_outcomes = 0;
  uint64_t outcomes_of_others = 0;
  uint64_t repeated_departures = 0;  ///< a 452 of an order known to be gone
  uint64_t relogins = 0;
  uint64_t words_contradicted = 0;   ///< a 452 that an operator's word does not agree with
  uint64_t contradicting_reads = 0;  ///< whose status says something else than what is left of the order
};

class Gateway {
 public:
  Gateway(GatewayOptions options, const Snapshot& snapshot, Instant now);
  Gateway(const Gateway&) = delete;

  Actions step(Instant now, const Event& event);

  /// When step(DeadlinePassed) has something to do even if nothing else happens.
  Tick next_deadline(Tick now) const;

  BusStatus status(Instant now) const;
  /// What commands wait for, as of the last step(DeadlinePassed), the most serious first.
  std::vector<Cause> causes(Instant now) const { return book_.causes.list(now); }
  const GatewayCounters& counters() const { return counters_; }
  /// What is known of the account's open orders.
  const OpenOrders& open_orders() const { return book_.open_orders; }
  /// DrainRequested was stepped and no worker holds a task.
  bool drained() const;

 private:
  // Sessions and commands (gateway_sessions.cpp).
  void on(const Hello& hello);
  void on(const CommandReceived& received);
  void on(const CommandMalformed& malformed);
  void on(const RetransmitRequest& request);
  void on(const SessionHeartbeat& heartbeat);
  void on(const StatusRequest& request);
  void on(const OpenOrdersRequest& request);
  void on(const ResolveRequest& request);
  void on(const MassCancelReceived& received);
  void on(const SessionEnded& ended) { book_.sessions.close(ended.peer); }
  /// The session of a peer that is heard from; one that has not said hello is asked to, and null returned.
  const Session* heard(const PeerId& peer, const std::string& cl_ord_id = "");
  SendReceipt receipt_for(const std::string& sender, const CommandReceived& received) const;
  std::string why_not_resolved(const ResolveRequest& request) const;

  // Workers, the stream, and time (gateway.cpp).
  void on(const WorkerReady& ready);
  void on(const TaskEnded& ended);
  void on(const StreamFact& event);
  void on(const StreamReport& report);
  void on(const StoreHealth& health);
  void on(const WeightsSet& set) { book_.queue.set_weights(set.weights); }
  void on(const OwnersSet& set) { book_.open_orders.set_owners(Owners(set.prefixes)); }
  void on(const DrainRequested&);
  void on(const DeadlinePassed&);
  void query_ended(const TaskTable::Outcome& outcome, const TaskEnded& ended);
  void task_silent(TaskId task);
  void left_book_without_command(const OrderFact& fact, Order* order);
  void forget_ended();
  void look_at_causes();
  /// Whether something new may be begun.
  bool may_begin() const { return store_writable_ && !draining_; }

  // Sweeps (gateway_sweeps.cpp).
  void dispatch_sweep();
  bool take_part(const TaskEnded& ended);
  void sweep_ended(const TaskEnded& ended);
  void sweep_failed(const std::string& why, bool of_this_pair);
  void finish_sweep();
  std::string sweep_trouble(Tick now) const;
  void add_open_orders(BusStatus& status, Instant now) const;

  // Giving out work (gateway_dispatch.cpp).
  void dispatch();
  bool dispatch_cancel();
  void send_delete(Worker& worker, Order& order, TaskId task);
  bool dispatch_query();
  bool send_query(Worker& worker, OrderId order, double share);

  const GatewayOptions options_;
  const uint64_t epoch_;
  Instant now_;
  GatewayCounters counters_;
  Book book_;
  Judge judge_;
  MassCancelRunner mass_cancels_;
  std::optional<Invariants> invariants_;
  bool store_writable_ = true;
  std::string store_trouble_;
  bool draining_ = false;
};

}  // namespace cancelbus::core
