#include "cancelbus/cancel_summary.hpp"

#include <unordered_set>
#include <utility>

namespace cancelbus::client {

CancelSummary::CancelSummary(const std::vector<int64_t>& order_ids) {
  std::unordered_set<int64_t> seen;
  for (const int64_t order_id : order_ids) {
    if (seen.insert(order_id).second) orders.push_back({.order_id = order_id});
  }
}

std::string text(const CancelSummary& summary) {
  std::string text = std::to_string(summary.orders.size()) + " orders";
  const char* separator = ": ";
  for (const auto& [count, outcome] : {std::pair{summary.count<OrderGone>(), "gone"},
                                       {summary.count<OrderOpen>(), "still open"},
                                       {summary.count<NoSuchOrder>(), "unknown to the exchange"},
                                       {summary.count<Rejected>(), "rejected"},
                                       {summary.count<Refused>(), "refused"},
                                       {summary.count<StoreLost>(), "of a lost store"},
                                       {summary.count<OtherFinal>(), "unclear"},
                                       {summary.count<ClientClosed>(), "without a last word"}}) {
    if (count > 0) text += std::exchange(separator, ", ") + std::to_string(count) + " " + outcome;
  }
  return text;
}

}  // namespace cancelbus::client
