// Time in the simulated world: the true time, which no process in it can read, and the clocks of its machines, which go
// a little fast or slow and stand a little wrong.
#pragma once

#include <chrono>
#include <cstdint>

#include "service/core/types.hpp"

namespace cancelbus::simulation {

using core::Duration;
using core::Instant;
using core::Never;
using core::Tick;
using namespace std::chrono_literals;

/// True time since the world began. It has the type of a tick, and is no machine's.
using Time = core::Tick;

/// UTC when the world begins.
constexpr core::WallTime Beginning{1'800'000'000s};

/// The clocks of one machine.
class Clock {
 public:
  Clock() = default;
  /// `ppm`: how much too fast both clocks go. `wall_error`: how far the wall clock was off at `since`, when the machine
  /// had been up for `up`.
  Clock(Time since, int64_t ppm, Duration wall_error, Duration up = 1h)
      : since_(since), ppm_(ppm), wall_error_(wall_error), up_(up) {}

  Instant read(Time now) const {
    const Duration since = now - since_, drift = since * ppm_ / 1'000'000;
    return {Tick(up_ + since + drift), Beginning + now.time_since_epoch() + wall_error_ + drift};
  }

  /// The first true time at which the boot clock shows `tick`.
  Time when(Tick tick) const {
    if (tick == Never) return Never;
    Time at = since_ + (tick - Tick(up_));
    for (Duration off = tick - read(at).tick; off != Duration::zero(); off = tick - read(at).tick) {
      if (off < Duration::zero() && read(at - Duration(1)).tick < tick) break;
      at += off;
    }
    return at;
  }

  int64_t ppm() const { return ppm_; }
  Duration wall_error() const { return wall_error_; }
  void set_wall_error(Duration error) { wall_error_ = error; }

 private:
  Time since_{};
  int64_t ppm_ = 0;
  Duration wall_error_{};
  Duration up_ = 1h;
};

}  // namespace cancelbus::simulation
