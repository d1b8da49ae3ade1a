// Promise 3: what reaches the exchange from us stays within its limits, and nothing is sent while it has said to wait.
//
// Part of the judge. It counts our own requests with counters of its own, so that another program's are no excuse.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/records.hpp"
#include "tests/exchange/exchange.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

class Budget {
 public:
  Budget(World& world, const exchange_sim::Exchange& exchange, bool foreign_traffic);

  void exchange_moved();
  /// `boot`: which of the bus's machine.
  void bus_started(uint64_t boot);
  void bus_clock_set() { clock_set_ = true; }
  /// A 429 to a request whose permit counts still.
  void throttled(core::TaskId task, core::LimiterKind kind, const core::Answer& answer);
  /// The bus has taken the outcome, and must heed it.
  void confirmed(core::TaskId task);
  void sending(core::LimiterKind kind);
  void at_the_end(int subscriber_deaths);

 private:
  struct Wait {
    core::LimiterKind kind{};
    Time until{};
  };
  struct Limiter {
    exchange_sim::Quota quota;
    std::vector<std::pair<exchange_sim::Limit, exchange_sim::SlidingPeak>> peaks;
    Time waits_until{};
    /// The wait was remembered by the wall clock, over a reboot, and the wall clock had been set.
    bool by_wall_clock = false;
  };

  void count(const exchange_sim::Arrival& arrival, Limiter& limiter);

  World& world_;
  const exchange_sim::Exchange& exchange_;
  const bool foreign_traffic_;
  uint64_t arrivals_seen_ = 0;
  uint64_t boot_ = 0;
  bool clock_set_ = false;  ///< the bus's, in this boot
  std::map<core::LimiterKind, Limiter> limiters_;
  std::map<core::TaskId, Wait> heard_;
};

}  // namespace cancelbus::simulation
