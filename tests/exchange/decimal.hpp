// Amounts and prices as exact decimals with eight places. The book and the frames use them. Odd: the exchange writes
// the same number in two ways (451 trims zeros, 452 pads to sixteen places), so the format is the caller's choice.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace exchange_sim {

class Decimal {
 public:
  Decimal() = default;

  // Digits with an optional point and at most eight significant places; no sign, no exponent, at most 90 billion.
  static std::optional<Decimal> parse(std::string_view text);
  static Decimal from_units(std::int64_t units) { return Decimal(units); }

  bool positive() const { return units_ > 0; }
  std::int64_t units() const { return units_; }
  double to_double() const { return static_cast<double>(units_) / 1e8; }
  std::string trimmed() const;
  std::string padded(int places) const;

  Decimal operator-(Decimal other) const { return Decimal(units_ - other.units_); }
  auto operator<=>(const Decimal&) const = default;

 private:
  explicit Decimal(std::int64_t units) : units_(units) {}
  std::int64_t units_ = 0;  // of 1e-8
};

// Exact, with sixteen places.
std::string product_padded(Decimal a, Decimal b);
std::string product_trimmed(Decimal a, Decimal b);

}  // namespace exchange_sim
