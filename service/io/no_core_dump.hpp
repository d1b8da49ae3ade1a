// No picture of this process's memory on any disk.
//
// Called first in main() by every process that holds a key: worker, subscriber, and the bus with its CURVE key.
#pragma once

#include <absl/status/status.h>

namespace cancelbus::io {

/// From here on a crash leaves no core dump, and other processes of the same user can neither attach a debugger nor
/// read this one's memory or environment. An error means that the system forbids to forbid it.
absl::Status forbid_core_dumps();

}  // namespace cancelbus::io
