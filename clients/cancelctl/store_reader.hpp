// The bus's store as cancelctl reads it: an open database, and whether it is a store at all.
//
// Used by history and backup. The schema is the contract here, of versions 1 and 2; nothing of service/ is included.
// Errors are SQLite's: ask went_well() after the last row. Threads: one caller for each database.
#pragma once

#include <cstdint>
#include <string>

#include "service/base/sqlite.hpp"

namespace cancelbus::ctl {

/// The latest statement came to its end.
bool went_well(sqlite3* db);

/// Opens the store for reading, and fixes the moment at which it is read: the bus may write on, and is not blocked.
/// Another process's lock is waited for at most 2 s. Null and `why` for what is not there, is no store of cancel-bus,
/// or has a schema that this cancelctl does not read.
base::Sqlite open_to_read(const std::string& store, std::string& why);

/// Of a store that open_to_read() gave.
int64_t schema_version(sqlite3* db);

}  // namespace cancelbus::ctl
