// When a worker reads the exchange's clock. No limiter of the bus counts these requests, so they are bounded here.
//
// Pure. A series begins 5 s after the one before at the earliest, whatever happens. When two agree the next comes after
// a minute; while they disagree, or the exchange or a task contradicts them, after 5, 10, 20, 20 ... s. A GET that
// failed is tried again after a second. Of all GETs five may go at once, and one a second in the long run.
#pragma once

#include <chrono>

#include "service/core/types.hpp"

namespace cancelbus::worker {

class ClockSchedule {
 public:
  static constexpr int ReadingsInASeries = 5;
  static constexpr core::Duration PerGet = std::chrono::seconds(1);
  static constexpr core::Duration ShortestPause = std::chrono::seconds(5);
  static constexpr core::Duration LongestPause = std::chrono::seconds(20);
  static constexpr core::Duration CalmPause = std::chrono::seconds(60);

  /// When the next series begins, or one that failed is tried again.
  core::Tick due() const;
  void begin(core::Tick now) { began_ = now; }
  /// Whether one more GET may go now; it is counted. True once after begin() if that was due.
  bool ask(core::Tick now);
  /// Not one GET of the series was answered with a time.
  void failed(core::Tick now);
  /// The series is complete; `agrees`: with the one before.
  void taken(bool agrees);
  /// The exchange or a task contradicts the reading.
  void doubt();

 private:
  core::Duration pause() const;

  core::Tick due_{};
  core::Tick began_{};
  core::Tick last_get_{};
  core::Tick paid_until_{};  ///< one second for each GET
  int unsettled_ = 0;        ///< series since two agreed and nothing contradicted them
  bool doubted_ = false;     ///< since the latest series was complete
};

}  // namespace cancelbus::worker
