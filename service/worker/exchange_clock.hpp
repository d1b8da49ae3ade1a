// What a worker knows of the exchange's clock.
//
// Pure. It is kept against this machine's boot clock, which nobody sets: when somebody sets the wall clock, the offset
// that is reported follows at once, and what a permit's stamp is judged by does not move.
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
  /// Nothing is sent with a stamp that is further behind the exchange's clock.
  static constexpr std::chrono::milliseconds MostBehind{1'000};

  /// Takes the reading with the smallest round trip, as belonging to the middle of it. At least one.
  void take(std::span<const ClockReading> series);

  bool known() const { return series_ > 0; }
  /// The exchange's clock less this machine's wall clock, as of now; absent before the first series.
  std::optional<core::ClockSample> sample(core::Instant now) const;
  /// Since the Unix epoch, by the exchange's clock. Only once known.
  std::chrono::milliseconds time(core::Tick now) const;
  /// How far `stamp_ms` is behind the exchange's clock; negative: ahead. Only once known.
  std::chrono::milliseconds behind(int64_t stamp_ms, core::Tick now) const;
  /// Nothing may be sent with this stamp any more: whoever gave it out may hold it for lost. Only once known.
  bool stale(int64_t stamp_ms, core::Tick now) const { return behind(stamp_ms, now) > MostBehind; }
  /// When that will be.
  core::Tick stale_at(int64_t stamp_ms, core::Tick now) const;

 private:
  uint64_t series_ = 0;
  core::Duration ahead_of_tick_{};  // the exchange's time since the epoch less the boot clock's reading
  core::Duration round_trip_{};
};

}  // namespace cancelbus::worker
