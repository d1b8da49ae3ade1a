#include "tests/simulation/seeds.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "tests/simulation/simulation.hpp"

namespace cancelbus::simulation {

namespace {

char under_way[128] = "";

void on_abort(int) {
  // Nothing more than write() is safe here; what it returns is of no use to a dying process.
  if (write(STDERR_FILENO, under_way, std::strlen(under_way)) < 0) return;
}

std::string replay(uint64_t seed) { return "bin/simulation --seed=" + std::to_string(seed) + " --transcript"; }

}  // namespace

std::string run_seed(uint64_t seed, std::ostream* transcript, CoverageTally* tally) {
  std::snprintf(under_way, sizeof under_way, "aborted; replay: %s\n", replay(seed).c_str());
  Simulation simulation(seed, transcript);
  const std::string failure = simulation.run();
  if (tally) tally->add(simulation.happened());
  under_way[0] = '\0';
  return failure.empty() ? "" : "seed " + std::to_string(seed) + failure + "\n  replay: " + replay(seed);
}

bool has_two_buses(uint64_t seed) {
  Random random(seed);
  return make_plan(seed, random).pair;
}

void name_seed_on_abort() { std::signal(SIGABRT, on_abort); }

}  // namespace cancelbus::simulation
