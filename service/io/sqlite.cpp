#include "service/io/sqlite.hpp"

#include "service/core/check.hpp"

namespace cancelbus::io {

absl::Status sqlite_error(sqlite3* db, std::string_view what) {
  const std::string text = std::string(what) + ": " + sqlite3_errmsg(db);
  switch (sqlite3_errcode(db)) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::UnavailableError(text);
  }
}

absl::Status sqlite_run(sqlite3* db, const char* sql) {
  return sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK ? absl::OkStatus() : sqlite_error(db, "store");
}

absl::Status sqlite_run(Statement& statement) {
  absl::Status status;
  if (statement.step() != SQLITE_DONE) status = sqlite_error(statement.database(), "store");
  statement.reset();
  return status;
}

Statement sqlite_statement(sqlite3* db, const std::string& sql) {
  Statement statement;
  CANCELBUS_CHECK(statement.prepare(db, sql));
  return statement;
}

absl::StatusOr<Sqlite> sqlite_open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(path.empty() ? ":memory:" : path.c_str(), &raw, flags, nullptr);
  Sqlite db(raw);
  if (result != SQLITE_OK) return sqlite_error(raw, path);
  return db;
}

absl::Status sqlite_quick_check(sqlite3* db) {
  Statement check;
  if (!check.prepare(db, "PRAGMA quick_check(1)")) return sqlite_error(db, "cannot be read");
  if (check.step() != SQLITE_ROW) return sqlite_error(db, "cannot be checked");
  return check.text() == "ok" ? absl::OkStatus() : absl::DataLossError("damaged: quick_check failed");
}

absl::Status sqlite_use_log(sqlite3* db, bool in_memory) {
  Statement mode = sqlite_statement(db, "PRAGMA journal_mode=WAL");
  if (mode.step() != SQLITE_ROW) return sqlite_error(db, "journal_mode");
  if (in_memory || mode.text() == "wal") return absl::OkStatus();
  return absl::FailedPreconditionError("cannot have a write-ahead log here: the store needs a local file system");
}

}  // namespace cancelbus::io
