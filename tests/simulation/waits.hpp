// Promise 3 where the exchange refuses: that a backoff ends with one request, and that limits are lowered and come back
// by their rule.
//
// Part of the judge. It reckons from what is committed and heard: when each permit was decided on, which answers were
// 429s, and which records say that a limit has changed.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/records.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

class Waits {
 public:
  Waits(World& world, const core::GatewayOptions& options);

  void bus_started(bool same_boot) {
    if (!same_boot) booted_ = world_.now();
    // It does not know what went alone.
    for (auto& [kind, limiter] : limiters_) {
      limiter.alone.reset();
      limiter.heeded_until = std::max(limiter.heeded_until, limiter.until);
      limiter.short_waits = 0;
    }
    refused_.clear();
    answered_.clear();
  }
  /// The bus knows of lowered limits what is in the store still.
  void commits_lost(const core::LoweredLimits& stored);
  /// `until`, `decided`: in true time.
  void committed(const core::HoldRecord& hold, Time until);
  void committed(const core::PermitRecord& permit, Time decided);
  void committed(const core::LoweredLimits& lowered);
  /// An outcome of a task whose permit counts still.
  void heard(core::TaskId task, core::LimiterKind kind, const core::Answer& answer);
  /// The bus has taken the outcome, and must heed it.
  void confirmed(core::TaskId task);
  /// Its permit is given back, if it was never written: one that the bus knew of no more keeps it.
  void forgotten(core::TaskId task);

 private:
  /// The true time differs from the bus's ticks by less than this within what is measured here.
  static constexpr Duration Slack = std::chrono::milliseconds(50);

  struct Window {
    core::RateRule configured;
    uint32_t limit = 0;
    uint32_t wait = 1;  ///< periods, as reckoned here
    bool regained = false;
    Time changed{};
  };
  struct Limiter {
    std::vector<Window> windows;
    Time until = Time::min();  ///< of the latest backoff
    bool one_goes = false;
    std::optional<core::TaskId> alone;
    std::optional<core::TaskId> unwritten;  ///< the same, which was never written, and may be replaced
    Time alone_at{};
    std::map<core::TaskId, Time> permits;  ///< when each was decided on, of the last minutes
    uint64_t changes = 0;                  ///< records that say what is lowered
    bool may_lower = false;                ///< a backoff has begun, and none ran
    Time heeded_until = Time::min();       ///< of the latest backoff whose answer was confirmed
    Time failed_at = Time::min();          ///< when a 418 or 503 last asked to wait
    uint32_t short_waits = 0;              ///< under a second, in a row
  };
  struct Answered {
    core::LimiterKind kind{};
    Time at{};
    Time decided{};
    bool success = false;
    std::optional<Duration> longest;  ///< it asks to wait for less than a second: what is heeded at most
  };
  struct Refused {
    core::LimiterKind kind{};
    uint64_t changes = 0;
  };

  void note_answer(core::TaskId task, core::LimiterKind kind, Time decided, const core::Answer& answer);
  void check_short_wait(core::TaskId task);
  void change(Window& window, uint32_t limit);
  void check_limits(const Limiter& limiter, Time decided);
  Limiter& of(core::LimiterKind kind) { return limiters_[kind]; }

  World& world_;
  const Duration lost_after_;
  std::map<core::LimiterKind, Limiter> limiters_;
  std::set<core::TaskId> seen_;
  std::map<core::TaskId, Refused> refused_;    ///< 429s after the latest backoff, that the bus has not confirmed yet
  std::map<core::TaskId, Answered> answered_;  ///< that the bus has not confirmed yet
  Time booted_ = Time::min();                  ///< the machine of the bus, last
  Time distrusts_until_ = Time::min();
};

}  // namespace cancelbus::simulation
