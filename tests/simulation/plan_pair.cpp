// Two buses, one of which leads, and the database that they share.
#include "tests/simulation/plan.hpp"

namespace cancelbus::simulation {

namespace {

/// What strikes a store on one machine's disk.
bool is_of_a_file(const BlowPlan& blow) {
  return blow.blow == Blow::FillDisk || blow.blow == Blow::MisplaceStore || blow.blow == Blow::CutPower ||
         blow.blow == Blow::PutBackCopy;
}

void add(Plan& plan, Random& random, Blow blow) {
  for (int64_t count = random.between(1, 3); count > 0; --count) {
    const Duration length = random.chance(0.6) ? random.between(10ms, 2s) : random.between(1s, 15s);
    plan.blows.push_back({random.between(0ms, plan.trouble), blow, random.number(), length, random.number()});
  }
}

}  // namespace

// Drawn from a source of its own, so that the other seeds are what they would be without this.
void plan_pair(Plan& plan) {
  constexpr uint64_t Own = 0x94D049BB133111EB;
  Random random(plan.seed ^ Own);
  if (!random.chance(0.25)) return;
  plan.pair = true;
  plan.old_copies = false;
  std::erase_if(plan.blows, is_of_a_file);
  // Stamps that are lost are not given out again only because the exchange's clock goes on.
  const bool may_lose = !plan.has(Blow::SetExchangeClock) && !plan.wrong_readings;
  plan.store_synced = !may_lose || random.chance(0.8);
  plan.clocks.emplace_back(Time{}, random.between(-400, 400), random.between(-10s, 10s));
  if (random.chance(0.1)) return;
  for (const Blow blow : {Blow::KillBus, Blow::KillBusInTurn, Blow::StopBusInTurn, Blow::FreezeBus}) {
    if (random.chance(0.3)) add(plan, random, blow);
  }
  if (random.chance(0.5)) add(plan, random, Blow::StopLeader);
  // Only such a store loses what its leader has heard to be committed.
  if (!plan.store_synced && random.chance(0.5)) add(plan, random, Blow::FailOverBehind);
  for (const Blow blow :
       {Blow::KillPrimary, Blow::KillStandbyServer, Blow::FailOver, Blow::PromoteBeside, Blow::CancelWaits,
        Blow::EndWaits, Blow::FailOverBehind, Blow::HoldBusFromDatabase, Blow::HoldBusFromWorkers,
        Blow::HoldBusFromClients, Blow::HoldReplication, Blow::IsolateBus}) {
    if (random.chance(0.2)) add(plan, random, blow);
  }
}

}  // namespace cancelbus::simulation
