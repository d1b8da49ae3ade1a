#include "service/core/lowered_limit.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::seconds;

constexpr Tick T0{seconds(100)};
constexpr WallTime Wall{std::chrono::hours(1)};
constexpr Duration Period = seconds(1);

/// The limit is used up from `now` on for so many periods; true if it took a step.
bool used_up(LoweredLimit& limit, Tick now, int periods = 1) {
  limit.granted(limit.limit(), now);
  EXPECT_FALSE(limit.regain(now + periods * Period - Duration(1), Period));
  return limit.regain(now + periods * Period, Period);
}

TEST(LoweredLimit, IsWhatIsConfiguredUntilItIsLowered) {
  LoweredLimit limit({10, Period});
  EXPECT_EQ(limit.limit(), 10U);
  EXPECT_FALSE(limit.lowered());
  EXPECT_FALSE(limit.since());
  EXPECT_FALSE(limit.state());
  EXPECT_FALSE(used_up(limit, T0));
}

TEST(LoweredLimit, EachRefusalHalvesItDownToOne) {
  LoweredLimit limit({10, Period});
  std::vector<uint32_t> seen;
  for (int i = 0; i < 5; ++i) {
    limit.lower(Wall + seconds(i));
    seen.push_back(limit.limit());
  }
  EXPECT_EQ(seen, (std::vector<uint32_t>{5, 2, 1, 1, 1}));
  EXPECT_EQ(limit.since(), Wall) << "when it was first lowered";
}

TEST(LoweredLimit, RegainsATenthOfWhatIsConfiguredAfterAPeriodInWhichItWasUsedUp) {
  LoweredLimit limit({300, Period});
  limit.lower(Wall);
  EXPECT_TRUE(used_up(limit, T0));
  EXPECT_EQ(limit.limit(), 180U);
  EXPECT_TRUE(used_up(limit, T0 + seconds(9)));
  EXPECT_EQ(limit.limit(), 210U);
}

TEST(LoweredLimit, RegainsOneAtLeastAndNoMoreThanWasConfigured) {
  LoweredLimit small({5, Period});
  small.lower(Wall);
  EXPECT_TRUE(used_up(small, T0));
  EXPECT_EQ(small.limit(), 3U);
  LoweredLimit large({39, Period});
  large.lower(Wall);
  for (int i = 0; i < 7; ++i) EXPECT_TRUE(used_up(large, T0 + seconds(10 * i)));
  EXPECT_EQ(large.limit(), 39U);
  EXPECT_FALSE(large.lowered());
  EXPECT_FALSE(large.since());
}

TEST(LoweredLimit, WhatIsNotUsedUpIsNotRegained) {
  LoweredLimit limit({10, Period});
  limit.lower(Wall);
  limit.granted(4, T0);
  EXPECT_FALSE(limit.regain(T0 + seconds(100), Period));
  limit.granted(5, T0 + seconds(100));
  EXPECT_TRUE(limit.regain(T0 + seconds(100), Period));
}

TEST(LoweredLimit, TheTimeBeforeTheFirstRequestDoesNotCount) {
  LoweredLimit limit({10, Period});
  limit.lower(Wall);
  EXPECT_FALSE(limit.regain(T0 + seconds(500), Period)) << "a backoff, and nothing was sent";
  EXPECT_TRUE(used_up(limit, T0 + seconds(600)));
}

TEST(LoweredLimit, EachStepBackThatIsRefusedDoublesTheWaitUpTo64Periods) {
  LoweredLimit limit({10, Period});
  limit.lower(Wall);
  limit.lower(Wall);
  EXPECT_EQ(limit.state()->wait, 1U) << "none was taken";
  Tick now = T0;
  for (const int wait : {1, 2, 4, 8, 16, 32, 64, 64, 64}) {
    now += seconds(1'000);
    EXPECT_TRUE(used_up(limit, now, wait)) << wait;
    limit.lower(Wall);
    limit.lower(Wall);
  }
}

TEST(LoweredLimit, TheWaitIsForgottenOnceTheWholeLimitHasHeld) {
  LoweredLimit limit({2, Period});
  limit.lower(Wall);
  EXPECT_TRUE(used_up(limit, T0));
  EXPECT_EQ(limit.limit(), 2U);
  limit.lower(Wall + seconds(7));
  EXPECT_EQ(limit.since(), Wall + seconds(7));
  EXPECT_TRUE(used_up(limit, T0 + seconds(10), 2));
  EXPECT_FALSE(limit.lowered());
  EXPECT_EQ(limit.state()->wait, 2U) << "the last step may still be refused";
  EXPECT_TRUE(used_up(limit, T0 + seconds(20), 2));
  EXPECT_FALSE(limit.state());
  limit.lower(Wall);
  EXPECT_EQ(limit.state()->wait, 1U);
}

TEST(LoweredLimit, SurvivesARestartAndItsWaitBeginsAnew) {
  LoweredLimit before({10, Period});
  before.lower(Wall);
  EXPECT_TRUE(used_up(before, T0));
  LoweredLimit limit({10, Period});
  limit.restore(*before.state());
  EXPECT_EQ(limit.state(), before.state());
  EXPECT_EQ(limit.limit(), 6U);
  EXPECT_EQ(limit.since(), Wall);
  limit.lower(Wall);
  EXPECT_EQ(limit.state()->wait, 2U) << "the step was taken before the restart";
}

TEST(LoweredLimit, ASmallerConfiguredLimitWinsAfterARestart) {
  LoweredLimit limit({3, Period});
  limit.restore({Period, 5, 1, false, Wall});
  EXPECT_EQ(limit.limit(), 3U);
  EXPECT_FALSE(limit.lowered());
  limit.restore({Period, 0, 0, false, Wall});
  EXPECT_EQ(limit.limit(), 1U) << "whatever a row says";
}

}  // namespace
}  // namespace cancelbus::core
