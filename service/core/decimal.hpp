// Arithmetic on decimals as the exchange writes them ("139.9000000000000000"), exact, without floating point.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cancelbus::core {

/// True for a legible decimal above zero.
bool is_positive(std::string_view decimal);

/// a - b without trailing zeros; absent if either is not a non-negative decimal of at most 40 digits, or b > a.
std::optional<std::string> difference(std::string_view a, std::string_view b);

}  // namespace cancelbus::core
