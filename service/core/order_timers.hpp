// When each undecided order is looked at again: its wake, its next query, and since when it is in doubt.
//
// Guarantees: every undecided order has exactly one entry, and every index is that of the entries, because set() is the
// only way to change either. What is due comes in the order of its time, then of the order's id.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>

#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "service/core/types.hpp"

namespace cancelbus::core {

class OrderTimers {
 public:
  /// Queries of orders that bring news, and of those that have been queried for long or were never sent.
  enum class Tier : uint8_t { Fresh, Old };
  struct Query {
    Tier tier = Tier::Fresh;
    Tick due;
    auto operator<=>(const Query&) const = default;
  };
  struct Times {
    Tick wake = Never;           ///< when it is judged even if nothing happens
    std::optional<Query> query;  ///< the one to come
    std::optional<WallTime> doubt_since;
    bool operator==(const Times&) const = default;
  };

  void set(OrderId order, const Times& times);
  /// No command of the order is undecided any more.
  void erase(OrderId order);

  /// Orders whose wake has come, at most `most`.
  std::vector<OrderId> due(Tick now, size_t most) const;
  /// The order of this tier whose query is due for longest.
  std::optional<OrderId> due_query(Tier tier, Tick now) const;
  /// When due() returns something, or a query that is not due yet is. One that is due waits for budget or a worker.
  Tick next_deadline(Tick now) const;

  size_t in_doubt() const { return doubts_.size(); }
  std::optional<WallTime> oldest_doubt() const;
  /// Those that have been in doubt for longest, at most `most`, and since when.
  std::vector<std::pair<WallTime, OrderId>> oldest_doubts(size_t most) const;

  /// The first undecided order after this id.
  std::optional<OrderId> after(OrderId order) const;
  const absl::btree_map<OrderId, Times>& entries() const { return entries_; }
  /// Broken invariant: an index that is not that of the entries.
  void check() const;

 private:
  absl::btree_map<OrderId, Times> entries_;
  absl::btree_set<std::pair<Tick, OrderId>> wakes_;
  absl::btree_set<std::pair<Query, OrderId>> queries_;
  absl::btree_set<std::pair<WallTime, OrderId>> doubts_;
};

}  // namespace cancelbus::core
