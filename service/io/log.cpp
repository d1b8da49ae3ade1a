#include "service/io/log.hpp"

#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>

#include <atomic>
#include <cmath>
#include <string>
#include <type_traits>

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

void append_value(std::string& line, const LogField::Value& value) {
  std::visit(
      [&line](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          line += json_quoted(v);
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
  std::string line = absl::FormatTime(R"({"time":"%Y-%m-%dT%H:%M:%E6SZ","level":)", absl::Now(), absl::UTCTimeZone());
  line += json_quoted(level_name(level));
  line += R"(,"process":)";
  line += json_quoted(process_name());
  line += R"(,"event":)";
  line += json_quoted(event);
  for (const LogField& field : fields) {
    line += ',';
    line += json_quoted(field.key);
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
  std::string out = "\"";
  while (!text.empty()) {
    const size_t length = base::utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      out += "\uFFFD";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (length == 1 && static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out.append(text, 0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
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
