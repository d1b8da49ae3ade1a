// What the exchange asks to wait, in every form, and another program that spends the budget.
#include <sstream>

#include "tests/simulation/plan.hpp"

namespace cancelbus::simulation {

namespace {

/// Fields of an answer of the exchange's fault: each form of Retry-After, and how likely a run has it.
struct Form {
  const char* fields;
  double likely;
  Duration longest{};  ///< that it is heeded
};
constexpr Form Forms[] = {
    {R"("retry_after":"0")", 0.25, {}},
    {R"("retry_after":"0.493")", 0.2, {}},
    {R"("retry_after":"7")", 0.2, {}},
    {R"("retry_after":"60")", 0.1, 60s},
    {R"("retry_after":"90000")", 0.05, 600s},
    {R"("retry_after":"-5")", 0.1, 60s},
    {R"("retry_after":"soon")", 0.1, 60s},
    {R"("retry_after_date_s":3)", 0.2, {}},
    {R"("retry_after_date_s":-30)", 0.2, {}},
    {R"("retry_after_date_s":86400)", 0.05, 600s},
    {nullptr, 0.1, 60s},
};

std::string answer(Random& random, const std::string& fields) {
  static const std::vector<std::string> Refusals = {R"("payload":"cancel_429_account")", R"("payload":"cancel_429_ip")",
                                                    R"("status":429)", R"("status":418)",
                                                    R"("status":503,"body":"<html>Service Unavailable</html>")"};
  std::ostringstream rule;
  rule << R"({"share":)" << random.fraction() * (random.chance(0.2) ? 0.9 : 0.15) << ',' << random.pick(Refusals);
  if (random.chance(0.3)) rule << R"(,"endpoint":")" << (random.chance(0.5) ? "any" : "GET /api/v1/order/{id}") << '"';
  if (!fields.empty()) rule << ',' << fields;
  rule << '}';
  return rule.str();
}

}  // namespace

void add_answers(Plan& plan, const std::string& rules) {
  const std::string head = R"({"answer":[)";
  for (std::string& fault : plan.faults) {
    if (fault.starts_with(head)) return (void)fault.insert(head.size(), rules + ",");
  }
  plan.faults.push_back(head + rules + "]}");
}

// Drawn from a source of its own, as wrong readings are.
void plan_waits(Plan& plan) {
  constexpr uint64_t Own = 0xA0761D6478BD642F;
  Random random(plan.seed ^ Own);
  if (random.chance(0.12)) {
    plan.other_program = true;
    std::ostringstream fault;
    fault << R"({"other_program":{"per_second":)" << 0.5 + random.fraction() * 12;
    if (random.chance(0.3)) fault << R"(,"endpoint":"GET /api/v1/order/{id}")";
    fault << "}}";
    plan.faults.push_back(fault.str());
  }
  if (!random.chance(0.4)) return;
  std::string rules;
  for (const Form& form : Forms) {
    if (!random.chance(form.likely)) continue;
    rules += (rules.empty() ? "" : ",") + answer(random, form.fields ? form.fields : "");
    plan.longest_wait = std::max(plan.longest_wait, form.longest);
  }
  if (!rules.empty()) add_answers(plan, rules);
}

}  // namespace cancelbus::simulation
