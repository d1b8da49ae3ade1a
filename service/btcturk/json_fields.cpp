#include "service/btcturk/json_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "service/btcturk/printable.hpp"

namespace cancelbus::btcturk {
namespace json = boost::json;
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_decimal(std::string_view text) {
  if (text.size() > MaxDecimalChars) return false;
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) return all_digits(text);
  return all_digits(text.substr(0, point)) && all_digits(text.substr(point + 1));
}

// Infinity and what would take too many digits come out empty.
std::string written_out(double number) {
  std::array<char, MaxDecimalChars> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed);
  if (end.ec != std::errc{}) return {};
  const std::string_view text(digits.data(), static_cast<std::size_t>(end.ptr - digits.data()));
  return is_decimal(text) ? std::string(text) : std::string();
}

}  // namespace

std::optional<json::value> parse_json(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) return std::nullopt;
  json::parse_options options;
  options.max_depth = MaxJsonDepth;
  json::error_code error;
  json::value value = json::parse(text, error, json::storage_ptr(), options);
  if (error) return std::nullopt;
  return value;
}

std::optional<int64_t> read_integer(const json::value& value) {
  if (const int64_t* number = value.if_int64()) return *number;
  const json::string* text = value.if_string();
  if (text == nullptr) return std::nullopt;  // a uint64 is one beyond the range of int64
  int64_t number = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return number;
}

std::optional<int64_t> integer_field(const json::object& fields, std::string_view name) {
  const json::value* value = fields.if_contains(name);
  return value == nullptr ? std::nullopt : read_integer(*value);
}

std::optional<bool> bool_field(const json::object& fields, std::string_view name) {
  const json::value* value = fields.if_contains(name);
  if (value == nullptr || !value->is_bool()) return std::nullopt;
  return value->get_bool();
}

std::string text_field(const json::object& fields, std::string_view name) {
  const json::value* value = fields.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return printable(std::string_view(value->get_string().data(), value->get_string().size()));
}

std::string decimal_field(const json::object& fields, std::string_view name) {
  const json::value* value = fields.if_contains(name);
  if (value == nullptr) return {};
  if (value->is_int64()) return std::to_string(value->get_int64());
  if (value->is_uint64()) return std::to_string(value->get_uint64());
  if (value->is_double()) return written_out(value->get_double());
  if (!value->is_string()) return {};
  const std::string_view text(value->get_string().data(), value->get_string().size());
  return is_decimal(text) ? std::string(text) : std::string();
}

}  // namespace cancelbus::btcturk
