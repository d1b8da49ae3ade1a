// The store's tables on PostgreSQL, in a schema of their own, `cancelbus`; and the functions by which a bus leads.
//
// Tables, columns and the view `commands` are those of SQLite (store_schema.hpp), with the types that PostgreSQL has
// for them. Beside them `lease`, one row: which bus leads in which term, its latest batch, and a counter that moves as
// long as it lives. Versions are counted apart from SQLite's; each is one transaction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cancelbus::io {

/// What this cancel-bus reads and writes.
extern const int64_t PgSchemaVersion;

/// Every session begins with these.
extern const std::vector<std::string_view> PgSession;

/// From `version` to the next; may find that another bus has just done it, and fails then.
std::vector<std::string_view> pg_migration(int64_t version);

/// What a bus asks about its lease, by the SQLSTATE that the functions raise.
inline constexpr std::string_view PgFenced = "CB001";         ///< another bus leads, in a later term
inline constexpr std::string_view PgStored = "CB002";         ///< the batch is stored already
inline constexpr std::string_view PgGap = "CB003";            ///< batches before this one are missing
inline constexpr std::string_view PgNotReplicated = "CB004";  ///< the database waits for no standby

}  // namespace cancelbus::io
