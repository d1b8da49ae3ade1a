// What must be true of the gateway after every step, whatever came. A broken invariant ends the process (check.hpp).
//
// Each owner checks its own indexes; here is what holds between owners, and between one step and the next:
// - a task is with one worker, and counted by one permit until its outcome is known;
// - the permits that are counted are those that the records have stored;
// - an order in flight, or proven, stands in no FIFO;
// - an order has an effort exactly if a command of it is undecided, and then its timers are those of its record;
// - a published proof is kept until a 451;
// - an undecided command of a mass cancel is that of one of its orders, and each such order has one.
// Costs time in proportion to everything that is known: for tests, and for a bus with --check_invariants.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "service/core/book.hpp"
#include "service/core/events.hpp"

namespace cancelbus::core {

class Invariants {
 public:
  /// `snapshot`: what the store held when the book was restored.
  explicit Invariants(const Snapshot& snapshot);

  /// After each step: the event, and the records that it has made.
  void check(const Book& book, const Event& event, const std::vector<Record>& records, Instant now);

 private:
  void note_stored(const std::vector<Record>& records);
  void check_permits(const Book& book) const;
  void check_published(const Book& book, const Event& event, Instant now);

  absl::flat_hash_map<TaskId, PermitRecord> stored_;  ///< permits, as the records say
  absl::flat_hash_set<OrderId> published_;            ///< orders that were published as gone
};

}  // namespace cancelbus::core
