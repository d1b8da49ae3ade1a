// The rows of the store: records to columns, by the columns' names, and back. Enums are stored as names, for readers.
//
// The columns are a contract: operators read them with sqlite3 or psql, and cancelctl explain, which does not know this
// code. store_schema.hpp and postgres_schema.hpp make the tables. A row is described once for both engines: `Binder` is
// base::Statement or PgParameters, `Row` is base::Statement or PgRow.
#pragma once

#include <string>
#include <string_view>

#include "service/core/records.hpp"

namespace cancelbus::io {

enum class Dialect { OfSqlite, OfPostgres };

/// Its columns in the order in which they are bound and read, and the first of them that are its key.
struct Table {
  std::string_view name;
  std::string_view columns;
  int keys;
};

extern const Table Commands, Permits, Holds, History;

/// A statement that takes all of the table's columns. Parameters are `?` for SQLite and `$1`, `$2` … for PostgreSQL.
std::string insert(const Table& table, Dialect dialect);
/// Likewise; replaces the row with the same key.
std::string upsert(const Table& table, Dialect dialect);
/// Deletes the row of a key.
std::string erase(const Table& table, Dialect dialect);
/// All columns of all rows, in no order.
std::string select(const Table& table);
/// A statement with `?` for each parameter, as the dialect wants it.
std::string in_dialect(std::string_view sql, Dialect dialect);

/// `run_time`: how long a bus has run on this store by now.
template <typename Binder>
void bind_command(Binder& statement, const core::CommandRecord& record, core::Duration run_time);
template <typename Row>
core::CommandRecord read_command(Row& row);

template <typename Binder>
void bind_permit(Binder& statement, const core::PermitRecord& record);
template <typename Row>
core::PermitRecord read_permit(Row& row);

template <typename Binder>
void bind_hold(Binder& statement, const core::HoldRecord& record, core::Duration run_time);
template <typename Row>
core::HoldRecord read_hold(Row& row);

/// One row of `meta`: a line for each limit. A line that cannot be read is left out.
std::string lowered_limits_text(const core::LoweredLimits& lowered);
core::LoweredLimits read_lowered_limits(const std::string& text);

/// `term`: the start of the bus in which it is written. Nothing of the bus reads it back: cancelctl explain does.
template <typename Binder>
void bind_history_line(Binder& statement, const core::HistoryLine& line, uint64_t term);

}  // namespace cancelbus::io
