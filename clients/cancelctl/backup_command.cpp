#include "clients/cancelctl/backup.hpp"
#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {

int run_backup(const Arguments& arguments, Console& console) {
  BackupError error;
  const auto backup = back_up(arguments.store, arguments.backup_file, console.interrupted, error);
  if (!backup) {
    console.err << "cancelctl: " << (error.store_unreadable ? "--store: " : "FILE: ") << error.sentence << std::endl;
    return error.store_unreadable ? ExitUsage : ExitFailed;
  }
  if (arguments.json) {
    console.out << JsonLine("backup", wall_now())
                       .add("file", arguments.backup_file)
                       .add("bytes", backup->bytes)
                       .add("schema_version", backup->schema_version)
                       .add("commands", backup->commands)
                       .add("events", backup->events)
                       .add("backed_up", backup->backed_up)
                       .str()
                << std::flush;
  } else {
    console.out << printable(arguments.backup_file) << ": " << backup->bytes << " bytes, schema version "
                << backup->schema_version << ", " << backup->commands << " commands, " << backup->events
                << " events, as of " << time_text(backup->backed_up) << std::endl;
  }
  return ExitProven;
}

}  // namespace cancelbus::ctl
