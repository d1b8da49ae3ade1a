#include "service/core/lowered_limit.hpp"

#include <algorithm>

namespace cancelbus::core {

std::optional<LoweredLimit::State> LoweredLimit::state() const {
  if (!active_) return std::nullopt;
  return State{configured_.period, limit_, wait_, regained_, since_};
}

void LoweredLimit::restore(const State& state) {
  active_ = true;
  limit_ = std::clamp(state.limit, 1U, configured_.limit);
  wait_ = std::clamp(state.wait, 1U, LongestWait);
  regained_ = state.regained;
  since_ = state.since;
  from_.reset();
  used_up_ = false;
}

void LoweredLimit::lower(WallTime now) {
  if (!lowered()) since_ = now;
  if (regained_) wait_ = std::min(wait_ * 2, LongestWait);
  active_ = true;
  regained_ = false;
  limit_ = std::max(limit_ / 2, 1U);
  from_.reset();
  used_up_ = false;
}

void LoweredLimit::granted(size_t counted, Tick now) {
  if (!from_) from_ = now;
  used_up_ = used_up_ || counted >= limit_;
}

bool LoweredLimit::regain(Tick now, Duration period) {
  if (!active_ || !from_ || !used_up_ || now < *from_ + int64_t{wait_} * period) return false;
  from_.reset();
  used_up_ = false;
  if (lowered()) {
    limit_ = std::min(limit_ + std::max(configured_.limit / 10, 1U), configured_.limit);
    regained_ = true;
  } else {
    // The last step has held as well: nothing is left of it.
    active_ = regained_ = false;
    wait_ = 1;
  }
  return true;
}

}  // namespace cancelbus::core
