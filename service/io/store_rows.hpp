// The rows of the store: records to columns, by the columns' names, and back. Enums are stored as names, for readers.
//
// The columns are a contract: operators read them with sqlite3, and cancelctl explain, which does not know this code.
// store_schema.hpp makes the tables.
#pragma once

#include <string>

#include "service/core/records.hpp"
#include "service/io/sqlite.hpp"

namespace cancelbus::io {

/// `run_time`: how long a bus has run on this store by now.
std::string upsert_command();
void bind_command(Statement& statement, const core::CommandRecord& record, core::Duration run_time);
std::string select_commands();
/// The present row of select_commands(), but for its last column, run_time.
core::CommandRecord read_command(Statement& row);

std::string upsert_permit();
void bind_permit(Statement& statement, const core::PermitRecord& record);
std::string select_permits();
core::PermitRecord read_permit(Statement& row);

std::string upsert_hold();
void bind_hold(Statement& statement, const core::HoldRecord& record, core::Duration run_time);
std::string select_holds();
core::HoldRecord read_hold(Statement& row);

/// One row of `meta`: a line for each limit. A line that cannot be read is left out.
std::string lowered_limits_text(const core::LoweredLimits& lowered);
core::LoweredLimits read_lowered_limits(const std::string& text);

std::string insert_history_line();
/// `term`: the start of the bus in which it is written. Nothing of the bus reads it back: cancelctl explain does.
void bind_history_line(Statement& statement, const core::HistoryLine& line, uint64_t term);

}  // namespace cancelbus::io
