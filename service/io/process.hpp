// What every service does before anything else, so that its host cannot break it.
#pragma once

#include <absl/status/status.h>

namespace cancelbus::io {

/// Call first in main(), while there is one thread. Afterwards:
/// - descriptors 0 to 2 are open, on /dev/null where they were closed, so that no file of ours gets such a number and
///   the log with it;
/// - SIGTERM, SIGINT and SIGHUP are blocked, so that none is lost before signals.hpp is ready to receive them, also by
///   process 1 of a container, which the kernel spares every signal without a handler;
/// - a reader that has gone (SIGPIPE) and a file that may grow no more (SIGXFSZ) are errors of a write, not the end;
/// - no core dump can be made (no_core_dump.hpp);
/// - output.hpp has threads of its own.
/// An error means that the system refuses one of them: refuse to start.
absl::Status prepare_process();

}  // namespace cancelbus::io
