// How many requests one order costs: each DELETE after the first has a cause that the bus has heard, and queries that
// bring nothing new come less and less often. How far apart its DELETEs are is distance.hpp's.
//
// Part of the judge, reckoned from what the bus has heard.
#pragma once

#include <map>
#include <set>
#include <string>

#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/order.hpp"
#include "service/core/stream_watch.hpp"
#include "service/core/worker_pool.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

class Thrift {
 public:
  Thrift(World& world, const core::GatewayOptions& options) : world_(world), options_(options) {}

  void bus_started();
  /// None of the answers may be known any more.
  void commits_lost();
  void stream_heard(bool news);
  void command_came(core::OrderId order);
  void fact_came(core::OrderId order);
  /// An operator wants its next request now.
  void retried(core::OrderId order) { command_came(order); }
  /// A worker is silent, or does not list it any more.
  void delete_released(core::OrderId order) { orders_[order].cause = true; }
  void delete_sent(core::OrderId order);
  void delete_ended(core::OrderId order, const core::Answer& answer);
  /// `decided`: when it was decided on, before its permit was committed.
  void query_sent(core::OrderId order, core::TaskId task, core::WorkerId worker, Time decided);
  void query_ended(core::OrderId order, core::TaskId task, const core::Answer& answer, bool proves_open);
  /// `sent`: when its task was; `heard_since`: the worker was not silent so long that the bus may have given it up.
  void worker_answered(core::WorkerId worker, core::LimiterKind kind, const core::Answer& answer, Time sent,
                       bool heard_since);
  /// No command of it is undecided.
  void rests(core::OrderId order) { orders_.erase(order); }

  /// DELETEs of it that were answered with yes or no, since a command of it is undecided.
  uint32_t answered(core::OrderId order) const;
  /// Requests that were refused as unauthorized, each since one of its worker was let in.
  uint32_t refused() const;
  /// The bus has ended in order, and forgets those.
  void orderly_end();

 private:
  static constexpr Duration Slack = std::chrono::milliseconds(20);

  struct Order {
    int deletes = 0;
    bool cause = false;
    uint32_t answered = 0;
    uint32_t restarts = 0;  ///< of the bus
    Time last_query = Time::min();
    core::TaskId query = 0;          ///< in flight; 0: none
    Time asked_since = Time::min();  ///< the first of the queries that have brought nothing new
    int asked = 0;
  };

  bool probes(core::WorkerId worker) const;

  World& world_;
  const core::GatewayOptions& options_;
  std::map<core::OrderId, Order> orders_;
  Time stream_heard_ = Time::min();
  Time stream_news_ = Time::min();
  Time started_ = Time::min();  ///< the bus, last
  std::map<core::WorkerId, uint32_t> refused_;
  std::set<core::WorkerId> to_be_probed_;
  uint32_t refused_of_the_gone_ = 0;
};

}  // namespace cancelbus::simulation
