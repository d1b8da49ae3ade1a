#include "cancelbus/cl_ord_ids.hpp"

#include <cstdio>
#include <random>
#include <string_view>

namespace cancelbus::client {

// 2.8e12 values: two runs of one sender do not meet within the bus's memory of a day.
ClOrdIds::ClOrdIds() {
  static constexpr std::string_view Letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::uniform_int_distribution<size_t> pick(0, Letters.size() - 1);
  for (int i = 0; i < 8; ++i) prefix_ += Letters[pick(random)];
}

std::string ClOrdIds::next() {
  char number[24];
  std::snprintf(number, sizeof number, "-%07llu", static_cast<unsigned long long>(++made_));
  return prefix_ + number;
}

}  // namespace cancelbus::client
