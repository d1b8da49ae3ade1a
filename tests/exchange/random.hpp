// The one source of chance in the local exchange. The model draws from it for shares and jitter; the same seed and the
// same inputs give the same run on every machine (the standard's distributions would not promise that).
#pragma once

#include <cstdint>
#include <random>

#include "tests/exchange/instant.hpp"

namespace exchange_sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // Uniform in [0, 1).
  double fraction() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }

  // Uniform in [0, most]; draws nothing for zero, so that a setting without jitter leaves the sequence alone.
  Micros up_to(Micros most) {
    if (most.count() <= 0) return Micros{0};
    return Micros{static_cast<std::int64_t>(fraction() * static_cast<double>(most.count() + 1))};
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace exchange_sim
