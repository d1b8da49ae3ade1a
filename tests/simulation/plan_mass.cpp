// Who cancels many orders at once, and which.
#include "tests/simulation/plan.hpp"

namespace cancelbus::simulation {

namespace {

using Whose = core::MassCancelRequest::Whose;

MassPlan planned_mass_cancel(Plan& plan, Random& random, const std::string& number) {
  MassPlan mass;
  mass.at = random.between(400ms, plan.trouble);
  mass.client = static_cast<size_t>(random.between(0, static_cast<int64_t>(plan.clients.size()) - 1));
  core::MassCancelRequest& request = mass.request;
  request.cl_ord_id = plan.clients[mass.client].name + "-m" + number;
  request.whose = random.pick(std::vector<Whose>{Whose::Own, Whose::Own, Whose::Sender, Whose::Unowned, Whose::All});
  request.scope = planned_scope(random, request.whose);
  if (random.chance(0.3)) request.priority = core::Priority::Urgent;
  request.until_empty = random.chance(0.4);
  mass.dry_run = random.chance(0.1);
  return mass;
}

}  // namespace

core::Scope planned_scope(Random& random, Whose whose) {
  core::Scope scope;
  if (whose == Whose::Own || whose == Whose::Sender) scope.whose = core::Scope::Whose::Owner;
  if (whose == Whose::Unowned) scope.whose = core::Scope::Whose::Unowned;
  if (whose == Whose::Sender) {
    // The last has no prefix.
    scope.owner = random.chance(0.95) ? random.pick(std::vector<std::string>{"desk-a", "desk-b"}) : "desk-c";
  }
  if (random.chance(0.3)) scope.symbol = random.pick(std::vector<std::string>{"BTCTRY", "ETHUSDT", "XRPTRY"});
  if (random.chance(0.3)) scope.side = random.chance(0.5) ? core::Side::Buy : core::Side::Sell;
  if (random.chance(0.2))
    scope.client_order_id_prefix = random.pick(std::vector<std::string>{"a", "a-", "aa", "b", "z"});
  return scope;
}

// Drawn from a source of its own, mostly where sweeps can show what is in scope.
void plan_mass_cancels(Plan& plan) {
  constexpr uint64_t Own = 0x165667B19E3779F9;
  Random random(plan.seed ^ Own);
  if (!random.chance(plan.sweeps() ? 0.5 : 0.06)) return;
  const int64_t count = random.chance(0.7) ? random.between(1, 2) : random.between(3, 12);
  for (int64_t i = 1; i <= count; ++i) {
    if (i > 1 && random.chance(0.15)) {
      // The same again, and now and then under its name another.
      MassPlan again = random.pick(plan.masses);
      if (random.chance(0.2)) again.request.until_empty = !again.request.until_empty;
      again.at = std::min(again.at + random.between(0ms, 10s), plan.trouble);
      plan.masses.push_back(std::move(again));
    } else {
      plan.masses.push_back(planned_mass_cancel(plan, random, std::to_string(i)));
    }
  }
  // What is canceled takes its time at the account's limits.
  for (const core::RateRule& rule : plan.options.cancel_limits) {
    plan.longest_wait += 2 * plan.many_orders * rule.period / int64_t{rule.limit};
  }
}

}  // namespace cancelbus::simulation
