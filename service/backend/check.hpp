// What the --check of worker and subscriber have in common: a line of the answer, and why a key is refused.
#pragma once

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <string>

#include "service/io/output.hpp"

namespace cancelbus::backend {

/// What was looked at, and what was found. Returns `good`.
inline bool found(bool good, const char* what, const std::string& text) {
  io::answer(absl::StrFormat("%-6s %-6s %s\n", what, good ? "ok" : "FAILED", text));
  return good;
}

/// Why the exchange usually refuses a key that needs `permission`, which it names so. `likeliest`, if given, goes
/// first.
inline std::string usual_causes_of_refusal(const char* permission, const std::string& likeliest = "") {
  return absl::StrCat("the usual causes, the likeliest first: ", likeliest, likeliest.empty() ? "" : "; ",
                      "the key is bound to other IP addresses than the one this machine is seen "
                      "from; it lacks the permission ",
                      permission, "; key and secret are not one pair; it was deleted or has expired");
}

}  // namespace cancelbus::backend
