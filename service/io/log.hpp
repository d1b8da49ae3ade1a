// The service's log: one JSON object per line on stderr.
//
// Used by every process. `--log_level` is defined here. A line is {"time", "level", "process", "event", fields...};
// `event` is a fixed name to search for, what varies is in the fields. Keys, signatures and secrets never go in.
// Logging never blocks: lines go through output.hpp, which drops and counts what a stalled reader leaves no room for.
#pragma once

#include <absl/status/status.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace cancelbus::io {

/// One field of a log line. The text it views must outlive the call, no longer.
struct LogField {
  using Value = std::variant<std::string_view, int64_t, uint64_t, double, bool>;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, std::signed_integral auto v) : key(k), value(static_cast<int64_t>(v)) {}
  LogField(std::string_view k, std::unsigned_integral auto v) : key(k), value(static_cast<uint64_t>(v)) {}
  LogField(std::string_view k, std::floating_point auto v) : key(k), value(static_cast<double>(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}

  std::string_view key;
  Value value;
};
using LogFields = std::initializer_list<LogField>;

/// Call once, after the flags are parsed. An error names the flag. Before it, lines of level info and above are
/// written.
absl::Status set_up_log(std::string_view process);

void log_debug(std::string_view event, LogFields fields = {});
void log_info(std::string_view event, LogFields fields = {});
void log_warn(std::string_view event, LogFields fields = {});
void log_error(std::string_view event, LogFields fields = {});

/// The line that says how many were dropped, with its line feed. Used by output.cpp, once lines can be written again.
std::string dropped_line(uint64_t count);

/// `text` as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
std::string json_quoted(std::string_view text);

}  // namespace cancelbus::io
