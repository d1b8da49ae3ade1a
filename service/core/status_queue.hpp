// Statuses of commands on their way out: at most so many a second in all, so that an exchange that fails for thousands
// of orders does not bury acks and finals.
//
// Guarantees: of one command the latest waits, and STUCK beside it, which nothing but a later STUCK replaces; statuses
// of one command leave in the order of their making. What waits is in memory alone. STUCK is repeated each minute, also
// after a restart; BACK_ON_BOOK is not, and so is published at once and only counted here.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <deque>
#include <string>

#include "service/core/types.hpp"

namespace cancelbus::core {

class StatusQueue {
 public:
  struct Waiting {
    std::string sender;
    CancelStatus status;
    std::string traceparent = {};
  };

  /// `most`: published in any second.
  explicit StatusQueue(size_t most) : most_(most) {}

  void add(Waiting waiting);
  /// The command has ended: its final says more.
  void drop(const CommandKey& key);

  /// One may leave now.
  bool due(Tick now) const { return !waiting_.empty() && room_at() <= now; }
  /// The one that waits for longest. One must be due.
  Waiting take(Tick now);
  /// Published without waiting: so many less of the others may leave.
  void count(size_t published, Tick now);
  /// Never: none waits.
  Tick next_deadline() const { return waiting_.empty() ? Never : room_at(); }
  size_t size() const { return waiting_.size(); }

 private:
  static constexpr Duration Second = std::chrono::seconds(1);
  /// By number; 0: none.
  struct Places {
    uint64_t stuck = 0;
    uint64_t latest = 0;
  };

  Tick room_at() const { return published_.size() < most_ ? Tick::min() : published_.front() + Second; }

  const size_t most_;
  uint64_t last_ = 0;
  absl::btree_map<uint64_t, Waiting> waiting_;
  absl::flat_hash_map<CommandKey, Places> places_;
  std::deque<Tick> published_;  ///< when, the latest `most`
};

}  // namespace cancelbus::core
