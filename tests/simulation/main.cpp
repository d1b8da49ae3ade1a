// simulation: replays seeds.
//
//   simulation --seed=17                 one run; with --transcript also everything that happens in it
//   simulation --seeds=1..2000           many; every failure is printed with the command that replays it
//   simulation --seeds=1.. --minutes=20  as many as the time allows
//   simulation --seeds=1..2000 --stop    until the first that fails
//   simulation --seeds=1..2000 --pairs     only those of two buses, about a quarter
//   simulation --seeds=1..2000 --coverage  each fault must happen in 1 % of them
//
// Exit code 0: every promise was kept, and with --coverage each fault has happened. 1: not so. 2: usage.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "tests/simulation/seeds.hpp"
#include "tests/simulation/simulation.hpp"

namespace {

constexpr const char* Usage =
    "usage: simulation --seed=N [--transcript]\n"
    "       simulation --seeds=FIRST..[LAST] [--minutes=N] [--stop] [--pairs] [--coverage]\n";

struct Options {
  uint64_t first = 0;
  uint64_t last = 0;
  bool transcript = false;
  bool stop = false;   ///< at the first that fails
  bool pairs = false;  ///< only seeds of two buses
  bool coverage = false;
  std::optional<std::chrono::minutes> time;
};

std::optional<uint64_t> number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos || text.size() > 18)
    return std::nullopt;
  return std::stoull(text);
}

std::optional<Options> parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (name == "--seed" && number(value)) {
      options.first = options.last = *number(value);
    } else if (name == "--seeds" && value.find("..") != std::string::npos) {
      const auto first = number(value.substr(0, value.find("..")));
      const std::string rest = value.substr(value.find("..") + 2);
      const auto last = rest.empty() ? std::numeric_limits<uint64_t>::max() : number(rest);
      if (!first || !last) return std::nullopt;
      options.first = *first;
      options.last = *last;
    } else if (name == "--minutes" && number(value)) {
      options.time = std::chrono::minutes(*number(value));
    } else if (argument == "--transcript") {
      options.transcript = true;
    } else if (argument == "--stop") {
      options.stop = true;
    } else if (argument == "--pairs") {
      options.pairs = true;
    } else if (argument == "--coverage") {
      options.coverage = true;
    } else {
      return std::nullopt;
    }
  }
  if (options.last == 0 || options.last < options.first) return std::nullopt;
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace cancelbus::simulation;
  const auto options = parse(argc, argv);
  if (!options) {
    std::cerr << Usage;
    return 2;
  }
  name_seed_on_abort();
  const auto start = std::chrono::steady_clock::now();
  uint64_t runs = 0, broken = 0;
  CoverageTally tally;
  for (uint64_t seed = options->first; seed <= options->last; ++seed) {
    if (options->time && std::chrono::steady_clock::now() - start > *options->time) break;
    if (options->pairs && !has_two_buses(seed)) continue;
    const std::string failure = run_seed(seed, options->transcript ? &std::cout : nullptr, &tally);
    ++runs;
    if (failure.empty()) continue;
    ++broken;
    std::cout << failure << std::endl;
    if (options->stop) break;
  }
  if (options->first != options->last) std::cout << tally.describe();
  std::cout << runs << " runs, " << broken << " with a broken promise" << std::endl;
  const std::string rare = options->coverage ? tally.too_rare() : "";
  if (!rare.empty()) std::cout << "too rare to be tested:\n" << rare << std::flush;
  return broken == 0 && rare.empty() ? 0 : 1;
}
