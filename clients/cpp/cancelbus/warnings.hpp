// What a program without a loop is told in words: trouble, and what is waited for without news.
//
// Used by blocking::Client. Pure.
#pragma once

#include <optional>
#include <string>

#include "cancelbus/client.hpp"

namespace cancelbus::client {

/// Nothing for what is as it should be. `problem` is what is wrong, "" if all is well.
std::optional<std::string> warning(const Notice& notice, const std::string& problem);

}  // namespace cancelbus::client
