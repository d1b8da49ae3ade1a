#include "service/core/stamp_clock.hpp"

#include <algorithm>
#include <vector>

namespace cancelbus::core {

using std::chrono::milliseconds;

void StampClock::report(WorkerId worker, Duration offset) { offsets_[worker] = offset; }

std::optional<Duration> StampClock::offset() const {
  if (offsets_.empty()) return std::nullopt;
  std::vector<Duration> sorted;
  for (const auto& [worker, offset] : offsets_) sorted.push_back(offset);
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

bool StampClock::is_outlier(WorkerId worker) const {
  const auto it = offsets_.find(worker);
  if (it == offsets_.end()) return false;
  const Duration deviation = it->second - *offset();
  return deviation > MaxDeviation || deviation < -MaxDeviation;
}

std::optional<int64_t> StampClock::issue(WallTime now) {
  const auto estimate = estimate_ms(now);
  if (!estimate) return std::nullopt;
  const int64_t stamp = next_above(*estimate);
  if (stamp > *estimate + MaxAhead / milliseconds(1)) return std::nullopt;
  last_ = stamp;
  return stamp;
}

Duration StampClock::wait(WallTime now) const {
  const auto estimate = estimate_ms(now);
  if (!estimate) return Duration::zero();
  return std::max(Duration::zero(), Duration(milliseconds(next_above(*estimate) - *estimate)) - MaxAhead);
}

int64_t StampClock::next_above(int64_t estimate_ms) const {
  return last_ - estimate_ms > MostBelieved / milliseconds(1) ? estimate_ms : std::max(last_ + 1, estimate_ms);
}

void StampClock::restore(int64_t last_stamp_ms) { last_ = std::max(last_, last_stamp_ms); }

std::optional<int64_t> StampClock::estimate_ms(WallTime now) const {
  const auto exchange = offset();
  if (!exchange) return std::nullopt;
  return std::chrono::floor<milliseconds>(now + *exchange).time_since_epoch().count();
}

}  // namespace cancelbus::core
