// The texts of --help.
#pragma once

#include <optional>
#include <string>

#include "clients/cancelctl/arguments.hpp"

namespace cancelbus::ctl {

/// On one command, or the overview.
std::string help(std::optional<Command> command);

}  // namespace cancelbus::ctl
