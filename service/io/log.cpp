#include "service/io/log.hpp"

#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <memory>
#include <type_traits>

ABSL_FLAG(std::string, log_level, "info", "least severe log line to write: debug, info, warn or error");

namespace cancelbus::io {
namespace {

struct Log {
  spdlog::logger lines{"", std::make_shared<spdlog::sinks::stderr_sink_st>()};
  std::string process;

  Log() {
    lines.set_pattern("%v");
    lines.set_level(spdlog::level::info);
  }
};

Log& the_log() {
  static Log log;
  return log;
}

// Length of the UTF-8 sequence that `text` begins with, 0 if it begins with none. Overlong forms and surrogates are
// none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xC2 ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                        : first < 0xF5 ? 4
                                       : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
  if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
  return length;
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

void write(spdlog::level::level_enum level, std::string_view name, std::string_view event, LogFields fields) {
  Log& log = the_log();
  if (!log.lines.should_log(level)) return;
  std::string line = absl::FormatTime(R"({"time":"%Y-%m-%dT%H:%M:%E6SZ","level":)", absl::Now(), absl::UTCTimeZone());
  line += json_quoted(name);
  line += R"(,"process":)";
  line += json_quoted(log.process);
  line += R"(,"event":)";
  line += json_quoted(event);
  for (const LogField& field : fields) {
    line += ',';
    line += json_quoted(field.key);
    line += ':';
    append_value(line, field.value);
  }
  line += '}';
  log.lines.log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t length = utf8_length(text);
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

absl::Status set_up_log(std::string_view process) {
  the_log().process = process;
  const std::string level = absl::GetFlag(FLAGS_log_level);
  if (level != "debug" && level != "info" && level != "warn" && level != "error") {
    return absl::InvalidArgumentError(absl::StrCat("--log_level=", level, ": expected debug, info, warn or error"));
  }
  the_log().lines.set_level(spdlog::level::from_str(level));
  return absl::OkStatus();
}

void log_debug(std::string_view event, LogFields fields) { write(spdlog::level::debug, "debug", event, fields); }
void log_info(std::string_view event, LogFields fields) { write(spdlog::level::info, "info", event, fields); }
void log_warn(std::string_view event, LogFields fields) { write(spdlog::level::warn, "warn", event, fields); }
void log_error(std::string_view event, LogFields fields) { write(spdlog::level::err, "error", event, fields); }

}  // namespace cancelbus::io
