// Who engages kill switches and releases them, and whose dead man's switches are armed.
#include "tests/simulation/plan.hpp"

namespace cancelbus::simulation {

namespace {

SwitchPlan engaging(const Plan& plan, Random& random) {
  SwitchPlan engage;
  engage.at = random.between(400ms, plan.trouble);
  engage.client = static_cast<size_t>(random.between(0, static_cast<int64_t>(plan.clients.size()) - 1));
  using Whose = core::MassCancelRequest::Whose;
  engage.request.whose = random.pick(std::vector<Whose>{Whose::Own, Whose::Sender, Whose::Unowned, Whose::All});
  engage.request.scope = planned_scope(random, engage.request.whose);
  return engage;
}

}  // namespace

// Drawn from a source of its own, mostly where sweeps can show what is in scope.
void plan_switches(Plan& plan) {
  constexpr uint64_t Own = 0x27D4EB2F165667C5;
  Random random(plan.seed ^ Own);
  const bool kills = random.chance(plan.sweeps() ? 0.3 : 0.03), dead_men = random.chance(plan.sweeps() ? 0.3 : 0.05);
  const int64_t engaged = kills ? random.between(1, 3) : 0;
  for (int64_t i = 0; i < engaged; ++i) {
    const SwitchPlan engage = engaging(plan, random);
    plan.switches.push_back(engage);
    // Mostly too early to be proven, then by force or not, or never.
    for (int64_t tries = random.between(0, 3); tries > 0; --tries) {
      SwitchPlan release = engage;
      release.engage = false;
      release.at += random.between(0ms, 30s);
      release.force = random.chance(0.15);
      plan.switches.push_back(release);
    }
    if (random.chance(0.2)) plan.switches.push_back(engage);
  }
  if (dead_men) {
    for (ClientPlan& client : plan.clients) {
      const bool owns =
          std::ranges::any_of(plan.prefixes, [&](const auto& each) { return each.sender == client.sender; });
      if (owns && random.chance(0.7)) client.window = random.between(2s, 8s) / 1ms * 1ms;
    }
    for (size_t i = 0; i < plan.clients.size(); ++i) {
      if (!plan.clients[i].window) continue;
      if (random.chance(0.6)) {
        const Blow blow = random.chance(0.5) ? Blow::KillClient : Blow::FreezeClient;
        plan.blows.push_back({random.between(400ms, plan.trouble), blow, i, random.between(2s, 15s), 0});
      }
      if (random.chance(0.2)) plan.goodbyes.push_back({random.between(400ms, plan.trouble), i, random.chance(0.5)});
    }
  }
  if (!kills && !dead_men) return;
  // One that has fired watches for a minute, and what is canceled takes its time at the account's limits.
  plan.longest_wait += 75s;
  for (const core::RateRule& rule : plan.options.cancel_limits) {
    plan.longest_wait += 2 * plan.many_orders * rule.period / int64_t{rule.limit};
  }
}

}  // namespace cancelbus::simulation
