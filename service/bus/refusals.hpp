// What the bus refused, and whom: every refusal is counted, and logged at a bounded rate.
//
// Used by everything in the bus that refuses a peer. For one reason and one peer 10 lines at once and then one a
// second, for all together 100 a second; the next line says how many were left out.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "service/core/types.hpp"

namespace cancelbus::bus {

class Refusals {
 public:
  static constexpr double Burst = 10;
  static constexpr double LinesPerSecond = 1;
  static constexpr double BurstOfAll = 100;
  static constexpr size_t MaxPeers = 1'000;

  explicit Refusals(prometheus::Registry& registry);

  /// `reason`: a fixed word. `who`: a name of the policy, or an address.
  void note(core::Tick now, std::string_view reason, std::string_view who, std::string_view detail);
  /// The same for what is counted elsewhere.
  void log(core::Tick now, std::string_view reason, std::string_view who, std::string_view detail);
  /// Forgets those that were quiet for a while, and says what was spared of them. Once a second or so.
  void sweep(core::Tick now);

 private:
  struct Bucket {
    double lines = Burst;
    core::Tick last;
    uint64_t spared = 0;

    bool take(core::Tick now, double per_second, double burst);
  };

  prometheus::Family<prometheus::Counter>& counters_;
  std::map<std::pair<std::string, std::string>, Bucket> buckets_;  ///< by reason and peer
  Bucket all_{BurstOfAll, {}, 0};
};

}  // namespace cancelbus::bus
