#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "tests/unit/io/store_fixture.hpp"

namespace cancelbus::io {
namespace {

using std::chrono::hours;

class StoreTest : public StoreFixture {};

TEST_F(StoreTest, IsOfThisBootOnlyOnceTheFirstBatchHasBroughtThePermitsTicksAnew) {
  core::PermitRecord permit;
  permit.task = 7;
  ASSERT_TRUE(commit(*open(), {permit}).ok());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE meta SET value='of another boot' WHERE key='boot_id'", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  EXPECT_FALSE(load(*open()).same_boot);
  auto store = open();  // the one before died too early
  EXPECT_FALSE(load(*store).same_boot);
  ASSERT_TRUE(commit(*store, {permit}).ok());
  store.reset();
  EXPECT_TRUE(load(*open()).same_boot);
}

TEST_F(StoreTest, WithoutFullSyncAnotherBootMeansThatCommitsMayBeLostAndSoANewEpoch) {
  options_.full_sync = false;
  uint64_t epoch = 0;
  {
    auto store = open();
    epoch = load(*store).epoch;
    ASSERT_TRUE(commit(*store, {command("a", "c1", false, 0)}).ok());
  }
  EXPECT_FALSE(load(*open()).commits_lost) << "the process died, and not the machine";
  EXPECT_EQ(load(*open()).epoch, epoch);

  run("UPDATE meta SET value='of another boot' WHERE key='boot_id'");
  // Whatever the mode is from now on.
  options_.full_sync = true;
  const auto first = load(*open());
  EXPECT_TRUE(first.commits_lost);
  EXPECT_NE(first.epoch, epoch);
  auto store = open();
  EXPECT_TRUE(load(*store).commits_lost) << "the one before died before it could write what follows from it";
  const uint64_t new_epoch = load(*store).epoch;
  ASSERT_TRUE(commit(*store, {command("a", "c2", false, 0)}).ok());
  store.reset();
  EXPECT_FALSE(load(*open()).commits_lost);
  EXPECT_EQ(load(*open()).epoch, new_epoch);

  run("UPDATE meta SET value='of another boot' WHERE key='boot_id'");
  EXPECT_FALSE(load(*open()).commits_lost) << "with full sync nothing is lost";
  EXPECT_EQ(load(*open()).epoch, new_epoch);
}

TEST_F(StoreTest, HowItIsKeptIsOnDiskBeforeTheFirstCommitThatMayBeLost) {
  ASSERT_TRUE(commit(*open(), {command("a", "c1", false, 0)}).ok());
  EXPECT_EQ(select("SELECT value FROM meta WHERE key='sync'"), "full");
  options_.full_sync = false;
  const auto store = open();
  EXPECT_EQ(select("SELECT value FROM meta WHERE key='sync'"), "normal");
}

TEST_F(StoreTest, AStartThatWritesNothingDoesNotMakeCommitsOfBeforeItLost) {
  ASSERT_TRUE(commit(*open(), {command("a", "c1", false, 0)}).ok());
  run("UPDATE meta SET value='of another boot' WHERE key='boot_id'");
  options_.full_sync = false;
  EXPECT_FALSE(load(*open()).commits_lost);
  EXPECT_FALSE(load(*open()).commits_lost);
  auto store = open();
  ASSERT_TRUE(commit(*store, {command("a", "c2", false, 0)}).ok());
  EXPECT_EQ(select("SELECT value FROM meta WHERE key='sync'"), "normal");
}

TEST_F(StoreTest, GivesBackTheLastAnswerOfACommandWithoutAnAck) {
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

TEST_F(StoreTest, GivesBackWhatWasCommitted) {
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

TEST_F(StoreTest, KeepsLoweredLimits) {
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

TEST_F(StoreTest, ABatchThatFailsLeavesNothing) {
  auto store = open();
  const EventRow event{"venue.", 1, now().wall, "x"};
  ASSERT_TRUE(commit(*store, {event}).ok());
  EXPECT_FALSE(commit(*store, {command("a", "c1", false, 0), event}).ok()) << "the same seq twice";
  EXPECT_TRUE(load(*store).commands.empty());
}

TEST_F(StoreTest, PrunesWhatIsOldButNotWhatAnOpenCommandNeeds) {
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

TEST_F(StoreTest, RetentionCountsTheTimeThatABusRanAndNoWallClock) {
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

TEST_F(StoreTest, PrunesAThousandAtOnce) {
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

// A prune by time alone took seq 2, and the topic stood behind seq 1 again: another event 2 would have followed.
TEST_F(StoreTest, PruningLeavesNoGapAndGivesNoSeqTwice) {
  const core::WallTime wall = now().wall;
  ASSERT_TRUE(commit(*open(), {EventRow{"venue.", 1, wall, "x"}, EventRow{"venue.", 2, wall, "y"}}).ok());
  a_bus_has_run(options_.retention + hours(1));
  run("UPDATE events SET run_time=" + std::to_string(core::Duration(hours(90)).count()) + " WHERE seq=1");
  {
    auto store = open();
    ASSERT_TRUE(commit(*store, {core::PermitForgotten{1}}).ok());
    EXPECT_EQ(kept(*store, "venue.", 1, 10), (std::vector<std::string>{"x", "y"}));
  }
  run("INSERT OR REPLACE INTO topics VALUES('venue.', 9)");  // what was pruned before
  run("UPDATE events SET run_time=0");
  auto store = open();
  ASSERT_TRUE(commit(*store, {core::PermitForgotten{1}}).ok());
  EXPECT_EQ(first_kept(*store, "venue."), 0U);
  store.reset();
  EXPECT_EQ(load(*open()).topics.at(0).next_seq, 9U);
}

TEST_F(StoreTest, ATimeToLiveComesBack) {
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

TEST_F(StoreTest, RunTimeGoesOnWhereABusThatDiedHasWritten) {
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

TEST_F(StoreTest, ALastDispatchComesBack) {
  core::CommandRecord record = command("a", "c1", false, 0);
  record.last_dispatch = now();
  ASSERT_TRUE(commit(*open(), {record}).ok());
  const auto loaded = load(*open()).commands.at(0).last_dispatch;
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->tick, record.last_dispatch->tick);
  EXPECT_EQ(loaded->wall, record.last_dispatch->wall);
}

TEST_F(StoreTest, KeepsASecondBusOut) {
  auto store = open();
  const auto second = open_store(options_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(second.status().message().find("another cancel-bus"), std::string::npos);
}

TEST_F(StoreTest, RefusesWhatIsNotItsOwn) {
  std::ofstream(options_.path) << "this is no database, however long the text may be that stands in it";
  EXPECT_EQ(open_store(options_).status().code(), absl::StatusCode::kDataLoss);
  std::filesystem::remove(options_.path);
  sqlite3* foreign = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &foreign), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(foreign, "CREATE TABLE t(x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(foreign);
  const auto status = open_store(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find(options_.path), std::string::npos);
}

TEST_F(StoreTest, HistoryMakesRoomAndGoesWithItsOrder) {
  auto store = open();
  for (uint32_t n = 1; n <= 4; ++n) {
    core::HistoryLine line{.text = "it happened", .order_id = 42, .line = n, .drops = n == 4 ? 2U : 0U};
    ASSERT_TRUE(commit(*store, {line}).ok());
  }
  core::HistoryLine other{.order_id = 43, .line = 1};
  ASSERT_TRUE(commit(*store, {other}).ok());
  EXPECT_EQ(select("SELECT group_concat(line) FROM history WHERE order_id=42"), "1,3,4");
  ASSERT_TRUE(commit(*store, {core::HistoryForgotten{42}}).ok());
  EXPECT_EQ(select("SELECT group_concat(order_id) FROM history"), "43");
}

TEST_F(StoreTest, KnowsWhichOrdersAreBackOnTheBook) {
  {
    auto store = open();
    ASSERT_TRUE(commit(*store, {core::BackOnBook{42}, core::BackOnBook{43}, core::BackOnBook{44}}).ok());
    ASSERT_TRUE(commit(*store, {core::BackOnBook{42}, core::BackOnBook{43, false}, core::HistoryForgotten{44}}).ok());
  }
  EXPECT_EQ(load(*open()).back_on_book, std::vector<core::OrderId>{42});
}

TEST_F(StoreTest, ADamagedFileIsRefusedByName) {
  {
    auto store = open();
    Batch batch;
    for (int i = 0; i < 500; ++i) batch.push_back(command("desk-a", "c" + std::to_string(i), false, 0));
    ASSERT_TRUE(commit(*store, batch).ok());
  }
  {
    std::fstream file(options_.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(8 * 4096);
    file << std::string(8 * 4096, '\xA5');
  }
  const auto status = open_store(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_NE(status.message().find(options_.path), std::string::npos);
}

TEST_F(StoreTest, AFolderThatIsNotThereIsNamed) {
  options_.path = folder_ / "none" / "bus.db";
  const auto status = open_store(options_).status();
  EXPECT_EQ(status.message(), options_.path + ": its folder is not there");
}

TEST_F(StoreTest, WhatCannotBeWrittenIsNamed) {
  std::filesystem::create_directory(options_.path);
  const auto status = open_store(options_).status();
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.message().find(options_.path + ": "), 0U) << status;
}

TEST_F(StoreTest, LockedByAnotherWriterItIsRefusedByName) {
  open();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  options_.busy_timeout = std::chrono::milliseconds(10);
  const auto status = open_store(options_).status();
  EXPECT_EQ(status.message(), options_.path + ": store: database is locked");
  sqlite3_close(other);
}

TEST_F(StoreTest, AFullDiskLosesNothingAndTakesTheSameBatchLater) {
  auto store = open();
  ASSERT_TRUE(commit(*store, {command("a", "c1", false, 0)}).ok());
  Batch large;
  for (uint64_t seq = 1; seq <= 50; ++seq) {
    large.push_back(EventRow{"venue.", seq, now().wall, std::string(10'000, 'v')});
  }
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{200'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &full);
  const absl::Status refused = commit(*store, large);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  EXPECT_FALSE(refused.ok());
  EXPECT_EQ(first_kept(*store, "venue."), 0U);
  EXPECT_EQ(load(*store).commands.size(), 1U);
  EXPECT_TRUE(commit(*store, large).ok());
  EXPECT_EQ(kept(*store, "venue.", 1, 500).size(), 50U);
}

TEST_F(StoreTest, InMemoryNeedsNoFile) {
  options_.path = "";
  auto store = open();
  EXPECT_TRUE(commit(*store, {command("a", "c1", false, 0)}).ok());
  EXPECT_EQ(load(*store).commands.size(), 1U);
}

}  // namespace
}  // namespace cancelbus::io
