// The rows of the store: the schema, and records to columns and back. Enums stand in words, for those who read them.
//
// The schema is a contract: operators read it with sqlite3, and cancelctl explain, which does not know this code, by
// the columns' names.
#pragma once

#include "service/core/records.hpp"
#include "service/io/sqlite.hpp"

namespace cancelbus::io {

extern const char* const StoreSchema;

extern const char* const UpsertCommand;
void bind_command(Statement& statement, const core::CommandRecord& record);

extern const char* const SelectCommands;
/// The present row of SelectCommands.
core::CommandRecord read_command(Statement& row);

extern const char* const UpsertPermit;
void bind_permit(Statement& statement, const core::PermitRecord& record);

extern const char* const UpsertHold;
void bind_hold(Statement& statement, const core::HoldRecord& record);

extern const char* const InsertHistoryLine;
/// `term`: the start of the bus in which it is written. Nothing of the bus reads it back: cancelctl explain does.
void bind_history_line(Statement& statement, const core::HistoryLine& line, uint64_t term);

extern const char* const SelectPermits;
core::PermitRecord read_permit(Statement& row);

extern const char* const SelectHolds;
core::HoldRecord read_hold(Statement& row);

}  // namespace cancelbus::io
