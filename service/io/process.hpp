// What every service does before anything else, so that its host cannot break it.
#pragma once

#include <optional>

#include "service/io/options.hpp"

namespace cancelbus::io {

/// Call first in main(), while there is one thread. Afterwards the flags are set, lines of the log name the process,
/// and:
/// - descriptors 0 to 2 are open, on /dev/null where they were closed, so that no file of ours gets such a number and
///   the log with it;
/// - SIGTERM, SIGINT and SIGHUP are blocked, so that none is lost before signals.hpp is ready to receive them, also by
///   process 1 of a container, which the kernel spares every signal without a handler;
/// - a reader that has gone (SIGPIPE) and a file that may grow no more (SIGXFSZ) are errors of a write, not the end;
/// - no core dump can be made (no_core_dump.hpp);
/// - output.hpp has threads of its own.
/// Returns what the process is to exit with at once, as parse_flags does: 2 also if the system refuses one of these or
/// a flag of the log is wrong.
std::optional<int> start_process(const Program& program, int argc, const char* const* argv);

}  // namespace cancelbus::io
