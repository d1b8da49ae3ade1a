// The exchange allows 15 connects in 60 s and blocks for 60 s: the session must stay below that, whatever happens to
// it.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

#include "service/btcturk/stream_session.hpp"

namespace cancelbus::btcturk {
namespace {

using core::Duration;
using core::Tick;
using namespace std::chrono_literals;
using namespace stream_event;

constexpr std::size_t Limit = 15;
constexpr Duration Window = 60s;

// Most connects whose arrivals lie within one window, wherever it begins.
std::size_t most_in_a_window(std::vector<Tick> arrivals) {
  std::sort(arrivals.begin(), arrivals.end());
  std::size_t most = 0;
  std::size_t first = 0;
  for (std::size_t last = 0; last < arrivals.size(); ++last) {
    while (arrivals[last] - arrivals[first] >= Window) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

// A network and an exchange of random temper around one session. The arrival of a connect lies anywhere between the
// action and its outcome.
class World {
 public:
  World(uint64_t seed, bool hostile) : random_(seed), hostile_(hostile), session_(StreamOptions{}, seed) {}

  void run(Duration length) {
    const Tick end = now_ + length;
    act(Start{});
    while (now_ < end) connecting_ ? end_handshake() : session_.next_deadline() == core::Never ? act(closed()) : live();
  }

  const std::vector<Tick>& arrivals() const { return arrivals_; }
  uint64_t logins() const { return session_.state().logins; }

 private:
  uint64_t below(uint64_t bound) { return random_() % bound; }
  Duration up_to(Duration most) { return Duration(static_cast<int64_t>(below(static_cast<uint64_t>(most.count())))); }
  bool chance(uint64_t percent) { return below(100) < percent; }

  void act(const StreamEvent& event) {
    for (const StreamAction& action : session_.step(now_, event)) {
      if (!std::holds_alternative<stream_action::Connect>(action)) continue;
      ASSERT_FALSE(open_) << "a second connection beside the first";
      open_ = connecting_ = true;
    }
  }

  Closed closed() {
    open_ = false;
    return {"lost"};
  }

  void end_handshake() {
    const Duration took = chance(90) ? up_to(50ms) : up_to(10s);
    arrivals_.push_back(now_ + (took > 0ns ? up_to(took) : 0ns));
    now_ += took;
    connecting_ = false;
    if (chance(hostile_ ? 40 : 10)) return act(Connected{});
    open_ = false;
    const bool told = chance(50);
    act(Closed{"refused", chance(30) ? 429 : 0, told ? std::optional<Duration>(up_to(3s)) : std::nullopt});
  }

  void live() {
    const Duration left = session_.next_deadline() - now_;
    if (!open_ || chance(20)) {  // nothing happens until the deadline
      now_ += std::max(left, 0ns);
      return act(TimePassed{});
    }
    now_ += std::min(left, up_to(hostile_ ? 200ms : 20s));
    switch (below(5)) {
      case 0:
        return act(closed());
      case 1:
        return act(Received{LoginResult{!chance(20), ""}});
      case 2:
        return act(Relogin{});
      case 3:
        return act(Alive{});
      default:
        return act(Received{IgnoredFrame{201}});
    }
  }

  std::mt19937_64 random_;
  bool hostile_;
  StreamSession session_;
  Tick now_{};
  bool open_ = false;        // a Connect is not yet answered by Closed
  bool connecting_ = false;  // nor by Connected
  std::vector<Tick> arrivals_;
};

TEST(StreamConnects, StayBelowTheLimitInLongRandomRuns) {
  std::size_t most = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    World world(seed, seed % 2 == 0);
    world.run(24h);
    ASSERT_GT(world.arrivals().size(), 500U) << "seed " << seed << " hardly connected";
    ASSERT_GT(world.logins(), 0U) << "seed " << seed;
    most = std::max(most, most_in_a_window(world.arrivals()));
  }
  EXPECT_LT(most, Limit);
}

// A login that works, holds just long enough to be believed, and breaks: the shortest pauses there are.
TEST(StreamConnects, AreHeldBackWhereThePausesAloneWouldNotDo) {
  StreamSession session{StreamOptions{}, 7};
  Tick now{};
  std::vector<Tick> connects;
  const auto step = [&](const StreamEvent& event) {
    for (const StreamAction& action : session.step(now, event)) {
      if (std::holds_alternative<stream_action::Connect>(action)) connects.push_back(now);
    }
  };
  step(Start{});
  while (now < Tick(1h)) {
    step(Connected{});
    step(Received{LoginResult{true, ""}});
    now += 10s;
    step(Relogin{});
    step(Closed{"closed"});
    now = session.next_deadline();
    step(TimePassed{});
  }
  EXPECT_LT(most_in_a_window(connects), Limit);
  EXPECT_GT(connects.size(), 300U);
}

}  // namespace
}  // namespace cancelbus::btcturk
