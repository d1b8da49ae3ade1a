#include "service/worker/exchange_clock.hpp"

#include <algorithm>
#include <utility>

#include "service/core/check.hpp"
#include "service/core/stamp_clock.hpp"

namespace cancelbus::worker {

namespace {

constexpr core::Duration MostApart = core::StampClock::MostApart;

}  // namespace

bool ExchangeClock::take(std::span<const ClockReading> series) {
  CANCELBUS_CHECK(!series.empty());
  const auto best =
      std::ranges::min_element(series, {}, [](const ClockReading& reading) { return reading.had - reading.asked; });
  round_trip_ = best->had - best->asked;
  const core::Duration before =
      std::exchange(ahead_of_tick_, best->exchange - (best->asked + round_trip_ / 2).time_since_epoch());
  const bool certain = round_trip_ / 2 <= core::StampClock::MostUncertain;
  return ++series_ > 1 && certain && std::chrono::abs(ahead_of_tick_ - before) <= MostApart;
}

std::optional<core::ClockSample> ExchangeClock::sample(core::Instant now) const {
  if (!known()) return std::nullopt;
  const core::Duration exchange = now.tick.time_since_epoch() + ahead_of_tick_;
  return core::ClockSample{.series = series_,
                           .exchange_time = core::WallTime(exchange),
                           .uncertainty = round_trip_ / 2,
                           .offset = exchange - now.wall.time_since_epoch(),
                           .round_trip = round_trip_};
}

std::chrono::milliseconds ExchangeClock::time(core::Tick now) const {
  CANCELBUS_CHECK(known());
  return std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch() + ahead_of_tick_);
}

std::chrono::milliseconds ExchangeClock::behind(int64_t stamp_ms, core::Tick now) const {
  return time(now) - std::chrono::milliseconds(stamp_ms);
}

bool ExchangeClock::is_void(int64_t stamp_ms, core::Tick now) const {
  return std::chrono::abs(behind(stamp_ms, now)) > MostApart;
}

core::Tick ExchangeClock::stale_at(int64_t stamp_ms, core::Tick now) const {
  return now + (MostApart - behind(stamp_ms, now));
}

}  // namespace cancelbus::worker
