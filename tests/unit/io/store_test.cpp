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

// A prune by time alone took seq 2, and the topic stood behind seq 1 again: another event 2 would have followed.
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
