// What has a shell complete cancelctl's words, made of the tables.
#pragma once

#include <string>

namespace cancelbus::ctl {

/// A script for `shell`, which is bash or zsh. What it completes: commands, the flags that are of use to the command
/// that is given, the words that a flag's value may be, files and folders.
std::string completion(const std::string& shell);

}  // namespace cancelbus::ctl
