#include "service/base/retry_after.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace cancelbus::base {

namespace {

using std::chrono::nanoseconds;
using std::chrono::sys_seconds;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Takes what an HTTP date is made of from the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool skip(std::string_view literal) {
    if (!rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }

  /// Exactly `digits` of them.
  bool number(size_t digits, int& value) {
    if (rest_.size() < digits || !std::ranges::all_of(rest_.substr(0, digits), is_digit)) return false;
    value = 0;
    for (const char c : rest_.substr(0, digits)) value = value * 10 + (c - '0');
    rest_.remove_prefix(digits);
    return true;
  }

  template <size_t N>
  bool one_of(const std::array<std::string_view, N>& names, unsigned& index) {
    const auto found = std::ranges::find_if(names, [this](std::string_view name) { return rest_.starts_with(name); });
    if (found == names.end()) return false;
    index = static_cast<unsigned>(found - names.begin());
    return skip(*found);
  }

  bool month(unsigned& month) {
    static constexpr std::array<std::string_view, 12> Names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (!one_of(Names, month)) return false;
    ++month;
    return true;
  }

  bool time(std::chrono::seconds& of_day) {
    int hour = 0, minute = 0, second = 0;
    if (!number(2, hour) || !skip(":") || !number(2, minute) || !skip(":") || !number(2, second)) return false;
    of_day = std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
    return hour < 24 && minute < 60 && second <= 60;
  }

  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

/// Of RFC 9110: Sun, 06 Nov 1994 08:49:37 GMT; Sunday, 06-Nov-94 08:49:37 GMT; Sun Nov  6 08:49:37 1994.
std::optional<sys_seconds> read_date(std::string_view text) {
  static constexpr std::array<std::string_view, 14> Weekdays = {
      "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
      "Mon",    "Tue",     "Wed",       "Thu",      "Fri",    "Sat",      "Sun"};
  Reader reader(text);
  int year = 0, day = 0;
  unsigned weekday = 0, month = 0;
  std::chrono::seconds of_day{};
  if (!reader.one_of(Weekdays, weekday)) return std::nullopt;
  bool good = false;
  if (weekday < 7) {
    good = reader.skip(", ") && reader.number(2, day) && reader.skip("-") && reader.month(month) && reader.skip("-") &&
           reader.number(2, year) && reader.skip(" ") && reader.time(of_day) && reader.skip(" GMT");
    year += year < 70 ? 2000 : 1900;
  } else if (reader.skip(", ")) {
    good = reader.number(2, day) && reader.skip(" ") && reader.month(month) && reader.skip(" ") &&
           reader.number(4, year) && reader.skip(" ") && reader.time(of_day) && reader.skip(" GMT");
  } else {
    good = reader.skip(" ") && reader.month(month) && reader.skip(" ") &&
           (reader.skip(" ") ? reader.number(1, day) : reader.number(2, day)) && reader.skip(" ") &&
           reader.time(of_day) && reader.skip(" ") && reader.number(4, year);
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!good || !reader.at_end() || !date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + of_day;
}

/// Whole or with a fraction, of any length; nothing else counts as a number of seconds.
std::optional<nanoseconds> read_seconds(std::string_view text) {
  const size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point < text.size() ? text.substr(point + 1) : std::string_view("0");
  const auto digits = [](std::string_view part) { return !part.empty() && std::ranges::all_of(part, is_digit); };
  if (!digits(whole) || !digits(fraction)) return std::nullopt;
  constexpr int64_t Most = LongestRetryAfter / std::chrono::seconds(1);
  int64_t seconds = 0;
  for (const char c : whole) seconds = std::min(seconds * 10 + (c - '0'), Most);
  nanoseconds wait = std::chrono::seconds(seconds);
  nanoseconds unit = std::chrono::milliseconds(100);
  for (const char c : fraction) {
    wait += (c - '0') * unit;
    unit /= 10;
  }
  return std::min(wait, LongestRetryAfter);
}

}  // namespace

std::optional<sys_seconds> read_http_date(std::string_view header) { return read_date(trimmed(header)); }

std::optional<nanoseconds> read_retry_after(std::string_view header, std::string_view date) {
  const std::string_view text = trimmed(header);
  if (const auto wait = read_seconds(text)) return wait;
  const auto until = read_date(text), from = read_http_date(date);
  if (!until || !from) return std::nullopt;
  const std::chrono::seconds wait = *until - *from;
  return std::clamp<nanoseconds>(
      std::min<std::chrono::seconds>(wait, std::chrono::duration_cast<std::chrono::seconds>(LongestRetryAfter)),
      nanoseconds::zero(), LongestRetryAfter);
}

}  // namespace cancelbus::base
