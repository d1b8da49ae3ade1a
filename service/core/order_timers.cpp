#include "service/core/order_timers.hpp"

#include <algorithm>
#include <limits>

#include "service/core/check.hpp"

namespace cancelbus::core {

namespace {

constexpr OrderId Last = std::numeric_limits<OrderId>::max();

}  // namespace

void OrderTimers::set(OrderId order, const Times& times) {
  const auto [it, is_new] = entries_.try_emplace(order, times);
  if (!is_new && it->second == times) return;
  if (!is_new) {
    erase(order);
    entries_.emplace(order, times);
  }
  wakes_.insert({times.wake, order});
  if (times.query) queries_.insert({*times.query, order});
  if (times.doubt_since) doubts_.insert({*times.doubt_since, order});
}

void OrderTimers::erase(OrderId order) {
  const auto it = entries_.find(order);
  if (it == entries_.end()) return;
  const Times& times = it->second;
  wakes_.erase({times.wake, order});
  if (times.query) queries_.erase({*times.query, order});
  if (times.doubt_since) doubts_.erase({*times.doubt_since, order});
  entries_.erase(it);
}

std::vector<OrderId> OrderTimers::due(Tick now, size_t most) const {
  std::vector<OrderId> out;
  for (const auto& [wake, order] : wakes_) {
    if (wake > now || out.size() == most) break;
    out.push_back(order);
  }
  return out;
}

std::optional<OrderId> OrderTimers::due_query(Tier tier, Tick now) const {
  const auto it = queries_.lower_bound({{tier, Tick::min()}, 0});
  if (it == queries_.end() || it->first.tier != tier || it->first.due > now) return std::nullopt;
  return it->second;
}

Tick OrderTimers::next_deadline(Tick now) const {
  Tick at = wakes_.empty() ? Never : wakes_.begin()->first;
  for (const Tier tier : {Tier::Fresh, Tier::Old}) {
    const auto it = queries_.upper_bound({{tier, now}, Last});
    if (it != queries_.end() && it->first.tier == tier) at = std::min(at, it->first.due);
  }
  return at;
}

std::optional<WallTime> OrderTimers::oldest_doubt() const {
  return doubts_.empty() ? std::nullopt : std::optional(doubts_.begin()->first);
}

std::vector<std::pair<WallTime, OrderId>> OrderTimers::oldest_doubts(size_t most) const {
  std::vector<std::pair<WallTime, OrderId>> out;
  for (const auto& doubt : doubts_) {
    if (out.size() == most) break;
    out.push_back(doubt);
  }
  return out;
}

std::optional<OrderId> OrderTimers::after(OrderId order) const {
  const auto it = entries_.upper_bound(order);
  return it == entries_.end() ? std::nullopt : std::optional(it->first);
}

void OrderTimers::check() const {
  size_t queries = 0, doubts = 0;
  for (const auto& [order, times] : entries_) {
    CANCELBUS_CHECK(wakes_.contains({times.wake, order}));
    CANCELBUS_CHECK(!times.query || queries_.contains({*times.query, order}));
    CANCELBUS_CHECK(!times.doubt_since || doubts_.contains({*times.doubt_since, order}));
    queries += times.query.has_value();
    doubts += times.doubt_since.has_value();
  }
  CANCELBUS_CHECK(wakes_.size() == entries_.size());
  CANCELBUS_CHECK(queries_.size() == queries);
  CANCELBUS_CHECK(doubts_.size() == doubts);
}

}  // namespace cancelbus::core
