#include "tests/simulation/waits.hpp"

#include <algorithm>
#include <utility>

#include "service/core/names.hpp"
#include "tests/simulation/describe.hpp"

namespace cancelbus::simulation {

namespace {

constexpr Duration RestFollows = 1s;
constexpr uint32_t LongestWait = 64;
constexpr Duration Margin = 1s;

std::string name(core::LimiterKind kind) { return core::lower_name_of(kind) + " request"; }

}  // namespace

Waits::Waits(World& world, const core::GatewayOptions& options) : world_(world), lost_after_(options.lost_after) {
  const auto add = [this](core::LimiterKind kind, const std::vector<core::RateRule>& rules) {
    for (const core::RateRule& rule : rules) of(kind).windows.push_back({rule, rule.limit, 1, false, {}});
  };
  add(core::LimiterKind::Cancel, options.cancel_limits);
  add(core::LimiterKind::Query, options.query_limits);
  add(core::LimiterKind::OpenOrders, options.open_orders_limits);
}

void Waits::commits_lost(const core::LoweredLimits& stored) {
  distrusts_until_ = world_.now() + lost_after_;
  for (auto& [kind, limiter] : limiters_) {
    limiter.permits.clear();
    for (Window& window : limiter.windows) {
      window = {window.configured, window.configured.limit, 1, false, world_.now()};
      for (const auto& [of, state] : stored.entries) {
        if (of != kind || state.period != window.configured.period) continue;
        window.limit = state.limit;
        window.wait = state.wait;
        window.regained = state.regained;
      }
    }
  }
}

void Waits::committed(const core::HoldRecord& hold, Time until) {
  Limiter& limiter = of(hold.limiter);
  // One that was over before a restart is only written for this boot.
  if (hold.length == Duration(1)) {
    limiter.one_goes = false;
    return;
  }
  if (until <= limiter.until) return;
  limiter.may_lower = limiter.until == Time::min() || world_.now() >= limiter.until - Slack;
  limiter.until = until;
  limiter.one_goes = true;
  limiter.alone.reset();
  limiter.unwritten.reset();
}

void Waits::committed(const core::PermitRecord& permit, Time decided) {
  if (!permit.open || !seen_.insert(permit.task).second) return;
  Limiter& limiter = of(permit.limiter);
  if (limiter.one_goes) {
    limiter.one_goes = false;
    limiter.alone = permit.task;
    limiter.alone_at = decided;
  } else if (limiter.alone && decided < limiter.alone_at + RestFollows - Slack) {
    world_.fail("promise 3: a ", name(permit.limiter), " follows the first after a backoff before that is answered");
  } else {
    limiter.alone.reset();
  }
  limiter.permits[permit.task] = decided;
  // A change that was committed late, with what was decided after it, is as old as that.
  for (Window& window : limiter.windows) {
    if (window.changed == world_.now()) window.changed = std::min(window.changed, decided);
  }
  check_limits(limiter, decided);
}

void Waits::check_limits(const Limiter& limiter, Time decided) {
  for (const Window& window : limiter.windows) {
    if (window.limit >= window.configured.limit) continue;
    const auto count = std::ranges::count_if(limiter.permits, [&](const auto& permit) {
      return permit.second > decided - window.configured.period + Slack && permit.second <= decided;
    });
    if (count <= int64_t{window.limit}) continue;
    world_.fail("promise 3: ", count, " requests within a period whose limit is lowered to ", window.limit);
  }
}

void Waits::committed(const core::LoweredLimits& lowered) {
  for (auto& [kind, limiter] : limiters_) {
    bool lowers = false;
    for (Window& window : limiter.windows) {
      const auto entry = std::ranges::find_if(lowered.entries, [&, kind = kind](const auto& each) {
        return each.limiter == kind && each.state.period == window.configured.period;
      });
      const bool none = entry == lowered.entries.end();
      const uint32_t limit = none ? window.configured.limit : entry->state.limit;
      // Whether one at the floor was refused again shows in nothing else.
      lowers = lowers || limit < window.limit;
      if (limit != window.limit) change(window, limit);
      if (!none) continue;
      window.wait = 1;
      window.regained = false;
    }
    if (lowers && !std::exchange(limiter.may_lower, false)) {
      world_.fail("promise 3: a limit is lowered without a backoff that has begun, or twice in one");
    }
    ++limiter.changes;
  }
}

void Waits::change(Window& window, uint32_t limit) {
  const Time now = world_.now();
  const uint32_t configured = window.configured.limit;
  if (limit < window.limit) {
    if (limit != std::max(window.limit / 2, 1U)) {
      world_.fail("promise 3: a limit is lowered from ", window.limit, " to ", limit);
    }
    if (window.regained) window.wait = std::min(window.wait * 2, LongestWait);
  } else {
    if (limit != std::min(window.limit + std::max(configured / 10, 1U), configured)) {
      world_.fail("promise 3: a limit of ", configured, " comes back from ", window.limit, " to ", limit);
    }
    if (now < window.changed + int64_t{window.wait} * window.configured.period - Slack) {
      world_.fail("promise 3: a limit comes back from ", window.limit, " to ", limit, " after less than ", window.wait,
                  " periods");
    }
  }
  window.regained = limit > window.limit;
  window.limit = limit;
  window.changed = now;
}

void Waits::heard(core::TaskId task, core::LimiterKind kind, const core::Answer& answer) {
  Limiter& limiter = of(kind);
  const auto permit = limiter.permits.find(task);
  if (permit == limiter.permits.end()) return;
  const Time decided = permit->second;
  if (limiter.alone == task && answer.arrival == core::Arrival::NeverSent) {
    limiter.unwritten = task;
  } else if (limiter.alone == task && answer.arrival != core::Arrival::Silent) {
    limiter.alone.reset();
  }
  note_answer(task, kind, decided, answer);
  if (answer.arrival == core::Arrival::NeverSent) limiter.permits.erase(permit);
  // When a request of another boot left is not known, and it may have met what the last backoff was for.
  const bool anew = decided >= booted_ && (limiter.until == Time::min() || decided > limiter.until + Slack);
  const bool trusted = world_.now() > distrusts_until_;
  // It left before a backoff that a 418 or 503 has begun, which may not be committed yet.
  const bool met_another = limiter.failed_at >= decided;
  if (answer.verdict == core::Verdict::Throttled && anew && trusted && !met_another) {
    refused_.try_emplace(task, Refused{kind, limiter.changes});
  }
}

void Waits::forgotten(core::TaskId task) {
  for (auto& [kind, limiter] : limiters_) {
    if (limiter.unwritten != task) continue;
    limiter.unwritten.reset();
    if (limiter.alone != task) continue;
    limiter.alone.reset();
    limiter.one_goes = true;
  }
}

void Waits::note_answer(core::TaskId task, core::LimiterKind kind, Time decided, const core::Answer& answer) {
  using core::Verdict;
  Answered answered{kind, world_.now(), decided, false, {}};
  answered.success = answer.verdict == Verdict::Accepted || answer.verdict == Verdict::UnknownOrder ||
                     answer.verdict == Verdict::Refused || answer.verdict == Verdict::Blocked ||
                     answer.verdict == Verdict::Read;
  const bool doubtful = answer.http_status == 418 || answer.http_status == 503;
  const bool failed = answer.verdict == Verdict::Doubtful && doubtful;
  if (failed && answer.retry_after) of(kind).failed_at = world_.now();
  const bool asks = answer.verdict == Verdict::Throttled || failed;
  if (asks && answer.retry_after < 1s && answer.retry_after) {
    answered.longest = answer.http_status == 503 ? 30s : 10min;
  }
  answered_.try_emplace(task, answered);
}

// In the order in which the bus has taken the answers.
void Waits::check_short_wait(core::TaskId task) {
  const auto found = answered_.find(task);
  if (found == answered_.end()) return;
  const Answered answered = found->second;
  answered_.erase(found);
  Limiter& limiter = of(answered.kind);
  // A success that was heard while the store refused may be taken, and confirmed only when it is repeated.
  const bool another = std::ranges::any_of(answered_, [&](const auto& entry) {
    return entry.second.kind == answered.kind && entry.second.success && entry.second.at <= answered.at;
  });
  if (answered.success || another) limiter.short_waits = 0;
  const bool anew = limiter.heeded_until == Time::min() || answered.decided > limiter.heeded_until + Slack;
  limiter.heeded_until = std::max(limiter.heeded_until, limiter.until);
  if (!answered.longest || !anew) return;
  const Duration wait =
      std::min<Duration>(1s * (int64_t{1} << std::min(limiter.short_waits++, 10U)), *answered.longest);
  if (limiter.until >= answered.at + wait + Margin - Slack) return;
  world_.fail("promise 3: a wait of under a second counts for ", limiter.short_waits, " in a row, and is heeded for ",
              (limiter.until - answered.at) / 1ms, " ms");
}

void Waits::confirmed(core::TaskId task) {
  check_short_wait(task);
  const auto refused = refused_.find(task);
  if (refused == refused_.end()) return;
  if (of(refused->second.kind).changes == refused->second.changes) {
    world_.fail("promise 3: a 429 to ", task_name(task), " lowers no limit");
  }
  refused_.erase(refused);
}

}  // namespace cancelbus::simulation
