// X-Stamp: which milliseconds go into the next request.
//
// The estimate of the exchange's clock is the bus's clock plus the median of the offsets that workers report. Stamps
// are strictly increasing over all workers and restarts, because whether the exchange takes one twice is not known,
// and never far ahead of the estimate: dispatch waits instead. A clock that lied, or was put right by more than the
// exchange bears, is not waited for.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <optional>

#include "service/core/events.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

class StampClock {
 public:
  /// The exchange refuses stamps 5 s off; a tenth of that is left to the burst.
  static constexpr Duration MaxAhead = std::chrono::milliseconds(500);
  /// What was issued further ahead than this was refused by the exchange, all of it, and binds nobody.
  static constexpr Duration MostBelieved = std::chrono::seconds(10);
  /// A worker whose offset differs more from the median has a clock that is not to be trusted.
  static constexpr Duration MaxDeviation = std::chrono::milliseconds(500);

  void report(WorkerId worker, Duration offset);
  void forget(WorkerId worker) { offsets_.erase(worker); }

  /// Median of what workers report; absent while nobody has. Of an even number the lower middle.
  std::optional<Duration> offset() const;
  bool is_outlier(WorkerId worker) const;

  /// The next stamp in ms since the Unix epoch, by the exchange's clock; absent while the offset is not known or the
  /// stamp would be too far ahead.
  std::optional<int64_t> issue(WallTime now);

  /// When issue() can succeed again: now, or how long the stamps must wait for the clock.
  Duration wait(WallTime now) const;

  /// The latest one issued.
  int64_t last() const { return last_; }

  /// Stamps go on above this one.
  void restore(int64_t last_stamp_ms);

 private:
  std::optional<int64_t> estimate_ms(WallTime now) const;
  /// The least that the next stamp may be.
  int64_t next_above(int64_t estimate_ms) const;

  absl::flat_hash_map<WorkerId, Duration> offsets_;  ///< at most one per known worker
  int64_t last_ = 0;
};

}  // namespace cancelbus::core
