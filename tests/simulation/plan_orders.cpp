// The account's open orders: whose they are, in which pairs, those that come later, and how the exchange lists them.
#include <algorithm>
#include <sstream>

#include "tests/simulation/plan.hpp"

namespace cancelbus::simulation {

namespace {

const char* const ListEndpoint = R"("endpoint":"GET /api/v1/openOrders")";

std::string list_rule(Random& random, const std::string& fields) {
  std::ostringstream out;
  out << R"({"share":)" << random.fraction() * (random.chance(0.2) ? 0.9 : 0.3) << ',' << ListEndpoint << ',' << fields
      << '}';
  return out.str();
}

std::string list_answers(Random& random) {
  static const std::vector<std::string> All = {R"("status":500)",
                                               R"("status":503,"body":"<html>Service Unavailable</html>")",
                                               R"("status":429,"retry_after_s":3)",
                                               R"("status":404)",
                                               R"("status":401)",
                                               R"("status":200,"body":"rubbish")",
                                               R"("status":200,"body":"{\"success\":true,\"data\":{\"bids\":[]}}")",
                                               R"("status":400,"body":"{\"success\":false,\"message\":\"NO\"}")"};
  std::string rules;
  for (const std::string& each : All) {
    if (random.chance(0.25)) rules += (rules.empty() ? "" : ",") + list_rule(random, each);
  }
  return rules;
}

PlacePlan planned_order(Random& random, Duration at, Duration end) {
  static const std::vector<std::string> ClientIds = {"a-1", "a-2", "aa-3", "b-1", "bb", "", "zz", "A-1"};
  PlacePlan order;
  order.at = at;
  order.pair = random.chance(0.7) ? "BTCTRY" : random.chance(0.7) ? "ETHUSDT" : "XRPTRY";
  order.client_id = random.pick(ClientIds);
  order.sell = random.chance(0.5);
  if (random.chance(0.6)) {
    order.ends_at = std::min(at + random.between(0ms, random.chance(0.5) ? 3s : 20s), end);
    order.end = random.pick(std::vector<PlacePlan::End>{PlacePlan::End::Fill, PlacePlan::End::Cancel,
                                                        PlacePlan::End::Edit, PlacePlan::End::EditAcrossGap});
  }
  return order;
}

void plan_sweeps(Plan& plan, Random& random) {
  const uint32_t limit = random.pick(std::vector<uint32_t>{300, 300, 40, 10});
  plan.options.open_orders_limits = {{limit, 60s}};
  plan.exchange.open_orders_limits = {{limit, std::chrono::seconds(60)}};
  plan.options.sweep_interval = random.pick(std::vector<Duration>{3s, 8s, 20s, 60s});
}

}  // namespace

// Drawn from a source of its own. In half of all worlds no worker knows sweeps, and the exchange is asked for nothing.
void plan_open_orders(Plan& plan) {
  constexpr uint64_t Own = 0x165667B19E3779F9;
  Random random(plan.seed ^ Own);
  plan.worker_sweeps.assign(static_cast<size_t>(plan.workers), false);
  if (random.chance(0.5)) return;
  for (int i = 0; i < plan.workers; ++i) plan.worker_sweeps[static_cast<size_t>(i)] = random.chance(0.8);
  plan.prefixes = {{"a-", "desk-a"}, {"aa-", "desk-a"}, {"b", "desk-b"}};
  plan_sweeps(plan, random);
  if (random.chance(0.4)) plan.options.pairs = {"BTCTRY", "ETHUSDT"};
  plan.exchange.guesses.pair_required = random.chance(0.2);
  for (int i = 0; i < plan.orders; ++i) plan.first_orders.push_back(planned_order(random, {}, {}));
  const bool none = plan.faults.empty() && plan.blows.empty() && plan.hands.empty();
  if (none) return;
  for (int64_t i = random.between(0, 25); i > 0; --i) {
    plan.places.push_back(planned_order(random, random.between(400ms, plan.trouble), plan.trouble));
  }
  if (random.chance(0.04)) plan.many_orders = static_cast<int>(random.between(350, 450));
  if (random.chance(0.5)) {
    std::ostringstream fault;
    fault << R"({"stale_open_orders":{"share":)" << random.fraction() << R"(,"delay_ms":)" << random.between(0, 1'900)
          << "}}";
    plan.faults.push_back(fault.str());
  }
  if (!random.chance(0.4)) return;
  if (const std::string rules = list_answers(random); !rules.empty()) add_answers(plan, rules);
}

}  // namespace cancelbus::simulation
