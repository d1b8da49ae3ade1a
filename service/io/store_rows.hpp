// The rows of the store: the schema, and records to columns and back. Enums stand in words, for those who read them.
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

extern const char* const SelectPermits;
core::PermitRecord read_permit(Statement& row);

}  // namespace cancelbus::io
