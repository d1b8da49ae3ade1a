#include "service/core/worker_pool.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Tick T0{std::chrono::hours(1)};
constexpr WallTime Exchange{seconds(1'700'000'000)};

Tick at(Duration d) { return T0 + d; }

WorkerReady ready(WorkerId id, uint32_t credit = 4) {
  WorkerReady ready;
  ready.peer = "peer" + std::to_string(id);
  ready.worker = id;
  ready.name = "w" + std::to_string(id);
  ready.credit = credit;
  ready.clock = ClockSample{.series = 1, .exchange_time = Exchange, .round_trip = milliseconds(2)};
  ready.request_timeout = seconds(5);
  return ready;
}

class WorkerPoolTest : public ::testing::Test {
 protected:
  std::string why_unavailable(WorkerId id, Tick now) {
    for (const WorkerStatus& status : pool.status(now)) {
      if (status.name == "w" + std::to_string(id)) return status.unavailable;
    }
    return "unknown";
  }
  WorkerId estimated_from() { return pool.stamps().estimate() ? pool.stamps().estimate()->worker : 0; }
  /// As ready(), after it has read the clock again.
  static WorkerReady next_series(WorkerId id) {
    WorkerReady next = ready(id);
    next.clock->series = 2;
    return next;
  }
  WorkerId chosen(Tick now) {
    const Worker* worker = pool.choose(now);
    return worker ? worker->id : 0;
  }

  WorkerPool pool{seconds(1), seconds(15)};
};

TEST_F(WorkerPoolTest, NoMoreIsUnderWayThanMayBeRefusedBeforeTheAddressIsBlocked) {
  pool.heard(ready(1, 64), T0);
  pool.heard(ready(2, 64), T0);
  TaskId task = 0;
  while (Worker* worker = pool.choose(T0)) worker->tasks.insert(++task);
  EXPECT_EQ(task, WorkerPool::MostWithOtherKeys);
  pool.find(1)->tasks.clear();
  pool.find(2)->tasks.clear();
  pool.find(1)->unauthorized_in_a_row = WorkerPool::MostWithOtherKeys - 1;
  Worker* last = pool.choose(T0);
  ASSERT_NE(last, nullptr);
  last->tasks.insert(1);
  EXPECT_EQ(pool.choose(T0), nullptr);
  pool.was_let_in(*pool.find(1));
  EXPECT_NE(pool.choose(T0), nullptr);
}

TEST_F(WorkerPoolTest, TheMostFreePlacesFirst) {
  EXPECT_EQ(chosen(T0), 0u);
  pool.heard(ready(1, 4), T0);
  pool.heard(ready(2, 6), T0);
  EXPECT_EQ(chosen(T0), 2u);
  for (TaskId task = 1; task <= 3; ++task) pool.find(2)->tasks.insert(task);
  EXPECT_EQ(chosen(T0), 1u);
  for (TaskId task = 11; task <= 14; ++task) pool.find(1)->tasks.insert(task);
  EXPECT_EQ(chosen(T0), 2u);
  pool.heard(ready(2, 3), T0);
  EXPECT_EQ(chosen(T0), 0u) << "no worker has a place";
}

TEST_F(WorkerPoolTest, ASweepGoesToAWorkerThatKnowsItAndNeverTakesTheLastOfSeveralPlaces) {
  const auto chosen_for_sweep = [this] {
    const Worker* worker = pool.choose_for_sweep(T0);
    return worker ? worker->id : 0;
  };
  pool.heard(ready(1, 64), T0);
  EXPECT_EQ(chosen_for_sweep(), 0u) << "it is of an earlier version";
  EXPECT_FALSE(pool.any_sweeps(T0));
  WorkerReady knows = ready(2, 2);
  knows.sweeps = true;
  pool.heard(knows, T0);
  EXPECT_TRUE(pool.any_sweeps(T0));
  EXPECT_FALSE(pool.any_sweeps(at(seconds(2)))) << "silent";
  EXPECT_EQ(chosen_for_sweep(), 2u);
  pool.find(2)->tasks.insert(1);
  EXPECT_EQ(chosen_for_sweep(), 0u);
  knows.credit = 1;
  pool.heard(knows, T0);
  EXPECT_EQ(chosen_for_sweep(), 0u) << "its only place is taken";
  pool.find(2)->tasks.clear();
  EXPECT_EQ(chosen_for_sweep(), 2u) << "it has no other";
  pool.met_unauthorized(*pool.find(2), 0, T0);
  EXPECT_EQ(chosen_for_sweep(), 0u);
}

TEST_F(WorkerPoolTest, ARequestAboutNoOrderThatIsRefusedIsProbedByTheLatestThatWasRefusedOrAnyOther) {
  pool.heard(ready(1), T0);
  pool.met_unauthorized(*pool.find(1), 0, T0);
  EXPECT_EQ(pool.find(1)->probe_order, 1);
  pool.heard(ready(2), T0);
  pool.met_unauthorized(*pool.find(2), 77, T0);
  pool.heard(ready(3), T0);
  pool.met_unauthorized(*pool.find(3), 0, T0);
  EXPECT_EQ(pool.find(3)->probe_order, 77);
}

TEST_F(WorkerPoolTest, SilentPastTheLeaseGetsNothingAndLosesItsTasks) {
  pool.heard(ready(1), T0);
  pool.find(1)->tasks.insert(7);
  EXPECT_EQ(pool.next_deadline(T0), at(seconds(1) + Duration(1)));
  EXPECT_TRUE(pool.take_abandoned(at(seconds(1))).empty());
  EXPECT_EQ(chosen(at(seconds(1))), 1u);
  EXPECT_EQ(pool.take_abandoned(at(seconds(1) + Duration(1))), std::vector<TaskId>{7});
  EXPECT_EQ(chosen(at(seconds(1) + Duration(1))), 0u);
  EXPECT_EQ(why_unavailable(1, at(seconds(2))), "silent");
  EXPECT_EQ(pool.next_deadline(at(seconds(2))), Never);
}

TEST_F(WorkerPoolTest, WhatItsLatestWordDoesNotListIsAbandonedUnlessItHasEndedMeanwhile) {
  pool.heard(ready(1), T0);
  pool.find(1)->tasks = {7, 8, 9};
  pool.find(1)->unlisted = {9, 7, 8};
  pool.find(1)->tasks.erase(8);
  EXPECT_EQ(pool.take_abandoned(T0), (std::vector<TaskId>{7, 9}));
  EXPECT_TRUE(pool.take_abandoned(T0).empty());
}

TEST_F(WorkerPoolTest, ForgottenAfterAMinuteUnlessItHoldsSomething) {
  pool.heard(ready(1), T0);
  pool.heard(ready(2), T0);
  pool.find(2)->tasks.insert(7);
  pool.forget_gone(at(WorkerPool::Forget + Duration(1)));
  EXPECT_EQ(pool.find(1), nullptr);
  EXPECT_NE(pool.find(2), nullptr);
}

TEST_F(WorkerPoolTest, OneThatDiedIsListedForAnHourUnlessOneOfItsNameIsHeard) {
  pool.heard(ready(1), T0);
  pool.heard(ready(2), T0);
  const Tick forgotten = at(WorkerPool::Forget + Duration(1));
  pool.forget_gone(forgotten);
  ASSERT_EQ(pool.find(1), nullptr);
  EXPECT_EQ(why_unavailable(1, forgotten), "silent");
  const auto shown = pool.status(at(seconds(90)));
  ASSERT_EQ(shown.size(), 2U);
  EXPECT_EQ(shown[0].silent_for, seconds(90));
  EXPECT_TRUE(shown[0].dead);
  WorkerReady successor = ready(3);
  successor.name = "w1";
  pool.heard(successor, forgotten);
  EXPECT_EQ(why_unavailable(1, forgotten), "");
  EXPECT_EQ(pool.status(forgotten).size(), 2U);
  EXPECT_EQ(why_unavailable(2, at(WorkerPool::ShowDead)), "silent");
  EXPECT_EQ(why_unavailable(2, at(WorkerPool::ShowDead + Duration(1))), "unknown");
}

TEST_F(WorkerPoolTest, OneThatWasReplacedBeforeItWasForgottenIsNotListedAgain) {
  pool.heard(ready(1), T0);
  WorkerReady successor = ready(2);
  successor.name = "w1";
  pool.heard(successor, at(seconds(50)));
  pool.forget_gone(at(WorkerPool::Forget + Duration(1)));
  EXPECT_EQ(pool.status(at(WorkerPool::Forget + Duration(1))).size(), 1U);
}

TEST_F(WorkerPoolTest, TheFirstThatIsNotAvailableIsNamedAlsoWhileOthersAre) {
  pool.heard(ready(1), at({}));
  pool.heard(ready(2), at({}));
  EXPECT_EQ(pool.availability(at({})).missing, "");
  pool.heard(ready(2), at(seconds(2)));
  EXPECT_EQ(pool.availability(at(seconds(2))).available, 1U);
  EXPECT_EQ(pool.availability(at(seconds(2))).missing, "w1: silent");
}

TEST_F(WorkerPoolTest, OneThatEndedInOrderIsNotListed) {
  WorkerReady ending = ready(1, 0);
  ending.ending = true;
  pool.heard(ending, T0);
  EXPECT_EQ(why_unavailable(1, at(seconds(1))), "") << "it may still have to finish what it holds";
  const Tick over = at(seconds(1) + Duration(1));
  EXPECT_EQ(why_unavailable(1, over), "unknown");
  EXPECT_EQ(pool.availability(over).other, "");
  pool.forget_gone(at(WorkerPool::Forget + Duration(1)));
  EXPECT_TRUE(pool.status(at(WorkerPool::Forget + Duration(1))).empty());
}

TEST_F(WorkerPoolTest, OfTheDeadOnlySoManyAreKept) {
  for (WorkerId id = 1; id <= WorkerPool::MaxDead + 2; ++id) {
    pool.heard(ready(id), at(milliseconds(id)));
    pool.forget_gone(at(milliseconds(id) + WorkerPool::Forget + Duration(1)));
  }
  const Tick now = at(seconds(100));
  EXPECT_EQ(pool.status(now).size(), WorkerPool::MaxDead);
  EXPECT_EQ(why_unavailable(2, now), "unknown");
  EXPECT_EQ(why_unavailable(3, now), "silent");
}

TEST_F(WorkerPoolTest, TheClockOfASilentWorkerHasNoSay) {
  WorkerReady behind = ready(1);
  *behind.clock->exchange_time -= seconds(30);
  pool.heard(behind, T0);
  pool.heard(ready(2), T0);
  pool.heard(ready(2), T0);
  WorkerReady again = ready(2);
  again.clock->series = 2;
  pool.heard(again, T0);
  EXPECT_EQ(estimated_from(), 2u);
  pool.heard(behind, at(seconds(2)));
  pool.forget_gone(at(seconds(2)));
  EXPECT_EQ(estimated_from(), 1u);
}

TEST_F(WorkerPoolTest, WithoutAClockNoWork) {
  WorkerReady clockless = ready(1);
  clockless.clock.reset();
  pool.heard(clockless, T0);
  EXPECT_EQ(chosen(T0), 0u);
  pool.heard(ready(1), T0);
  EXPECT_EQ(chosen(T0), 1u);
  pool.heard(clockless, T0);
  EXPECT_EQ(chosen(T0), 0u);
  EXPECT_EQ(estimated_from(), 0u);
}

TEST_F(WorkerPoolTest, WithoutExchangeTimeNoWorkAndNoProbe) {
  WorkerReady earlier = ready(1);
  earlier.clock->exchange_time.reset();
  pool.heard(earlier, T0);
  EXPECT_EQ(chosen(T0), 0u);
  EXPECT_EQ(why_unavailable(1, T0), "clock: does not report exchange_time; it is of an earlier version");
  pool.met_unauthorized(*pool.find(1), 100, T0);
  EXPECT_EQ(pool.probe_due(at(WorkerPool::FirstProbe)), nullptr);
}

TEST_F(WorkerPoolTest, AVoidStampMakesTheWorkerOfTheEstimateReadTheClockAgain) {
  for (const WorkerId id : {1, 2}) pool.heard(ready(id, 4), T0);
  const StampClock::Estimate estimate = *pool.stamps().estimate();
  ASSERT_EQ(estimate.worker, 2u);
  pool.met_void_stamp(*pool.find(1), estimate, T0);
  pool.heard(ready(2), T0);
  EXPECT_EQ(why_unavailable(2, T0),
            "clock: its reading of the exchange's clock was contradicted; waits for its next one");
  EXPECT_EQ(why_unavailable(1, T0), "");
  EXPECT_EQ(estimated_from(), 1u);
  pool.heard(next_series(2), T0);
  EXPECT_EQ(why_unavailable(2, T0), "");
}

TEST_F(WorkerPoolTest, AWorkerThatHasReadTheClockSinceIsNotExcludedForAnEarlierEstimate) {
  pool.heard(ready(1), T0);
  const StampClock::Estimate estimate = *pool.stamps().estimate();
  pool.heard(next_series(1), T0);
  pool.met_void_stamp(*pool.find(1), estimate, T0);
  EXPECT_EQ(why_unavailable(1, T0), "");
  EXPECT_EQ(estimated_from(), 1u);
}

TEST_F(WorkerPoolTest, AVoidStampOfAnEstimateThatWasLetInSpeaksAgainstTheWorkerThatComplains) {
  for (const WorkerId id : {1, 2}) pool.heard(ready(id), T0);
  const StampClock::Estimate estimate = *pool.stamps().estimate();
  pool.stamps().let_in(estimate, T0);
  pool.met_void_stamp(*pool.find(1), estimate, at(seconds(1)));
  EXPECT_EQ(chosen(at(seconds(1))), 2u);
  EXPECT_NE(why_unavailable(1, at(seconds(1))), "");
  pool.heard(next_series(1), at(seconds(1)));
  EXPECT_EQ(why_unavailable(1, at(seconds(1))), "");
}

TEST_F(WorkerPoolTest, AVoidStampOfAWorkerThatIsGoneExcludesNoOther) {
  pool.heard(ready(1), T0);
  pool.met_void_stamp(*pool.find(1), {99, 1, Duration::zero()}, T0);
  EXPECT_EQ(chosen(T0), 1u);
}

TEST_F(WorkerPoolTest, AWorkerWhoseReadingIsApartIsUnavailableAndNamed) {
  WorkerReady off = ready(3, 60);
  *off.clock->exchange_time -= milliseconds(1'001);
  pool.heard(off, T0);
  for (const WorkerId id : {1, 2}) pool.heard(ready(id), T0);
  for (const WorkerId id : {1, 2}) pool.heard(next_series(id), T0);
  EXPECT_NE(chosen(T0), 3u);
  EXPECT_EQ(why_unavailable(3, T0), "clock: its reading of the exchange's clock is over 1 s off the other workers'");
}

TEST_F(WorkerPoolTest, ARequestThatCouldOutliveLostAfterIsNotMade) {
  WorkerReady slow = ready(1);
  slow.request_timeout = seconds(13);
  pool.heard(slow, T0);
  EXPECT_EQ(chosen(T0), 1u);
  slow.request_timeout = seconds(13) + milliseconds(1);
  pool.heard(slow, T0);
  EXPECT_EQ(chosen(T0), 0u);
}

TEST_F(WorkerPoolTest, ProbesAfterOneTwoFourUpToSixtySeconds) {
  pool.heard(ready(1), T0);
  Worker& worker = *pool.find(1);
  pool.met_unauthorized(worker, 100, T0);
  EXPECT_EQ(chosen(T0), 0u);
  Tick now = T0;
  for (const int interval : {1, 2, 4, 8, 16, 32, 60, 60}) {
    EXPECT_EQ(pool.probe_due(now + seconds(interval) - Duration(1)), nullptr);
    now += seconds(interval);
    pool.heard(ready(1), now);
    ASSERT_EQ(pool.probe_due(now), &worker);
    EXPECT_EQ(worker.probe_order, 100);
    worker.probe_at = Never;  // it is under way
    EXPECT_EQ(pool.probe_due(now), nullptr);
    pool.met_unauthorized(worker, 100, now);
  }
  pool.met_authorized(worker);
  EXPECT_EQ(chosen(now), 1u);
  EXPECT_EQ(pool.probe_due(now + seconds(100)), nullptr);
}

TEST_F(WorkerPoolTest, OtherRequestsThatWereOutDoNotPutTheProbeOff) {
  pool.heard(ready(1), T0);
  Worker& worker = *pool.find(1);
  for (int i = 0; i < 4; ++i) pool.met_unauthorized(worker, 100 + i, T0);
  EXPECT_EQ(worker.probe_at, at(seconds(1)));
  EXPECT_EQ(worker.probe_order, 100);
}

TEST_F(WorkerPoolTest, AProbeThatEndedWithoutAWordIsMadeAgain) {
  pool.heard(ready(1), T0);
  Worker& worker = *pool.find(1);
  pool.met_nothing(worker, T0);
  EXPECT_EQ(worker.probe_at, Never) << "it needs none";
  pool.met_unauthorized(worker, 100, T0);
  worker.probe_at = Never;
  pool.met_nothing(worker, at(seconds(5)));
  EXPECT_EQ(worker.probe_at, at(seconds(6)));
}

TEST_F(WorkerPoolTest, AProbeThatIsDueIsNoDeadline) {
  pool.heard(ready(1, 0), T0);
  pool.met_unauthorized(*pool.find(1), 100, T0);
  const Tick now = at(seconds(1));
  pool.heard(ready(1, 0), now);
  EXPECT_EQ(pool.probe_due(now), nullptr) << "it has no place";
  EXPECT_GT(pool.next_deadline(now), now);
}

TEST_F(WorkerPoolTest, OnlySoManyWorkers) {
  for (WorkerId id = 1; id <= WorkerPool::MaxWorkers; ++id) ASSERT_NE(pool.heard(ready(id), T0), nullptr);
  EXPECT_EQ(pool.heard(ready(9'999), T0), nullptr);
  EXPECT_NE(pool.heard(ready(1), T0), nullptr);
}

TEST_F(WorkerPoolTest, TheWorkerOfTasksFromBeforeARestartIsNotShown) {
  WorkerReady before;
  before.worker = WorkerPool::BeforeRestart;
  pool.heard(before, T0);
  EXPECT_TRUE(pool.status(T0).empty());
  EXPECT_EQ(chosen(T0), 0u);
}

}  // namespace
}  // namespace cancelbus::core
