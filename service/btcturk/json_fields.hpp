// Reads fields out of the exchange's JSON, forgivingly: numbers may be strings, fields may be absent.
//
// Only this folder's .cpp files include it: Boost.JSON is no part of the dialect's interface.
#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cancelbus::btcturk {

constexpr std::size_t MaxJsonBytes = 65536;
constexpr std::size_t MaxJsonDepth = 16;
constexpr std::size_t MaxDecimalChars = 64;

/// The one JSON value that `text` is; nothing if it is not UTF-8, goes on after the value, or exceeds a limit above.
std::optional<boost::json::value> parse_json(std::string_view text, std::size_t max_bytes = MaxJsonBytes);

/// A whole number, written as a number or as a string of digits; nothing for anything else, fractions included.
std::optional<int64_t> read_integer(const boost::json::value& value);

/// The readers below take an absent field as an illegible one.
std::optional<int64_t> integer_field(const boost::json::object& fields, std::string_view name);
std::optional<bool> bool_field(const boost::json::object& fields, std::string_view name);

/// A string, made printable; empty if it is none.
std::string text_field(const boost::json::object& fields, std::string_view name);

/// A plain decimal such as "-0.0457300000000000", as written if it came as a string; a JSON number is written out in
/// the fewest digits that name it. Empty if it is no decimal, has an exponent, or takes over MaxDecimalChars.
std::string decimal_field(const boost::json::object& fields, std::string_view name);

}  // namespace cancelbus::btcturk
