// A store in a folder of its own, and calls that wait for its answers. Used by the tests of the store.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "service/io/clock.hpp"
#include "service/io/store.hpp"

namespace cancelbus::io {

class StoreFixture : public ::testing::Test {
 protected:
  StoreFixture() {
    std::string folder = (std::filesystem::temp_directory_path() / "cancelbus-store-XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    options_.path = folder_ / "bus.db";
  }
  ~StoreFixture() override { std::filesystem::remove_all(folder_); }

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
  static core::Snapshot load(Store& store) {
    absl::StatusOr<core::Snapshot> result = absl::UnknownError("not called back");
    store.load([&](absl::StatusOr<core::Snapshot> snapshot) { result = std::move(snapshot); });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : core::Snapshot();
  }
  static std::vector<std::string> kept(Store& store, const std::string& topic, uint64_t from_seq, uint32_t count) {
    absl::StatusOr<std::vector<std::string>> result = absl::UnknownError("not called back");
    store.read_events(topic, from_seq, count, [&](auto payloads) { result = std::move(payloads); });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : std::vector<std::string>();
  }
  static uint64_t first_kept(Store& store, const std::string& topic) {
    absl::StatusOr<uint64_t> result = absl::UnknownError("not called back");
    store.first_kept(topic, [&](absl::StatusOr<uint64_t> seq) { result = seq; });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(0);
  }

  void run(const std::string& sql) {
    with_db(sql.c_str(), [](char**, int) {});
  }
  /// A bus that starts on the store next finds that one has run on it for so long.
  void a_bus_has_run(core::Duration time) {
    run("UPDATE meta SET value='" + std::to_string(time.count()) + "' WHERE key='run_time'");
  }
  /// The only column of the only row.
  std::string select(const std::string& sql) {
    std::string value;
    with_db(sql.c_str(), [&](char** columns, int) { value = columns[0] ? columns[0] : ""; });
    return value;
  }
  /// As another program would.
  void with_db(const char* sql, std::function<void(char**, int)> row) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(options_.path.c_str(), &db), SQLITE_OK);
    const auto take = [](void* to, int count, char** columns, char**) {
      (*static_cast<std::function<void(char**, int)>*>(to))(columns, count);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, sql, take, &row, nullptr), SQLITE_OK) << sqlite3_errmsg(db) << ": " << sql;
    sqlite3_close(db);
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

/// Called before each of SQLite's writes of a file; empty: no more.
void on_write(std::function<void()> seen);

/// The exit code of a process that die_at_change() has ended.
constexpr int DiedAtChange = 42;
/// From now on this process dies before SQLite's change number `n` of a file: a write, a truncation, a removal.
void die_at_change(int n);

}  // namespace cancelbus::io
