// Many seeds, in parts that ctest can run side by side. CANCELBUS_SIMULATION_SEEDS says how many; 2,000 without it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <string>

#include "tests/simulation/seeds.hpp"

namespace cancelbus::simulation {
namespace {

constexpr uint64_t Parts = 8;

uint64_t seeds() {
  const char* given = std::getenv("CANCELBUS_SIMULATION_SEEDS");
  return given ? std::stoull(given) : 2'000;
}

class Seeds : public ::testing::TestWithParam<uint64_t> {};

TEST_P(Seeds, KeepEveryPromise) {
  name_seed_on_abort();
  ASSERT_GE(seeds(), Parts) << "CANCELBUS_SIMULATION_SEEDS: a part without a seed proves nothing";
  for (uint64_t seed = 1 + GetParam(); seed <= seeds(); seed += Parts) {
    const std::string failure = run_seed(seed);
    if (!failure.empty()) ADD_FAILURE() << failure;
  }
}

INSTANTIATE_TEST_SUITE_P(Part, Seeds, ::testing::Range(uint64_t{0}, Parts));

TEST(Simulation, ReplaysASeedExactly) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::ostringstream first, second;
    run_seed(seed, &first);
    run_seed(seed, &second);
    EXPECT_GT(first.str().size(), 1'000u);
    EXPECT_EQ(first.str(), second.str()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cancelbus::simulation
