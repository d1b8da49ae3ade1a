#include "service/core/task_table.hpp"

#include <gtest/gtest.h>

#include "tests/unit/core/only.hpp"

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TaskTableTest : public ::testing::Test {
 protected:
  using From = TaskTable::Outcome::From;
  static constexpr TaskId First = 100;
  static constexpr OrderId Target = 7;

  TaskTableTest() {
    begin({});
    heard(1, {});
    heard(2, {});
  }

  static GatewayOptions few_cancels() {
    GatewayOptions options;
    options.cancel_limits = {{2, seconds(1)}, {3, seconds(60)}};
    return options;
  }
  static Tick at(Duration d) { return Tick(seconds(1'000)) + d; }
  static WallTime wall(Duration d) { return WallTime(seconds(1'700'000'000)) + d; }
  void begin(Duration d) {
    now_ = d;
    table.begin({at(d), wall(d)}, d);
  }

  /// Worker `id` on the connection `p<id>`.
  std::vector<TaskId> heard(WorkerId id, std::vector<TaskId> tasks) {
    const std::string number = std::to_string(id);
    WorkerReady ready{"p" + number, id, "w" + number, 4, std::move(tasks), {}, seconds(5)};
    ready.clock = ClockSample{.series = 1, .exchange_time = wall(now_), .round_trip = milliseconds(2)};
    return table.heard(ready);
  }
  Worker& worker(WorkerId id) { return *table.workers().find(id); }
  TaskId grant(LimiterKind kind = LimiterKind::Cancel) {
    const TaskId task = table.grant(kind, 1.0, worker(1));
    if (task != 0) table.assign(task, Target, records);
    return task;
  }
  static TaskEnded ended(const PeerId& peer, TaskId task, Verdict verdict, Arrival arrival = Arrival::Answered) {
    TaskEnded ended{peer, task, {}};
    ended.answer.verdict = verdict;
    ended.answer.arrival = arrival;
    return ended;
  }
  static TaskEnded throttled(TaskId task, std::optional<Duration> retry_after) {
    TaskEnded event = ended("p1", task, Verdict::Throttled);
    event.answer.retry_after = retry_after;
    return event;
  }
  const RateLimiter& limiter(LimiterKind kind = LimiterKind::Cancel) const { return table.limiter(kind); }
  std::optional<RateLimiter::Permit> permit(TaskId task) const { return limiter().permit(task); }
  /// From a permit of a task that is not known, as after a restart.
  void restore_permit(TaskId task, bool open) {
    table.restore(PermitRecord{task, LimiterKind::Cancel, Target, 0, open, at(seconds(15)), wall(seconds(15))}, true,
                  records);
  }

  /// Why the worker gets no work.
  std::string why_unavailable(WorkerId id) const {
    const auto status = table.workers().status(at(now_));
    return status.at(id - 1).unavailable;
  }

  Duration now_{};
  const GatewayOptions options = few_cancels();
  TaskTable table{options, First};
  TaskTable::Records records;
};

// ---- Granting ----

TEST_F(TaskTableTest, ATaskHasAWorkerAPermitAndAStamp) {
  const TaskId task = table.grant(LimiterKind::Cancel, 1.0, worker(1));
  ASSERT_EQ(task, First);
  table.assign(task, Target, records);
  EXPECT_TRUE(worker(1).tasks.contains(task));
  EXPECT_EQ(table.find(task)->order_id, Target);
  EXPECT_EQ(table.find(task)->worker, 1U);
  EXPECT_EQ(table.find(task)->stamp_ms, 1'700'000'000'000);
  const auto stored = only<PermitRecord>(records);
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored[0].task, task);
  EXPECT_EQ(stored[0].order_id, Target);
  EXPECT_EQ(stored[0].stamp_ms, 1'700'000'000'000);
  EXPECT_TRUE(stored[0].open);
  EXPECT_EQ(stored[0].settles, at(options.lost_after));
  EXPECT_EQ(stored[0].settles_wall, wall(options.lost_after));
  EXPECT_EQ(grant(), First + 1);
  table.check();
}

TEST_F(TaskTableTest, WithoutAPermitNoStampIsTaken) {
  grant();
  const TaskId last = grant();
  table.dispatching();
  EXPECT_EQ(table.next_grant(), Never);
  EXPECT_EQ(table.grant(LimiterKind::Cancel, 1.0, worker(2)), 0U);
  EXPECT_TRUE(worker(2).tasks.empty());
  EXPECT_EQ(table.next_grant(), at(options.lost_after) + milliseconds(1'001));
  const TaskId query = table.grant(LimiterKind::Query, 1.0, worker(2));
  ASSERT_NE(query, 0U) << "queries have a limit of their own";
  EXPECT_EQ(table.find(query)->stamp_ms, table.find(last)->stamp_ms + 1);
}

TEST_F(TaskTableTest, WithoutAStampNoPermitIsTaken) {
  table.workers().stamps().restore(1'700'000'001'000);
  table.dispatching();
  EXPECT_EQ(table.grant(LimiterKind::Cancel, 1.0, worker(1)), 0U);
  EXPECT_EQ(limiter().permits(), 0U);
  EXPECT_TRUE(worker(1).tasks.empty());
  EXPECT_EQ(table.next_grant(), at(milliseconds(501)));
  begin(milliseconds(501));
  EXPECT_EQ(table.grant(LimiterKind::Cancel, 1.0, worker(1)), First);
}

TEST_F(TaskTableTest, ARequestForOpenOrdersHasALimitOfItsOwn) {
  const TaskId task = table.grant(LimiterKind::OpenOrders, 0.5, worker(1));
  ASSERT_NE(task, 0U);
  table.assign(task, 0, records);
  EXPECT_EQ(only<PermitRecord>(records).at(0).limiter, LimiterKind::OpenOrders);
  EXPECT_EQ(limiter().permits() + limiter(LimiterKind::Query).permits(), 0U);
  const auto outcome = table.end(throttled(task, seconds(5)), records);
  EXPECT_TRUE(outcome.throttled);
  EXPECT_EQ(limiter(LimiterKind::OpenOrders).held_until(), at(seconds(6)));
  EXPECT_EQ(limiter().held_until(), Tick::min());
  EXPECT_EQ(limiter(LimiterKind::Query).held_until(), Tick::min());
  table.check();
}

TEST_F(TaskTableTest, OfARequestForOpenOrdersWhoseWorkerIsSilentOnlyThePermitIsKnown) {
  const TaskId task = table.grant(LimiterKind::OpenOrders, 0.5, worker(1));
  table.assign(task, 0, records);
  EXPECT_EQ(table.silent(task)->kind, LimiterKind::OpenOrders);
  EXPECT_EQ(table.find(task), nullptr);
  EXPECT_TRUE(limiter(LimiterKind::OpenOrders).permit(task)->open);
  EXPECT_EQ(table.end(ended("p1", task, Verdict::Read), records).from, TaskTable::Outcome::From::Unknown);
}

TEST_F(TaskTableTest, ATaskIsItsHoldersAlone) {
  const TaskId task = grant();
  EXPECT_TRUE(table.is_holders(ended("p1", task, Verdict::Read)));
  EXPECT_FALSE(table.is_holders(ended("p2", task, Verdict::Read)));
  EXPECT_FALSE(table.is_holders(ended("p1", task + 1, Verdict::Read)));
}

// ---- Outcomes ----

TEST_F(TaskTableTest, AnAnswerSettlesThePermitAtOnceAndEndsTheTask) {
  const TaskId task = grant();
  records.clear();
  begin(seconds(1));
  const TaskTable::Outcome outcome = table.end(ended("p1", task, Verdict::Accepted), records);
  EXPECT_EQ(outcome.from, From::Holder);
  EXPECT_EQ(outcome.task.order_id, Target);
  EXPECT_EQ(outcome.worker, "w1");
  EXPECT_EQ(permit(task)->settles, at(seconds(1)));
  EXPECT_FALSE(permit(task)->open);
  EXPECT_EQ(table.find(task), nullptr);
  EXPECT_TRUE(worker(1).tasks.empty());
  const auto stored = only<PermitRecord>(records);
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_FALSE(stored[0].open);
  EXPECT_EQ(stored[0].settles, at(seconds(1)));
  table.check();
}

TEST_F(TaskTableTest, ThePageOfAProxySettlesSevenSecondsAfterDispatch) {
  const TaskId task = grant();
  begin(seconds(1));
  table.end(ended("p1", task, Verdict::Doubtful, Arrival::Page), records);
  EXPECT_EQ(permit(task)->settles, at(seconds(7)));
  EXPECT_FALSE(permit(task)->open);
}

TEST_F(TaskTableTest, APageSettlesWhenTheExchangeTakesNoStampAnyMoreThatAWorkerLetsPass) {
  // The stamp is ahead by what the worker allows, of a reading that is behind by what the bus allows.
  constexpr Duration MostAhead = StampClock::MostApart + StampClock::MostUncertain;
  EXPECT_GE(TaskTable::PageSettles, MostAhead + StampClock::ExchangeBears);
}

// ---- Void stamps ----

TEST_F(TaskTableTest, AVoidStampExcludesTheWorkerThatItsEstimateCameFrom) {
  const TaskId task = grant();
  begin(TaskTable::OldWhenItLeft);
  table.end(ended("p1", task, Verdict::StaleStamp, Arrival::NeverSent), records);
  EXPECT_EQ(why_unavailable(1), "");
  EXPECT_NE(why_unavailable(2), "") << "of two that agree the later one's report was taken";
}

TEST_F(TaskTableTest, AVoidStampThatWasOldWhenItsTaskLeftExcludesNone) {
  const TaskId task = grant();
  begin(TaskTable::OldWhenItLeft + Duration(1));
  table.end(ended("p1", task, Verdict::StaleStamp, Arrival::NeverSent), records);
  EXPECT_EQ(why_unavailable(1), "");
  EXPECT_EQ(why_unavailable(2), "");
}

TEST_F(TaskTableTest, AnAnswerThatLooksPastTheStampSpeaksForItsEstimate) {
  Duration since{};
  for (const Verdict verdict :
       {Verdict::Accepted, Verdict::UnknownOrder, Verdict::Refused, Verdict::Blocked, Verdict::Read}) {
    const StampClock& stamps = table.workers().stamps();
    ASSERT_FALSE(stamps.was_let_in(*stamps.estimate(), at(since)));
    table.end(ended("p1", grant(LimiterKind::Query), verdict), records);
    EXPECT_TRUE(stamps.was_let_in(*stamps.estimate(), at(since)));
    begin(since += StampClock::Window + Duration(1));
    heard(1, {});
  }
}

TEST_F(TaskTableTest, AVoidStampOfAnEstimateThatWasLetInExcludesTheWorkerThatComplains) {
  table.end(ended("p1", grant(), Verdict::Accepted), records);
  const TaskId task = grant();
  begin(milliseconds(1));
  table.end(ended("p1", task, Verdict::StaleStamp, Arrival::NeverSent), records);
  EXPECT_NE(why_unavailable(1), "");
  EXPECT_EQ(why_unavailable(2), "");
}

TEST_F(TaskTableTest, ARefusalOfKeyOrStampSpeaksForNoEstimate) {
  table.end(ended("p2", table.grant(LimiterKind::Query, 1.0, worker(2)), Verdict::Unauthorized), records);
  const TaskId task = grant();
  begin(milliseconds(1));
  table.end(ended("p1", task, Verdict::StaleStamp, Arrival::NeverSent), records);
  EXPECT_EQ(why_unavailable(1), "");
}

TEST_F(TaskTableTest, WithoutAnyResponseThePermitIsHeldUntilTheRequestIsLost) {
  const TaskId task = grant();
  begin(seconds(1));
  table.end(ended("p1", task, Verdict::Doubtful, Arrival::Silent), records);
  EXPECT_EQ(permit(task)->settles, at(options.lost_after));
  EXPECT_FALSE(permit(task)->open);
}

TEST_F(TaskTableTest, ARequestThatWasNeverSentGivesItsPermitBack) {
  const TaskId task = grant();
  records.clear();
  table.end(ended("p1", task, Verdict::NeverWritten, Arrival::NeverSent), records);
  EXPECT_EQ(permit(task), std::nullopt);
  ASSERT_EQ(records.size(), 1U);
  ASSERT_EQ(only<PermitForgotten>(records).size(), 1U);
  EXPECT_EQ(only<PermitForgotten>(records)[0].task, task);
  EXPECT_EQ(table.find(task), nullptr);
}

TEST_F(TaskTableTest, AStrangersOutcomeCountsForNothing) {
  const TaskId task = grant();
  records.clear();
  begin(seconds(1));
  TaskEnded event = ended("p2", task, Verdict::Throttled);
  event.answer.retry_after = seconds(3);
  const TaskTable::Outcome outcome = table.end(event, records);
  EXPECT_EQ(outcome.from, From::Stranger);
  EXPECT_FALSE(outcome.throttled);
  EXPECT_TRUE(records.empty());
  EXPECT_TRUE(permit(task)->open);
  EXPECT_EQ(permit(task)->settles, at(options.lost_after));
  EXPECT_EQ(limiter().held_until(), Tick::min());
  EXPECT_EQ(table.find(task)->worker, 1U);
  EXPECT_EQ(table.end(ended("p1", task, Verdict::Accepted), records).from, From::Holder);
}

TEST_F(TaskTableTest, AnUnknownTasksOutcomeSettlesNoPermit) {
  restore_permit(9, true);
  EXPECT_EQ(table.end(ended("p1", 9, Verdict::Accepted), records).from, From::Unknown);
  EXPECT_TRUE(permit(9)->open);
  EXPECT_EQ(permit(9)->settles, at(seconds(15)));
  EXPECT_TRUE(records.empty());
}

TEST_F(TaskTableTest, ALateRefusalOfTheKeyCountsOnceAndOnlyWhileItsPermitIsOpen) {
  restore_permit(8, false);
  restore_permit(9, true);
  const auto count = [&] { return table.workers().unauthorized_in_a_row(); };
  table.end(ended("p1", 7, Verdict::Unauthorized), records);
  table.end(ended("p1", 8, Verdict::Unauthorized), records);
  EXPECT_EQ(count(), 0U);
  table.end(ended("p1", 9, Verdict::Unauthorized), records);
  EXPECT_EQ(count(), 1U);
  table.end(ended("p1", 9, Verdict::Unauthorized), records);
  EXPECT_EQ(count(), 1U);
}

TEST_F(TaskTableTest, AnExpiredPermitIsGivenUpAndItsTaskStaysUntilItIsDropped) {
  const TaskId task = grant();
  records.clear();
  const Duration over = options.lost_after + milliseconds(60'060);
  begin(over - Duration(1));
  EXPECT_TRUE(table.expire(records).empty());
  begin(over);
  EXPECT_EQ(table.expire(records), std::vector<TaskId>{task});
  ASSERT_EQ(only<PermitForgotten>(records).size(), 1U);
  EXPECT_EQ(only<PermitForgotten>(records)[0].task, task);
  ASSERT_NE(table.find(task), nullptr);
  table.drop(task);
  EXPECT_EQ(table.find(task), nullptr);
  EXPECT_TRUE(worker(1).tasks.empty());
  table.check();
}

// ---- Workers ----

TEST_F(TaskTableTest, ASilentQueryIsForgotten) {
  const TaskId task = grant(LimiterKind::Query);
  const std::optional<Task> silent = table.silent(task);
  ASSERT_TRUE(silent.has_value());
  EXPECT_EQ(silent->order_id, Target);
  EXPECT_EQ(table.find(task), nullptr);
  EXPECT_TRUE(worker(1).tasks.empty());
  EXPECT_TRUE(limiter(LimiterKind::Query).permit(task)->open) << "its request may still be under way";
  EXPECT_EQ(table.silent(task), std::nullopt);
}

TEST_F(TaskTableTest, ASilentCancelsLateOutcomeCounts) {
  const TaskId task = grant();
  ASSERT_TRUE(table.silent(task).has_value());
  EXPECT_TRUE(worker(1).tasks.empty());
  begin(seconds(3));
  EXPECT_EQ(table.end(ended("p1", task, Verdict::Accepted), records).from, From::Holder);
  EXPECT_EQ(permit(task)->settles, at(seconds(3)));
  EXPECT_EQ(table.find(task), nullptr);
}

TEST_F(TaskTableTest, ATaskThatLeftWithinTheLeaseMayBeMissingFromTheList) {
  const TaskId task = grant();
  heard(1, {});
  EXPECT_TRUE(worker(1).unlisted.empty()) << "its turn may not be committed yet";
  begin(seconds(10));
  begin(seconds(10) + options.worker_lease);
  heard(1, {});
  EXPECT_TRUE(worker(1).unlisted.empty()) << "it left ten seconds after it was granted";
  begin(seconds(10) + options.worker_lease + Duration(1));
  heard(1, {task});
  EXPECT_TRUE(worker(1).unlisted.empty());
  heard(1, {});
  EXPECT_EQ(worker(1).unlisted, std::vector<TaskId>{task});
  heard(1, {task});
  EXPECT_TRUE(worker(1).unlisted.empty()) << "the latest list counts";
}

TEST_F(TaskTableTest, ASilentTaskIsHeldAgainWithinTheRequestTimeoutOnly) {
  const TaskId task = grant();
  EXPECT_TRUE(table.held_again(task));
  table.silent(task);
  EXPECT_FALSE(table.held_again(task));
  begin(seconds(5));
  EXPECT_EQ(heard(1, {task}), std::vector<TaskId>{task});
  EXPECT_TRUE(table.held_again(task));
  begin(seconds(5) + Duration(1));
  EXPECT_FALSE(table.held_again(task));
  EXPECT_FALSE(table.held_again(First + 1));
}

TEST_F(TaskTableTest, NothingIsHeldAgainByAWorkerThatIsSilentItself) {
  const TaskId task = grant();
  begin(options.worker_lease);
  EXPECT_TRUE(table.held_again(task));
  begin(options.worker_lease + Duration(1));
  EXPECT_FALSE(table.held_again(task));
}

TEST_F(TaskTableTest, AWorkerCannotListAnothersTask) {
  const TaskId task = grant();
  EXPECT_EQ(heard(2, {task, 999}), std::vector<TaskId>{});
  EXPECT_EQ(table.find(task)->worker, 1U);
  EXPECT_TRUE(worker(2).tasks.empty());
  table.check();
}

TEST_F(TaskTableTest, ATaskOfBeforeTheRestartIsThatOfTheWorkerThatListsIt) {
  heard(WorkerPool::BeforeRestart, {});
  table.restore_task(9, Target, 1);
  EXPECT_EQ(heard(1, {9}), std::vector<TaskId>{9});
  EXPECT_EQ(table.find(9)->worker, 1U);
  EXPECT_TRUE(worker(WorkerPool::BeforeRestart).tasks.empty());
  EXPECT_EQ(heard(2, {9}), std::vector<TaskId>{});
  EXPECT_EQ(table.end(ended("p2", 9, Verdict::Accepted), records).from, From::Stranger);
  table.check();
}

TEST_F(TaskTableTest, AnyWorkersOutcomeOfATaskOfBeforeTheRestartCounts) {
  heard(WorkerPool::BeforeRestart, {});
  restore_permit(9, true);
  table.restore_task(9, Target, 1);
  EXPECT_EQ(table.end(ended("p2", 9, Verdict::Accepted), records).from, From::Holder);
  EXPECT_EQ(permit(9)->settles, at({}));
}

// ---- Limits ----

TEST_F(TaskTableTest, ABackoffIsRecordedOnceAndOnlyALaterOneReplacesIt) {
  records.clear();
  table.back_off(LimiterKind::Cancel, at(seconds(3)), "first", records);
  table.back_off(LimiterKind::Cancel, at(seconds(3)), "again", records);
  table.back_off(LimiterKind::Cancel, at(seconds(2)), "earlier", records);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(only<HoldRecord>(records)[0].until, at(seconds(3)));
  EXPECT_EQ(only<HoldRecord>(records)[0].until_wall, wall(seconds(3)));
  EXPECT_EQ(only<HoldRecord>(records)[0].text, "first");
  EXPECT_EQ(only<HoldRecord>(records)[0].length, seconds(3) - now_);
  EXPECT_EQ(only<HoldRecord>(records)[0].run_time, now_);
  EXPECT_EQ(limiter(LimiterKind::Query).held_until(), Tick::min());
  table.back_off(LimiterKind::Cancel, at(seconds(4)), "later", records);
  EXPECT_EQ(records.size(), 2U);
  EXPECT_EQ(limiter().hold_text(), "later");
}

TEST_F(TaskTableTest, TheExchangeIsObeyedWithAMarginUpToTheLongestBackoff) {
  Duration now{};
  const auto held_for = [&](std::optional<Duration> retry_after) {
    now += seconds(900);
    begin(now);
    table.expire(records);
    table.end(throttled(grant(), retry_after), records);
    return limiter().held_until() - at(now);
  };
  EXPECT_EQ(held_for(seconds(3)), seconds(4));
  EXPECT_EQ(held_for(seconds(-3)), seconds(2));
  EXPECT_EQ(held_for(std::nullopt), seconds(61));
  EXPECT_EQ(held_for(seconds(119)), seconds(120));
  EXPECT_EQ(held_for(std::chrono::hours(9)), seconds(601));
}

TEST_F(TaskTableTest, A418AndA503AreABackoffAndStayInDoubt) {
  const auto held_for = [&](int status, std::optional<Duration> retry_after) {
    begin(now_ + seconds(900));
    table.expire(records);
    TaskEnded event = ended("p1", grant(), Verdict::Doubtful, Arrival::Page);
    event.answer.http_status = status;
    event.answer.retry_after = retry_after;
    EXPECT_FALSE(table.end(event, records).throttled);
    return std::max(limiter().held_until() - at(now_), Duration::zero());
  };
  EXPECT_EQ(held_for(418, seconds(30)), seconds(31));
  EXPECT_EQ(held_for(418, std::chrono::hours(9)), seconds(601));
  EXPECT_EQ(held_for(503, seconds(20)), seconds(21));
  EXPECT_EQ(held_for(503, std::chrono::hours(9)), seconds(31));
  EXPECT_EQ(held_for(503, {}), Duration::zero());
  EXPECT_EQ(held_for(500, seconds(20)), Duration::zero());
  EXPECT_TRUE(only<LoweredLimits>(records).empty()) << "no other program's requests are the cause";
}

TEST_F(TaskTableTest, EachBackoffOfA429LowersALimitOnce) {
  const TaskId first = grant(), second = grant();
  const auto limit = [&] { return limiter().windows(at(now_))[0].limit; };
  table.end(throttled(first, seconds(1)), records);
  EXPECT_EQ(limit(), 1U);
  ASSERT_EQ(only<LoweredLimits>(records).size(), 1U);
  EXPECT_EQ(only<LoweredLimits>(records)[0].entries[0].state.since, wall({}));
  begin(seconds(5));
  table.end(throttled(second, seconds(1)), records);
  EXPECT_EQ(only<LoweredLimits>(records).size(), 1U) << "it left before the backoff";
  EXPECT_EQ(limiter().held_until(), at(seconds(7))) << "and is heeded";
}

TEST_F(TaskTableTest, AfterABackoffOneRequestGoesAndItsAnswerLetsTheRestGo) {
  table.end(throttled(grant(LimiterKind::Query), seconds(1)), records);
  begin(seconds(2));
  const TaskId one = grant(LimiterKind::Query);
  ASSERT_NE(one, 0U);
  EXPECT_EQ(grant(LimiterKind::Query), 0U);
  table.end(ended("p1", one, Verdict::Doubtful, Arrival::Silent), records);
  EXPECT_EQ(grant(LimiterKind::Query), 0U) << "no answer came";
  begin(seconds(3));
  EXPECT_NE(grant(LimiterKind::Query), 0U);
}

TEST_F(TaskTableTest, OnlyASuccessAfterTheBackoffEndsARowOfShortWaits) {
  const TaskId before = grant(LimiterKind::Query);
  const auto held_for = [&] {
    table.end(throttled(grant(LimiterKind::Query), seconds(0)), records);
    return limiter(LimiterKind::Query).held_until() - at(now_);
  };
  EXPECT_EQ(held_for(), seconds(2));
  table.end(ended("p1", before, Verdict::Read), records);
  begin(seconds(5));
  EXPECT_EQ(held_for(), seconds(3));
  begin(seconds(15));
  table.end(ended("p1", grant(LimiterKind::Query), Verdict::Read), records);
  EXPECT_EQ(held_for(), seconds(2));
}

TEST_F(TaskTableTest, OnlyTheFirstReportOfAThrottledRequestCounts) {
  const TaskId task = grant();
  EXPECT_TRUE(table.end(throttled(task, seconds(3)), records).throttled);
  begin(seconds(1));
  const TaskTable::Outcome repeated = table.end(throttled(task, seconds(3)), records);
  EXPECT_EQ(repeated.from, From::Unknown);
  EXPECT_FALSE(repeated.throttled);
  EXPECT_EQ(limiter().held_until(), at(seconds(4)));
}

TEST_F(TaskTableTest, TheCountOfUnauthorizedIsSavedWhenItHasChanged) {
  table.save_unauthorized(records);
  EXPECT_TRUE(records.empty());
  table.forget_unauthorized(records);
  EXPECT_TRUE(records.empty());
  table.end(ended("p1", grant(), Verdict::Unauthorized), records);
  records.clear();
  table.save_unauthorized(records);
  table.save_unauthorized(records);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(only<UnauthorizedCount>(records)[0].in_a_row, 1U);
  EXPECT_EQ(only<UnauthorizedCount>(records)[0].order_id, Target);
  table.forget_unauthorized(records);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(only<UnauthorizedCount>(records)[1].in_a_row, 0U);
}

// ---- Restart ----

TEST_F(TaskTableTest, PermitsOfTheSameBootGoOnAsTheyWere) {
  restore_permit(8, false);
  restore_permit(9, true);
  EXPECT_FALSE(permit(8)->open);
  EXPECT_TRUE(permit(9)->open);
  EXPECT_EQ(permit(8)->settles, at(seconds(15)));
  EXPECT_EQ(permit(9)->settles, at(seconds(15)));
  EXPECT_TRUE(records.empty());
}

TEST_F(TaskTableTest, PermitsOfAnotherBootCountFromNowAndAreStoredAnew) {
  const Tick other_clock{seconds(5)};
  table.restore(PermitRecord{8, LimiterKind::Cancel, Target, 1, false, other_clock, {}}, false, records);
  table.restore(PermitRecord{9, LimiterKind::Cancel, Target, 2, true, other_clock, {}}, false, records);
  EXPECT_EQ(permit(8)->settles, at({}));
  EXPECT_FALSE(permit(8)->open);
  EXPECT_EQ(permit(9)->settles, at(options.lost_after));
  EXPECT_TRUE(permit(9)->open);
  const auto stored = only<PermitRecord>(records);
  ASSERT_EQ(stored.size(), 2U);
  EXPECT_EQ(stored[0].settles, at({}));
  EXPECT_FALSE(stored[0].open);
  EXPECT_EQ(stored[1].settles, at(options.lost_after));
  EXPECT_TRUE(stored[1].open);
  EXPECT_EQ(stored[1].stamp_ms, 2);
}

TEST_F(TaskTableTest, StampsGoOnAboveThoseOfRestoredPermits) {
  table.restore(PermitRecord{9, LimiterKind::Cancel, Target, 1'700'000'000'100, false, at({}), {}}, true, records);
  EXPECT_EQ(table.find(grant())->stamp_ms, 1'700'000'000'101);
}

TEST_F(TaskTableTest, ABackoffOfTheSameBootGoesOnAsItWas) {
  table.restore(HoldRecord{LimiterKind::Query, at(seconds(30)), wall(seconds(99)), "429", seconds(40), {}}, true,
                records);
  EXPECT_EQ(limiter(LimiterKind::Query).held_until(), at(seconds(30)));
  EXPECT_EQ(limiter(LimiterKind::Query).hold_text(), "429");
  EXPECT_TRUE(records.empty());
}

TEST_F(TaskTableTest, ABackoffOfAnotherBootRunsItsFullLengthWhateverTheWallClockShows) {
  const HoldRecord before{LimiterKind::Cancel, Tick(seconds(5)), wall(-seconds(30)), "429", seconds(30), {}};
  table.restore(before, false, records);
  EXPECT_EQ(limiter().held_until(), at(seconds(30)));
  const auto stored = only<HoldRecord>(records);
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored[0].until, at(seconds(30)));
  EXPECT_EQ(stored[0].until_wall, wall(seconds(30)));
  EXPECT_EQ(stored[0].length, seconds(30));
}

TEST_F(TaskTableTest, ABackoffOfAnotherBootAndAnEarlierVersionRunsTheLongest) {
  table.restore(HoldRecord{LimiterKind::Query, Tick(seconds(5)), wall(seconds(1)), "429", {}, {}}, false, records);
  EXPECT_EQ(limiter(LimiterKind::Query).held_until(), at(seconds(120)));
}

TEST_F(TaskTableTest, TheRestoredCountOfUnauthorizedIsSavedAlready) {
  table.restore(UnauthorizedCount{3, Target});
  EXPECT_EQ(table.workers().unauthorized_in_a_row(), 3U);
  table.save_unauthorized(records);
  EXPECT_TRUE(records.empty());
  table.forget_unauthorized(records);
  EXPECT_EQ(only<UnauthorizedCount>(records).size(), 1U);
}

TEST_F(TaskTableTest, AStoreThatMissesCommitsHoldsAllLimitersUntilNothingUnknownCounts) {
  table.distrust("commits may be missing", records);
  const Tick until = at(options.lost_after + milliseconds(60'060));
  EXPECT_EQ(limiter().held_until(), until);
  EXPECT_EQ(limiter(LimiterKind::Query).held_until(), until);
  EXPECT_EQ(limiter(LimiterKind::OpenOrders).held_until(), until);
  EXPECT_EQ(only<HoldRecord>(records).size(), 3U);
  EXPECT_EQ(grant(), 0U);
}

TEST_F(TaskTableTest, AStoreThatMissesCommitsLetsUnknownRequestsBeThrottledWhileTheyMayLive) {
  table.distrust("commits may be missing", records);
  begin(options.lost_after - Duration(1));
  EXPECT_TRUE(table.end(throttled(999, seconds(100)), records).throttled);
  EXPECT_TRUE(only<LoweredLimits>(records).empty()) << "the excess may be our own";
  const Tick until = at(options.lost_after - Duration(1) + seconds(101));
  EXPECT_EQ(limiter().held_until(), until);
  EXPECT_EQ(limiter(LimiterKind::Query).held_until(), until);
  begin(options.lost_after);
  EXPECT_FALSE(table.end(throttled(999, seconds(100)), records).throttled);
  EXPECT_EQ(limiter().held_until(), until);
}

}  // namespace
}  // namespace cancelbus::core
