// Every seed and every case kept in crashes/TARGET/, through the same functions that libFuzzer runs: what was found
// once stays fixed, wherever the tests are built.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <vector>

#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {

// GoogleTest names parameters by this.
static std::ostream& operator<<(std::ostream& out, const Target& target) { return out << target.name; }

namespace {

namespace fs = std::filesystem;
const fs::path Crashes = CRASHES_FOLDER;

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// None if the folder does not exist.
std::vector<fs::path> children(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing)) paths.push_back(entry.path());
  return paths;
}

// Of each seed, whether it is legible. No input may change this for those that come after it.
std::vector<bool> read_seeds(const Target& target) {
  std::vector<bool> legible;
  for (const std::string& seed : target.seeds()) legible.push_back(target.run(seed));
  return legible;
}

class Fuzz : public testing::TestWithParam<Target> {
 protected:
  static void SetUpTestSuite() { silence_libraries(); }
};

TEST_P(Fuzz, SeedsAreRead) {
  const std::vector<std::string> seeds = GetParam().seeds();
  size_t legible = 0;
  for (size_t i = 0; i < seeds.size(); ++i) {
    SCOPED_TRACE("seed " + std::to_string(i) + ": " + testing::PrintToString(seeds[i]));
    EXPECT_NO_THROW(legible += GetParam().run(seeds[i]) ? 1 : 0);
  }
  EXPECT_GT(legible, 0u) << "else nothing is ever checked of what was read";
  EXPECT_LT(legible, seeds.size()) << "else nothing is ever refused";
}

TEST_P(Fuzz, SeedsAreSurvivedWhenCutOrDamaged) {
  const std::vector<bool> legible = read_seeds(GetParam());
  for (const std::string& seed : GetParam().seeds()) {
    const size_t step = std::max<size_t>(1, seed.size() / 64);
    for (size_t at = 0; at < seed.size(); at += step) {
      SCOPED_TRACE(testing::PrintToString(seed) + " at " + std::to_string(at));
      std::string damaged = seed;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x80);
      ASSERT_NO_THROW(GetParam().run(seed.substr(0, at)));
      ASSERT_NO_THROW(GetParam().run(damaged));
    }
  }
  EXPECT_EQ(read_seeds(GetParam()), legible);
}

INSTANTIATE_TEST_SUITE_P(Target, Fuzz, testing::ValuesIn(targets().begin(), targets().end()),
                         [](const auto& target) { return std::string(target.param.name); });

TEST(FuzzCrashes, StayFixed) {
  silence_libraries();
  for (const auto& folder : children(Crashes)) {
    const auto is_it = [&folder](const Target& target) { return folder.filename() == target.name; };
    const auto target = std::ranges::find_if(targets(), is_it);
    ASSERT_NE(target, targets().end()) << folder << " is named after no target";
    const std::vector<bool> legible = read_seeds(*target);
    const auto cases = children(folder);
    EXPECT_FALSE(cases.empty()) << folder;
    for (const auto& path : cases) {
      SCOPED_TRACE(path);
      EXPECT_NO_THROW(target->run(content(path)));
      EXPECT_EQ(read_seeds(*target), legible);
    }
  }
}

}  // namespace
}  // namespace cancelbus::fuzz
