// SQLite as the store needs it: the shared handles, and errors that are values.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "service/base/sqlite.hpp"

namespace cancelbus::io {

using base::Sqlite;
using base::Statement;

/// Opens or makes the database; an empty path: one in memory.
absl::StatusOr<Sqlite> sqlite_open(const std::string& path);
/// DataLoss if it is damaged.
absl::Status sqlite_quick_check(sqlite3* db);
/// Gives it a write-ahead log, which one in memory cannot have.
absl::Status sqlite_use_log(sqlite3* db, bool in_memory);

/// `what: SQLite's words`.
absl::Status sqlite_error(sqlite3* db, std::string_view what);
absl::Status sqlite_run(sqlite3* db, const char* sql);
/// Of a statement without rows: steps and resets it.
absl::Status sqlite_run(Statement& statement);
/// Our own text on our own schema: that it cannot be prepared is a broken invariant.
Statement sqlite_statement(sqlite3* db, const std::string& sql);

}  // namespace cancelbus::io
