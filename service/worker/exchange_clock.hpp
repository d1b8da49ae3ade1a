// What a worker knows of the exchange's clock.
//
// Pure. It is kept against this machine's boot clock, which is never set: the time that is reported to the bus, and
// what a permit's stamp is judged by, do not move when the wall clock is set. Only the offset does, which is shown to
// people.
#pragma once

#include <chrono>
#include <optional>
#include <span>

#include "service/core/events.hpp"
#include "service/core/types.hpp"

namespace cancelbus::worker {

/// One reading of the exchange's clock and when it was asked for and had.
struct ClockReading {
  core::Tick asked;
  core::Tick had;
  std::chrono::milliseconds exchange{};
};

class ExchangeClock {
 public:
  /// Takes the reading with the smallest round trip, as belonging to the middle of it. At least one. True if it is
  /// certain enough for the bus, and agrees with the series before.
  bool take(std::span<const ClockReading> series);

  bool known() const { return series_ > 0; }
  /// What the bus is told, as of now; absent before the first series.
  std::optional<core::ClockSample> sample(core::Instant now) const;
  /// Since the Unix epoch, by the exchange's clock. Only once known.
  std::chrono::milliseconds time(core::Tick now) const;
  /// How far `stamp_ms` is behind the exchange's clock; negative: ahead. Only once known.
  std::chrono::milliseconds behind(int64_t stamp_ms, core::Tick now) const;
  /// Nothing may be sent with this stamp: it is too far from the exchange's clock, behind or ahead. Only once known.
  bool is_void(int64_t stamp_ms, core::Tick now) const;
  /// When it will be too far behind.
  core::Tick stale_at(int64_t stamp_ms, core::Tick now) const;

 private:
  uint64_t series_ = 0;
  core::Duration ahead_of_tick_{};  // the exchange's time since the epoch less the boot clock's reading
  core::Duration round_trip_{};
};

}  // namespace cancelbus::worker
