// No picture of this process's memory on any disk.
//
// Called by process.hpp, first in main(), because every process holds a key: worker and subscriber the exchange's, the
// bus its CURVE key.
#pragma once

#include <absl/status/status.h>

namespace cancelbus::io {

/// From here on a crash leaves no core dump, and other processes of the same user can neither attach a debugger nor
/// read this one's memory or environment. An error means that the system forbids to forbid it.
absl::Status forbid_core_dumps();

}  // namespace cancelbus::io
