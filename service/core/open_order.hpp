// An open order of the account, and sets of them.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "service/core/types.hpp"

namespace cancelbus::core {

/// 1 to 32 of the characters that names of pairs have: letters, digits, `_` and `-`.
inline bool is_pair(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

/// Decimals as the exchange wrote them; empty if not known.
struct OpenOrder {
  enum class Evidence : uint8_t { Stream, Sweep };

  OrderId order_id = 0;
  std::string symbol;  ///< empty also if it is no name of a pair
  std::optional<Side> side;
  std::string price;
  std::string quantity;
  /// What is not filled, as far as it is known; "0": the stream says that all of it is filled, and a sweep has not
  /// confirmed that yet.
  std::string leaves_qty;
  std::string client_order_id;
  std::string owner = {};                ///< a sender; empty: not known
  Evidence evidence = Evidence::Stream;  ///< what the rest is known from
  WallTime as_of = {};                   ///< receipt of the last fact, or the sending of the sweep's request
  bool operator==(const OpenOrder&) const = default;
};

/// A set of open orders. Every field narrows it; as made, it is all of them.
struct Scope {
  enum class Whose : uint8_t { All, Owner, Unowned };

  Whose whose = Whose::All;
  std::string owner = {};                   ///< Owner only
  std::string symbol = {};                  ///< empty: any
  std::optional<Side> side = std::nullopt;  ///< an order whose side is not known is in no scope that names one
  std::string client_order_id_prefix = {};  ///< empty: any

  bool contains(const OpenOrder& order) const {
    if (whose == Whose::Owner && order.owner != owner) return false;
    if (whose == Whose::Unowned && !order.owner.empty()) return false;
    if (!symbol.empty() && order.symbol != symbol) return false;
    if (side && order.side != side) return false;
    return order.client_order_id.starts_with(client_order_id_prefix);
  }
  bool operator==(const Scope&) const = default;
};

}  // namespace cancelbus::core
