// X-Stamp: which milliseconds go into the next request.
//
// No host's wall clock takes part. Each worker reports the exchange's time as of the moment of sending, and the bus
// relates it to its own steady clock at receipt. A delay on the way makes a report look early and never late, so a
// report less its uncertainty is a lower bound, and the largest bound of the last 10 s is the best. The largest of all
// workers' is the estimate: never ahead of the exchange, and behind by half a round trip and the shortest delay.
//
// Stamps are strictly increasing over all workers and restarts, because whether the exchange takes one twice is not
// known, and never far ahead of the estimate: dispatch waits instead. A clock that lied, or was put right by more than
// the exchange bears, is not waited for: then stamps go on below those that were issued, and leave these out.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <deque>
#include <optional>
#include <string_view>

#include "service/core/events.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

class StampClock {
 public:
  /// The exchange refuses stamps that are further from its clock.
  static constexpr Duration ExchangeBears = std::chrono::seconds(5);
  /// A worker sends no stamp that is further from its reading of the exchange's clock; workers and series that differ
  /// by more disagree.
  static constexpr Duration MostApart = std::chrono::seconds(1);
  /// What a burst of stamps may be ahead of the estimate.
  static constexpr Duration MaxAhead = std::chrono::milliseconds(500);
  /// What was issued further ahead than this was refused by the exchange, all of it, and need not be exceeded.
  static constexpr Duration MostBelieved = std::chrono::seconds(10);
  /// A reading that is less certain does not count.
  static constexpr Duration MostUncertain = std::chrono::milliseconds(500);
  /// So long a bound counts, and a stamp that the exchange let in speaks for its estimate.
  static constexpr Duration Window = std::chrono::seconds(10);
  /// So long an estimate that no worker supports any more is what a forward jump is measured against.
  static constexpr Duration Remembered = std::chrono::seconds(60);
  /// A stamp that is further from the latest is not remembered: twenty minutes of stamps are some ten thousand.
  static constexpr Duration RemembersStamps = std::chrono::minutes(10);
  /// Of one worker. When there are more the best one goes, which makes the estimate a little later and never wrong.
  static constexpr size_t MostBounds = 64;

  /// What stamps are made of, and whose report it is.
  struct Estimate {
    WorkerId worker = 0;
    uint64_t series = 0;
    Duration ahead{};  ///< the exchange's time since the Unix epoch less the bus's steady clock
  };

  /// A worker's report has come. `sample` has an exchange_time.
  void report(WorkerId worker, const ClockSample& sample, Tick now);
  /// It is silent, has no reading, or has one that is not to be believed.
  void forget(WorkerId worker);

  /// Absent while no worker's reading counts.
  const std::optional<Estimate>& estimate() const { return estimate_; }
  /// Why a worker's reading does not count; empty if it does. Where one counts there is an estimate.
  std::string_view why_not(WorkerId worker) const;

  struct Stamp {
    int64_t ms = 0;  ///< since the Unix epoch, by the exchange's clock
    Estimate from;
  };
  /// Absent while there is no estimate or the stamp would be too far ahead of it.
  std::optional<Stamp> issue(Tick now);

  /// When issue() can succeed again: now, or how long the stamps must wait for the clock.
  Duration wait(Tick now) const;

  /// The exchange looked at a request with a stamp of this estimate, past key and stamp.
  void let_in(const Estimate& estimate, Tick now);
  /// It did so within the last 10 s with stamps of this estimate, or of one like it.
  bool was_let_in(const Estimate& estimate, Tick now) const;

  /// Stamps go on above this one, or leave it out.
  void restore(int64_t stamp_ms);

 private:
  struct Bound {
    Tick at;
    Duration ahead{};
  };
  /// A worker's latest series.
  struct Reading {
    uint64_t series = 0;
    Duration uncertainty{};
    bool jumped = false;       ///< forward, and no second series has agreed yet
    bool apart = false;        ///< from the median of three or more
    std::deque<Bound> bounds;  ///< the largest first, each later than the one before; never empty

    Duration bound() const { return bounds.front().ahead; }
    Duration midpoint() const { return bound() + uncertainty; }
    bool has_a_say() const { return uncertainty <= MostUncertain && !jumped; }
  };
  struct Proof {
    Duration ahead{};
    Tick at;
  };

  /// Whether a new series is too far ahead of what was known to count by itself.
  bool jumps(WorkerId worker, const Reading& before, Duration midpoint, Tick now);
  static void add(std::deque<Bound>& bounds, Bound bound);
  void judge();
  int64_t estimate_ms(Tick now) const;
  /// The least that the next stamp may be.
  int64_t next_above(int64_t estimate_ms) const;
  void remember(int64_t stamp);

  absl::flat_hash_map<WorkerId, Reading> readings_;  ///< at most one per known worker
  std::optional<Estimate> estimate_;
  std::optional<Proof> known_;   ///< the latest estimate, and when it was confirmed last
  std::optional<Proof> let_in_;  ///< the estimate of the latest stamp that was let in
  int64_t last_ = 0;
  absl::btree_set<int64_t> issued_;  ///< within RemembersStamps of the last
};

}  // namespace cancelbus::core
