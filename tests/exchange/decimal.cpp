#include "tests/exchange/decimal.hpp"

#include <algorithm>

namespace exchange_sim {
namespace {

__extension__ using Wide = unsigned __int128;
constexpr int kPlaces = 8;
constexpr std::int64_t kScale = 100'000'000;
constexpr std::int64_t kMostWhole = 90'000'000'000;

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string digits(Wide value, std::size_t places) {
  std::string text;
  for (; value > 0 || text.size() <= places; value /= 10) {
    text.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
  }
  std::reverse(text.begin(), text.end());
  text.insert(text.size() - places, 1, '.');
  return text;
}

std::string trim(std::string text) {
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) {
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string_view part = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  if (whole.empty() || whole.size() > 11 || !all_digits(whole) || !all_digits(part)) return std::nullopt;
  if (point != std::string_view::npos && part.empty()) return std::nullopt;
  while (!part.empty() && part.back() == '0') part.remove_suffix(1);
  if (part.size() > kPlaces) return std::nullopt;

  std::int64_t units = 0;
  for (const char c : whole) units = units * 10 + (c - '0');
  if (units > kMostWhole) return std::nullopt;
  units *= kScale;
  std::int64_t unit = kScale;
  for (const char c : part) units += (unit /= 10) * (c - '0');
  return Decimal(units);
}

std::string Decimal::padded(int places) const {
  std::string text = digits(static_cast<Wide>(units_), kPlaces);
  text.append(static_cast<std::size_t>(std::max(0, places - kPlaces)), '0');
  return text;
}

std::string Decimal::trimmed() const { return trim(padded(kPlaces)); }

std::string product_padded(Decimal a, Decimal b) {
  return digits(static_cast<Wide>(a.units()) * static_cast<Wide>(b.units()), 2 * kPlaces);
}

std::string product_trimmed(Decimal a, Decimal b) { return trim(product_padded(a, b)); }

}  // namespace exchange_sim
