// The one source of chance in a simulation. The same seed gives the same run on every machine (the standard's
// distributions would not promise that).
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "tests/simulation/time.hpp"

namespace cancelbus::simulation {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t number() { return engine_(); }
  /// Uniform in [0, 1).
  double fraction() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  bool chance(double share) { return fraction() < share; }
  /// Uniform, both ends included.
  int64_t between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(engine_() % static_cast<uint64_t>(most - least + 1));
  }
  Duration between(Duration least, Duration most) { return Duration(between(least.count(), most.count())); }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[engine_() % from.size()];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace cancelbus::simulation
