// The versions of the store's schema, and the way from each to the next and back.
//
// A version is SQLite's `user_version`. A migration adds what the next version needs and keeps what was there; each is
// one transaction, so that a process that dies in it leaves the version before. To make a new version: append a
// migration to store_schema.cpp, and give tests/unit/io/stores a store of the version before (its README says how).
#pragma once

#include <absl/status/status.h>
#include <sqlite3.h>

#include <cstdint>

namespace cancelbus::io {

/// What this cancel-bus reads and writes.
extern const int64_t SchemaVersion;

/// Brings the open database to SchemaVersion: makes the tables of a new one, migrates an older one. Errors:
/// FailedPrecondition for a database of another program or of a later version, DataLoss for what is no database, else
/// what SQLite says.
absl::Status migrate(sqlite3* db);

/// Takes the open database, of SchemaVersion or older, back to `version`. Errors: as migrate(), and InvalidArgument for
/// a version below 1 or above the database's own.
absl::Status migrate_back(sqlite3* db, int64_t version);

}  // namespace cancelbus::io
