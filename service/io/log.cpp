#include "service/io/log.hpp"

#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include "service/base/utf8.hpp"
#include "service/io/output.hpp"

ABSL_FLAG(std::string, log_level, "info", "least severe log line to write: debug, info, warn or error");

namespace cancelbus::io {
namespace {

enum class Level { Debug, Info, Warn, Error };

std::string_view level_name(Level level) {
  switch (level) {
    case Level::Debug:
      return "debug";
    case Level::Info:
      return "info";
    case Level::Warn:
      return "warn";
    case Level::Error:
      return "error";
  }
  return "";
}

std::atomic<Level> least{Level::Info};

// Never destroyed: the writer's thread may still report with it.
std::string& process_name() {
  static std::string& name = *new std::string;
  return name;
}

void append_number(std::string& line, double value) {
  // JSON has no NaN and no infinity.
  if (std::isfinite(value)) {
    absl::StrAppendFormat(&line, "%.9g", value);
  } else {
    line += "null";
  }
}

/// A character of its own in ASCII, which JSON takes as it is.
bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

void append_escaped(std::string& line, std::string_view& text) {
  const size_t length = base::utf8_length(text);
  const char c = text.front();
  if (length == 0) {
    line += "\uFFFD";
  } else if (c == '"' || c == '\\') {
    line += '\\';
    line += c;
  } else if (length == 1 && static_cast<unsigned char>(c) < 0x20) {
    absl::StrAppendFormat(&line, "\\u%04x", c);
  } else {
    line.append(text, 0, length);
  }
  text.remove_prefix(length == 0 ? 1 : length);
}

/// Nearly all that is logged is plain: that is copied in one piece.
void append_quoted(std::string& line, std::string_view text) {
  line += '"';
  while (!text.empty()) {
    const auto plain = static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_plain) - text.begin());
    line.append(text, 0, plain);
    text.remove_prefix(plain);
    if (!text.empty()) append_escaped(line, text);
  }
  line += '"';
}

/// As 2026-11-30T12:34:56.789012Z. Only the fraction is formatted anew for each line of a second.
void append_time(std::string& line, absl::Time time) {
  thread_local int64_t second = std::numeric_limits<int64_t>::min();
  thread_local std::string text;
  const int64_t micros = absl::ToUnixMicros(time);
  const int64_t fraction = (micros % 1'000'000 + 1'000'000) % 1'000'000;
  if (const int64_t now = (micros - fraction) / 1'000'000; std::exchange(second, now) != now) {
    text = absl::FormatTime("%Y-%m-%dT%H:%M:%S", time, absl::UTCTimeZone());
  }
  const std::string digits = std::to_string(1'000'000 + fraction);
  line += text;
  line += '.';
  line.append(digits, 1);
  line += 'Z';
}

void append_value(std::string& line, const LogField::Value& value) {
  std::visit(
      [&line](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          append_quoted(line, v);
        } else if constexpr (std::is_same_v<T, bool>) {
          line += v ? "true" : "false";
        } else if constexpr (std::is_same_v<T, double>) {
          append_number(line, v);
        } else {
          absl::StrAppend(&line, v);
        }
      },
      value);
}

std::string line_of(Level level, std::string_view event, LogFields fields) {
  std::string line;
  line.reserve(512);
  line += R"({"time":")";
  append_time(line, absl::Now());
  line += R"(","level":)";
  append_quoted(line, level_name(level));
  line += R"(,"process":)";
  append_quoted(line, process_name());
  line += R"(,"event":)";
  append_quoted(line, event);
  for (const LogField& field : fields) {
    line += ',';
    append_quoted(line, field.key);
    line += ':';
    append_value(line, field.value);
  }
  line += "}\n";
  return line;
}

void write(Level level, std::string_view event, LogFields fields) {
  if (level >= least) complain(line_of(level, event, fields));
}

}  // namespace

std::string json_quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

std::string dropped_line(uint64_t count) { return line_of(Level::Warn, "log_lines_dropped", {{"count", count}}); }

absl::Status set_up_log(std::string_view process) {
  process_name() = process;
  const std::string wanted = absl::GetFlag(FLAGS_log_level);
  for (const Level level : {Level::Debug, Level::Info, Level::Warn, Level::Error}) {
    if (wanted != level_name(level)) continue;
    least = level;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("--log_level=", wanted, ": expected debug, info, warn or error"));
}

void log_debug(std::string_view event, LogFields fields) { write(Level::Debug, event, fields); }
void log_info(std::string_view event, LogFields fields) { write(Level::Info, event, fields); }
void log_warn(std::string_view event, LogFields fields) { write(Level::Warn, event, fields); }
void log_error(std::string_view event, LogFields fields) { write(Level::Error, event, fields); }

}  // namespace cancelbus::io
