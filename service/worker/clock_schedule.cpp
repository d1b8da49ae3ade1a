#include "service/worker/clock_schedule.hpp"

#include <algorithm>

namespace cancelbus::worker {

namespace {

/// What may be paid for later: a whole series at once.
constexpr core::Duration Credit = ClockSchedule::PerGet * (ClockSchedule::ReadingsInASeries - 1);

}  // namespace

core::Tick ClockSchedule::due() const { return std::max(due_, paid_until_ - Credit); }

bool ClockSchedule::ask(core::Tick now) {
  if (paid_until_ - now > Credit) return false;
  paid_until_ = std::max(paid_until_, now) + PerGet;
  last_get_ = now;
  return true;
}

void ClockSchedule::failed(core::Tick now) { due_ = std::max(now, last_get_ + PerGet); }

void ClockSchedule::taken(bool agrees) {
  unsettled_ = agrees && !doubted_ ? 0 : unsettled_ + 1;
  doubted_ = false;
  due_ = began_ + pause();
}

void ClockSchedule::doubt() {
  doubted_ = true;
  if (unsettled_ == 0) due_ = std::min(due_, began_ + ShortestPause);
}

core::Duration ClockSchedule::pause() const {
  if (unsettled_ == 0) return CalmPause;
  return unsettled_ > 2 ? LongestPause : ShortestPause * unsettled_;
}

}  // namespace cancelbus::worker
