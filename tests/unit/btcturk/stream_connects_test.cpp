// The exchange allows 15 connects in 60 s and blocks for 60 s: the session must stay below that, whatever happens to
// it.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
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

// Three of the fifteen are left for people who try things by hand.
constexpr std::size_t OwnShare = 12;
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
  explicit World(uint64_t seed) : random_(seed), session_(StreamOptions{}, seed) {}
  virtual ~World() = default;

  void run(Duration length) {
    const Tick end = now_ + length;
    act(Start{});
    while (now_ < end) {
      if (connecting_) {
        end_handshake();
      } else if (open_) {
        live();
      } else {
        now_ = session_.next_deadline();
        act(TimePassed{});
      }
    }
  }

  const std::vector<Tick>& arrivals() const { return arrivals_; }
  uint64_t logins() const { return session_.state().logins; }

 protected:
  // What becomes of a handshake; nothing if it succeeds.
  virtual std::optional<Closed> refusal() = 0;
  // One step in the life of an open connection.
  virtual void live() = 0;

  bool chance(uint64_t percent) { return random_() % 100 < percent; }
  Duration up_to(Duration most) {
    return Duration(static_cast<int64_t>(random_() % (static_cast<uint64_t>(most.count()) + 1)));
  }
  const StreamSession& session() const { return session_; }
  void pass(Duration time) { now_ += time; }
  void pass_until_due() { now_ = std::max(now_, session_.next_deadline()); }

  void act(const StreamEvent& event) {
    if (std::holds_alternative<Closed>(event)) open_ = connecting_ = false;
    for (const StreamAction& action : session_.step(now_, event)) {
      if (!std::holds_alternative<stream_action::Connect>(action)) continue;
      ASSERT_FALSE(open_) << "a second connection beside the first";
      open_ = connecting_ = true;
    }
  }

 private:
  void end_handshake() {
    const Duration took = chance(80) ? up_to(50ms) : up_to(10s);
    arrivals_.push_back(now_ + up_to(took));
    now_ += took;
    connecting_ = false;
    if (const std::optional<Closed> refused = refusal()) return act(*refused);
    act(Connected{});
  }

  std::mt19937_64 random_;
  StreamSession session_;
  Tick now_{};
  bool open_ = false;        // a Connect is not yet answered by Closed
  bool connecting_ = false;  // nor by Connected
  std::vector<Tick> arrivals_;
};

// Anything may happen, sensible or not.
class Whimsical : public World {
 public:
  using World::World;

 private:
  std::optional<Closed> refusal() override {
    if (chance(30)) return std::nullopt;
    return Closed{"refused", chance(20) ? 429 : 0, chance(10) ? std::optional<Duration>(up_to(3s)) : std::nullopt};
  }

  void live() override {
    if (session().next_deadline() == core::Never) return act(Closed{"closed by us"});
    if (chance(10)) {
      pass_until_due();
      return act(TimePassed{});
    }
    pass(up_to(chance(50) ? 100ms : 10s));
    const std::vector<StreamEvent> events = {Closed{"lost"},
                                             Relogin{},
                                             KeyReplaced{},
                                             Alive{},
                                             TimePassed{},
                                             Received{LoginResult{true, ""}},
                                             Received{LoginResult{chance(50), ""}},
                                             Received{IgnoredFrame{201}}};
    act(events[static_cast<std::size_t>(up_to(Duration(events.size() - 1)).count())]);
  }
};

// Knows how the pauses grow and when they start anew, and makes the most of it: a login lasts just long enough.
class Malicious : public World {
 public:
  using World::World;

 private:
  std::optional<Closed> refusal() override {
    static constexpr int Statuses[] = {0, 0, 0, 403};
    if (next_ == std::size(Statuses)) {
      next_ = 0;
      return std::nullopt;
    }
    return Closed{"refused", Statuses[next_++]};
  }

  void live() override {
    act(Received{LoginResult{true, ""}});
    pass(10s);
    act(Closed{"lost"});
  }

  std::size_t next_ = 0;
};

TEST(StreamConnects, StayWithinTheirShareWhateverHappens) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Whimsical world(seed);
    world.run(24h);
    EXPECT_GT(world.arrivals().size(), 1000U) << "seed " << seed;
    EXPECT_GT(world.logins(), 100U) << "seed " << seed;
    EXPECT_LE(most_in_a_window(world.arrivals()), OwnShare) << "seed " << seed;
  }
}

TEST(StreamConnects, AreHeldBackWhereThePausesAloneWouldNotDo) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Malicious world(seed);
    world.run(24h);
    EXPECT_EQ(most_in_a_window(world.arrivals()), OwnShare) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cancelbus::btcturk
