// CANCELBUS_SEEDS=FROM-TO in the environment runs other seeds than the few of every day: a failing one alone, or many.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/unit/core/random_world.hpp"

namespace cancelbus::core {
namespace {

TEST(GatewayRandom, EveryCommandComesToItsEndWhateverGoesWrong) {
  unsigned from = 1, to = 60;
  const char* const seeds = std::getenv("CANCELBUS_SEEDS");
  if (seeds) {
    ASSERT_EQ(std::sscanf(seeds, "%u-%u", &from, &to), 2) << "CANCELBUS_SEEDS: not FROM-TO: " << seeds;
  }
  for (unsigned seed = from; seed <= to; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomWorld world(seed);
    world.run();
    EXPECT_GT(world.steps(), 5'000u);
    if (HasFailure()) return;
  }
}

TEST(GatewayRandom, TheSameEventsMakeTheSameActions) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    RandomWorld once(seed), again(seed);
    once.run();
    again.run();
    EXPECT_EQ(once.fingerprint(), again.fingerprint()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cancelbus::core
