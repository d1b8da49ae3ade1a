// A line of what --check answers.
#pragma once

#include <absl/strings/str_format.h>

#include <string>

#include "service/io/output.hpp"

namespace cancelbus::backend {

/// What was looked at, and what was found. Returns `good`.
inline bool found(bool good, const char* what, const std::string& text) {
  io::answer(absl::StrFormat("%-6s %-6s %s\n", what, good ? "ok" : "FAILED", text));
  return good;
}

}  // namespace cancelbus::backend
