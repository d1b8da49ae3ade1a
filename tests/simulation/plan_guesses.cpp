// What the documentation of the exchange does not say: its model makes some guesses the other way. Of two the plan says
// nothing here: no stamp of ours is used twice, and whether open orders are listed by pair is planned with these.
#include "tests/simulation/plan.hpp"

namespace cancelbus::simulation {

// Drawn from a source of its own: half of the seeds are what they would be without this.
void plan_guesses(Plan& plan) {
  static const std::vector<GuessPlan> Otherwise = {
      {Fault::GuessNewIdOfEdit, "edit_keeps_id", "no"},
      {Fault::GuessSilentCancelByHand, "web_cancel_sends_452", "no"},
      {Fault::GuessFill452, "fill_sends_452", "yes"},
      {Fault::GuessSecond452, "second_cancel_sends_452", "yes"},
      {Fault::GuessProlongedBlock, "blocked_prolongs", "yes"},
      {Fault::GuessStaleStampCounts, "stale_stamp_counts", "yes"},
      {Fault::GuessPartlyCanceledReadsClosed, "partial_cancel_reads", "Closed"},
      {Fault::GuessNotFound404, "not_found_status", "404"},
      {Fault::GuessNotFound200, "not_found_status", "200"},
      {Fault::GuessEarly452, "early_452", "yes"},
      {Fault::GuessFilledReadsCanceled, "filled_reads", "Canceled"},
  };
  constexpr uint64_t Own = 0xC2B2AE3D27D4EB4F;
  Random random(plan.seed ^ Own);
  if (random.chance(0.5)) return;
  std::string flag;
  for (const GuessPlan& guess : Otherwise) {
    const bool decided = !plan.guesses.empty() && plan.guesses.back().name == guess.name;
    if (!random.chance(0.5) || decided) continue;
    plan.guesses.push_back(guess);
    flag += (flag.empty() ? "" : ",") + guess.name + "=" + guess.value;
  }
  plan.exchange.guesses = exchange_sim::parse_guesses(flag).value();
}

}  // namespace cancelbus::simulation
