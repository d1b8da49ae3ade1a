// What a store must do, whatever its engine is.
#include <gtest/gtest.h>

#include "tests/unit/io/store_fixture.hpp"

namespace cancelbus::io {
namespace {

using std::chrono::hours;

class EachStoreTest : public EachStore {};
INSTANTIATE_TEST_SUITE_P(On, EachStoreTest, ::testing::ValuesIn(engines()), engine_name);

TEST_P(EachStoreTest, IsOfThisBootOnlyOnceTheFirstBatchHasBroughtThePermitsTicksAnew) {
  core::PermitRecord permit;
  permit.task = 7;
  ASSERT_TRUE(commit(*open(), {permit}).ok());
  run("UPDATE meta SET value='of another boot' WHERE key='boot_id'");
  EXPECT_FALSE(load(*open()).same_boot);
  auto store = open();  // the one before died too early
  EXPECT_FALSE(load(*store).same_boot);
  ASSERT_TRUE(commit(*store, {permit}).ok());
  store.reset();
  EXPECT_TRUE(load(*open()).same_boot);
}

TEST_P(EachStoreTest, GivesBackTheLastAnswerOfACommandWithoutAnAck) {
  core::CommandRecord record = command("desk-a", "c1", false, 0);
  record.ack.reset();
  record.undecided_answer = core::LastAnswer{503, 17, "Service Unavailable"};
  ASSERT_TRUE(commit(*open(), {record}).ok());
  const auto snapshot = load(*open());
  ASSERT_EQ(snapshot.commands.size(), 1U);
  const core::CommandRecord& loaded = snapshot.commands[0];
  EXPECT_FALSE(loaded.ack.has_value());
  ASSERT_TRUE(loaded.undecided_answer.has_value());
  EXPECT_EQ(loaded.undecided_answer->http_status, 503);
  EXPECT_EQ(loaded.undecided_answer->exchange_code, 17);
  EXPECT_EQ(loaded.undecided_answer->text, "Service Unavailable");
  ASSERT_TRUE(commit(*open(), {command("desk-a", "c2", false, 0)}).ok());
  EXPECT_FALSE(load(*open()).commands[1].undecided_answer.has_value());
}

TEST_P(EachStoreTest, GivesBackWhatWasCommitted) {
  core::CommandRecord record = command("desk-a", "c1", false, 1);
  record.order.symbol = "BTCTRY";
  record.order.time_to_live = std::chrono::seconds(2);
  record.last_answer = core::Verdict::Accepted;
  record.deletes = 5;
  record.ack.emplace().status = core::AckStatus::Accepted;
  core::PermitRecord permit;
  permit.task = 7;
  permit.settles = core::Tick(hours(1));
  uint64_t epoch = 0;
  {
    auto store = open();
    epoch = load(*store).epoch;
    ASSERT_TRUE(
        commit(*store,
               {record, permit, core::FactPosition{9, 3}, EventRow{"client.desk-a.", 1, now().wall, "x"},
                core::HoldRecord{
                    core::LimiterKind::Query, core::Tick(hours(1)), now().wall, "an earlier one", hours(3), {}},
                core::HoldRecord{core::LimiterKind::Query, core::Tick(hours(2)), now().wall, "wait", hours(1), {}},
                core::UnauthorizedCount{41, 12}})
            .ok());
  }
  auto store = open();
  const auto snapshot = load(*store);
  EXPECT_EQ(snapshot.epoch, epoch);
  EXPECT_EQ(snapshot.term, 2U);
  EXPECT_TRUE(snapshot.same_boot);
  ASSERT_EQ(snapshot.commands.size(), 1U);
  const core::CommandRecord& loaded = snapshot.commands[0];
  EXPECT_EQ(loaded.order.symbol, "BTCTRY");
  EXPECT_EQ(loaded.order.time_to_live, record.order.time_to_live);
  EXPECT_EQ(loaded.last_answer, core::Verdict::Accepted);
  EXPECT_EQ(loaded.deletes, 5U);
  ASSERT_TRUE(loaded.ack.has_value());
  EXPECT_EQ(loaded.ack->status, core::AckStatus::Accepted);
  EXPECT_FALSE(loaded.final.has_value());
  ASSERT_EQ(snapshot.permits.size(), 1U);
  EXPECT_EQ(snapshot.permits[0].settles, permit.settles);
  ASSERT_EQ(snapshot.holds.size(), 1U);
  EXPECT_EQ(snapshot.holds[0].limiter, core::LimiterKind::Query);
  EXPECT_EQ(snapshot.holds[0].until, core::Tick(hours(2)));
  EXPECT_EQ(snapshot.holds[0].text, "wait");
  EXPECT_EQ(snapshot.holds[0].length, hours(1));
  EXPECT_EQ(snapshot.unauthorized.in_a_row, 41U);
  EXPECT_EQ(snapshot.unauthorized.order_id, 12);
  EXPECT_EQ(snapshot.facts.seq, 3U);
  ASSERT_EQ(snapshot.topics.size(), 1U);
  EXPECT_EQ(snapshot.topics[0].next_seq, 2U);
  EXPECT_EQ(kept(*store, "client.desk-a.", 1, 10), std::vector<std::string>{"x"});
}

TEST_P(EachStoreTest, KeepsLoweredLimits) {
  EXPECT_TRUE(load(*open()).lowered.entries.empty());
  const core::LoweredLimit::State state{std::chrono::seconds(60), 150, 4, true, now().wall};
  ASSERT_TRUE(commit(*open(), {core::LoweredLimits{{{core::LimiterKind::Query, state}}}}).ok());
  const core::LoweredLimits lowered = load(*open()).lowered;
  ASSERT_EQ(lowered.entries.size(), 1U);
  EXPECT_EQ(lowered.entries[0].limiter, core::LimiterKind::Query);
  EXPECT_EQ(lowered.entries[0].state, state);
  run("UPDATE meta SET value='nonsense\nCANCEL 1000000000 5 1 0 7\n' WHERE key='lowered_limits'");
  ASSERT_EQ(load(*open()).lowered.entries.size(), 1U) << "what cannot be read is left out";
  ASSERT_TRUE(commit(*open(), {core::LoweredLimits{}}).ok());
  EXPECT_TRUE(load(*open()).lowered.entries.empty());
}

TEST_P(EachStoreTest, ABatchThatFailsLeavesNothing) {
  auto store = open();
  const EventRow event{"venue.", 1, now().wall, "x"};
  ASSERT_TRUE(commit(*store, {event}).ok());
  EXPECT_FALSE(commit(*store, {command("a", "c1", false, 0), event}).ok()) << "the same seq twice";
  EXPECT_TRUE(load(*store).commands.empty());
}

TEST_P(EachStoreTest, PrunesWhatIsOldButNotWhatAnOpenCommandNeeds) {
  {
    auto store = open();
    Batch batch{command("open", "c1", false, 3), command("done", "c1", true, 1)};
    for (uint64_t seq = 1; seq <= 5; ++seq) {
      batch.push_back(EventRow{"client.open.", seq, now().wall, "o"});
      batch.push_back(EventRow{"client.done.", seq, now().wall, "d"});
    }
    ASSERT_TRUE(commit(*store, batch).ok());
  }
  a_bus_has_run(options_.retention + hours(1));
  auto store = open();
  ASSERT_TRUE(commit(*store, {EventRow{"client.done.", 6, now().wall, "d"}}).ok());
  EXPECT_EQ(first_kept(*store, "client.open."), 3U);
  EXPECT_EQ(first_kept(*store, "client.done."), 6U);
  EXPECT_TRUE(kept(*store, "client.done.", 5, 1).empty());
}

TEST_P(EachStoreTest, RetentionCountsTheTimeThatABusRanAndNoWallClock) {
  auto store = open();
  const core::WallTime old = now().wall - options_.retention - hours(1);
  ASSERT_TRUE(commit(*store, {EventRow{"venue.", 1, old, "v"}}).ok());
  ASSERT_TRUE(commit(*store, {core::PermitForgotten{1}}).ok());
  EXPECT_EQ(first_kept(*store, "venue."), 1U);
  store.reset();
  a_bus_has_run(options_.retention - hours(1));
  store = open();
  ASSERT_TRUE(commit(*store, {core::PermitForgotten{1}}).ok());
  EXPECT_EQ(first_kept(*store, "venue."), 1U);
}

TEST_P(EachStoreTest, PrunesAThousandAtOnce) {
  Batch batch;
  for (uint64_t seq = 1; seq <= 1'500; ++seq) batch.push_back(EventRow{"venue.", seq, now().wall, "v"});
  ASSERT_TRUE(commit(*open(), batch).ok());
  a_bus_has_run(options_.retention + hours(1));
  auto store = open();
  ASSERT_TRUE(commit(*store, {core::PermitForgotten{1}}).ok());
  EXPECT_EQ(first_kept(*store, "venue."), 1'001U);
  ASSERT_TRUE(commit(*store, {core::PermitForgotten{1}}).ok());
  EXPECT_EQ(first_kept(*store, "venue."), 0U);
}

TEST_P(EachStoreTest, PruningLeavesNoGapAndGivesNoSeqTwice) {
  const core::WallTime wall = now().wall;
  ASSERT_TRUE(commit(*open(), {EventRow{"venue.", 1, wall, "x"}, EventRow{"venue.", 2, wall, "y"}}).ok());
  a_bus_has_run(options_.retention + hours(1));
  run("UPDATE events SET run_time=" + std::to_string(core::Duration(hours(90)).count()) + " WHERE seq=1");
  {
    auto store = open();
    ASSERT_TRUE(commit(*store, {core::PermitForgotten{1}}).ok());
    EXPECT_EQ(kept(*store, "venue.", 1, 10), (std::vector<std::string>{"x", "y"}));
  }
  run("DELETE FROM topics");
  run("INSERT INTO topics VALUES('venue.', 9)");  // what was pruned before
  run("UPDATE events SET run_time=0");
  auto store = open();
  ASSERT_TRUE(commit(*store, {core::PermitForgotten{1}}).ok());
  EXPECT_EQ(first_kept(*store, "venue."), 0U);
  store.reset();
  EXPECT_EQ(load(*open()).topics.at(0).next_seq, 9U);
}

TEST_P(EachStoreTest, ATimeToLiveComesBack) {
  core::CommandRecord record = command("a", "c1", false, 0);
  record.expires = now().wall + hours(1);
  record.expires_tick = now().tick + hours(1);
  record.expires_run_time = hours(2);
  ASSERT_TRUE(commit(*open(), {record, command("a", "c2", false, 0)}).ok());
  const auto commands = load(*open()).commands;
  EXPECT_EQ(commands.at(0).expires, record.expires);
  EXPECT_EQ(commands.at(0).expires_tick, record.expires_tick);
  EXPECT_EQ(commands.at(0).expires_run_time, record.expires_run_time);
  EXPECT_FALSE(commands.at(1).expires_tick);
}

TEST_P(EachStoreTest, RunTimeGoesOnWhereABusThatDiedHasWritten) {
  {
    auto store = open();
    ASSERT_TRUE(commit(*store, {command("a", "c1", false, 0)}).ok());
  }
  constexpr int64_t Later = 7'000'000'000'000;
  run("UPDATE cancels SET run_time=" + std::to_string(Later));
  {
    auto store = open();
    EXPECT_EQ(load(*store).run_time.count(), Later);
    EXPECT_EQ(load(*store).commands.at(0).run_time.count(), Later);
    ASSERT_TRUE(commit(*store, {command("a", "c2", false, 0)}).ok());
  }
  EXPECT_GE(std::stoll(select("SELECT run_time FROM cancels WHERE cl_ord_id='c2'")), Later);
}

TEST_P(EachStoreTest, ALastDispatchComesBack) {
  core::CommandRecord record = command("a", "c1", false, 0);
  record.last_dispatch = now();
  ASSERT_TRUE(commit(*open(), {record}).ok());
  const auto loaded = load(*open()).commands.at(0).last_dispatch;
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->tick, record.last_dispatch->tick);
  EXPECT_EQ(loaded->wall, record.last_dispatch->wall);
}

TEST_P(EachStoreTest, HistoryMakesRoomAndGoesWithItsOrder) {
  auto store = open();
  for (uint32_t n = 1; n <= 4; ++n) {
    core::HistoryLine line{.text = "it happened", .order_id = 42, .line = n, .drops = n == 4 ? 2U : 0U};
    ASSERT_TRUE(commit(*store, {line}).ok());
  }
  core::HistoryLine other{.order_id = 43, .line = 1};
  ASSERT_TRUE(commit(*store, {other}).ok());
  EXPECT_EQ(list("SELECT line FROM history WHERE order_id=42 ORDER BY line"), "1,3,4");
  ASSERT_TRUE(commit(*store, {core::HistoryForgotten{42}}).ok());
  EXPECT_EQ(list("SELECT order_id FROM history"), "43");
}

TEST_P(EachStoreTest, KnowsWhichOrdersAreBackOnTheBook) {
  {
    auto store = open();
    ASSERT_TRUE(commit(*store, {core::BackOnBook{42}, core::BackOnBook{43}, core::BackOnBook{44}}).ok());
    ASSERT_TRUE(commit(*store, {core::BackOnBook{42}, core::BackOnBook{43, false}, core::HistoryForgotten{44}}).ok());
  }
  EXPECT_EQ(load(*open()).back_on_book, std::vector<core::OrderId>{42});
}

}  // namespace
}  // namespace cancelbus::io
