// Which order's cancel goes next: those of a kill switch before URGENT before NORMAL, weighted round robin over senders
// within a lane, first in first out within a sender. While a kill switch empties its scope, every fifth turn is
// another's. Repeats of requests that were sent before stand apart, longest due first, and take every fifth
// turn of their lane: so orders that fail again and again neither starve the others nor are starved by them. An order
// stands in it at most once. Bounded by the gateway's limit on open commands.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <array>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/core/status.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

class CancelQueue {
 public:
  enum class Place : uint8_t { Back, Front };
  /// Where an order belongs.
  struct Standing {
    Priority priority;
    std::string sender;
    std::optional<Tick> repeat = std::nullopt;  ///< since when a repeat is due; absent: it is none
    bool kill = false;                          ///< an engaged kill switch wants it
    bool operator==(const Standing&) const = default;
  };
  /// So many turns of a lane in which both wait are those of first attempts, before one is that of a repeat.
  static constexpr uint32_t FirstsBeforeARepeat = 4;
  /// So many turns in which others wait too are those of kill switches, before one is another's.
  static constexpr uint32_t KillsBeforeAnother = 4;

  /// The order must not be queued already. `place`: among the sender's first attempts.
  void push(OrderId order, Standing standing, Place place);

  /// Nothing happens if it is not queued.
  void remove(OrderId order);

  struct Next {
    OrderId order;
    bool spare;  ///< a repeat whose turn it is not: it may go only where others leave room
    bool urgent;
  };
  /// Which orders may go next, the first of them first: at most two of each lane. Empty only if the queue is.
  std::vector<Next> next() const;
  /// Takes one of these.
  void pop(OrderId order);

  bool empty() const { return places_.empty(); }
  size_t size() const { return places_.size(); }
  bool contains(OrderId order) const { return places_.contains(order); }

  const Standing& where(OrderId order) const { return places_.at(order).standing; }

  /// First attempts of this sender.
  struct Ahead {
    size_t urgent = 0;
    size_t normal = 0;
    bool operator==(const Ahead&) const = default;
  };
  /// Those that go before a new one of this priority, for sure: what a kill switch wants takes turns with others.
  Ahead ahead(const std::string& sender, Priority priority) const;
  /// Those that a kill switch wants.
  size_t of_kill_switch(const std::string& sender) const { return waiting(Kill, sender); }

  /// In place of all former ones. A sender's weight is that of the first that fits it, 1 if none does.
  void set_weights(std::vector<SenderWeight> weights) { weights_ = std::move(weights); }

  std::vector<QueueStatus> status() const;

  /// Broken invariant: an order that does not stand where the index says, or a sender without a turn.
  void check() const;

  /// What goes next of this sender: at most two orders of each lane.
  std::vector<OrderId> next(const std::string& sender) const;

 private:
  using Line = std::list<OrderId>;
  using Repeats = absl::btree_set<std::pair<Tick, OrderId>>;
  struct Lane {
    absl::flat_hash_map<std::string, Line> lines;  ///< first attempts: only senders that have any here
    std::list<std::string> turns;                  ///< the same senders, whose turn it is first
    uint32_t taken = 0;                            ///< by the first, in its present turn
    Repeats repeats;
    absl::flat_hash_map<std::string, Repeats> repeats_of;  ///< the same, of each sender that has any
    uint32_t firsts = 0;                                   ///< taken since the last repeat, while repeats waited
  };
  struct Entry {
    Standing standing;
    Line::iterator position = {};  ///< of a first attempt
  };

  /// In the order of precedence.
  enum LaneIndex : size_t { Kill, Urgent, Normal };
  static LaneIndex lane_of(const Standing& standing) {
    return standing.kill ? Kill : standing.priority == Priority::Urgent ? Urgent : Normal;
  }
  void add_next(LaneIndex index, std::vector<Next>& next) const;
  bool others_wait() const;
  size_t waiting(LaneIndex index, const std::string& sender) const;
  void leave(Lane& lane, const std::string& sender);
  uint32_t weight(const std::string& sender) const;

  std::array<Lane, 3> lanes_;
  uint32_t kills_ = 0;  ///< taken since another's turn, while others waited
  absl::flat_hash_map<OrderId, Entry> places_;
  std::vector<SenderWeight> weights_;
};

}  // namespace cancelbus::core
