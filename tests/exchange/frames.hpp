// The texts of the stream's frames, [type, {...}]. Market and Streams send them. Odd, as the real ones: 452 pads
// decimals to sixteen places and 451 does not; 423 has no inner type and a negative amount for a sale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/exchange/book.hpp"
#include "tests/exchange/instant.hpp"

namespace exchange_sim::frames {

std::string login_ok();
std::string login_refused(std::string_view message);
std::string inserted_451(const Order& order);
// `id` and `left` are given apart from the order: a foreign or a stale 452 differs from it.
std::string deleted_452(const Order& order, std::int64_t id, Decimal left);
std::string fill_441(const Order& order, Decimal amount, Instant clock);
std::string trade_423(const Order& order, Decimal amount, std::int64_t trade_id, Instant clock);
std::string balance_201();

// "BTCTRY" is traded as BTC in TRY.
struct Pair {
  std::string numerator;
  std::string denominator;
};
Pair split_pair(std::string_view symbol);

}  // namespace exchange_sim::frames
