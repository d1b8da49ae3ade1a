// Running one seed, and saying which when it goes wrong.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>

#include "tests/simulation/coverage.hpp"

namespace cancelbus::simulation {

/// Nothing if every promise was kept, else what was broken and the command that replays it. Counts in `tally`, if there
/// is one, what has happened.
std::string run_seed(uint64_t seed, std::ostream* transcript = nullptr, CoverageTally* tally = nullptr);

/// Whether the seed is one of two buses; about a quarter are.
bool has_two_buses(uint64_t seed);

/// A broken invariant aborts: from now on the seed under way is named before.
void name_seed_on_abort();

}  // namespace cancelbus::simulation
