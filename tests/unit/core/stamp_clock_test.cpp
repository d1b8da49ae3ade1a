#include "service/core/stamp_clock.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const Tick Now{std::chrono::hours(1)};
/// The exchange's time at Now.
constexpr int64_t NowMs = 1'700'000'000'000;
constexpr WallTime Exchange{milliseconds(NowMs)};

/// What a worker reports that reads the clock `off` ahead of the truth, sent `since` Now.
ClockSample sample(uint64_t series, Duration off = {}, Duration uncertainty = {}, Duration since = {}) {
  return {.series = series, .exchange_time = Exchange + since + off, .uncertainty = uncertainty};
}

struct StampClockTest : ::testing::Test {
  StampClock clock;

  int64_t issue(Tick now = Now) {
    const auto stamp = clock.issue(now);
    return stamp ? stamp->ms : 0;
  }
  /// The worker whose report the estimate is; 0: there is no estimate.
  WorkerId source() const { return clock.estimate() ? clock.estimate()->worker : 0; }
};

TEST_F(StampClockTest, IssuesNothingBeforeAWorkerHasReadTheClock) {
  EXPECT_FALSE(clock.estimate());
  EXPECT_FALSE(clock.issue(Now));
  EXPECT_EQ(clock.wait(Now), Duration::zero());
}

TEST_F(StampClockTest, CarriesTheReportForwardOnTheBussSteadyClock) {
  clock.report(1, sample(1), Now);
  EXPECT_EQ(issue(), NowMs);
  EXPECT_EQ(issue(Now + seconds(30)), NowMs + 30'000);
}

TEST_F(StampClockTest, IsNeverAheadHoweverUncertainTheReadingAndLateTheReport) {
  clock.report(1, sample(1, {}, milliseconds(30)), Now);
  EXPECT_EQ(issue(), NowMs - 30);
  // On its way for 200 ms.
  clock.forget(1);
  clock.report(1, sample(1, {}, milliseconds(30)), Now + milliseconds(200));
  EXPECT_EQ(issue(Now + milliseconds(200)), NowMs - 29);
  EXPECT_EQ(issue(Now + milliseconds(300)), NowMs + 70);
}

TEST_F(StampClockTest, TheLargestBoundOfTheLastTenSecondsCounts) {
  clock.report(1, sample(1), Now);
  for (int beat = 1; beat <= 40; ++beat) {
    const Duration since = milliseconds(250) * beat;
    clock.report(1, sample(1, -milliseconds(40), {}, since), Now + since);
    EXPECT_EQ(clock.estimate()->ahead, Exchange.time_since_epoch() - Now.time_since_epoch()) << beat;
  }
  clock.report(1, sample(1, -milliseconds(50), {}, milliseconds(10'001)), Now + milliseconds(10'001));
  EXPECT_EQ(issue(Now + milliseconds(10'001)), NowMs + 10'001 - 40);
}

TEST_F(StampClockTest, HoldsSoManyBoundsOfAWorkerHoweverOftenItReports) {
  for (int i = 0; i < 10'000; ++i) clock.report(1, sample(1, -Duration(i)), Now);
  EXPECT_LE(clock.estimate()->ahead, (Exchange.time_since_epoch() - Now.time_since_epoch()) -
                                         Duration(10'000 - static_cast<int>(StampClock::MostBounds)));
}

TEST_F(StampClockTest, AnOlderSeriesCountsNoMore) {
  clock.report(1, sample(1, milliseconds(300)), Now);
  clock.report(1, sample(2), Now);
  EXPECT_EQ(issue(), NowMs);
  clock.report(1, sample(1, milliseconds(900)), Now);
  EXPECT_EQ(clock.estimate()->series, 2u);
  EXPECT_EQ(issue(Now + seconds(1)), NowMs + 1'000);
}

TEST_F(StampClockTest, ALoneReadingCountsHoweverLongItsWorkerIsNotHeard) {
  clock.report(1, sample(1), Now);
  EXPECT_EQ(issue(Now + minutes(1)), NowMs + 60'000);
}

TEST_F(StampClockTest, AnUncertainReadingDoesNotCount) {
  clock.report(1, sample(1, {}, milliseconds(500)), Now);
  EXPECT_EQ(source(), 1u);
  EXPECT_EQ(clock.why_not(1), "");
  clock.report(1, sample(2, {}, milliseconds(501)), Now);
  EXPECT_EQ(source(), 0u);
  EXPECT_NE(clock.why_not(1), "");
}

TEST_F(StampClockTest, IssuesNoStampAgainThoughTheExchangesClockIsPutBack) {
  clock.report(1, sample(1, seconds(20)), Now);
  EXPECT_EQ(issue(), NowMs + 20'000);
  EXPECT_EQ(issue(), NowMs + 20'001);
  clock.report(1, sample(2), Now);
  EXPECT_EQ(issue(), NowMs) << "what lies so far ahead is not waited for";
  EXPECT_EQ(issue(Now + milliseconds(19'999)), NowMs + 19'999);
  EXPECT_EQ(issue(Now + seconds(20)), NowMs + 20'002) << "those before were issued";
  EXPECT_EQ(clock.wait(Now + seconds(20)), Duration::zero());
}

TEST_F(StampClockTest, IssuesNoStampOfAFormerStartAgainThoughTheExchangesClockIsPutBack) {
  for (const int64_t stamp : {NowMs + 20'000, NowMs + 20'002, NowMs - 5}) clock.restore(stamp);
  clock.report(1, sample(1), Now);
  EXPECT_EQ(issue(), NowMs);
  EXPECT_EQ(issue(Now + seconds(20)), NowMs + 20'001);
  EXPECT_EQ(issue(Now + seconds(20)), NowMs + 20'003);
}

TEST_F(StampClockTest, OfSeveralWorkersTheLargestBoundIsTheEstimate) {
  clock.report(1, sample(1, {}, milliseconds(80)), Now);
  clock.report(2, sample(1, {}, milliseconds(20)), Now);
  EXPECT_EQ(source(), 2u);
  EXPECT_EQ(issue(), NowMs - 20);
  clock.forget(2);
  EXPECT_EQ(source(), 1u);
  clock.forget(1);
  EXPECT_EQ(source(), 0u);
}

TEST_F(StampClockTest, OfThreeOrMoreTheOneThatIsApartFromTheMedianIsDropped) {
  for (const Duration off : {milliseconds(1'001), -milliseconds(1'001)}) {
    StampClock three;
    three.report(3, sample(1, off), Now);
    // Before the others: no jump.
    three.report(1, sample(1), Now);
    three.report(1, sample(2), Now);
    three.report(2, sample(1), Now);
    EXPECT_NE(three.why_not(3), "") << off.count();
    EXPECT_EQ(three.why_not(1), "");
    EXPECT_EQ(three.issue(Now)->ms, NowMs);
  }
}

TEST_F(StampClockTest, ThoseThatAreLessApartCount) {
  clock.report(3, sample(1, milliseconds(1'000)), Now);
  for (const WorkerId id : {1, 2}) clock.report(id, sample(1), Now);
  EXPECT_EQ(clock.why_not(3), "");
  EXPECT_EQ(source(), 3u);
}

TEST_F(StampClockTest, OfTwoBothCount) {
  clock.report(1, sample(1), Now);
  clock.report(2, sample(1, -seconds(20)), Now);
  EXPECT_EQ(clock.why_not(1), "");
  EXPECT_EQ(clock.why_not(2), "");
  EXPECT_EQ(source(), 1u);
}

TEST_F(StampClockTest, AForwardJumpCountsOnceTheNextSeriesAgrees) {
  clock.report(1, sample(1), Now);
  clock.report(1, sample(2, milliseconds(1'001)), Now);
  EXPECT_NE(clock.why_not(1), "");
  EXPECT_FALSE(clock.issue(Now));
  clock.report(1, sample(2, milliseconds(1'001), {}, milliseconds(250)), Now + milliseconds(250));
  EXPECT_NE(clock.why_not(1), "") << "the same series does not agree with itself";
  clock.report(1, sample(3, milliseconds(1'900)), Now);
  EXPECT_EQ(clock.why_not(1), "");
  EXPECT_EQ(issue(), NowMs + 1'900);
}

TEST_F(StampClockTest, AForwardJumpThatIsContradictedNeverCounts) {
  clock.report(1, sample(1), Now);
  clock.report(1, sample(2, seconds(20)), Now);
  clock.report(1, sample(3, seconds(40)), Now);
  EXPECT_NE(clock.why_not(1), "");
  clock.report(1, sample(4), Now);
  EXPECT_EQ(issue(), NowMs);
}

TEST_F(StampClockTest, AForwardJumpCountsForBothOnceAnotherWorkersSeriesAgrees) {
  for (const WorkerId id : {1, 2}) clock.report(id, sample(1), Now);
  clock.report(1, sample(2, seconds(20)), Now);
  EXPECT_EQ(source(), 2u);
  EXPECT_NE(clock.why_not(1), "");
  clock.report(2, sample(2, seconds(20)), Now);
  EXPECT_EQ(clock.why_not(1), "");
  EXPECT_EQ(clock.why_not(2), "");
  EXPECT_EQ(issue(), NowMs + 20'000);
}

TEST_F(StampClockTest, ANewcomersReadingIsMeasuredAgainstTheEstimateToo) {
  clock.report(1, sample(1), Now);
  clock.report(2, sample(1, seconds(8)), Now);
  EXPECT_EQ(source(), 1u);
  EXPECT_NE(clock.why_not(2), "");
}

TEST_F(StampClockTest, AnEstimateIsRememberedForAMinuteAfterItsWorkersAreGone) {
  clock.report(1, sample(1), Now);
  clock.forget(1);
  clock.report(2, sample(1, seconds(8), {}, seconds(60)), Now + seconds(60));
  EXPECT_NE(clock.why_not(2), "");
  clock.forget(2);
  clock.report(3, sample(1, seconds(8), {}, seconds(61)), Now + seconds(61));
  EXPECT_EQ(clock.why_not(3), "");
}

TEST_F(StampClockTest, ABackwardJumpCountsAtOnce) {
  clock.report(1, sample(1), Now);
  clock.report(1, sample(2, -seconds(20)), Now);
  EXPECT_EQ(issue(), NowMs - 20'000);
}

TEST_F(StampClockTest, AStampThatWasLetInSpeaksForItsEstimateAndThoseLikeIt) {
  clock.report(1, sample(1), Now);
  const auto stamp = clock.issue(Now);
  ASSERT_TRUE(stamp);
  EXPECT_FALSE(clock.was_let_in(stamp->from, Now));
  clock.let_in(stamp->from, Now);
  EXPECT_TRUE(clock.was_let_in(stamp->from, Now + seconds(10)));
  EXPECT_FALSE(clock.was_let_in(stamp->from, Now + seconds(10) + Duration(1)));
  StampClock::Estimate other{2, 7, stamp->from.ahead + seconds(1)};
  EXPECT_TRUE(clock.was_let_in(other, Now));
  other.ahead += Duration(1);
  EXPECT_FALSE(clock.was_let_in(other, Now));
}

TEST_F(StampClockTest, StrictlyIncreasingAndNeverMoreThanHalfASecondAhead) {
  clock.report(1, sample(1), Now);
  int64_t last = 0;
  for (int i = 0; i <= 500; ++i) {
    const int64_t stamp = issue();
    ASSERT_GT(stamp, last);
    ASSERT_LE(stamp, NowMs + 500);
    last = stamp;
  }
  EXPECT_EQ(last, NowMs + 500);
  EXPECT_FALSE(clock.issue(Now));
  EXPECT_EQ(clock.wait(Now), milliseconds(1));
  EXPECT_EQ(issue(Now + clock.wait(Now)), last + 1);
}

TEST_F(StampClockTest, DoesNotGoBackWithTheClock) {
  clock.report(1, sample(1), Now);
  ASSERT_EQ(issue(), NowMs);
  clock.report(1, sample(2, -milliseconds(300)), Now);
  EXPECT_EQ(issue(), NowMs + 1);
  clock.report(1, sample(3, -seconds(9)), Now);
  EXPECT_FALSE(clock.issue(Now));
  EXPECT_EQ(clock.wait(Now), milliseconds(8'502));
  EXPECT_EQ(issue(Now + milliseconds(8'502)), NowMs + 2);
}

TEST_F(StampClockTest, DoesNotWaitForAClockThatLied) {
  clock.report(1, sample(1, minutes(60)), Now);
  ASSERT_EQ(issue(), NowMs + 3'600'000);
  clock.report(1, sample(2), Now);
  EXPECT_EQ(clock.wait(Now), Duration::zero());
  EXPECT_EQ(issue(), NowMs);
  EXPECT_EQ(issue(), NowMs + 1);
}

TEST_F(StampClockTest, DoesNotWaitForOneOfBeforeARestart) {
  clock.restore(NowMs + 3'600'000);
  clock.report(1, sample(1), Now);
  EXPECT_EQ(issue(), NowMs);
}

TEST_F(StampClockTest, GoesOnAboveTheStampsOfBeforeARestart) {
  clock.restore(NowMs + 100);
  clock.restore(NowMs + 50);
  clock.report(1, sample(1), Now);
  EXPECT_EQ(issue(), NowMs + 101);
}

}  // namespace
}  // namespace cancelbus::core
