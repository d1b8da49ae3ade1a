// What restore() makes of the book, of each kind of snapshot.
#include <gtest/gtest.h>

#include "service/core/book.hpp"
#include "tests/unit/core/only.hpp"

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RestoreTest : public ::testing::Test {
 protected:
  static Tick at(Duration d) { return Tick(seconds(1'000)) + d; }
  static WallTime wall(Duration d) { return WallTime(seconds(1'700'000'000)) + d; }

  RestoreTest() { snapshot.same_boot = true; }

  /// An undecided command of order 7.
  CommandRecord& stored(const std::string& cl_ord_id, Duration received = -seconds(60)) {
    CommandRecord record;
    record.key = {"alice", cl_ord_id};
    record.order.cl_ord_id = cl_ord_id;
    record.order.order_id = 7;
    record.timeline.received = wall(received);
    return snapshot.commands.emplace_back(std::move(record));
  }
  static void end(CommandRecord& record, OrdStatus status, Evidence evidence) {
    record.ack = CancelAck{};
    record.final = CancelFinal{};
    record.final->ord_status = status;
    record.final->evidence = evidence;
    record.ended = true;
  }
  void permit(TaskId task, bool open = true, LimiterKind kind = LimiterKind::Cancel, OrderId order = 7) {
    snapshot.permits.push_back({task, kind, order, 1, open, at(seconds(3)), wall(seconds(3))});
  }
  void restore_to(Book& to) {
    const Instant now{at({}), wall({})};
    to.begin(now);
    core::restore(to, snapshot, now);
    to.commands.check();
    to.tasks.check();
  }
  void restore() {
    restore_to(book);
    records = book.out.take().records;
  }
  Order& order(OrderId id = 7) { return *book.find_order(id); }
  const RateLimiter& cancels() const { return book.tasks.limiter(LimiterKind::Cancel); }
  const RateLimiter& queries() const { return book.tasks.limiter(LimiterKind::Query); }
  Attempts& attempts() { return order().effort->attempts; }

  Snapshot snapshot;
  GatewayOptions options;
  Book book{options, 1'000, {4, 9}, {}};
  std::vector<Record> records;
};

// ---- Commands ----

TEST_F(RestoreTest, CommandsAndTopicsAreKnownAgain) {
  snapshot.topics = {{"client.alice.", 12}};
  stored("open").ack_seq = 3;
  CommandRecord& done = stored("done");
  end(done, OrdStatus::Canceled, Evidence::Channel452);
  done.final_seq = 11;
  restore();
  EXPECT_EQ(book.out.topics().next_seq("client.alice."), 12U);
  EXPECT_EQ(book.commands.undecided(), 1U);
  EXPECT_EQ(book.commands.find({"alice", "open"})->ack_seq, 3U);
  EXPECT_EQ(book.commands.find({"alice", "done"})->final_seq, 11U);
  EXPECT_EQ(order().remembered, 2U);
  ASSERT_EQ(order().effort->commands.size(), 1U);
  EXPECT_EQ(order().effort->commands[0].record.key.cl_ord_id, "open");
}

TEST_F(RestoreTest, UndecidedCommandsStandInTheOrderOfTheirReceipt) {
  stored("later", -seconds(1));
  stored("earlier", -seconds(2));
  restore();
  EXPECT_EQ(order().effort->commands[0].record.key.cl_ord_id, "earlier");
  EXPECT_EQ(order().effort->commands[1].record.key.cl_ord_id, "later");
}

TEST_F(RestoreTest, ACommandOfAnEarlierVersionExpiresWhenItsWallTimeSays) {
  stored("a").expires = wall(seconds(4));
  stored("b");
  restore();
  EXPECT_EQ(order().effort->commands[0].expires, at(seconds(4)));
  EXPECT_EQ(order().effort->commands[1].expires, Never);
}

TEST_F(RestoreTest, ATimeToLiveKeepsItsTickWithinABootWhateverTheWallClockShows) {
  CommandRecord& record = stored("a");
  record.expires = wall(std::chrono::hours(26));
  record.expires_tick = at(seconds(4));
  record.expires_run_time = seconds(1);
  restore();
  EXPECT_EQ(order().effort->commands[0].expires, at(seconds(4)));
}

TEST_F(RestoreTest, InAnotherBootATimeToLiveEndsByTheWallClockOrByWhatWasLeftOfIt) {
  snapshot.same_boot = false;
  snapshot.run_time = seconds(100);
  for (const auto& [name, by_wall] : {std::pair{"a", Duration(seconds(4))}, {"b", Duration(std::chrono::hours(26))}}) {
    CommandRecord& record = stored(name);
    record.expires = wall(by_wall);
    record.expires_tick = at(seconds(50));
    record.expires_run_time = seconds(109);
  }
  restore();
  EXPECT_EQ(order().effort->commands[0].expires, at(seconds(4)));
  EXPECT_EQ(order().effort->commands[1].expires, at(seconds(9)));
  EXPECT_EQ(order().effort->commands[1].record.expires_tick, at(seconds(9)));
}

TEST_F(RestoreTest, ACommandThatWasNeverSentIsToBeSentAndNotAskedAbout) {
  stored("a");
  restore();
  EXPECT_TRUE(attempts().none_acted());
  EXPECT_EQ(order().effort->schedule.next_delete, at({}));
  EXPECT_EQ(order().effort->reads.next, Never);
}

TEST_F(RestoreTest, TheLastAnswerLeavesTheTraceOfItsAttempt) {
  const struct {
    Verdict answer;
    Tick quiet_at;  // Tick::min(): it leaves none
  } table[] = {
      {Verdict::Accepted, at(Attempts::StampDead)},
      {Verdict::UnknownOrder, at({})},
      {Verdict::Refused, at({})},
      {Verdict::Blocked, Tick::min()},
      {Verdict::WrongRequest, at({})},
  };
  OrderId id = 100;
  for (const auto& row : table) {
    CommandRecord& record = stored("c" + std::to_string(++id));
    record.order.order_id = id;
    record.last_answer = row.answer;
    record.answered = 2;
    record.timeline.attempts = 3;
  }
  restore();
  id = 100;
  for (const auto& row : table) {
    SCOPED_TRACE(static_cast<int>(row.answer));
    const bool trace = row.quiet_at != Tick::min();
    const Attempts& restored = order(++id).effort->attempts;
    EXPECT_TRUE(restored.list.empty());
    EXPECT_EQ(restored.none_acted(), !trace);
    EXPECT_FALSE(restored.in_doubt());
    EXPECT_EQ(restored.quiet_at(), row.quiet_at);
    EXPECT_EQ(restored.first_dispatch, trace ? at({}) : Never);
    EXPECT_EQ(restored.answered, 2U);
    EXPECT_EQ(restored.dispatched, 3U);
    EXPECT_EQ(order(id).effort->reads.next, trace ? at({}) : Never);
  }
}

TEST_F(RestoreTest, AnAnsweredOrderIsCanceledAgainOnlyForACommandWithoutAnAck) {
  CommandRecord& acked = stored("acked");
  acked.last_answer = Verdict::Accepted;
  acked.answered = 1;
  acked.ack = CancelAck{};
  snapshot.commands.push_back(acked);
  snapshot.commands.back().key.cl_ord_id = "other";
  snapshot.commands.back().order.order_id = 8;
  snapshot.commands.push_back(snapshot.commands.back());
  snapshot.commands.back().key.cl_ord_id = "new";
  snapshot.commands.back().ack.reset();
  restore();
  EXPECT_EQ(order(7).effort->schedule.next_delete, Never);
  EXPECT_EQ(order(8).effort->schedule.next_delete, at({}));
}

TEST_F(RestoreTest, ADoubtGoesOnAndNothingOfBeforeCanActAfterItsStampIsDead) {
  stored("a").doubt = true;
  restore();
  EXPECT_TRUE(attempts().in_doubt());
  EXPECT_EQ(attempts().quiet_at(), at(Attempts::StampDead));
  EXPECT_EQ(order().effort->reads.next, at({}));
  EXPECT_EQ(order().effort->heard.filled_at, at({})) << "a fill may have been missed";
}

TEST_F(RestoreTest, EndedCommandsSayWhichOrdersAreGoneAndWhichFinalsSaidCanceled) {
  const struct {
    OrdStatus status;
    bool gone;
    bool final_canceled;
  } table[] = {
      {OrdStatus::Canceled, true, true},
      {OrdStatus::Filled, true, false},
      {OrdStatus::Rejected, false, false},
      {OrdStatus::New, false, false},
  };
  OrderId id = 100;
  for (const auto& row : table) {
    CommandRecord& record = stored("c" + std::to_string(++id));
    record.order.order_id = id;
    end(record, row.status, Evidence::OrderQuery);
  }
  restore();
  id = 100;
  for (const auto& row : table) {
    SCOPED_TRACE(static_cast<int>(row.status));
    EXPECT_EQ(book.facts.is_gone(++id), row.gone);
    EXPECT_EQ(order(id).canceled_finals.size(), row.final_canceled ? 1U : 0U);
    EXPECT_EQ(order(id).effort, nullptr);
    EXPECT_FALSE(order(id).known_gone()) << "it may have come back since";
    EXPECT_EQ(order(id).override_status, std::nullopt);
  }
}

TEST_F(RestoreTest, AnOverrideIsRememberedUnlessALaterCommandIsUndecided) {
  end(stored("settled"), OrdStatus::Filled, Evidence::Operator);
  CommandRecord& other = stored("other");
  end(other, OrdStatus::Filled, Evidence::Operator);
  other.order.order_id = 8;
  stored("later").order.order_id = 8;
  restore();
  EXPECT_EQ(order(7).override_status, OrdStatus::Filled);
  EXPECT_EQ(order(8).override_status, std::nullopt);
  EXPECT_EQ(book.commands.find({"alice", "settled"})->override_status, OrdStatus::Filled);
}

// ---- Permits ----

TEST_F(RestoreTest, AnOpenPermitIsAnAttemptWithTheWorkerOfBefore) {
  stored("a").timeline.attempts = 4;
  permit(21);
  restore();
  ASSERT_EQ(attempts().list.size(), 1U);
  EXPECT_EQ(attempts().list[0].task, 21U);
  EXPECT_EQ(attempts().list[0].state, Attempt::State::InFlight);
  EXPECT_EQ(attempts().list[0].dispatched, at({}));
  EXPECT_EQ(attempts().dispatched, 4U) << "the stored count may include it";
  ASSERT_NE(book.tasks.find(21), nullptr);
  EXPECT_EQ(book.tasks.find(21)->worker, WorkerPool::BeforeRestart);
  EXPECT_EQ(book.tasks.find(21)->order_id, 7);
}

TEST_F(RestoreTest, APermitThatSaysNothingOfAnUndecidedCommandOnlyCounts) {
  stored("a");
  CommandRecord& done = stored("done");
  done.order.order_id = 8;
  end(done, OrdStatus::Canceled, Evidence::Channel452);
  permit(21, false);
  permit(22, true, LimiterKind::Query);
  permit(23, true, LimiterKind::Cancel, 8);
  permit(24, true, LimiterKind::Cancel, 999);
  restore();
  EXPECT_TRUE(attempts().list.empty());
  EXPECT_TRUE(book.tasks.tasks().empty());
  EXPECT_EQ(cancels().permits(), 3U);
  EXPECT_EQ(queries().permits(), 1U);
}

TEST_F(RestoreTest, MorePermitsThanAttemptsAreADoubt) {
  stored("a");
  for (TaskId task = 1; task <= Attempts::Most; ++task) permit(task);
  restore();
  EXPECT_EQ(attempts().list.size(), Attempts::Most);
  EXPECT_FALSE(attempts().earlier_doubt);
  permit(99);
  Book other{options, 1'000, {}, {}};
  restore_to(other);
  EXPECT_EQ(other.find_order(7)->effort->attempts.list.size(), Attempts::Most);
  EXPECT_TRUE(other.find_order(7)->effort->attempts.earlier_doubt);
}

TEST_F(RestoreTest, SoManyPermitsAndAnAnswerAreNoMoreAttemptsThanTheMost) {
  CommandRecord& record = stored("a");
  record.last_answer = Verdict::Accepted;
  record.answered = 1;
  for (TaskId task = 1; task <= Attempts::Most; ++task) permit(task);
  restore();
  EXPECT_EQ(attempts().list.size(), Attempts::Most);
  for (TaskId task = 1; task <= Attempts::Most; ++task) {
    ASSERT_NE(attempts().find(task), nullptr) << task;
    attempts().erase(task);
  }
  EXPECT_FALSE(attempts().none_acted()) << "one was accepted";
  EXPECT_FALSE(attempts().in_doubt());
}

TEST_F(RestoreTest, TheDeletesOfAnOrderKeepTheirDistanceFromWhenTheLastLeft) {
  CommandRecord& record = stored("a");
  record.last_dispatch = Instant{at(-seconds(3)), wall(-seconds(3))};
  record.deletes = 3;
  record.timeline.attempts = 5;
  restore();
  EXPECT_EQ(order().deletes.count, 3U);
  EXPECT_EQ(order().next_delete_allowed(), at(seconds(1)));
  EXPECT_TRUE(order().effort->repeats());
  // On another boot they keep it from the start.
  snapshot.same_boot = false;
  Book other{options, 1'000, {}, {}};
  restore_to(other);
  EXPECT_EQ(other.find_order(7)->next_delete_allowed(), at(seconds(4)));
}

// ---- Of which boot ----

TEST_F(RestoreTest, OfTheSameBootNothingIsStoredAnew) {
  stored("a").last_dispatch = Instant{at(-seconds(1)), wall(-seconds(1))};
  permit(21);
  snapshot.holds = {{LimiterKind::Cancel, at(seconds(8)), wall(seconds(8)), "429"}};
  snapshot.unauthorized = {3, 7};
  restore();
  EXPECT_TRUE(records.empty());
  EXPECT_FALSE(order().effort->commands[0].changed);
  EXPECT_EQ(order().last_dispatch->tick, at(-seconds(1)));
  EXPECT_EQ(cancels().permit(21)->settles, at(seconds(3)));
  EXPECT_EQ(cancels().held_until(), at(seconds(8)));
  EXPECT_EQ(book.tasks.workers().unauthorized_in_a_row(), 3U);
}

TEST_F(RestoreTest, OfAnotherBootTheTicksMeanNothingAndAreStoredAnew) {
  snapshot.same_boot = false;
  stored("a").last_dispatch = Instant{Tick(seconds(5)), wall(-seconds(1))};
  permit(21);
  snapshot.holds = {{LimiterKind::Cancel, Tick(seconds(5)), wall(seconds(1)), "429", seconds(8), {}}};
  restore();
  EXPECT_TRUE(order().effort->commands[0].changed);
  EXPECT_EQ(order().last_dispatch->tick, at({}));
  EXPECT_EQ(order().last_dispatch->wall, wall(-seconds(1)));
  EXPECT_EQ(cancels().permit(21)->settles, at(options.lost_after));
  EXPECT_EQ(cancels().held_until(), at(seconds(8)));
  EXPECT_EQ(only<PermitRecord>(records).size(), 1U);
  EXPECT_EQ(only<HoldRecord>(records).size(), 1U);
}

TEST_F(RestoreTest, ABackoffThatWasOverWhileTheBusRanDoesNotComeBackWithAnotherBoot) {
  snapshot.same_boot = false;
  snapshot.run_time = seconds(100);
  snapshot.holds = {{LimiterKind::Cancel, Tick(seconds(5)), wall(seconds(8)), "429", seconds(8), seconds(92)},
                    {LimiterKind::Query, Tick(seconds(5)), wall(seconds(8)), "429", seconds(8), seconds(93)}};
  restore();
  EXPECT_LE(cancels().held_until(), at({}));
  EXPECT_EQ(queries().held_until(), at(seconds(8)));
  const auto stored_now = only<HoldRecord>(records);
  ASSERT_EQ(stored_now.size(), 2U);
  EXPECT_EQ(stored_now[0].until, at({})) << "the next start in this boot takes its tick as it is";
}

TEST_F(RestoreTest, TheLatestDispatchIsThatOfTheLaterTickOrOfAnotherBootTheLaterWallTime) {
  stored("a").last_dispatch = Instant{at(-seconds(1)), wall(-seconds(9))};
  stored("b").last_dispatch = Instant{at(-seconds(2)), wall(-seconds(8))};
  restore();
  EXPECT_EQ(order().last_dispatch->tick, at(-seconds(1)));
  snapshot.same_boot = false;
  Book other{options, 1'000, {}, {}};
  restore_to(other);
  EXPECT_EQ(other.find_order(7)->last_dispatch->wall, wall(-seconds(8)));
}

TEST_F(RestoreTest, ATickBeyondNowIsTakenForNow) {
  stored("a").last_dispatch = Instant{at(seconds(1)), wall({})};
  restore();
  EXPECT_EQ(order().last_dispatch->tick, at({}));
}

TEST_F(RestoreTest, IfCommitsAreMissingEveryUndecidedCommandMayHaveBeenSent) {
  snapshot.commits_lost = true;
  stored("a");
  CommandRecord& done = stored("done");
  done.order.order_id = 8;
  end(done, OrdStatus::Canceled, Evidence::Channel452);
  restore();
  EXPECT_TRUE(attempts().earlier_doubt);
  EXPECT_EQ(attempts().quiet_at(), at(Attempts::StampDead));
  EXPECT_TRUE(order().effort->commands[0].changed);
  EXPECT_EQ(order().effort->reads.next, at({}));
  EXPECT_EQ(order(8).effort, nullptr);
  const Tick until = at(options.lost_after + milliseconds(60'060));
  EXPECT_EQ(cancels().held_until(), until);
  EXPECT_EQ(queries().held_until(), until);
  EXPECT_EQ(only<HoldRecord>(records).size(), 3U);
  ASSERT_EQ(only<FactPosition>(records).size(), 1U);
  EXPECT_EQ(only<FactPosition>(records)[0].subscriber, 4U);
  EXPECT_EQ(only<FactPosition>(records)[0].seq, 9U);
}

}  // namespace
}  // namespace cancelbus::core
