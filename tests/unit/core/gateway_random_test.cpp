#include <gtest/gtest.h>

#include "tests/unit/core/random_world.hpp"

namespace cancelbus::core {
namespace {

TEST(GatewayRandom, EveryCommandComesToItsEndWhateverGoesWrong) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomWorld world(seed);
    world.run();
    if (HasFailure()) return;
    EXPECT_GT(world.steps(), 5'000u);
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
