// Which order's cancel goes next: URGENT before NORMAL, weighted round robin over senders within a lane, first in first
// out within a sender. An order stands in it at most once. Bounded by the gateway's limit on open commands.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "service/core/status.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

class CancelQueue {
 public:
  enum class Place : uint8_t { Back, Front };

  /// The order must not be queued already.
  void push(OrderId order, Priority priority, const std::string& sender, Place place);

  /// True if it was queued.
  bool remove(OrderId order);

  /// The queue must not be empty.
  OrderId pop();

  bool empty() const { return places_.empty(); }
  size_t size() const { return places_.size(); }
  bool contains(OrderId order) const { return places_.contains(order); }

  /// Lane and sender of a queued order.
  std::pair<Priority, std::string> where(OrderId order) const;

  /// Orders of this sender that go before a new one of this priority.
  size_t ahead(const std::string& sender, Priority priority) const;

  /// In place of all former ones. A sender's weight is that of the first that fits it, 1 if none does.
  void set_weights(std::vector<SenderWeight> weights) { weights_ = std::move(weights); }

  std::vector<QueueStatus> status() const;

  /// What goes next of this sender: at most one order of each lane.
  std::vector<OrderId> next(const std::string& sender) const;

 private:
  using Line = std::list<OrderId>;
  struct Lane {
    absl::flat_hash_map<std::string, Line> lines;  ///< only senders that have orders here
    std::list<std::string> turns;                  ///< the same senders, whose turn it is first
    uint32_t taken = 0;                            ///< by the first, in its present turn
  };
  struct Standing {
    Priority priority;
    std::string sender;
    Line::iterator position;
  };

  Lane& lane(Priority priority) { return lanes_[priority == Priority::Urgent ? 0 : 1]; }
  const Lane& lane(Priority priority) const { return lanes_[priority == Priority::Urgent ? 0 : 1]; }
  void leave(Lane& lane, const std::string& sender);
  uint32_t weight(const std::string& sender) const;

  std::array<Lane, 2> lanes_;
  absl::flat_hash_map<OrderId, Standing> places_;
  std::vector<SenderWeight> weights_;
};

}  // namespace cancelbus::core
