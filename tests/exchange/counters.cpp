#include "tests/exchange/counters.hpp"

#include <algorithm>

namespace exchange_sim {

void DeleteTally::begin(std::int64_t order_id) {
  const auto [entry, is_new] = orders_.try_emplace(order_id);
  if (is_new) oldest_.push_back(order_id);
  Entry& counts = entry->second;
  if (counts.ever > 0 && --orders_by_count_[counts.ever] == 0) orders_by_count_.erase(counts.ever);
  ++orders_by_count_[++counts.ever];
  max_overlapping_ = std::max(max_overlapping_, ++counts.now);
  if (orders_.size() > kMaxOrders) {
    orders_.erase(oldest_.front());
    oldest_.pop_front();
  }
}

void DeleteTally::end(std::int64_t order_id) {
  const auto entry = orders_.find(order_id);
  if (entry != orders_.end() && entry->second.now > 0) --entry->second.now;
}

std::int64_t DeleteTally::of(std::int64_t order_id) const {
  const auto entry = orders_.find(order_id);
  return entry == orders_.end() ? 0 : entry->second.ever;
}

}  // namespace exchange_sim
