// Stores that earlier versions of the bus have left: opened with nothing lost, and taken back with nothing lost.
//
// stores/VERSION.db was made by the bus that wrote this schema version (stores/make).
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "service/io/store_schema.hpp"
#include "tests/unit/io/store_fixture.hpp"

namespace cancelbus::io {
namespace {

/// Each row of each table, by the table's name: the columns' names and values.
using Dump = std::map<std::string, std::vector<std::string>>;

class MigrationTest : public StoreFixture {
 protected:
  void use_store_of(int64_t version) {
    const std::filesystem::path stores = STORES_DIRECTORY;
    std::filesystem::copy_file(stores / (std::to_string(version) + ".db"), options_.path,
                               std::filesystem::copy_options::overwrite_existing);
  }

  std::vector<std::string> column(const std::string& sql) {
    std::vector<std::string> values;
    with_db(sql.c_str(), [&](char** row, int) { values.emplace_back(row[0] ? row[0] : "NULL"); });
    return values;
  }

  /// With the tables and columns of `like`, or else with all there are.
  Dump dump(const Dump* like = nullptr) {
    Dump tables;
    for (const std::string& table : column("SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name")) {
      if (like != nullptr && !like->contains(table)) continue;
      std::string columns;
      const std::vector<std::string> names =
          like != nullptr ? like->at(table) : column("SELECT name FROM pragma_table_info('" + table + "')");
      // The first line names the columns.
      if (like != nullptr) {
        columns = names.front();
      } else {
        for (const std::string& name : names) columns += (columns.empty() ? "" : "||'|'||") + ("quote(" + name + ")");
      }
      std::vector<std::string>& lines = tables[table];
      lines = column("SELECT " + columns + " FROM " + table + " ORDER BY 1");
      lines.insert(lines.begin(), columns);
    }
    return tables;
  }

  /// What each start of a bus changes.
  static void forget_the_start(Dump& tables) {
    std::erase_if(tables["meta"], [](const std::string& row) {
      return row.starts_with("'term'") || row.starts_with("'boot_id'") || row.starts_with("'sync'") ||
             row.starts_with("'leader_");
    });
  }
};

TEST_F(MigrationTest, EveryColumnKeepsItsValue) {
  for (int64_t version = 1; version < SchemaVersion; ++version) {
    SCOPED_TRACE(version);
    use_store_of(version);
    Dump before = dump();
    ASSERT_TRUE(open());
    EXPECT_EQ(select("PRAGMA user_version"), std::to_string(SchemaVersion));
    Dump after = dump(&before);
    std::vector<std::string> tables = {"cancels", "events", "permits", "holds", "history", "topics"};
    if (version >= 4) tables.insert(tables.end(), {"mass_cancels", "mass_cancel_orders"});
    for (const std::string& table : tables) {
      // From version 2 on `topics` knows only of what was pruned.
      const bool may_be_empty = version > 1 && table == "topics";
      ASSERT_TRUE(may_be_empty || before[table].size() > 1U) << table << ": a store without rows proves nothing";
      EXPECT_EQ(after[table], before[table]) << table;
    }
  }
}

TEST_F(MigrationTest, WhatTheBusOfVersion1LeftIsLoadedWhole) {
  use_store_of(1);
  const std::string epoch = select("SELECT value FROM meta WHERE key='epoch'");
  const std::string subscriber = select("SELECT value FROM meta WHERE key='fact_subscriber'");
  const std::string fact = select("SELECT value FROM meta WHERE key='fact_seq'");
  const std::string refused_order = select("SELECT value FROM meta WHERE key='unauthorized_order'");
  const core::Snapshot snapshot = load(*open());
  EXPECT_EQ(std::to_string(snapshot.epoch), epoch);
  EXPECT_EQ(snapshot.term, 2U);
  EXPECT_FALSE(snapshot.commits_lost);
  EXPECT_EQ(std::to_string(snapshot.facts.subscriber), subscriber);
  EXPECT_EQ(std::to_string(snapshot.facts.seq), fact);
  EXPECT_EQ(std::to_string(snapshot.unauthorized.order_id), refused_order);
  EXPECT_EQ(snapshot.commands.size(), 20U);
  EXPECT_EQ(std::ranges::count_if(snapshot.commands, [](const auto& command) { return !command.ended; }), 14);
  EXPECT_EQ(snapshot.permits.size(), 32U);
  EXPECT_EQ(std::ranges::count_if(snapshot.permits, &core::PermitRecord::open), 2);
  EXPECT_EQ(snapshot.holds.size(), 2U);
  std::map<std::string, uint64_t> topics;
  for (const core::TopicPosition& topic : snapshot.topics) topics[topic.topic] = topic.next_seq;
  EXPECT_EQ(topics, (std::map<std::string, uint64_t>{{"client.desk-a.", 11}, {"client.desk-b.", 8}, {"venue.", 2}}));

  const auto command = [&](const std::string& id) {
    return *std::ranges::find_if(snapshot.commands, [&](const auto& c) { return c.key.cl_ord_id == id; });
  };
  EXPECT_EQ(command("a-canceled").final->ord_status, core::OrdStatus::Canceled);
  EXPECT_TRUE(command("a-canceled").order.exact_quantities);
  EXPECT_EQ(command("a-filled").ack->reason, core::RejectReason::UnknownOrder);
  EXPECT_EQ(command("a-filled").final->ord_status, core::OrdStatus::Filled);
  EXPECT_EQ(command("b-unknown").order.priority, core::Priority::Urgent);
  EXPECT_EQ(command("b-blocked").ack->reason, core::RejectReason::Blocked);
  EXPECT_EQ(command("b-settled").final->evidence, core::Evidence::Operator);
  EXPECT_TRUE(command("a-doubtful").doubt);
  EXPECT_EQ(command("a-doubtful").ack->status, core::AckStatus::InDoubt);
  EXPECT_EQ(command("a-stalled").order.time_to_live, std::chrono::hours(1));
  EXPECT_FALSE(command("a-stalled").order.traceparent.empty());
  EXPECT_TRUE(command("a-stalled").timeline.dispatched.has_value());
  EXPECT_FALSE(command("a-stalled").last_dispatch.has_value()) << "version 1 did not store it";
}

TEST_F(MigrationTest, TheWayBackLosesNothing) {
  use_store_of(1);
  Dump before = dump();
  const auto schema =
      column("SELECT sql FROM sqlite_schema WHERE name <> 'cancels' AND name <> 'events' ORDER BY name");
  ASSERT_TRUE(open());
  ASSERT_TRUE(downgrade_store(options_, 1).ok());
  EXPECT_EQ(select("PRAGMA user_version"), "1");
  Dump after = dump();
  forget_the_start(before);
  forget_the_start(after);
  EXPECT_EQ(after, before);
  EXPECT_EQ(column("SELECT sql FROM sqlite_schema WHERE name <> 'cancels' AND name <> 'events' ORDER BY name"), schema);
}

TEST_F(MigrationTest, OnTheWayBackATopicStandsBehindItsLastEvent) {
  {
    auto store = open();
    ASSERT_TRUE(commit(*store, {EventRow{"venue.", 1, now().wall, "x"}, EventRow{"venue.", 2, now().wall, "y"},
                                core::FactPosition{9, 4}})
                    .ok());
  }
  ASSERT_TRUE(downgrade_store(options_, 1).ok());
  EXPECT_EQ(select("SELECT next_seq FROM topics WHERE topic='venue.'"), "3");
  EXPECT_EQ(select("SELECT value FROM meta WHERE key='fact_subscriber'"), "9");
  EXPECT_EQ(select("SELECT value FROM meta WHERE key='fact_seq'"), "4");
}

TEST_F(MigrationTest, AVersionThatCannotBeGoneBackToIsRefused) {
  open();
  for (const int64_t version : {int64_t{0}, SchemaVersion + 1}) {
    const absl::Status status = downgrade_store(options_, version);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  }
  auto store = open();
  EXPECT_EQ(downgrade_store(options_, 1).code(), absl::StatusCode::kFailedPrecondition) << "a bus uses it";
}

TEST_F(MigrationTest, AStoreThatIsNotThereIsNotMadeToBeTakenBack) {
  const absl::Status status = downgrade_store(options_, 1);
  EXPECT_EQ(status.message(), options_.path + ": there is no such file");
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(MigrationTest, AStoreFromTheFutureIsRefusedByName) {
  open();
  run("PRAGMA user_version=99");
  const absl::Status status = open_store(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find(options_.path), std::string::npos) << status;
  EXPECT_NE(status.message().find("version 99, made by a later cancel-bus"), std::string::npos) << status;
  EXPECT_EQ(downgrade_store(options_, 1).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(select("PRAGMA user_version"), "99");
}

TEST_F(MigrationTest, AVersion1StoreThatLacksATableGetsIt) {
  use_store_of(1);
  run("DROP TABLE history");
  auto store = open();
  EXPECT_TRUE(commit(*store, {core::HistoryLine{.order_id = 42, .line = 1}}).ok());
}

TEST_F(MigrationTest, AStoreOfThisVersionThatLacksATableIsDamaged) {
  open();
  run("DROP TABLE history");
  const absl::Status status = open_store(options_).status();
  EXPECT_NE(status.message().find("a table or a column is missing"), std::string::npos) << status;
}

// ---- A bus that dies in its first moments ----

/// Dies before its write or other change number `n`; false if it made fewer.
template <typename Work>
bool dies_at(int n, Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    die_at_change(n);
    work();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status) == DiedAtChange;
}

TEST_F(MigrationTest, ABusThatDiesWhileItMakesItsStoreLeavesOneThatOpens) {
  int deaths = 0;
  while (dies_at(++deaths, [&] { open_store(options_).IgnoreError(); })) {
    ASSERT_TRUE(open()) << "after a death at change " << deaths;
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) std::filesystem::remove(options_.path + suffix);
  }
  EXPECT_GT(deaths, 10);
}

TEST_F(MigrationTest, ABusThatDiesInAMigrationLeavesAStoreThatLosesNothing) {
  use_store_of(1);
  const Dump before = dump();
  int deaths = 0;
  while (dies_at(++deaths, [&] { open_store(options_).IgnoreError(); })) {
    ASSERT_TRUE(open()) << "after a death at change " << deaths;
    const Dump after = dump(&before);
    for (const char* table : {"cancels", "events", "permits", "holds", "history"}) {
      ASSERT_EQ(after.at(table), before.at(table)) << table << " after a death at change " << deaths;
    }
    ASSERT_EQ(load(*open()).facts.seq, 27U);
    for (const char* suffix : {"-wal", "-shm", "-journal"}) std::filesystem::remove(options_.path + suffix);
    use_store_of(1);
  }
  EXPECT_GT(deaths, 10);
}

}  // namespace
}  // namespace cancelbus::io
