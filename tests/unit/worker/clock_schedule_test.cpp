#include "service/worker/clock_schedule.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace cancelbus::worker {
namespace {

using namespace std::chrono_literals;

constexpr core::Tick Begin{1h};

struct ClockScheduleTest : ::testing::Test {
  ClockSchedule schedule;
  core::Tick now = Begin;

  /// Waits until a series is due, and takes it; how long after the start it began.
  core::Duration series(bool agrees) {
    now = std::max(now, schedule.due());
    const core::Tick began = now;
    schedule.begin(now);
    while (schedule.ask(now)) now += 20ms;
    schedule.taken(agrees);
    return began - Begin;
  }
};

TEST_F(ClockScheduleTest, TheFirstSeriesIsDueAtOnceTheSecondAfterFiveSecondsThenEachMinuteWhileTheyAgree) {
  EXPECT_EQ(series(false), 0s);
  EXPECT_EQ(series(true), 5s);
  EXPECT_EQ(series(true), 65s);
  EXPECT_EQ(series(true), 125s);
}

TEST_F(ClockScheduleTest, WhileTheyDisagreeThePausesGrowToTwentySeconds) {
  std::vector<core::Duration> began;
  for (int i = 0; i < 6; ++i) began.push_back(series(false));
  EXPECT_EQ(began, (std::vector<core::Duration>{0s, 5s, 15s, 35s, 55s, 75s}));
  EXPECT_EQ(series(true), 95s);
  EXPECT_EQ(series(true), 155s);
}

TEST_F(ClockScheduleTest, AContradictionBringsTheNextSeriesForwardAndAnotherAfterIt) {
  series(false);
  series(true);
  now = Begin + 30s;
  schedule.doubt();
  EXPECT_LE(schedule.due(), now);
  EXPECT_EQ(series(true), 30s);
  EXPECT_EQ(series(true), 35s);
  EXPECT_EQ(series(true), 95s);
}

TEST_F(ClockScheduleTest, HoweverOftenItIsContradictedASeriesBeginsAtMostEveryFiveSeconds) {
  std::deque<core::Duration> began;
  for (int i = 0; i < 50; ++i) {
    began.push_back(series(true));
    for (int times = 0; times < 100; ++times) schedule.doubt();
  }
  for (size_t i = 1; i < began.size(); ++i) EXPECT_GE(began[i] - began[i - 1], 5s) << i;
  EXPECT_EQ(began[49] - began[48], 20s);
}

TEST_F(ClockScheduleTest, AGetThatFailedIsTriedAgainAfterASecond) {
  for (int i = 0; i < 100; ++i) {
    now = std::max(now, schedule.due());
    EXPECT_EQ(now - Begin, 1s * i);
    schedule.begin(now);
    ASSERT_TRUE(schedule.ask(now));
    schedule.failed(now + 10ms);
  }
  now = schedule.due();
  schedule.begin(now);
  ASSERT_TRUE(schedule.ask(now)) << "one that is answered is a series";
  schedule.taken(false);
  EXPECT_EQ(schedule.due(), now + 5s);
}

TEST_F(ClockScheduleTest, ATryThatTakesLongIsFollowedByTheNextAtOnce) {
  schedule.begin(now);
  ASSERT_TRUE(schedule.ask(now));
  schedule.failed(now + 5s);
  EXPECT_EQ(schedule.due(), now + 5s);
}

TEST_F(ClockScheduleTest, OfAllGetsFiveMayGoAtOnceAndOneASecond) {
  std::deque<core::Tick> gets;
  for (int i = 0; i < 500; ++i) {
    now = std::max(now, schedule.due());
    schedule.begin(now);
    while (schedule.ask(now)) {
      gets.push_back(now);
      now += 1ms;
    }
    i % 3 == 0 ? schedule.failed(now) : schedule.taken(i % 2 == 0);
    schedule.doubt();
  }
  for (size_t first = 0; first < gets.size(); ++first) {
    for (size_t last = first + 5; last < std::min(first + 40, gets.size()); ++last) {
      ASSERT_GE(gets[last] - gets[first], 1s * static_cast<int>(last - first - 4));
    }
  }
}

}  // namespace
}  // namespace cancelbus::worker
