// The front door of a process: flags from the command line and the environment.
//
// Used by every main.cpp. Flags are abseil's (ABSL_FLAG); this is a stricter parser in front of them, because abseil's
// own exits with 1, lists its own flags under --help and lets a repeated flag win silently. Values are then checked
// with option_values.hpp, before any socket opens.
#pragma once

#include <optional>
#include <string_view>

namespace cancelbus::io {

/// What --help says about a process beside its flags.
struct Program {
  std::string_view name;      ///< as the executable
  std::string_view summary;   ///< a sentence or two
  std::string_view examples;  ///< command lines, one a line
};

/// Sets every flag that is given. Forms: `--flag=value`, `--flag value`; of a bool `--flag`, `--noflag`,
/// `--flag=false`. A flag absent from the command line is taken from CANCELBUS_<FLAG>; other variables of that prefix
/// are ignored, for Kubernetes makes some up for services. Returns what the process is to exit with at once: 0 after
/// --help, -h or
/// --version, 2 after an error, which is on stderr and names the flag; nothing if it is to go on.
std::optional<int> parse_flags(const Program& program, int argc, const char* const* argv);

/// Reports a flag whose value was found unusable, in the same form, and returns 2.
int usage_error(const Program& program, std::string_view message);

}  // namespace cancelbus::io
