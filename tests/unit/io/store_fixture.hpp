// A store of its own, and calls that wait for its answers. Used by the tests of the store.
//
// What both engines must do is in tests of EachStore: io_tests runs them on SQLite, postgres_tests on PostgreSQL.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
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
    auto store = opened();
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  /// A bus that starts now: on PostgreSQL the lease of the one before is old.
  virtual absl::StatusOr<std::unique_ptr<Store>> opened() { return open_store(options_); }

  /// Runs the loop until it is called back.
  template <typename Result>
  static Result answered(const std::function<void(std::function<void(Result)>)>& ask) {
    std::optional<Result> result;
    ask([&result](Result answer) { result = std::move(answer); });
    while (!result && context_.run_one() > 0) {
    }
    context_.restart();
    EXPECT_TRUE(result.has_value()) << "not called back";
    return result ? *std::move(result) : Result(absl::UnknownError("not called back"));
  }

  static absl::Status commit(Store& store, const Batch& batch) {
    return answered<absl::Status>([&](auto done) { store.commit(batch, std::move(done)); });
  }
  static core::Snapshot load(Store& store) {
    using Result = absl::StatusOr<core::Snapshot>;
    const auto result = answered<Result>([&](auto done) { store.load(std::move(done)); });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : core::Snapshot();
  }
  static std::vector<std::string> kept(Store& store, const std::string& topic, uint64_t from_seq, uint32_t count) {
    using Result = absl::StatusOr<std::vector<std::string>>;
    const auto result =
        answered<Result>([&](auto done) { store.read_events(topic, from_seq, count, std::move(done)); });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : std::vector<std::string>();
  }
  static uint64_t first_kept(Store& store, const std::string& topic) {
    using Result = absl::StatusOr<uint64_t>;
    const auto result = answered<Result>([&](auto done) { store.first_kept(topic, std::move(done)); });
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
  /// The only column of each row, with commas between them.
  std::string list(const std::string& sql) {
    std::string values;
    with_db(sql.c_str(), [&](char** columns, int) { values += (values.empty() ? "" : ",") + std::string(columns[0]); });
    return values;
  }
  /// As another program would.
  virtual void with_db(const char* sql, std::function<void(char**, int)> row) {
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

  static inline boost::asio::io_context context_;
  std::filesystem::path folder_;
  StoreOptions options_;
};

enum class Engine { OfSqlite, OfPostgres };
/// Those that this program tests.
std::vector<Engine> engines();
inline std::string engine_name(const ::testing::TestParamInfo<Engine>& info) {
  return info.param == Engine::OfSqlite ? "Sqlite" : "Postgres";
}

class EachStore : public StoreFixture, public ::testing::WithParamInterface<Engine> {
 protected:
  EachStore();
  absl::StatusOr<std::unique_ptr<Store>> opened() override;
  void with_db(const char* sql, std::function<void(char**, int)> row) override;
  bool on_postgres() const { return GetParam() == Engine::OfPostgres; }
};

/// Called before each of SQLite's writes of a file; empty: no more.
void on_write(std::function<void()> seen);

/// The exit code of a process that die_at_change() has ended.
constexpr int DiedAtChange = 42;
/// From now on this process dies before SQLite's change number `n` of a file: a write, a truncation, a removal.
void die_at_change(int n);

}  // namespace cancelbus::io
