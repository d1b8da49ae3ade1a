// Time in the local exchange: microseconds since the Unix epoch, always handed in by the caller. Everything of the
// model uses it. Nothing here reads a clock, so a run is a function of its inputs and its seed.
#pragma once

#include <chrono>
#include <cstdint>

namespace exchange_sim {

using Micros = std::chrono::microseconds;
using Millis = std::chrono::milliseconds;
using Instant = std::chrono::sys_time<Micros>;

inline std::int64_t unix_ms(Instant t) { return std::chrono::floor<Millis>(t.time_since_epoch()).count(); }
inline std::int64_t unix_us(Instant t) { return t.time_since_epoch().count(); }

}  // namespace exchange_sim
