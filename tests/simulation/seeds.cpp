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

std::string run_seed(uint64_t seed, std::ostream* transcript, KnownFaultTally* tally) {
  std::snprintf(under_way, sizeof under_way, "aborted; replay: %s\n", replay(seed).c_str());
  Simulation simulation(seed, transcript);
  const std::string failure = simulation.run();
  if (tally) {
    for (const KnownFault fault : simulation.known()) (*tally)[fault].push_back(seed);
  }
  under_way[0] = '\0';
  return failure.empty() ? "" : "seed " + std::to_string(seed) + failure + "\n  replay: " + replay(seed);
}

std::string describe(const KnownFaultTally& tally) {
  std::string text;
  for (const auto& [fault, seeds] : tally) {
    const KnownFaultInfo& info = known_fault(fault);
    text += "known fault of issue " + std::to_string(info.issue) + ", " + info.name + ": " +
            std::to_string(seeds.size()) + " seeds, the first is " + std::to_string(seeds.front()) + '\n';
  }
  return text;
}

void name_seed_on_abort() { std::signal(SIGABRT, on_abort); }

}  // namespace cancelbus::simulation
