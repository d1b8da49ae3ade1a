// Running one seed, and saying which when it goes wrong.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>

#include "tests/simulation/known_faults.hpp"

namespace cancelbus::simulation {

/// Nothing if every promise was kept, else what was broken and the command that replays it. Counts known faults in
/// `tally`, if there is one.
std::string run_seed(uint64_t seed, std::ostream* transcript = nullptr, KnownFaultTally* tally = nullptr);

/// One line for each known fault that was met: how many seeds met it, and which was the first.
std::string describe(const KnownFaultTally& tally);

/// A broken invariant aborts: from now on the seed under way is named before.
void name_seed_on_abort();

}  // namespace cancelbus::simulation
