// As much of SQLite's C interface as the store needs, with errors that are values and statements that are kept.
#pragma once

#include <absl/status/status.h>
#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "service/core/types.hpp"

namespace cancelbus::io {

struct SqliteClose {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using Sqlite = std::unique_ptr<sqlite3, SqliteClose>;

/// `what: SQLite's words`.
absl::Status sqlite_error(sqlite3* db, std::string_view what);
absl::Status sqlite_run(sqlite3* db, const char* sql);

/// One prepared statement: bind in order, then run() or step(); reusable after reset(), which both do first.
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* db, const std::string& sql);
  /// For a database that may not be ours: false, and the error is the database's.
  bool prepare(sqlite3* db, const std::string& sql);

  void reset();
  Statement& bind(int64_t value);
  Statement& bind(uint64_t value) { return bind(static_cast<int64_t>(value)); }
  Statement& bind(int value) { return bind(static_cast<int64_t>(value)); }
  Statement& bind(uint32_t value) { return bind(static_cast<int64_t>(value)); }
  Statement& bind(bool value) { return bind(static_cast<int64_t>(value)); }
  Statement& bind(std::string_view text);
  Statement& bind(core::WallTime time) { return bind(int64_t{time.time_since_epoch().count()}); }
  Statement& bind(core::Duration duration) { return bind(int64_t{duration.count()}); }
  Statement& bind_blob(std::string_view bytes);
  Statement& bind_null();
  template <typename T>
  Statement& bind(const std::optional<T>& value) {
    return value ? bind(*value) : bind_null();
  }

  /// SQLITE_ROW, SQLITE_DONE or an error.
  int step();
  /// For statements without rows.
  absl::Status run();

  /// Columns of the present row, in order of the calls.
  int64_t integer();
  std::string text();
  std::optional<core::WallTime> time();
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

}  // namespace cancelbus::io
