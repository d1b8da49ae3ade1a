#include "clients/cancelctl/store_reader.hpp"

namespace cancelbus::ctl {
namespace {

constexpr int64_t ApplicationId = 0x43424C53;  // "CBLS"
constexpr int64_t NewestSchema = 2;
constexpr int BusyTimeoutMs = 2'000;

/// What is wrong with the file, or nothing.
std::string why_not_ours(sqlite3* db) {
  Query application(db, "PRAGMA application_id");
  const bool legible = application.next();
  if (!legible) return sqlite3_errmsg(db);
  if (application.integer() != ApplicationId) return "this is a database, but not a store of cancel-bus";
  const int64_t found = schema_version(db);
  if (found < 1 || found > NewestSchema) {
    return "schema version " + std::to_string(found) + ", this cancelctl reads versions 1 to " +
           std::to_string(NewestSchema) + ": use that of the bus";
  }
  return {};
}

}  // namespace

Query::Query(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(db, sql, -1, &statement, nullptr);
  statement_.reset(statement);
}

Query& Query::bind(const std::string& text) {
  sqlite3_bind_text(statement_.get(), ++bound_, text.c_str(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  return *this;
}

Query& Query::bind(int64_t number) {
  sqlite3_bind_int64(statement_.get(), ++bound_, number);
  return *this;
}

bool Query::next() {
  column_ = 0;
  return statement_ && sqlite3_step(statement_.get()) == SQLITE_ROW;
}

int64_t Query::integer() { return sqlite3_column_int64(statement_.get(), column_++); }

std::string Query::text() {
  const int column = column_++;
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes ? std::string(static_cast<const char*>(bytes), size) : std::string();
}

std::optional<WallTime> Query::time() {
  const bool absent = sqlite3_column_type(statement_.get(), column_) == SQLITE_NULL;
  const int64_t since_epoch = integer();
  if (absent) return std::nullopt;
  return WallTime(std::chrono::nanoseconds(since_epoch));
}

bool went_well(sqlite3* db) {
  const int result = sqlite3_errcode(db);
  return result == SQLITE_DONE || result == SQLITE_OK;
}

Db open_to_read(const std::string& store, std::string& why) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(store.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr);
  Db db(raw);
  if (opened == SQLITE_OK) {
    sqlite3_busy_timeout(raw, BusyTimeoutMs);
    sqlite3_exec(raw, "BEGIN", nullptr, nullptr, nullptr);
    why = why_not_ours(raw);
  } else {
    why = sqlite3_errmsg(raw);
  }
  if (!why.empty()) db.reset();
  return db;
}

int64_t schema_version(sqlite3* db) {
  Query version(db, "PRAGMA user_version");
  return version.next() ? version.integer() : 0;
}

}  // namespace cancelbus::ctl
