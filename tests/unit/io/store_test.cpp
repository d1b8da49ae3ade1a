#include "service/io/store.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "service/io/clock.hpp"

namespace cancelbus::io {
namespace {

using std::chrono::hours;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string folder = (std::filesystem::temp_directory_path() / "cancelbus-store-XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    options_.path = folder_ / "bus.db";
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Store> open() {
    auto store = open_store(options_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  static absl::Status commit(Store& store, const Batch& batch) {
    absl::Status result = absl::UnknownError("not called back");
    store.commit(batch, [&](absl::Status status) { result = std::move(status); });
    return result;
  }

  static core::CommandRecord command(const std::string& sender, const std::string& id, bool ended, uint64_t ack_seq) {
    core::CommandRecord record;
    record.key = {sender, id};
    record.order.cl_ord_id = id;
    record.order.order_id = 42;
    record.ended = ended;
    record.ack_seq = ack_seq;
    record.updated = now().wall;
    return record;
  }

  std::filesystem::path folder_;
  StoreOptions options_;
};

TEST_F(StoreTest, IsOfThisBootOnlyOnceTheFirstBatchHasBroughtThePermitsTicksAnew) {
  core::PermitRecord permit;
  permit.task = 7;
  ASSERT_TRUE(commit(*open(), {permit}).ok());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE meta SET value='of another boot' WHERE key='boot_id'", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  EXPECT_FALSE(open()->load()->same_boot);
  auto store = open();  // the one before died too early
  EXPECT_FALSE(store->load()->same_boot);
  ASSERT_TRUE(commit(*store, {permit}).ok());
  store.reset();
  EXPECT_TRUE(open()->load()->same_boot);
}

TEST_F(StoreTest, GivesBackWhatWasCommitted) {
  core::CommandRecord record = command("desk-a", "c1", false, 1);
  record.order.symbol = "BTCTRY";
  record.order.time_to_live = std::chrono::seconds(2);
  record.last_answer = core::Verdict::Accepted;
  record.ack.emplace().status = core::AckStatus::Accepted;
  core::PermitRecord permit;
  permit.task = 7;
  permit.settles = core::Tick(hours(1));
  uint64_t epoch = 0;
  {
    auto store = open();
    epoch = store->load()->epoch;
    ASSERT_TRUE(
        commit(*store, {record, permit, core::FactPosition{9, 3}, EventRow{"client.desk-a.", 1, now().wall, "x"}})
            .ok());
  }
  auto store = open();
  const auto snapshot = store->load();
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(snapshot->epoch, epoch);
  EXPECT_EQ(snapshot->term, 2U);
  EXPECT_TRUE(snapshot->same_boot);
  ASSERT_EQ(snapshot->commands.size(), 1U);
  const core::CommandRecord& loaded = snapshot->commands[0];
  EXPECT_EQ(loaded.order.symbol, "BTCTRY");
  EXPECT_EQ(loaded.order.time_to_live, record.order.time_to_live);
  EXPECT_EQ(loaded.last_answer, core::Verdict::Accepted);
  ASSERT_TRUE(loaded.ack.has_value());
  EXPECT_EQ(loaded.ack->status, core::AckStatus::Accepted);
  EXPECT_FALSE(loaded.final.has_value());
  ASSERT_EQ(snapshot->permits.size(), 1U);
  EXPECT_EQ(snapshot->permits[0].settles, permit.settles);
  EXPECT_EQ(snapshot->facts.seq, 3U);
  ASSERT_EQ(snapshot->topics.size(), 1U);
  EXPECT_EQ(snapshot->topics[0].next_seq, 2U);
  EXPECT_EQ(*store->read_events("client.desk-a.", 1, 10), std::vector<std::string>{"x"});
}

TEST_F(StoreTest, ABatchThatFailsLeavesNothing) {
  auto store = open();
  const EventRow event{"venue.", 1, now().wall, "x"};
  ASSERT_TRUE(commit(*store, {event}).ok());
  EXPECT_FALSE(commit(*store, {command("a", "c1", false, 0), event}).ok()) << "the same seq twice";
  EXPECT_TRUE(store->load()->commands.empty());
}

TEST_F(StoreTest, PrunesWhatIsOldButNotWhatAnOpenCommandNeeds) {
  auto store = open();
  const core::WallTime old = now().wall - options_.retention - hours(1);
  Batch batch{command("open", "c1", false, 3), command("done", "c1", true, 1)};
  for (uint64_t seq = 1; seq <= 5; ++seq) {
    batch.push_back(EventRow{"client.open.", seq, old, "o"});
    batch.push_back(EventRow{"client.done.", seq, old, "d"});
  }
  batch.push_back(EventRow{"client.done.", 6, now().wall, "d"});
  ASSERT_TRUE(commit(*store, batch).ok());
  EXPECT_EQ(*store->first_kept("client.open."), 3U);
  EXPECT_EQ(*store->first_kept("client.done."), 6U);
  EXPECT_TRUE(store->read_events("client.done.", 5, 1)->empty());
}

TEST_F(StoreTest, PrunesAThousandAtOnce) {
  auto store = open();
  const core::WallTime old = now().wall - options_.retention - hours(1);
  Batch batch;
  for (uint64_t seq = 1; seq <= 1'500; ++seq) batch.push_back(EventRow{"venue.", seq, old, "v"});
  ASSERT_TRUE(commit(*store, batch).ok());
  EXPECT_EQ(*store->first_kept("venue."), 1'001U);
  ASSERT_TRUE(commit(*store, {core::PermitForgotten{1}}).ok());
  EXPECT_EQ(*store->first_kept("venue."), 0U);
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

TEST_F(StoreTest, InMemoryNeedsNoFile) {
  options_.path = "";
  auto store = open();
  EXPECT_TRUE(commit(*store, {command("a", "c1", false, 0)}).ok());
  EXPECT_EQ(store->load()->commands.size(), 1U);
}

}  // namespace
}  // namespace cancelbus::io
