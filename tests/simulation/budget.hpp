// Promise 3: what reaches the exchange from us stays within its limits, and nothing is sent while it has said to wait.
// Outside the limiters we ask for the time alone, whose ceiling is in clocks.hpp.
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
  /// A 429, or a 418 or 503 with Retry-After, to a request whose permit counts still.
  void asked_to_wait(core::TaskId task, core::LimiterKind kind, const core::Answer& answer);
  /// The bus has taken the outcome, and must heed it.
  void confirmed(core::TaskId task);
  /// The bus knows of these waits only.
  void commits_lost(const std::map<core::LimiterKind, Time>& stored);
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
  };

  void count(const exchange_sim::Arrival& arrival, Limiter& limiter);

  World& world_;
  const exchange_sim::Exchange& exchange_;
  const bool foreign_traffic_;
  uint64_t arrivals_seen_ = 0;
  std::map<core::LimiterKind, Limiter> limiters_;
  std::map<core::TaskId, Wait> heard_;
};

}  // namespace cancelbus::simulation
