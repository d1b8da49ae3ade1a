// The rate limiter "held until answered".
//
// A permit counts from before its request is sent until the answer has arrived, and for one full period after that.
// It is granted only if, for every rule, fewer permits than the limit count. Why that cannot exceed the exchange's
// limits, wherever its windows begin: suppose it counted more than L arrivals within one period. Take the permit that
// was granted last. Each of the other L was granted before it, and counted until at least a period after its own
// arrival; so all L counted still, and the grant would have been refused.
//
// Two things come from the exchange's answers: a backoff (backoff.hpp), and limits that are lowered while another
// program spends the same budget (lowered_limit.hpp).
//
// What is odd: no clock of the exchange, no guard band, no assumed delay. Everything hangs on `settles`, a moment by
// which the request has certainly arrived or never will.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/core/backoff.hpp"
#include "service/core/lowered_limit.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

class RateLimiter {
 public:
  /// What a request may take of every limit; never less than one permit.
  struct Part {
    double share = 1.0;           ///< in (0, 1]: at least `1 - share` of it stays free
    bool leaves_reserve = false;  ///< the reserve too stays free
    // NOLINTNEXTLINE(google-explicit-constructor)
    constexpr Part(double of_each = 1.0, bool leaves = false) : share(of_each), leaves_reserve(leaves) {}
  };

  /// One to eight rules, each with a limit and a period above zero. At most sum of limits permits are kept. `reserve`:
  /// how much of the limit with the same period only some requests may take; at most the limit less one is kept back.
  explicit RateLimiter(std::vector<RateRule> rules, const std::vector<RateRule>& reserve = {});

  /// Grants `id` if every rule has room and nothing holds the limiter. `settles`: when the request can no longer
  /// arrive even if no answer ever comes; not before `now`. `id` must be new.
  bool acquire_within(Part part, TaskId id, Tick now, Tick settles);

  /// The request has arrived by `at`, or never will: its tail begins there. An unknown id is ignored: its tail is over.
  void settle(TaskId id, Tick at);

  /// The request was never written.
  void give_back(TaskId id);

  /// When the tail of an open permit begins if nothing is ever heard of its request; absent if it was settled, given
  /// back, or is not counted any more.
  std::optional<Tick> open_until(TaskId id) const;

  struct Permit {
    Tick settles;
    bool open = true;
  };
  /// Absent if it is not counted any more.
  std::optional<Permit> permit(TaskId id) const;
  /// How many are counted.
  size_t permits() const { return permits_.size(); }

  /// Puts back a permit from before a restart; never refused.
  void restore(TaskId id, Tick settles, bool open);

  /// The exchange said to wait: nothing is granted before `until`. A later hold wins.
  void hold(Tick until, std::string why) { backoff_.begin(until, std::move(why)); }
  Backoff& backoff() { return backoff_; }

  /// The exchange has refused although the limits were kept: those of `period` are halved; if there are none, the
  /// shortest that is not under `wait`; if there is none, all.
  void lower(std::optional<Duration> period, std::optional<Duration> wait, WallTime now);
  /// Takes the steps back that are due; true if there were any.
  bool regain(Tick now);
  /// Limits that are lowered, or remember that they were.
  std::vector<LoweredLimit::State> lowered() const;
  void restore(const LoweredLimit::State& lowered);

  /// For how long after it is settled a permit counts at most: the longest period, stretched.
  Duration longest_tail() const;

  /// Forgets permits that no rule counts any more, and returns them.
  std::vector<TaskId> expire(Tick now);

  /// The earliest moment at which `ahead + 1` more permits can have been granted, if every open request were answered
  /// now: a lower bound, by the configured limits. `now` if there is room.
  Tick earliest(Tick now, size_t ahead = 0, bool leaves_reserve = false) const;

  /// The earliest moment at which acquire_within(part) can succeed without any further answer.
  Tick next_grant(Tick now, Part part = {}) const;

  struct Window {
    RateRule rule;  ///< as configured
    uint32_t used = 0;
    uint32_t limit = 0;  ///< in force
    std::optional<WallTime> lowered_since;
  };
  std::vector<Window> windows(Tick now) const;
  /// "10/1s, lowered to 5"; of several with semicolons; empty if none is.
  std::string lowered_text() const;
  Tick held_until() const { return backoff_.until(); }
  const std::string& hold_text() const { return backoff_.why(); }
  /// Broken invariant: a rule that counts something else than the permits.
  void check() const;

 private:
  /// The permits that one rule counts, by the moment at which it stops counting them.
  struct Rule {
    RateRule rule;
    Duration tail;  ///< the period, stretched
    absl::btree_set<std::pair<Tick, TaskId>> counted;
    LoweredLimit limit{rule};
    uint32_t reserve = 0;
  };

  static size_t allowed(const Rule& rule, uint32_t limit, Part part);
  size_t counted(const Rule& rule, Tick now) const;
  void insert(TaskId id, Permit permit);
  void erase(TaskId id, Tick settles);

  std::vector<Rule> rules_;
  absl::flat_hash_map<TaskId, Permit> permits_;
  Backoff backoff_;
};

}  // namespace cancelbus::core
