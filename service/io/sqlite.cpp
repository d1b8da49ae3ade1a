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

}  // namespace cancelbus::io
