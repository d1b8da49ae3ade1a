#include "clients/cancelctl/store_reader.hpp"

namespace cancelbus::ctl {
namespace {

constexpr int64_t ApplicationId = 0x43424C53;  // "CBLS"
constexpr int64_t NewestSchema = 6;
constexpr int BusyTimeoutMs = 2'000;

/// What is wrong with the file, or nothing.
std::string why_not_ours(sqlite3* db) {
  base::Statement application(db, "PRAGMA application_id");
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

bool went_well(sqlite3* db) {
  const int result = sqlite3_errcode(db);
  return result == SQLITE_DONE || result == SQLITE_OK;
}

base::Sqlite open_to_read(const std::string& store, std::string& why) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(store.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr);
  base::Sqlite db(raw);
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
  base::Statement version(db, "PRAGMA user_version");
  return version.next() ? version.integer() : 0;
}

}  // namespace cancelbus::ctl
