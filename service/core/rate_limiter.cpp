#include "service/core/rate_limiter.hpp"

#include <algorithm>

#include "service/core/check.hpp"
#include "service/core/names.hpp"

namespace cancelbus::core {

namespace {

/// Two clocks that both keep time to 500 ppm differ by 0.1 %: our period must not be the shorter one.
constexpr Duration stretched(Duration period) { return period + period / 1000; }

}  // namespace

RateLimiter::RateLimiter(std::vector<RateRule> rules) {
  CANCELBUS_CHECK(!rules.empty() && rules.size() <= 8);
  for (const RateRule& rule : rules) {
    CANCELBUS_CHECK(rule.limit > 0 && rule.period > Duration::zero());
    rules_.push_back({rule, stretched(rule.period), {}, LoweredLimit(rule)});
  }
}

bool RateLimiter::acquire_within(double share, TaskId id, Tick now, Tick settles) {
  if (!backoff_.lets(now)) return false;
  for (const Rule& rule : rules_) {
    if (counted(rule, now) >= allowed(rule, share)) return false;
  }
  insert(id, {std::max(settles, now)});
  backoff_.granted(id, now);
  for (Rule& rule : rules_) rule.limit.granted(counted(rule, now), now);
  return true;
}

void RateLimiter::settle(TaskId id, Tick at) {
  const auto it = permits_.find(id);
  if (it == permits_.end()) return;
  // A later bound than the one already known would only cost budget; the earlier one is as true.
  const Tick before = it->second.settles;
  erase(id, before);
  insert(id, {std::min(before, at), false});
}

void RateLimiter::give_back(TaskId id) {
  backoff_.given_back(id);
  const auto it = permits_.find(id);
  if (it != permits_.end()) erase(id, it->second.settles);
}

void RateLimiter::restore(TaskId id, Tick settles, bool open) { insert(id, {settles, open}); }

void RateLimiter::lower(std::optional<Duration> period, std::optional<Duration> wait, WallTime now) {
  Duration chosen{};
  for (const Rule& rule : rules_) {
    if (rule.rule.period == period) chosen = rule.rule.period;
  }
  if (chosen == Duration::zero() && wait) {
    for (const Rule& rule : rules_) {
      const bool shorter = chosen == Duration::zero() || rule.rule.period < chosen;
      if (rule.rule.period >= *wait && shorter) chosen = rule.rule.period;
    }
  }
  for (Rule& rule : rules_) {
    if (chosen == Duration::zero() || rule.rule.period == chosen) rule.limit.lower(now);
  }
}

bool RateLimiter::regain(Tick now) {
  bool any = false;
  for (Rule& rule : rules_) any = rule.limit.regain(now, rule.tail) || any;
  return any;
}

std::vector<LoweredLimit::State> RateLimiter::lowered() const {
  std::vector<LoweredLimit::State> out;
  for (const Rule& rule : rules_) {
    if (const auto state = rule.limit.state()) out.push_back(*state);
  }
  return out;
}

void RateLimiter::restore(const LoweredLimit::State& lowered) {
  for (Rule& rule : rules_) {
    if (rule.rule.period == lowered.period) rule.limit.restore(lowered);
  }
}

Duration RateLimiter::longest_tail() const { return std::ranges::max_element(rules_, {}, &Rule::tail)->tail; }

std::vector<TaskId> RateLimiter::expire(Tick now) {
  std::vector<TaskId> over;
  const Duration longest = longest_tail();
  for (Rule& rule : rules_) {
    while (!rule.counted.empty() && rule.counted.begin()->first <= now) {
      const TaskId id = rule.counted.begin()->second;
      rule.counted.erase(rule.counted.begin());
      if (rule.tail == longest && permits_.erase(id) == 1) over.push_back(id);
    }
  }
  return over;
}

Tick RateLimiter::earliest(Tick now, size_t ahead) const {
  Tick at = std::max(now, backoff_.until());
  for (const Rule& rule : rules_) {
    const size_t used = counted(rule, now);
    const size_t free = rule.rule.limit > used ? rule.rule.limit - used : 0;
    if (ahead < free) continue;
    // Waits for the (ahead - free + 1)-th to stop counting; beyond a whole window the same again, a tail later.
    const size_t index = ahead - free, rounds = index / rule.rule.limit, position = index % rule.rule.limit;
    auto it = rule.counted.upper_bound({now, ~TaskId{0}});
    for (size_t i = 0; i < position && it != rule.counted.end(); ++i) ++it;
    const Tick stops = it == rule.counted.end() ? now + rule.tail : std::min(it->first, now + rule.tail);
    at = std::max(at, stops + static_cast<int64_t>(rounds) * rule.tail);
  }
  return at;
}

Tick RateLimiter::next_grant(Tick now, double share) const {
  Tick at = backoff_.next(now);
  for (const Rule& rule : rules_) {
    size_t used = counted(rule, now);
    auto it = rule.counted.upper_bound({now, ~TaskId{0}});
    for (; used >= allowed(rule, share); --used, ++it) at = std::max(at, it->first);
  }
  return at;
}

std::optional<RateLimiter::Permit> RateLimiter::permit(TaskId id) const {
  const auto it = permits_.find(id);
  return it == permits_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<Tick> RateLimiter::open_until(TaskId id) const {
  const auto known = permit(id);
  return known && known->open ? std::optional(known->settles) : std::nullopt;
}

std::vector<RateLimiter::Window> RateLimiter::windows(Tick now) const {
  std::vector<Window> out;
  for (const Rule& rule : rules_) {
    out.push_back({rule.rule, static_cast<uint32_t>(counted(rule, now)), rule.limit.limit(), rule.limit.since()});
  }
  return out;
}

std::string RateLimiter::lowered_text() const {
  std::string text;
  for (const Rule& rule : rules_) {
    if (!rule.limit.lowered()) continue;
    if (!text.empty()) text += "; ";
    text += std::to_string(rule.rule.limit) + "/" + period_text(rule.rule.period) + ", lowered to " +
            std::to_string(rule.limit.limit());
  }
  return text;
}

void RateLimiter::check() const {
  for (const Rule& rule : rules_) {
    // What a shorter rule counts no longer is kept for the longest.
    CANCELBUS_CHECK(rule.counted.size() <= permits_.size());
    CANCELBUS_CHECK(rule.tail < longest_tail() || rule.counted.size() == permits_.size());
    for (const auto& [stops, id] : rule.counted) {
      CANCELBUS_CHECK(permits_.contains(id) && permits_.at(id).settles + rule.tail == stops);
    }
  }
}

size_t RateLimiter::allowed(const Rule& rule, double share) {
  return std::max<size_t>(1, static_cast<size_t>(rule.limit.limit() * share));
}

size_t RateLimiter::counted(const Rule& rule, Tick now) const {
  // expire() is called every turn, so what is over but not yet swept is short.
  size_t over = 0;
  for (auto it = rule.counted.begin(); it != rule.counted.end() && it->first <= now; ++it) ++over;
  return rule.counted.size() - over;
}

void RateLimiter::insert(TaskId id, Permit permit) {
  CANCELBUS_CHECK(permits_.emplace(id, permit).second);
  for (Rule& rule : rules_) rule.counted.emplace(permit.settles + rule.tail, id);
}

void RateLimiter::erase(TaskId id, Tick settles) {
  permits_.erase(id);
  for (Rule& rule : rules_) rule.counted.erase({settles + rule.tail, id});
}

}  // namespace cancelbus::core
