#include "service/core/stamp_clock.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace cancelbus::core {

using std::chrono::milliseconds;

namespace {

bool agree(Duration a, Duration b) { return std::chrono::abs(a - b) <= StampClock::MostApart; }

}  // namespace

void StampClock::report(WorkerId worker, const ClockSample& sample, Tick now) {
  const Duration ahead = sample.exchange_time->time_since_epoch() - now.time_since_epoch();
  Reading& reading = readings_[worker];
  if (sample.series < reading.series) return;
  if (sample.series > reading.series) {
    const bool jumped = jumps(worker, reading, ahead, now);
    reading = Reading{.series = sample.series, .uncertainty = sample.uncertainty, .jumped = jumped, .bounds = {}};
  }
  add(reading.bounds, {now, ahead - reading.uncertainty});
  judge();
  if (estimate_) known_ = Proof{estimate_->ahead, now};
}

void StampClock::forget(WorkerId worker) {
  if (readings_.erase(worker) > 0) judge();
}

bool StampClock::jumps(WorkerId worker, const Reading& before, Duration midpoint, Tick now) {
  const bool known = known_ && now - known_->at <= Remembered;
  if (!known || midpoint - known_->ahead <= MostApart) return false;
  if (!before.bounds.empty() && agree(before.midpoint(), midpoint)) return false;
  bool alone = true;
  for (auto& [id, other] : readings_) {
    if (id == worker || !agree(other.midpoint(), midpoint)) continue;
    other.jumped = false;
    alone = false;
  }
  return alone;
}

void StampClock::add(std::deque<Bound>& bounds, Bound bound) {
  while (!bounds.empty() && bounds.back().ahead <= bound.ahead) bounds.pop_back();
  bounds.push_back(bound);
  while (bound.at - bounds.front().at > Window || bounds.size() > MostBounds) bounds.pop_front();
}

void StampClock::judge() {
  std::vector<Duration> midpoints;
  for (const auto& [id, reading] : readings_) {
    if (reading.has_a_say()) midpoints.push_back(reading.midpoint());
  }
  // Which of two is wrong is not known until the exchange or a worker refuses a stamp.
  const bool enough = midpoints.size() >= 3;
  const auto middle = midpoints.begin() + static_cast<std::ptrdiff_t>((midpoints.size() - (enough ? 1 : 0)) / 2);
  if (enough) std::ranges::nth_element(midpoints, middle);
  estimate_.reset();
  for (auto& [id, reading] : readings_) {
    reading.apart = enough && !agree(reading.midpoint(), *middle);
    if (!reading.has_a_say() || reading.apart) continue;
    const bool best = !estimate_ || std::pair(estimate_->ahead, estimate_->worker) < std::pair(reading.bound(), id);
    if (best) estimate_ = Estimate{id, reading.series, reading.bound()};
  }
}

std::string_view StampClock::why_not(WorkerId worker) const {
  const auto it = readings_.find(worker);
  if (it == readings_.end()) return "clock: its reading of the exchange's clock is not to be believed";
  const Reading& reading = it->second;
  if (reading.uncertainty > MostUncertain) return "clock: its reading of the exchange's clock took over a second";
  if (reading.jumped) return "clock: the exchange's clock jumped forward; waits for a second reading that agrees";
  if (reading.apart) return "clock: its reading of the exchange's clock is over 1 s off the other workers'";
  return "";
}

std::optional<StampClock::Stamp> StampClock::issue(Tick now) {
  if (!estimate_) return std::nullopt;
  const int64_t estimate = estimate_ms(now);
  const int64_t stamp = next_above(estimate);
  if (stamp > estimate + MaxAhead / milliseconds(1)) return std::nullopt;
  last_ = stamp;
  remember(stamp);
  return Stamp{stamp, *estimate_};
}

Duration StampClock::wait(Tick now) const {
  if (!estimate_) return Duration::zero();
  const int64_t estimate = estimate_ms(now);
  return std::max(Duration::zero(), Duration(milliseconds(next_above(estimate) - estimate)) - MaxAhead);
}

void StampClock::let_in(const Estimate& estimate, Tick now) {
  // Of a request from before a restart it is not known.
  if (estimate.worker != 0) let_in_ = Proof{estimate.ahead, now};
}

bool StampClock::was_let_in(const Estimate& estimate, Tick now) const {
  return let_in_ && now - let_in_->at <= Window && agree(let_in_->ahead, estimate.ahead);
}

int64_t StampClock::next_above(int64_t estimate_ms) const {
  int64_t stamp = last_ - estimate_ms > MostBelieved / milliseconds(1) ? estimate_ms : std::max(last_ + 1, estimate_ms);
  for (auto it = issued_.lower_bound(stamp); it != issued_.end() && *it == stamp; ++it) ++stamp;
  return stamp;
}

void StampClock::remember(int64_t stamp) {
  issued_.insert(stamp);
  constexpr int64_t Most = RemembersStamps / milliseconds(1);
  while (*issued_.begin() < last_ - Most) issued_.erase(issued_.begin());
  while (*issued_.rbegin() > last_ + Most) issued_.erase(std::prev(issued_.end()));
}

void StampClock::restore(int64_t stamp_ms) {
  last_ = std::max(last_, stamp_ms);
  remember(stamp_ms);
}

int64_t StampClock::estimate_ms(Tick now) const {
  return std::chrono::floor<milliseconds>(now.time_since_epoch() + estimate_->ahead).count();
}

}  // namespace cancelbus::core
