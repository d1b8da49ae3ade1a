#include "service/core/stamp_clock.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const WallTime Now{seconds(1'700'000'000)};
constexpr int64_t NowMs = 1'700'000'000'000;

TEST(StampClock, IssuesNothingBeforeAWorkerHasReadTheClock) {
  StampClock clock;
  EXPECT_EQ(clock.offset(), std::nullopt);
  EXPECT_EQ(clock.issue(Now), std::nullopt);
  EXPECT_EQ(clock.wait(Now), Duration::zero());
}

TEST(StampClock, IsTheBussClockPlusTheOffset) {
  StampClock clock;
  clock.report(1, milliseconds(-2'500));
  EXPECT_EQ(clock.issue(Now), NowMs - 2'500);
}

TEST(StampClock, TheMedianIsTheLowerMiddle) {
  StampClock clock;
  clock.report(1, milliseconds(10));
  clock.report(2, milliseconds(30));
  EXPECT_EQ(clock.offset(), milliseconds(10));
  clock.report(3, milliseconds(20));
  EXPECT_EQ(clock.offset(), milliseconds(20));
  clock.report(3, milliseconds(90'000));
  EXPECT_EQ(clock.offset(), milliseconds(30));
  clock.forget(3);
  EXPECT_EQ(clock.offset(), milliseconds(10));
}

TEST(StampClock, AnOutlierIsMoreThanHalfASecondOffTheMedian) {
  StampClock clock;
  clock.report(1, milliseconds(0));
  clock.report(2, milliseconds(0));
  clock.report(3, milliseconds(500));
  EXPECT_FALSE(clock.is_outlier(3));
  clock.report(3, milliseconds(501));
  EXPECT_TRUE(clock.is_outlier(3));
  clock.report(3, milliseconds(-501));
  EXPECT_TRUE(clock.is_outlier(3));
  EXPECT_FALSE(clock.is_outlier(1));
  EXPECT_FALSE(clock.is_outlier(99));
}

TEST(StampClock, StrictlyIncreasingAndNeverMoreThanHalfASecondAhead) {
  StampClock clock;
  clock.report(1, Duration::zero());
  int64_t last = 0;
  for (int i = 0; i <= 500; ++i) {
    const auto stamp = clock.issue(Now);
    ASSERT_TRUE(stamp.has_value());
    ASSERT_GT(*stamp, last);
    ASSERT_LE(*stamp, NowMs + 500);
    last = *stamp;
  }
  EXPECT_EQ(last, NowMs + 500);
  EXPECT_EQ(clock.issue(Now), std::nullopt);
  EXPECT_EQ(clock.wait(Now), milliseconds(1));
  EXPECT_EQ(clock.issue(Now + clock.wait(Now)), last + 1);
  EXPECT_EQ(clock.last(), last + 1);
}

TEST(StampClock, DoesNotGoBackWithTheClock) {
  StampClock clock;
  clock.report(1, Duration::zero());
  ASSERT_EQ(clock.issue(Now), NowMs);
  clock.report(1, -milliseconds(300));
  EXPECT_EQ(clock.issue(Now), NowMs + 1);
  clock.report(1, -seconds(9));
  EXPECT_EQ(clock.issue(Now), std::nullopt);
  EXPECT_EQ(clock.wait(Now), milliseconds(8'502));
  EXPECT_EQ(clock.issue(Now + milliseconds(8'502)), NowMs + 2);
}

TEST(StampClock, DoesNotWaitForAClockThatLied) {
  StampClock clock;
  clock.report(1, seconds(3'600));
  ASSERT_EQ(clock.issue(Now), NowMs + 3'600'000);
  clock.report(1, Duration::zero());
  EXPECT_EQ(clock.wait(Now), Duration::zero());
  EXPECT_EQ(clock.issue(Now), NowMs);
  EXPECT_EQ(clock.issue(Now), NowMs + 1);
}

TEST(StampClock, DoesNotWaitForOneOfBeforeARestart) {
  StampClock clock;
  clock.restore(NowMs + 3'600'000);
  clock.report(1, Duration::zero());
  EXPECT_EQ(clock.issue(Now), NowMs);
}

TEST(StampClock, GoesOnAboveTheStampsOfBeforeARestart) {
  StampClock clock;
  clock.restore(NowMs + 100);
  clock.restore(NowMs + 50);
  clock.report(1, Duration::zero());
  EXPECT_EQ(clock.issue(Now), NowMs + 101);
}

}  // namespace
}  // namespace cancelbus::core
