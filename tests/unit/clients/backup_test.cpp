// cancelctl backup of a store that service/io writes, and that service/io then opens the copy of.
#include "clients/cancelctl/backup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "clients/cancelctl/store_reader.hpp"
#include "service/io/store.hpp"

namespace cancelbus::ctl {
namespace {

using core::HistoryLine;
using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class BackupTest : public testing::Test {
 protected:
  BackupTest() {
    std::string folder = (std::filesystem::temp_directory_path() / "cancelbus-backup-XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    path_ = folder_ / "bus.db";
    copies_ = folder_ / "copies";
    std::filesystem::create_directory(copies_);
    copy_ = copies_ / "copy.db";
  }
  ~BackupTest() override { std::filesystem::remove_all(folder_); }

  static std::unique_ptr<io::Store> open(const std::string& path) {
    io::StoreOptions options;
    options.path = path;
    auto opened = io::open_store(options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  static core::Snapshot load(io::Store& store) {
    core::Snapshot result;
    store.load([&](absl::StatusOr<core::Snapshot> snapshot) {
      ASSERT_TRUE(snapshot.ok()) << snapshot.status();
      result = *std::move(snapshot);
    });
    return result;
  }

  static void commit(io::Store& store, const io::Batch& batch) {
    store.commit(batch, [](const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; });
  }

  static core::CommandRecord command(const std::string& id, bool ended) {
    core::CommandRecord record;
    record.key = {"desk-a", id};
    record.order.cl_ord_id = id;
    record.order.order_id = 100;
    record.order.symbol = "BTCTRY";
    record.ended = ended;
    record.updated = wall_now();
    return record;
  }

  static io::EventRow event(uint64_t seq, std::string payload = "payload") {
    return {"client.desk-a.", seq, wall_now(), std::move(payload)};
  }

  /// A row of each kind.
  static io::Batch everything() {
    core::PermitRecord permit;
    permit.task = 7;
    permit.order_id = 100;
    permit.settles = core::Tick(hours(1));
    HistoryLine line;
    line.order_id = 100;
    line.line = 1;
    line.what = HistoryLine::What::Delete;
    line.at = wall_now();
    return {command("c1", true),
            command("c2", false),
            permit,
            core::HoldRecord{core::LimiterKind::Cancel, core::Tick(hours(2)), wall_now(), "wait", {}, {}},
            core::UnauthorizedCount{3, 12},
            line,
            event(1),
            event(2)};
  }

  std::optional<Backup> back_up() { return ctl::back_up(path_, copy_, interrupted_, error_); }

  /// The only column of each row.
  static std::vector<std::string> select(const std::string& path, const char* sql) {
    sqlite3* raw = nullptr;
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
    const base::Sqlite db(raw);
    std::vector<std::string> values;
    base::Statement query(raw, sql);
    while (query.next()) values.push_back(query.text());
    EXPECT_TRUE(went_well(raw)) << sqlite3_errmsg(raw) << ": " << sql;
    return values;
  }

  /// All of a table, as text.
  static std::vector<std::string> rows(const std::string& path, const std::string& table) {
    std::string columns;
    for (const std::string& column : select(path, ("SELECT name FROM pragma_table_info('" + table + "')").c_str())) {
      columns += (columns.empty() ? "" : "||'|'||") + ("quote(" + column + ")");
    }
    return select(path, ("SELECT " + columns + " FROM " + table + " ORDER BY 1").c_str());
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(copies_)) names.push_back(entry.path().filename());
    return names;
  }

  void sql(const char* text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  std::filesystem::path folder_, copies_;
  std::string path_, copy_;
  std::atomic<bool> interrupted_{false};
  BackupError error_;
};

TEST_F(BackupTest, HoldsEveryRowWhileTheBusRuns) {
  const auto store = open(path_);
  commit(*store, everything());
  const WallTime before = wall_now();
  const auto backup = back_up();
  ASSERT_TRUE(backup) << error_.sentence;
  EXPECT_EQ(backup->commands, 2);
  EXPECT_EQ(backup->events, 2);
  EXPECT_EQ(backup->schema_version, 6);
  EXPECT_EQ(static_cast<uintmax_t>(backup->bytes), std::filesystem::file_size(copy_));
  EXPECT_TRUE(before <= backup->backed_up && backup->backed_up <= wall_now());
  for (const std::string table : {"cancels", "permits", "holds", "history", "events", "topics"}) {
    EXPECT_EQ(rows(copy_, table), rows(path_, table)) << table;
    EXPECT_EQ(rows(copy_, table).empty(), table == "topics") << table;
  }
  const char* const Others = "SELECT key || '=' || value FROM meta WHERE key NOT IN ('boot_id', 'sync', 'backed_up')";
  EXPECT_EQ(select(copy_, Others), select(path_, Others));
}

TEST_F(BackupTest, IsOneFileForItsOwnerThatNeedsNoLog) {
  const auto store = open(path_);
  commit(*store, everything());
  ASSERT_TRUE(back_up()) << error_.sentence;
  EXPECT_THAT(select(copy_, "PRAGMA journal_mode"), ElementsAre("delete"));
  EXPECT_THAT(select(copy_, "PRAGMA integrity_check"), ElementsAre("ok"));
  EXPECT_THAT(files(), ElementsAre("copy.db"));
  struct stat found {};
  ASSERT_EQ(stat(copy_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600U);
}

TEST_F(BackupTest, ABusThatIsStartedOnItDoesNotTrustIt) {
  auto store = open(path_);
  commit(*store, everything());
  const core::Snapshot original = load(*store);
  const auto backup = back_up();
  ASSERT_TRUE(backup) << error_.sentence;
  EXPECT_THAT(select(copy_, "SELECT value FROM meta WHERE key='backed_up'"), ElementsAre(time_text(backup->backed_up)));
  store.reset();
  {
    const auto restored = open(copy_);
    const core::Snapshot snapshot = load(*restored);
    EXPECT_TRUE(snapshot.commits_lost);
    EXPECT_FALSE(snapshot.same_boot);
    EXPECT_NE(snapshot.epoch, original.epoch);
    EXPECT_EQ(snapshot.commands.size(), 2U);
    EXPECT_EQ(snapshot.permits.size(), 1U);
    EXPECT_EQ(snapshot.holds.size(), 1U);
    EXPECT_EQ(snapshot.unauthorized.in_a_row, 3U);
    ASSERT_EQ(snapshot.topics.size(), 1U);
    EXPECT_EQ(snapshot.topics[0].next_seq, 3U);
  }
  // A bus that dies before its first commit leaves it as little trusted as it was.
  auto restored = open(copy_);
  const core::Snapshot snapshot = load(*restored);
  EXPECT_TRUE(snapshot.commits_lost);
  commit(*restored, {command("c3", false)});
  restored.reset();
  const core::Snapshot later = load(*open(copy_));
  EXPECT_FALSE(later.commits_lost);
  EXPECT_EQ(later.epoch, snapshot.epoch);
  // The original is as it was.
  const core::Snapshot again = load(*open(path_));
  EXPECT_FALSE(again.commits_lost);
  EXPECT_EQ(again.epoch, original.epoch);
}

TEST_F(BackupTest, IsOneStateHoweverMuchIsWrittenMeanwhile) {
  auto store = open(path_);
  // Enough for several steps of a backup.
  commit(*store, {command("c1", false), event(1, std::string(10 << 20, 'x'))});
  std::atomic<uint64_t> last{1};
  std::jthread bus([&](std::stop_token stopped) {
    while (!stopped.stop_requested()) {
      const uint64_t next = last + 1;
      commit(*store, {command("c" + std::to_string(next), false), event(next, std::string(10'000, 'x'))});
      last = next;
    }
  });
  for (int i = 0; i < 10; ++i) {
    copy_ = copies_ / ("copy-" + std::to_string(i) + ".db");
    const auto before = static_cast<int64_t>(last);
    const auto backup = back_up();
    ASSERT_TRUE(backup) << error_.sentence;
    EXPECT_EQ(backup->commands, backup->events);
    EXPECT_GE(backup->commands, before);
    EXPECT_THAT(select(copy_, "SELECT MAX(seq) FROM events"), ElementsAre(std::to_string(backup->events)));
  }
}

TEST_F(BackupTest, NeverReplacesAFileNorFollowsALink) {
  const auto store = open(path_);
  std::ofstream(copy_) << "mine";
  EXPECT_FALSE(back_up());
  EXPECT_EQ(error_.sentence, copy_ + ": it exists, and nothing is overwritten; give another name");
  EXPECT_FALSE(error_.store_unreadable);
  EXPECT_EQ(std::filesystem::file_size(copy_), 4U);
  std::filesystem::remove(copy_);
  std::filesystem::create_symlink(folder_ / "nowhere", copy_);
  EXPECT_FALSE(back_up());
  EXPECT_TRUE(std::filesystem::is_symlink(copy_));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "nowhere"));
  EXPECT_THAT(files(), ElementsAre("copy.db"));
}

TEST_F(BackupTest, WhatItCannotReadIsNamedAndLeavesNothing) {
  EXPECT_FALSE(back_up());
  EXPECT_EQ(error_.sentence, path_ + ": unable to open database file");
  EXPECT_TRUE(error_.store_unreadable);
  sql("CREATE TABLE t(x)");
  EXPECT_FALSE(back_up());
  EXPECT_EQ(error_.sentence, path_ + ": this is a database, but not a store of cancel-bus");
  sql("PRAGMA application_id=1128418387; PRAGMA user_version=9");
  EXPECT_FALSE(back_up());
  EXPECT_EQ(error_.sentence, path_ + ": schema version 9, this cancelctl reads versions 1 to 6: use that of the bus");
  EXPECT_TRUE(error_.store_unreadable);
  EXPECT_THAT(files(), ElementsAre());
}

TEST_F(BackupTest, AFolderThatIsNotThereIsNamed) {
  const auto store = open(path_);
  copy_ = folder_ / "nowhere" / "copy.db";
  EXPECT_FALSE(back_up());
  EXPECT_EQ(error_.sentence, copy_ + ": No such file or directory");
  EXPECT_FALSE(error_.store_unreadable);
}

TEST_F(BackupTest, InterruptedItLeavesNothing) {
  const auto store = open(path_);
  commit(*store, everything());
  interrupted_ = true;
  EXPECT_FALSE(back_up());
  EXPECT_EQ(error_.sentence, copy_ + ": interrupted");
  EXPECT_THAT(files(), ElementsAre());
}

TEST_F(BackupTest, ADamagedStoreMakesNoCopy) {
  {
    const auto store = open(path_);
    io::Batch batch;
    for (uint64_t seq = 1; seq <= 500; ++seq) batch.push_back(event(seq, std::string(500, 'x')));
    commit(*store, batch);
  }
  sql("PRAGMA wal_checkpoint(TRUNCATE)");
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    // The events fill the last pages.
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path_) - 8 * 4096));
    file << std::string(4096, '\xff');
  }
  EXPECT_FALSE(back_up());
  EXPECT_THAT(error_.sentence, HasSubstr("the store is damaged"));
  EXPECT_THAT(files(), ElementsAre());
}

}  // namespace
}  // namespace cancelbus::ctl
