#include "service/wire/times.hpp"

#include <chrono>
#include <cstdint>

namespace cancelbus::wire {
namespace {

constexpr int64_t NanosPerSecond = 1'000'000'000;

/// Absent if 64 bits cannot hold it.
std::optional<int64_t> to_nanoseconds(int64_t seconds, int32_t nanos) {
  int64_t whole = 0;
  int64_t total = 0;
  if (__builtin_mul_overflow(seconds, NanosPerSecond, &whole)) return std::nullopt;
  if (__builtin_add_overflow(whole, int64_t{nanos}, &total)) return std::nullopt;
  return total;
}

}  // namespace

google::protobuf::Timestamp to_timestamp(core::WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(seconds.time_since_epoch().count());
  timestamp.set_nanos(static_cast<int32_t>(core::Duration(time - seconds).count()));
  return timestamp;
}

google::protobuf::Duration to_proto_duration(core::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(duration.count() / NanosPerSecond);
  proto.set_nanos(static_cast<int32_t>(duration.count() % NanosPerSecond));
  return proto;
}

std::optional<core::WallTime> to_wall_time(const google::protobuf::Timestamp& timestamp) {
  if (timestamp.nanos() < 0 || timestamp.nanos() >= NanosPerSecond) return std::nullopt;
  const auto nanoseconds = to_nanoseconds(timestamp.seconds(), timestamp.nanos());
  if (!nanoseconds) return std::nullopt;
  return core::WallTime(core::Duration(*nanoseconds));
}

std::string span_text(core::Duration duration) {
  using namespace std::chrono;
  const auto whole = [duration](auto unit, const char* name) {
    return std::to_string(duration_cast<decltype(unit)>(duration).count()) + name;
  };
  if (duration <= core::Duration::zero()) return "0 s";
  if (duration < seconds(1)) return whole(milliseconds(), " ms");
  if (duration < seconds(10)) {
    const auto tenths = duration / milliseconds(100);
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
  }
  if (duration < minutes(2)) return whole(seconds(), " s");
  if (duration < hours(2)) return whole(minutes(), " min");
  return duration < days(2) ? whole(hours(), " h") : whole(days(), " d");
}

std::optional<core::Duration> to_duration(const google::protobuf::Duration& duration) {
  const int64_t seconds = duration.seconds();
  const int32_t nanos = duration.nanos();
  if (nanos <= -NanosPerSecond || nanos >= NanosPerSecond) return std::nullopt;
  if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) return std::nullopt;
  const auto nanoseconds = to_nanoseconds(seconds, nanos);
  if (!nanoseconds) return std::nullopt;
  return core::Duration(*nanoseconds);
}

}  // namespace cancelbus::wire
