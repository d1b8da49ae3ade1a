#include "tests/simulation/permit_share.hpp"

#include <algorithm>

namespace cancelbus::simulation {

namespace {

constexpr Duration ClockSlack = std::chrono::milliseconds(20);

}  // namespace

void PermitShare::permitted(core::TaskId task, Time now, Time settles) {
  permits_.try_emplace(task, Permit{now, settles}).first->second.settles = settles;
}

void PermitShare::forgotten(core::TaskId task, Time now) {
  const auto permit = permits_.find(task);
  if (permit != permits_.end() && permit->second.settles > now) permits_.erase(permit);
}

int64_t PermitShare::most(const core::RateRule& rule) const {
  return std::max<int64_t>(1, static_cast<int64_t>(rule.limit * share_));
}

bool PermitShare::has_room(Time now) const {
  return std::ranges::all_of(rules_, [&](const core::RateRule& rule) {
    // The period is not stretched, and the bus's clock may have gone 400 ppm fast for as long as a permit is held.
    const auto counts = [&](const auto& entry) { return entry.second.settles + rule.period > now + ClockSlack; };
    return std::ranges::count_if(permits_, counts) < most(rule);
  });
}

Time PermitShare::room_since(Time now) const {
  Time since = held_until_;
  for (const core::RateRule& rule : rules_) {
    const int64_t most = this->most(rule);
    std::map<Time, int64_t> changes;
    for (const auto& [task, permit] : permits_) {
      ++changes[permit.from];
      // The bus stretches the period by 0.1 %, for clocks that do not agree.
      --changes[permit.settles + rule.period * 1'001 / 1'000];
    }
    changes.erase(changes.upper_bound(now), changes.end());
    int64_t counted = 0;
    for (const auto& [at, change] : changes) {
      if (counted >= most && counted + change < most) since = std::max(since, at);
      counted += change;
    }
    if (counted >= most) since = std::max(since, now);
  }
  return since;
}

}  // namespace cancelbus::simulation
