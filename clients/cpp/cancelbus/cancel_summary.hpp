// What became of many orders that were canceled as one.
//
// Used by strategies, with cancel_many() of both clients. As with a single command, doubt and an open order cannot be
// taken for success: ask for an outcome by its type, as summary.count<OrderOpen>().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "cancelbus/outcome.hpp"

namespace cancelbus::client {

/// How the command of one of the orders ended.
struct OrderResult {
  int64_t order_id = 0;  ///< the exchange's id of the order
  /// Of its command; empty if none was given.
  std::string cl_ord_id = {};
  /// ClientClosed until it has come.
  Final final = ClientClosed{};
};

/// How the commands of all the orders ended.
struct CancelSummary {
  /// Each order once, in the order given.
  std::vector<OrderResult> orders;

  /// Of no orders.
  CancelSummary() = default;
  /// Of which nothing is known yet.
  explicit CancelSummary(const std::vector<int64_t>& order_ids);

  /// How many ended so: OrderGone, OrderOpen, NoSuchOrder, Rejected, Refused, StoreLost, ClientClosed or OtherFinal.
  template <typename Outcome>
  size_t count() const {
    return static_cast<size_t>(std::count_if(orders.begin(), orders.end(), [](const OrderResult& order) {
      return std::holds_alternative<Outcome>(order.final);
    }));
  }
  /// Every order is proven canceled or filled.
  bool all_gone() const { return count<OrderGone>() == orders.size(); }
};

/// As "3 orders: 2 gone, 1 still open".
std::string text(const CancelSummary& summary);

}  // namespace cancelbus::client
