#include "service/core/rate_limiter.hpp"

#include <algorithm>

#include "service/core/check.hpp"
#include "service/core/names.hpp"

namespace cancelbus::core {

namespace {

/// Two clocks that both keep time to 500 ppm differ by 0.1 %: our period must not be the shorter one.
constexpr Duration stretched(Duration period) { return period + period / 1000; }

}  // namespace

RateLimiter::RateLimiter(std::vector<RateRule> rules, const std::vector<RateRule>& reserve) {
  CANCELBUS_CHECK(!rules.empty() && rules.size() <= 8);
  for (const RateRule& rule : rules) {
    CANCELBUS_CHECK(rule.limit > 0 && rule.period > Duration::zero());
    const auto kept_back = std::ranges::find(reserve, rule.period, &RateRule::period);
    const uint32_t of_it = kept_back == reserve.end() ? 0 : kept_back->limit;
    rules_.push_back({rule, stretched(rule.period), {}, LoweredLimit(rule), of_it});
  }
}

bool RateLimiter::acquire_within(Part part, TaskId id, Tick now, Tick settles) {
  if (!backoff_.lets(now)) return false;
  for (const Rule& rule : rules_) {
    if (counted(rule, now) >= allowed(rule, rule.limit.limit(), part)) return false;
  }
  insert(id, {std::max(settles, now)});
  backoff_.granted(id, now);
  for (Rule& rule : rules_) {
    // What it must leave free is used up for it.
    const size_t limit = rule.limit.limit(),
                 left = limit - allowed(rule, rule.limit.limit(), {1.0, part.leaves_reserve});
    rule.limit.granted(counted(rule, now) + left, now);
  }
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

Tick RateLimiter::earliest(Tick now, size_t ahead, bool leaves_reserve) const {
  Tick at = std::max(now, backoff_.until());
  for (const Rule& rule : rules_) {
    const size_t used = counted(rule, now), room = allowed(rule, rule.rule.limit, {1.0, leaves_reserve});
    const size_t free = room > used ? room - used : 0, excess = used > room ? used - room : 0;
    if (ahead < free) continue;
    // Once those in excess of its room are over, it waits for the (ahead - free + 1)-th to stop counting; beyond a
    // whole window the same again, a tail later.
    const size_t index = ahead - free, rounds = index / room, position = excess + index % room;
    auto it = rule.counted.upper_bound({now, ~TaskId{0}});
    for (size_t i = 0; i < position && it != rule.counted.end(); ++i) ++it;
    const Tick stops = it == rule.counted.end() ? now + rule.tail : std::min(it->first, now + rule.tail);
    at = std::max(at, stops + static_cast<int64_t>(rounds) * rule.tail);
  }
  return at;
}

Tick RateLimiter::next_grant(Tick now, Part part) const {
  Tick at = backoff_.next(now);
  for (const Rule& rule : rules_) {
    size_t used = counted(rule, now);
    auto it = rule.counted.upper_bound({now, ~TaskId{0}});
    for (; used >= allowed(rule, rule.limit.limit(), part); --used, ++it) at = std::max(at, it->first);
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

size_t RateLimiter::allowed(const Rule& rule, uint32_t limit, Part part) {
  const auto share = std::max<size_t>(1, static_cast<size_t>(limit * part.share));
  return part.leaves_reserve ? std::min<size_t>(share, limit - std::min(rule.reserve, limit - 1)) : share;
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
