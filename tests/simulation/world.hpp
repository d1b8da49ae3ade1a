// What everybody in a simulated world shares: the agenda, chance, the journal, and the first broken promise.
#pragma once

#include <iomanip>
#include <ostream>
#include <sstream>
#include <string>

#include "tests/simulation/agenda.hpp"
#include "tests/simulation/coverage.hpp"
#include "tests/simulation/random.hpp"

namespace cancelbus::simulation {

struct World {
  /// `transcript`: where to write what happens, or null.
  World(uint64_t seed, std::ostream* transcript_to) : random(seed), transcript(transcript_to) {}

  Agenda agenda;
  Random random;
  std::ostream* transcript;
  /// The first promise that was broken; empty so far.
  std::string failure;
  /// Faults of the world that took effect.
  Coverage happened;

  Time now() const { return agenda.now(); }
  bool failed() const { return !failure.empty(); }

  /// A line of the transcript: when, who, what.
  template <typename... Parts>
  void tell(const std::string& who, const Parts&... parts) {
    if (!transcript) return;
    *transcript << stamp() << "  " << std::left << std::setw(8) << who << ' ';
    (*transcript << ... << parts) << '\n';
  }

  template <typename... Parts>
  void fail(const Parts&... parts) {
    if (failed()) return;
    std::ostringstream text;
    text << stamp() << "  ";
    (text << ... << parts);
    failure = text.str();
    tell("BROKEN", parts...);
  }

  std::string stamp() const {
    std::ostringstream text;
    const auto microseconds = now().time_since_epoch().count() / 1'000;
    text << std::right << std::setw(4) << microseconds / 1'000'000 << '.' << std::setfill('0') << std::setw(6)
         << microseconds % 1'000'000;
    return text.str();
  }
};

}  // namespace cancelbus::simulation
