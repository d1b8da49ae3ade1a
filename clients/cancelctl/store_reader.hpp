// The bus's store as cancelctl reads it: an open database, queries on it, and whether it is a store at all.
//
// Used by history and backup. The schema is the contract here, of versions 1 and 2; nothing of service/ is included.
// Errors are SQLite's: ask went_well() after the last row. Threads: one caller for each database.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {

struct CloseDb {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using Db = std::unique_ptr<sqlite3, CloseDb>;

/// One statement: bind in order, then rows, with columns in order.
class Query {
 public:
  Query(sqlite3* db, const char* sql);
  Query& bind(const std::string& text);
  Query& bind(int64_t number);
  /// False at the end, and on an error: see went_well().
  bool next();

  int64_t integer();
  std::string text();
  std::optional<WallTime> time();

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
  int column_ = 0;
};

/// The latest statement came to its end.
bool went_well(sqlite3* db);

/// Opens the store for reading, and fixes the moment at which it is read: the bus may write on, and is not blocked.
/// Another process's lock is waited for at most 2 s. Null and `why` for what is not there, is no store of cancel-bus,
/// or has a schema that this cancelctl does not read.
Db open_to_read(const std::string& store, std::string& why);

/// Of a store that open_to_read() gave.
int64_t schema_version(sqlite3* db);

}  // namespace cancelbus::ctl
