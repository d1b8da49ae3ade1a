// What `cancel-fix --check` looks at: the settings, the store's folder, and the bus for each sender.
#pragma once

#include "clients/fix/options.hpp"

namespace cancelbus::fix {

/// Prints a line for each thing that was looked at; changes nothing. Returns the exit code: 0 if all is well, else 1.
int run_check(const Options& options);

}  // namespace cancelbus::fix
