// Promise 10: no wall clock takes part in a stamp, whatever the hosts' clocks show, and asking for the exchange's time
// has a ceiling.
//
// Part of the judge. Workers ask for the time outside every limiter of the bus, so their requests are counted here.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "tests/exchange/instant.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

class Clocks {
 public:
  /// `misleading`: the exchange's clock is set, or what it answers as its time is wrong, in this run. Then a worker can
  /// be wrong, and cannot know.
  Clocks(World& world, bool misleading) : world_(world), misleading_(misleading) {}

  /// A request for the exchange's time leaves.
  void asking(const std::string& worker);
  /// A series is complete, for which it had begun to ask at `began`.
  void series(const std::string& worker, Time began);
  /// Right before the first byte of a request with this stamp: the exchange's clock, and what the worker thinks of it.
  void writing(const std::string& worker, int64_t stamp_ms, exchange_sim::Instant exchange_clock, int64_t reading_ms);
  void worker_died(const std::string& worker) { lives_.erase(worker); }

 private:
  struct Life {
    std::deque<Time> asked;  ///< the latest
    Time series = Time::min();
  };

  World& world_;
  const bool misleading_;
  std::map<std::string, Life> lives_;  ///< by worker
};

}  // namespace cancelbus::simulation
