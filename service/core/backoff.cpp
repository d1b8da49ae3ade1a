#include "service/core/backoff.hpp"

#include <algorithm>
#include <utility>

namespace cancelbus::core {

namespace {

constexpr Duration Shortest = std::chrono::seconds(1);
constexpr Duration Longest = std::chrono::minutes(10);
/// A 503 may be a proxy's, about itself.
constexpr Duration LongestOf503 = std::chrono::seconds(30);
constexpr Duration IfIllegible = std::chrono::seconds(60);
/// Twice as long each time ends above Longest.
constexpr uint32_t MostDoublings = 16;

}  // namespace

void Backoff::begin(Tick until, std::string why) {
  if (until <= until_) return;
  until_ = until;
  why_ = std::move(why);
  one_goes_ = true;
  alone_.reset();
}

Tick Backoff::next(Tick now) const {
  const Tick at = std::max(now, until_);
  return alone_ ? std::max(at, rest_at_) : at;
}

void Backoff::granted(TaskId task, Tick now) {
  alone_.reset();
  if (!std::exchange(one_goes_, false)) return;
  alone_ = task;
  rest_at_ = now + RestFollows;
}

void Backoff::answered(TaskId task) {
  if (alone_ == task) alone_.reset();
}

void Backoff::given_back(TaskId task) {
  if (alone_ != task) return;
  alone_.reset();
  one_goes_ = true;
}

Duration Backoff::length(Duration asked, Duration longest, bool anew) {
  if (asked >= Shortest) return std::min(asked, longest);
  if (anew || short_waits_ == 0) ++short_waits_;
  return std::min(Shortest * (int64_t{1} << std::min(short_waits_ - 1, MostDoublings)), longest);
}

std::optional<AskedWait> asked_wait(const Answer& answer) {
  if (answer.verdict == Verdict::Throttled) return AskedWait{answer.retry_after.value_or(IfIllegible), Longest};
  if (answer.verdict != Verdict::Doubtful || !answer.retry_after) return std::nullopt;
  if (answer.http_status == 418) return AskedWait{*answer.retry_after, Longest};
  if (answer.http_status == 503) return AskedWait{*answer.retry_after, LongestOf503};
  return std::nullopt;
}

}  // namespace cancelbus::core
