#include "tests/simulation/clocks.hpp"

#include <cstdlib>

namespace cancelbus::simulation {

namespace {

/// A worker lets pass what is 1 s from its reading; its reading, its stop between two instructions and the drift of its
/// clock take the rest.
constexpr int64_t MostOffMs = 2'500;
/// A worker whose own reading is so wrong cannot do better.
constexpr int64_t MisledMs = 1'000;
constexpr Duration LeastBetweenSeries = 5s;
/// Five at once, and one a second.
constexpr size_t AtOnce = 5;
constexpr Duration PerRequest = 1s;
/// Machines' clocks go up to 400 ppm wrong.
constexpr Duration DriftOfPause = 5ms;

}  // namespace

void Clocks::asking(const std::string& worker) {
  std::deque<Time>& asked = lives_[worker].asked;
  asked.push_back(world_.now());
  // The latest six take a second, the latest seven two.
  for (size_t last = AtOnce; last < asked.size(); ++last) {
    const Duration took = asked.back() - asked[asked.size() - 1 - last];
    if (took + DriftOfPause >= PerRequest * (last - AtOnce + 1)) continue;
    return world_.fail("promise 10: ", worker, " asks for the time ", last + 1, " times within ", took / 1ms, " ms");
  }
  if (asked.size() > 4 * AtOnce) asked.pop_front();
}

void Clocks::series(const std::string& worker, Time began) {
  Time& last = lives_[worker].series;
  if (last != Time::min() && began - last + DriftOfPause < LeastBetweenSeries) {
    world_.fail("promise 10: ", worker, " reads the exchange's clock again after ", (began - last) / 1ms, " ms");
  }
  last = began;
}

void Clocks::writing(const std::string& worker, int64_t stamp_ms, exchange_sim::Instant exchange_clock,
                     int64_t reading_ms) {
  const int64_t now_ms = exchange_sim::unix_ms(exchange_clock);
  const bool misled = misleading_ && std::abs(reading_ms - now_ms) > MisledMs;
  if (misled || std::abs(stamp_ms - now_ms) <= MostOffMs) return;
  world_.fail("promise 10: ", worker, " writes a stamp that is ", stamp_ms - now_ms,
              " ms ahead of the exchange's clock");
}

}  // namespace cancelbus::simulation
