#include "service/core/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <random>

namespace cancelbus::core {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Tick T0{std::chrono::hours(1)};
const Duration Lost = seconds(15);
/// A second, stretched against clocks of another rate.
const Duration Second = microseconds(1'001'000);

Tick at(Duration d) { return T0 + d; }

TEST(RateLimiter, GrantsUpToTheLimitAndNotOneMore) {
  RateLimiter limiter({{3, seconds(1)}});
  for (TaskId id = 1; id <= 3; ++id) EXPECT_TRUE(limiter.acquire_within(1.0, id, T0, T0 + Lost));
  EXPECT_FALSE(limiter.acquire_within(1.0, 4, T0, T0 + Lost));
}

TEST(RateLimiter, TheTailBeginsWithTheAnswerNotWithTheSending) {
  RateLimiter limiter({{1, seconds(1)}});
  ASSERT_TRUE(limiter.acquire_within(1.0, 1, T0, T0 + Lost));
  EXPECT_FALSE(limiter.acquire_within(1.0, 2, at(seconds(10)), at(seconds(25))));
  limiter.settle(1, at(seconds(10)));
  EXPECT_FALSE(limiter.acquire_within(1.0, 2, at(seconds(10) + Second - Duration(1)), at(seconds(25))));
  EXPECT_TRUE(limiter.acquire_within(1.0, 2, at(seconds(10) + Second), at(seconds(26))));
}

TEST(RateLimiter, NeverAnsweredIsHeldUntilItCanArriveNoMore) {
  RateLimiter limiter({{1, seconds(1)}});
  ASSERT_TRUE(limiter.acquire_within(1.0, 1, T0, T0 + Lost));
  EXPECT_EQ(limiter.next_grant(T0), at(Lost + Second));
  EXPECT_FALSE(limiter.acquire_within(1.0, 2, at(Lost + Second - Duration(1)), at(seconds(60))));
  EXPECT_TRUE(limiter.acquire_within(1.0, 2, at(Lost + Second), at(seconds(60))));
}

TEST(RateLimiter, NeverWrittenGivesItsPermitBackAtOnce) {
  RateLimiter limiter({{1, seconds(1)}});
  ASSERT_TRUE(limiter.acquire_within(1.0, 1, T0, T0 + Lost));
  limiter.give_back(1);
  EXPECT_TRUE(limiter.acquire_within(1.0, 2, T0, T0 + Lost));
}

TEST(RateLimiter, SomeLeaveTheReserveFreeAndOthersTakeIt) {
  RateLimiter limiter({{4, seconds(1)}, {10, seconds(10)}}, {{2, seconds(1)}});
  const RateLimiter::Part normal{1.0, true};
  for (TaskId id = 1; id <= 2; ++id) EXPECT_TRUE(limiter.acquire_within(normal, id, T0, T0 + Lost));
  EXPECT_FALSE(limiter.acquire_within(normal, 3, T0, T0 + Lost));
  for (TaskId id = 4; id <= 5; ++id) EXPECT_TRUE(limiter.acquire_within({}, id, T0, T0 + Lost));
  EXPECT_FALSE(limiter.acquire_within({}, 6, T0, T0 + Lost)) << "the limit holds for all";
  for (TaskId id = 1; id <= 5; ++id) limiter.settle(id, at(milliseconds(id)));
  EXPECT_EQ(limiter.next_grant(at(milliseconds(10))), at(milliseconds(1) + Second));
  EXPECT_EQ(limiter.next_grant(at(milliseconds(10)), normal), at(milliseconds(4) + Second)) << "three must be over";
}

TEST(RateLimiter, TheReserveOfARuleLeavesOneHoweverFarItIsLowered) {
  RateLimiter limiter({{4, seconds(1)}}, {{3, seconds(1)}});
  const RateLimiter::Part normal{1.0, true};
  ASSERT_TRUE(limiter.acquire_within(normal, 1, T0, T0 + Lost));
  EXPECT_FALSE(limiter.acquire_within(normal, 2, T0, T0 + Lost));
  limiter.settle(1, T0);
  for (int i = 0; i < 3; ++i) limiter.lower(seconds(1), {}, {});
  EXPECT_TRUE(limiter.acquire_within(normal, 3, at(Second), at(Second) + Lost)) << "of a limit of 1";
}

TEST(RateLimiter, AShareAndTheReserveAreNotAddedUp) {
  RateLimiter limiter({{10, seconds(1)}}, {{3, seconds(1)}});
  TaskId id = 0;
  while (limiter.acquire_within({0.8, true}, ++id, T0, T0 + Lost)) {
  }
  EXPECT_EQ(id - 1, 7U) << "10 less 3, which is less than 8";
}

TEST(RateLimiter, TheEarliestMomentBehindTheReserveIsNoLaterThanTheGrant) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    const auto limit = static_cast<uint32_t>(2 + random() % 8), reserve = static_cast<uint32_t>(random() % limit);
    RateLimiter limiter({{limit, seconds(1)}}, {{reserve, seconds(1)}});
    const RateLimiter::Part normal{1.0, true};
    TaskId id = 0;
    for (uint32_t i = 0; i < limit; ++i) {
      if (limiter.acquire_within({}, ++id, T0, T0 + Lost)) limiter.settle(id, at(milliseconds(random() % 400)));
    }
    const size_t ahead = random() % 20;
    const Tick now = at(milliseconds(400)), predicted = limiter.earliest(now, ahead, true);
    Tick granted = now;
    for (size_t i = 0; i <= ahead; ++i) {
      granted = limiter.next_grant(granted, normal);
      limiter.expire(granted);
      ASSERT_TRUE(limiter.acquire_within(normal, ++id, granted, granted + Lost));
      limiter.settle(id, granted);
    }
    ASSERT_EQ(predicted, granted) << "limit " << limit << " reserve " << reserve << " ahead " << ahead;
  }
}

TEST(RateLimiter, EveryRuleMustHaveRoom) {
  RateLimiter limiter({{2, seconds(1)}, {3, seconds(10)}});
  for (TaskId id = 1; id <= 2; ++id) {
    ASSERT_TRUE(limiter.acquire_within(1.0, id, T0, T0 + Lost));
    limiter.settle(id, T0);
  }
  EXPECT_FALSE(limiter.acquire_within(1.0, 3, T0, T0 + Lost)) << "the second is full";
  ASSERT_TRUE(limiter.acquire_within(1.0, 3, at(Second), at(seconds(20))));
  limiter.settle(3, at(Second));
  EXPECT_FALSE(limiter.acquire_within(1.0, 4, at(seconds(5)), at(seconds(20)))) << "the ten seconds are full";
  EXPECT_EQ(limiter.next_grant(at(seconds(5))), at(milliseconds(10'010)));
}

TEST(RateLimiter, OnlyTheFirstWordOnARequestCounts) {
  RateLimiter limiter({{1, seconds(1)}});
  ASSERT_TRUE(limiter.acquire_within(1.0, 1, T0, T0 + Lost));
  EXPECT_EQ(limiter.open_until(1), T0 + Lost);
  limiter.settle(1, at(seconds(6)));
  EXPECT_EQ(limiter.open_until(1), std::nullopt);
  limiter.settle(1, at(seconds(9)));
  EXPECT_EQ(limiter.next_grant(T0), at(seconds(6) + Second)) << "a later bound does not take back an earlier one";
  limiter.settle(99, T0);
  limiter.give_back(99);
  EXPECT_EQ(limiter.open_until(99), std::nullopt);
}

TEST(RateLimiter, AHoldStopsEverythingAndALaterOneWins) {
  RateLimiter limiter({{5, seconds(1)}});
  limiter.hold(at(seconds(10)), "quota");
  limiter.hold(at(seconds(3)), "sooner");
  EXPECT_EQ(limiter.held_until(), at(seconds(10)));
  EXPECT_EQ(limiter.hold_text(), "quota");
  EXPECT_FALSE(limiter.acquire_within(1.0, 1, at(seconds(9)), at(seconds(30))));
  EXPECT_EQ(limiter.next_grant(T0), at(seconds(10)));
  EXPECT_EQ(limiter.earliest(T0), at(seconds(10)));
  EXPECT_TRUE(limiter.acquire_within(1.0, 1, at(seconds(10)), at(seconds(30))));
}

/// What is in force of each window after a refusal.
std::vector<uint32_t> lowered(std::optional<Duration> period, std::optional<Duration> wait) {
  RateLimiter limiter({{10, seconds(1)}, {100, seconds(10)}, {300, seconds(60)}});
  limiter.lower(period, wait, {});
  std::vector<uint32_t> limits;
  for (const RateLimiter::Window& window : limiter.windows(T0)) limits.push_back(window.limit);
  return limits;
}

TEST(RateLimiter, TheWindowThatARefusalMeansIsLowered) {
  using Limits = std::vector<uint32_t>;
  EXPECT_EQ(lowered(seconds(60), seconds(1)), (Limits{10, 100, 150})) << "named";
  EXPECT_EQ(lowered(seconds(7), seconds(5)), (Limits{10, 50, 300})) << "none of that name: the shortest not under 5 s";
  EXPECT_EQ(lowered({}, seconds(10)), (Limits{10, 50, 300}));
  EXPECT_EQ(lowered({}, seconds(0)), (Limits{5, 100, 300}));
  EXPECT_EQ(lowered({}, seconds(61)), (Limits{5, 50, 150})) << "none is as long";
  EXPECT_EQ(lowered({}, {}), (Limits{5, 50, 150})) << "nothing is known";
}

TEST(RateLimiter, ALoweredLimitIsKeptToAndTheEstimateKeepsToWhatIsConfigured) {
  RateLimiter limiter({{4, seconds(1)}});
  limiter.lower({}, {}, {});
  EXPECT_TRUE(limiter.acquire_within(1.0, 1, T0, T0 + Lost));
  EXPECT_TRUE(limiter.acquire_within(1.0, 2, T0, T0 + Lost));
  EXPECT_FALSE(limiter.acquire_within(1.0, 3, T0, T0 + Lost));
  EXPECT_EQ(limiter.next_grant(T0), at(Lost + Second));
  EXPECT_EQ(limiter.earliest(T0), T0);
  limiter.settle(1, T0);
  limiter.settle(2, T0);
  EXPECT_FALSE(limiter.regain(at(Second - Duration(1))));
  EXPECT_TRUE(limiter.regain(at(Second)));
  EXPECT_EQ(limiter.windows(at(Second))[0].limit, 3U);
}

TEST(RateLimiter, WhatIsRememberedOfLoweredLimitsIsPutBack) {
  RateLimiter before({{10, seconds(1)}, {300, seconds(60)}});
  EXPECT_TRUE(before.lowered().empty());
  before.lower(seconds(60), {}, WallTime(seconds(5)));
  ASSERT_EQ(before.lowered().size(), 1U);
  RateLimiter limiter({{10, seconds(1)}, {100, seconds(60)}});
  limiter.restore(before.lowered()[0]);
  EXPECT_EQ(limiter.windows(T0)[1].limit, 100U) << "what is configured now is less";
  EXPECT_EQ(limiter.windows(T0)[1].lowered_since, std::nullopt);
  limiter.restore({seconds(1), 5, 1, false, WallTime(seconds(5))});
  EXPECT_EQ(limiter.windows(T0)[0].limit, 5U);
  EXPECT_EQ(limiter.windows(T0)[0].lowered_since, WallTime(seconds(5)));
  limiter.restore({seconds(7), 5, 1, false, {}});
}

TEST(RateLimiter, AShareLeavesTheRestFree) {
  RateLimiter limiter({{4, seconds(1)}});
  EXPECT_TRUE(limiter.acquire_within(0.5, 1, T0, T0 + Lost));
  EXPECT_TRUE(limiter.acquire_within(0.5, 2, T0, T0 + Lost));
  EXPECT_FALSE(limiter.acquire_within(0.5, 3, T0, T0 + Lost));
  EXPECT_EQ(limiter.next_grant(T0, 0.5), at(Lost + Second));
  EXPECT_TRUE(limiter.acquire_within(1.0, 3, T0, T0 + Lost));
}

TEST(RateLimiter, AShareOfALimitOfOneIsOne) {
  RateLimiter limiter({{1, seconds(1)}});
  EXPECT_TRUE(limiter.acquire_within(0.5, 1, T0, T0 + Lost));
}

TEST(RateLimiter, ExpireReturnsEachPermitOnceWhenNoRuleCountsItAnyMore) {
  RateLimiter limiter({{5, seconds(1)}, {5, seconds(2)}, {5, seconds(2)}});
  ASSERT_TRUE(limiter.acquire_within(1.0, 1, T0, T0 + Lost));
  limiter.settle(1, T0);
  EXPECT_TRUE(limiter.expire(at(Second)).empty());
  EXPECT_EQ(limiter.windows(at(Second))[0].used, 0u);
  EXPECT_EQ(limiter.windows(at(Second))[1].used, 1u);
  EXPECT_EQ(limiter.expire(at(2 * Second)), std::vector<TaskId>{1});
  EXPECT_TRUE(limiter.expire(at(3 * Second)).empty());
}

TEST(RateLimiter, RestoredPermitsCountEvenAboveTheLimit) {
  RateLimiter limiter({{2, seconds(1)}});
  for (TaskId id = 1; id <= 4; ++id) limiter.restore(id, at(milliseconds(100 * static_cast<int64_t>(id))), id == 4);
  EXPECT_EQ(limiter.windows(T0)[0].used, 4u);
  EXPECT_EQ(limiter.open_until(3), std::nullopt);
  EXPECT_EQ(limiter.open_until(4), at(milliseconds(400)));
  // Three must have left before a fourth leaves one of two free.
  EXPECT_EQ(limiter.next_grant(T0), at(milliseconds(300) + Second));
}

TEST(RateLimiter, EarliestCountsThePermitsAheadThroughWholeWindows) {
  RateLimiter limiter({{2, seconds(1)}});
  EXPECT_EQ(limiter.earliest(T0), T0);
  EXPECT_EQ(limiter.earliest(T0, 1), T0);
  EXPECT_EQ(limiter.earliest(T0, 2), at(Second));
  EXPECT_EQ(limiter.earliest(T0, 4), at(2 * Second));
  ASSERT_TRUE(limiter.acquire_within(1.0, 1, T0, T0 + Lost));
  EXPECT_EQ(limiter.earliest(T0, 1), at(Second)) << "an open request may be answered now";
  limiter.settle(1, T0);
  EXPECT_EQ(limiter.earliest(at(milliseconds(500)), 1), at(Second));
}

/// Drives a limiter at random and checks what is true of every state.
class RandomUse : public ::testing::TestWithParam<uint64_t> {};

TEST_P(RandomUse, NextGrantIsExactAndEarliestIsALowerBound) {
  std::mt19937_64 random(GetParam());
  const auto pick = [&](uint64_t below) { return random() % below; };
  RateLimiter limiter({{3, milliseconds(100)}, {7, milliseconds(500)}});
  std::vector<TaskId> open;
  TaskId next = 1;
  Tick now = T0;
  for (int i = 0; i < 2'000; ++i) {
    now += milliseconds(pick(40));
    if (pick(4) == 0) limiter.expire(now);
    if (pick(100) == 0) limiter.hold(now + milliseconds(pick(300)), "");
    if (!open.empty() && pick(3) != 0) {
      const size_t which = pick(open.size());
      if (pick(10) == 0) {
        limiter.give_back(open[which]);
      } else {
        limiter.settle(open[which], now);
      }
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
    }
    const double share = pick(2) == 0 ? 1.0 : 0.5;
    const Tick grant = limiter.next_grant(now, share);
    ASSERT_GE(grant, now);
    ASSERT_LE(limiter.earliest(now), limiter.next_grant(now));
    if (grant > now) {
      ASSERT_FALSE(limiter.acquire_within(share, next, now, now + Lost));
      ASSERT_FALSE(limiter.acquire_within(share, next, grant - Duration(1), grant + Lost)) << "sooner than it said";
      RateLimiter later = limiter;
      ASSERT_TRUE(later.acquire_within(share, next, grant, grant + Lost)) << "later than it said";
    } else {
      ASSERT_TRUE(limiter.acquire_within(share, next, now, now + milliseconds(pick(2'000))));
      open.push_back(next++);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomUse, ::testing::Range<uint64_t>(1, 6));

}  // namespace
}  // namespace cancelbus::core
