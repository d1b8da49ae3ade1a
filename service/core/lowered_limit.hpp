// One limit of the limiter, lowered while another program spends the same budget.
//
// Our own requests keep to the configured limit, so a refusal of the exchange means that others count too. Then the
// limit is halved, and comes back by a tenth of the configured one after each period in which it was used up: a limit
// that nothing asks for proves nothing. A tenth too many is refused again; then each step waits twice as long.
#pragma once

#include <optional>

#include "service/core/types.hpp"

namespace cancelbus::core {

class LoweredLimit {
 public:
  /// Periods that a step waits at most.
  static constexpr uint32_t LongestWait = 64;

  explicit LoweredLimit(RateRule configured) : configured_(configured), limit_(configured.limit) {}

  /// What survives a restart.
  struct State {
    Duration period{};
    uint32_t limit = 0;
    uint32_t wait = 1;      ///< periods that the next step waits
    bool regained = false;  ///< the latest change was a step back
    WallTime since{};       ///< when it was first lowered
    auto operator<=>(const State&) const = default;
  };
  /// Absent: nothing is remembered.
  std::optional<State> state() const;
  /// A configured limit that is smaller now wins. What is left of the present step's wait begins anew.
  void restore(const State& state);

  /// What is in force.
  uint32_t limit() const { return limit_; }
  bool lowered() const { return limit_ < configured_.limit; }
  std::optional<WallTime> since() const { return lowered() ? std::optional(since_) : std::nullopt; }

  void lower(WallTime now);
  /// A request was granted; `counted` with it.
  void granted(size_t counted, Tick now);
  /// True if a step was taken.
  bool regain(Tick now, Duration period);

 private:
  RateRule configured_;
  uint32_t limit_;
  bool active_ = false;  ///< false: as if it had never been lowered
  uint32_t wait_ = 1;
  bool regained_ = false;
  WallTime since_{};
  std::optional<Tick> from_;  ///< the first grant since the latest change
  bool used_up_ = false;      ///< since then
};

}  // namespace cancelbus::core
