#include "service/wire/times.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace cancelbus::wire {
namespace {

using namespace std::chrono_literals;
using core::Duration;
using core::WallTime;

google::protobuf::Timestamp timestamp(int64_t seconds, int32_t nanos) {
  google::protobuf::Timestamp result;
  result.set_seconds(seconds);
  result.set_nanos(nanos);
  return result;
}

google::protobuf::Duration duration(int64_t seconds, int32_t nanos) {
  google::protobuf::Duration result;
  result.set_seconds(seconds);
  result.set_nanos(nanos);
  return result;
}

TEST(Times, WallTimesGoThereAndBack) {
  for (const Duration since_epoch :
       {Duration(0), Duration(1), Duration(-1), Duration(1'700'000'000'123'456'789), Duration(-1'000'000'000),
        Duration(999'999'999), Duration::max(), Duration::min() + 1s}) {
    const WallTime time(since_epoch);
    const auto proto = to_timestamp(time);
    EXPECT_GE(proto.nanos(), 0);
    EXPECT_LT(proto.nanos(), 1'000'000'000);
    EXPECT_EQ(to_wall_time(proto), time) << since_epoch.count();
  }
}

TEST(Times, TimeBeforeTheEpochHasNanosThatCountForward) {
  const auto proto = to_timestamp(WallTime(Duration(-1)));
  EXPECT_EQ(proto.seconds(), -1);
  EXPECT_EQ(proto.nanos(), 999'999'999);
}

TEST(Times, DurationsGoThereAndBack) {
  for (const Duration value : {Duration(0), Duration(1), Duration(-1), Duration(-1'500'000'000), Duration(24h),
                               Duration::max(), Duration::min()}) {
    EXPECT_EQ(to_duration(to_proto_duration(value)), value) << value.count();
  }
}

TEST(Times, UnreadableTimesAreAbsent) {
  EXPECT_EQ(to_wall_time(timestamp(0, -1)), std::nullopt);
  EXPECT_EQ(to_wall_time(timestamp(0, 1'000'000'000)), std::nullopt);
  EXPECT_EQ(to_wall_time(timestamp(std::numeric_limits<int64_t>::max(), 0)), std::nullopt);
  EXPECT_EQ(to_wall_time(timestamp(std::numeric_limits<int64_t>::min(), 0)), std::nullopt);
  EXPECT_EQ(to_wall_time(timestamp(9'223'372'036, 854'775'808)), std::nullopt);
}

TEST(Times, UnreadableDurationsAreAbsent) {
  EXPECT_EQ(to_duration(duration(1, -1)), std::nullopt);
  EXPECT_EQ(to_duration(duration(-1, 1)), std::nullopt);
  EXPECT_EQ(to_duration(duration(0, 1'000'000'000)), std::nullopt);
  EXPECT_EQ(to_duration(duration(0, -1'000'000'000)), std::nullopt);
  EXPECT_EQ(to_duration(duration(std::numeric_limits<int64_t>::max(), 0)), std::nullopt);
  EXPECT_EQ(to_duration(duration(std::numeric_limits<int64_t>::min(), 0)), std::nullopt);
}

}  // namespace
}  // namespace cancelbus::wire
