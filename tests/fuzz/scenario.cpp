// What can happen to the gateway, in the words of tests/scenario: one line each. After every step the core checks
// itself, and the store what was published.
//
// What the door would have refused is refused here, so that no input breaks what the core may rely on: `given` only
// with the options of a scenario that is kept, and no number of more than six digits.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <utility>

#include "tests/fuzz/targets.hpp"
#include "tests/scenario/stage.hpp"
#include "tests/scenario/transcript.hpp"

namespace cancelbus::fuzz {
namespace {

constexpr size_t MostLines = 100;
constexpr size_t MostDigits = 6;
constexpr core::Duration Longest = std::chrono::minutes(10);

const std::vector<scenario::Scenario>& scenarios() {
  static const std::vector<scenario::Scenario> all = [] {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(SCENARIO_FOLDER)) {
      if (entry.path().extension() == ".txt" && entry.path().stem() != "CMakeLists") paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    std::vector<scenario::Scenario> read;
    for (const auto& path : paths) {
      std::ranges::move(scenario::read_transcript(path).scenarios, std::back_inserter(read));
    }
    return read;
  }();
  return all;
}

bool is_option_line(std::string_view line) {
  return line.starts_with("given") || line.find("limits=") != std::string_view::npos;
}

bool may_be_played(const std::string& line) {
  static const std::set<std::string> given = [] {
    std::set<std::string> lines;
    for (const scenario::Scenario& each : scenarios()) {
      for (const scenario::Line& one : each.lines) {
        if (is_option_line(one.text)) lines.insert(one.text);
      }
    }
    return lines;
  }();
  if (is_option_line(line)) return given.contains(line);
  size_t digits = 0;
  return std::ranges::all_of(line, [&digits](char c) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    return c >= ' ' && c <= '~' && c != '-' && digits <= MostDigits;
  });
}

/// As long as it lives, an expectation of the store that fails ends the process.
class StrictExpectations {
 public:
  StrictExpectations() { GTEST_FLAG_SET(throw_on_failure, true); }
  StrictExpectations(const StrictExpectations&) = delete;
  ~StrictExpectations() { GTEST_FLAG_SET(throw_on_failure, before_); }

 private:
  bool before_ = GTEST_FLAG_GET(throw_on_failure);
};

}  // namespace

bool scenario(std::string_view input) {
  const StrictExpectations expectations;
  scenario::Stage stage(Longest);
  size_t lines = 0;
  while (!input.empty()) {
    const std::string line(take_until(input, '\n'));
    if (++lines > MostLines || !may_be_played(line)) return false;
    try {
      stage.play(line);
    } catch (const scenario::Stuck&) {
      throw;
    } catch (const std::exception&) {
      return false;
    }
  }
  return lines > 0;
}

std::vector<std::string> scenario_seeds() {
  std::vector<std::string> seeds = {"alice dances", "given cancel_limits=0/0s", "alice cancel a -1", "+11m"};
  for (const scenario::Scenario& each : scenarios()) {
    std::string& seed = seeds.emplace_back();
    for (const scenario::Line& line : each.lines) {
      if (line.command) seed += line.text + "\n";
    }
  }
  return seeds;
}

}  // namespace cancelbus::fuzz
