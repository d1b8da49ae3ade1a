// The Retry-After header of an answer: how long its server asks to wait.
//
// One reader for REST answers and for WebSocket upgrades that are refused. A date is read against the answer's own Date
// header: no clock of ours takes part.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace cancelbus::base {

/// What is longer is read as this long: how long to obey it is for others to decide.
constexpr std::chrono::nanoseconds LongestRetryAfter = std::chrono::hours(24);

/// Seconds, whole or with a fraction, or an HTTP date in one of its three forms; 0 for a date that has passed. Absent
/// for anything else, as a negative number, and for a date if `date`, the Date header of the same answer, is not one.
std::optional<std::chrono::nanoseconds> read_retry_after(std::string_view header, std::string_view date);

/// A Date header, in one of the three forms of RFC 9110; absent for anything else.
std::optional<std::chrono::sys_seconds> read_http_date(std::string_view header);

}  // namespace cancelbus::base
