// Limiters that a client of the exchange may have: those that are common, and cancelbus's. For the same limits as the
// exchange states them, 10 in 1 s and 300 in 60 s.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "service/core/types.hpp"

namespace cancelbus::bench {

class Limiter {
 public:
  Limiter() = default;
  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;
  virtual ~Limiter() = default;

  /// When the next request may leave if no answer comes before; `now` or later.
  virtual core::Tick next(core::Tick now) = 0;
  /// A request leaves; next(now) was `now`.
  virtual void acquire(core::TaskId id, core::Tick now) = 0;
  /// Its answer has come.
  virtual void answered(core::TaskId /*id*/, core::Tick /*now*/) {}
};

/// `tokens`: a bucket of 10 that fills at 10/s, and one of 300 at 5/s. `gcra`: 5/s with a burst of 10. `spacing`: 5/s
/// without a burst. `cancelbus`: service/core/rate_limiter. Null for any other name.
std::unique_ptr<Limiter> make_limiter(const std::string& name);
std::vector<std::string> limiter_names();

}  // namespace cancelbus::bench
