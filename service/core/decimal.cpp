#include "service/core/decimal.hpp"

#include <algorithm>

namespace cancelbus::core {

namespace {

constexpr size_t MaxDigits = 40;

/// Digits of the whole and the fraction; absent if the text is not `digits[.digits]`.
struct Parts {
  std::string_view whole;
  std::string_view fraction;
};

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<Parts> split(std::string_view text) {
  const size_t point = text.find('.');
  Parts parts{text.substr(0, point), point == std::string_view::npos ? std::string_view{} : text.substr(point + 1)};
  const bool empty = parts.whole.empty() && parts.fraction.empty();
  if (empty || parts.whole.size() + parts.fraction.size() > MaxDigits) return std::nullopt;
  if (!all_digits(parts.whole) || !all_digits(parts.fraction)) return std::nullopt;
  return parts;
}

bool only_zeros(std::string_view digits) { return digits.find_first_not_of('0') == std::string_view::npos; }

std::string padded(const Parts& parts, size_t whole, size_t fraction) {
  std::string digits(whole - parts.whole.size(), '0');
  digits.append(parts.whole).append(parts.fraction).append(fraction - parts.fraction.size(), '0');
  return digits;
}

std::string with_point(std::string digits, size_t fraction) {
  std::string whole = digits.substr(0, digits.size() - fraction), rest = digits.substr(digits.size() - fraction);
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  rest.erase(rest.find_last_not_of('0') + 1);
  if (whole.empty()) whole.push_back('0');  // g++ 12 takes an assignment here for overlapping memory when it optimises
  return rest.empty() ? whole : whole + "." + rest;
}

}  // namespace

bool is_positive(std::string_view decimal) {
  const auto parts = split(decimal);
  return parts && !(only_zeros(parts->whole) && only_zeros(parts->fraction));
}

std::optional<std::string> difference(std::string_view a, std::string_view b) {
  const auto left = split(a), right = split(b);
  if (!left || !right) return std::nullopt;
  const size_t whole = std::max(left->whole.size(), right->whole.size());
  const size_t fraction = std::max(left->fraction.size(), right->fraction.size());
  std::string from = padded(*left, whole, fraction);
  const std::string take = padded(*right, whole, fraction);
  if (from < take) return std::nullopt;
  int borrow = 0;
  for (size_t i = from.size(); i-- > 0;) {
    int digit = from[i] - take[i] - borrow;
    borrow = digit < 0 ? 1 : 0;
    from[i] = static_cast<char>('0' + digit + borrow * 10);
  }
  return with_point(std::move(from), fraction);
}

}  // namespace cancelbus::core
