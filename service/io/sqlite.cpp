#include "service/io/sqlite.hpp"

#include <absl/strings/str_cat.h>

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

Statement::Statement(sqlite3* db, const std::string& sql) {
  // Our own text on our own schema: it cannot fail but by a defect.
  CANCELBUS_CHECK(prepare(db, sql));
}

bool Statement::prepare(sqlite3* db, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(db, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  return result == SQLITE_OK;
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  bound_ = column_ = 0;
}

Statement& Statement::bind(int64_t value) {
  sqlite3_bind_int64(statement_.get(), ++bound_, value);
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  // The caller's text outlives run(), which is what STATIC asks for.
  sqlite3_bind_text64(statement_.get(), ++bound_, text.data() ? text.data() : "", text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), ++bound_, bytes.data() ? bytes.data() : "", bytes.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_null() {
  sqlite3_bind_null(statement_.get(), ++bound_);
  return *this;
}

int Statement::step() {
  column_ = 0;
  return sqlite3_step(statement_.get());
}

absl::Status Statement::run() {
  const int result = step();
  absl::Status status;
  if (result != SQLITE_DONE) status = sqlite_error(sqlite3_db_handle(statement_.get()), "store");
  reset();
  return status;
}

int64_t Statement::integer() { return sqlite3_column_int64(statement_.get(), column_++); }

std::string Statement::text() {
  const int column = column_++;
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes ? std::string(static_cast<const char*>(bytes), size) : std::string();
}

std::optional<int64_t> Statement::maybe_integer() {
  const int column = column_;
  const int64_t value = integer();
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return value;
}

std::optional<core::WallTime> Statement::time() {
  const auto value = maybe_integer();
  if (!value) return std::nullopt;
  return core::WallTime(core::Duration(*value));
}

}  // namespace cancelbus::io
