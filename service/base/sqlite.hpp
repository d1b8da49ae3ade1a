// SQLite's C interface as handles that close themselves and statements that bind and read in order.
//
// Used by the bus's store and by cancelctl, which reads that store. Errors are the database's: ask sqlite3_errcode()
// and sqlite3_errmsg(). Threads: one caller for each database.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cancelbus::base {

struct SqliteClose {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using Sqlite = std::unique_ptr<sqlite3, SqliteClose>;

/// One prepared statement: bind in order, then step; reusable after reset(). A statement that could not be prepared has
/// no rows.
class Statement {
 public:
  using Duration = std::chrono::nanoseconds;
  using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

  Statement() = default;
  Statement(sqlite3* db, const std::string& sql) { prepare(db, sql); }
  bool prepare(sqlite3* db, const std::string& sql);
  /// Of a statement that was prepared.
  sqlite3* database() const { return sqlite3_db_handle(statement_.get()); }

  void reset();
  Statement& bind(int64_t value);
  Statement& bind(uint64_t value) { return bind(static_cast<int64_t>(value)); }
  Statement& bind(int value) { return bind(static_cast<int64_t>(value)); }
  Statement& bind(uint32_t value) { return bind(static_cast<int64_t>(value)); }
  /// Nothing but a bool: a literal is a text, and would become one.
  template <std::same_as<bool> Bool>
  Statement& bind(Bool value) {
    return bind(static_cast<int64_t>(value));
  }
  /// The text must outlive the last step. So must the bytes of bind_blob().
  Statement& bind(std::string_view text);
  /// A temporary does not.
  template <typename Text>
  requires std::same_as<Text, std::string> Statement& bind(Text&& text) = delete;
  Statement& bind(WallTime time) { return bind(int64_t{time.time_since_epoch().count()}); }
  Statement& bind(Duration duration) { return bind(int64_t{duration.count()}); }
  Statement& bind_blob(std::string_view bytes);
  Statement& bind_null();
  template <typename T>
  Statement& bind(const std::optional<T>& value) {
    return value ? bind(*value) : bind_null();
  }

  /// SQLITE_ROW, SQLITE_DONE or an error.
  int step();
  /// Whether there is another row. False at the end and on an error.
  bool next() { return step() == SQLITE_ROW; }

  /// Columns of the present row, in order of the calls.
  int64_t integer();
  std::string text();
  std::optional<WallTime> time();
  bool flag() { return integer() != 0; }
  std::optional<int64_t> maybe_integer();

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
  int column_ = 0;
};

}  // namespace cancelbus::base
