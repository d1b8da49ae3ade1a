// The owners of the gateway's state, side by side. None calls another: the gateway does, and restore and check.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>

#include "service/core/answer_log.hpp"
#include "service/core/cancel_queue.hpp"
#include "service/core/causes.hpp"
#include "service/core/command_index.hpp"
#include "service/core/dead_man.hpp"
#include "service/core/fact_log.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/mass_cancels.hpp"
#include "service/core/open_orders.hpp"
#include "service/core/order.hpp"
#include "service/core/order_timers.hpp"
#include "service/core/publisher.hpp"
#include "service/core/session_book.hpp"
#include "service/core/status_queue.hpp"
#include "service/core/stream_watch.hpp"
#include "service/core/sweeps.hpp"
#include "service/core/task_table.hpp"

namespace cancelbus::core {

struct Book {
  Book(const GatewayOptions& options, TaskId first_task, const FactPosition& position, RunClock clock)
      : run_clock(clock),
        commands(options),
        tasks(options, first_task),
        facts(position),
        stream(options.final_wait),
        sweeps(options.pairs, options.sweep_interval, options.lost_after, clock.started),
        mass_cancels(options.retention),
        dead_man(clock.started),
        causes(options.worker_lease, clock.started),
        statuses(options.statuses_per_second) {}

  /// What follows happens then.
  void begin(Instant at) {
    now = at;
    run_time = run_clock.at(now.tick);
    dead_man.begin(now.tick);
    tasks.begin(now, run_time);
    out.begin(now, run_time);
  }

  /// Whether something new may be begun.
  bool may_begin() const { return store_writable && !draining; }

  /// Until there is budget for a cancel of this priority behind these: a lower bound, see RateLimiter::earliest().
  Duration wait_for_budget(CancelQueue::Ahead ahead, Priority priority) const {
    const RateLimiter& limiter = tasks.limiter(LimiterKind::Cancel);
    Tick at = limiter.earliest(now.tick, ahead.urgent + ahead.normal);
    // Beside the reserve there is room for NORMAL ones alone, whatever the URGENT ones take.
    if (priority == Priority::Normal) at = std::max(at, limiter.earliest(now.tick, ahead.normal, true));
    return at - now.tick;
  }

  /// Until nothing waits for budget: a lower bound. Zero if nothing does.
  Duration queue_empty_in(Tick at) const {
    if (queue.empty()) return Duration::zero();
    return tasks.limiter(LimiterKind::Cancel).earliest(at, queue.size() - 1) - at;
  }

  Instant now{};
  bool store_writable = true;
  std::string store_trouble;   ///< why it is not
  std::vector<EventBar> bars;  ///< keys that are barred from events, as of now
  bool draining = false;
  const RunClock run_clock;
  Duration run_time{};  ///< of the bus, now
  SessionBook sessions;
  CommandIndex commands;
  /// Those with a command that is known. Their addresses are stable.
  absl::flat_hash_map<OrderId, std::unique_ptr<Order>> orders;
  OrderTimers timers;
  CancelQueue queue;
  TaskTable tasks;
  FactLog facts;
  StreamWatch stream;
  StreamGap gap;  ///< the latest
  OpenOrders open_orders;
  Sweeps sweeps;
  MassCancels mass_cancels;
  DeadMan dead_man;
  Causes causes;
  AnswerLog answers;
  StatusQueue statuses;
  Publisher out;

  Order* find_order(OrderId id) {
    const auto it = orders.find(id);
    return it == orders.end() ? nullptr : it->second.get();
  }
  const Order* find_order(OrderId id) const { return const_cast<Book*>(this)->find_order(id); }
  /// Made if it is not known.
  Order& order(OrderId id) {
    auto& order = orders[id];
    if (!order) {
      order = std::make_unique<Order>();
      order->id = id;
    }
    return *order;
  }
};

/// The book as the store holds it, after a restart of the bus.
void restore(Book& book, const Snapshot& snapshot, Instant now);

}  // namespace cancelbus::core
