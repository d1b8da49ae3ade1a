// The policy as it stands in its file. Used by the bus, at its start and on SIGHUP.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "service/bus/policy.hpp"

namespace cancelbus::bus {

/// Errors name the flag, the file, line and field. A file that everybody may write is refused: it says who may cancel.
absl::StatusOr<Policy> read_policy_file(const std::string& path);

}  // namespace cancelbus::bus
