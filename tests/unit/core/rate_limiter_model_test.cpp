// The limiter against an exchange that counts arrivals, with every kind of window it might use, over random delays.
//
// The exchange here refuses no request: it writes down how many requests it would have counted in the fullest window,
// so that one run judges all kinds of windows at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <queue>
#include <random>

#include "service/core/rate_limiter.hpp"

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<RateRule> Rules{{10, seconds(1)}, {300, seconds(60)}};
constexpr Duration Lost = seconds(15);
constexpr Duration PageSettles = seconds(6);
constexpr Duration Run = seconds(120);

/// One rule as the exchange might count it.
class Windows {
 public:
  Windows(RateRule rule, Duration phase) : rule_(rule), phase_(phase) {}

  void arrival(Duration now) {
    if (!first_begin_ || now - *first_begin_ >= rule_.period) {
      first_begin_ = now;
      first_ = 0;
    }
    const int64_t aligned = (now + phase_) / rule_.period;
    if (aligned != aligned_index_) aligned_ = 0;
    aligned_index_ = aligned;
    sliding_.push_back(now);
    while (now - sliding_.front() >= rule_.period) sliding_.pop_front();
    const size_t most = std::max({++first_, ++aligned_, sliding_.size()});
    if (most > rule_.limit) ++refused_;
  }

  int refused() const { return refused_; }

 private:
  RateRule rule_;
  Duration phase_;
  std::optional<Duration> first_begin_;
  size_t first_ = 0;
  int64_t aligned_index_ = -1;
  size_t aligned_ = 0;
  std::deque<Duration> sliding_;
  int refused_ = 0;
};

struct Network {
  Duration longest_delay{};  ///< one way
  double lost = 0;           ///< share of requests never answered, arriving at any time until Lost
  double page = 0;           ///< share answered by a proxy's page, arriving at any time until PageSettles
  double exchange_rate = 1;  ///< the exchange's clock against ours
};

struct Outcome {
  int sent = 0;
  int refused = 0;
};

/// When the limiter is told that the tail of an answered request begins.
enum class Tail { AtAnswer, AtSending };

/// Whether every limit is halved from the start.
enum class Limits { Configured, Lowered };

class FullLoad {
 public:
  FullLoad(uint64_t seed, Network network, Tail tail, Limits limits)
      : random_(seed), network_(network), tail_(tail), limiter_(Rules) {
    if (limits == Limits::Lowered) limiter_.lower({}, {}, {});
    for (const RateLimiter::Window& window : limiter_.windows({})) {
      windows_.emplace_back(RateRule{window.limit, window.rule.period}, uniform(window.rule.period));
    }
  }

  Outcome run() {
    while (now_ < Run) {
      limiter_.expire(Tick(now_));
      while (limiter_.acquire_within(1.0, next_, Tick(now_), Tick(now_ + Lost))) send(next_++);
      Duration then = limiter_.next_grant(Tick(now_)).time_since_epoch();
      if (!events_.empty()) then = std::min(then, events_.top().at);
      now_ = then;
      for (; !events_.empty() && events_.top().at <= now_; events_.pop()) happen(events_.top());
    }
    Outcome outcome{static_cast<int>(next_ - 1), 0};
    for (const Windows& windows : windows_) outcome.refused += windows.refused();
    return outcome;
  }

 private:
  struct Event {
    Duration at;
    uint64_t order;
    TaskId settles;  ///< 0: an arrival
    Duration tail;
    bool operator<(const Event& other) const { return std::tie(at, order) > std::tie(other.at, other.order); }
  };

  Duration uniform(Duration below) {
    return Duration(static_cast<int64_t>(random_() % static_cast<uint64_t>(below.count() + 1)));
  }
  bool chance(double share) { return static_cast<double>(random_() % 1'000'000) < share * 1e6; }

  void send(TaskId id) {
    if (chance(network_.lost)) return arrive(now_ + uniform(Lost));
    if (chance(network_.page)) {
      arrive(now_ + uniform(PageSettles));
      const Duration page = now_ + uniform(2 * network_.longest_delay);
      events_.push({page, ++order_, id, now_ + PageSettles});
      return;
    }
    const Duration arrival = now_ + uniform(network_.longest_delay);
    arrive(arrival);
    const Duration answer = tail_ == Tail::AtSending ? now_ : arrival + uniform(network_.longest_delay);
    events_.push({answer, ++order_, id, answer});
  }

  void arrive(Duration at) { events_.push({at, ++order_, 0, {}}); }

  void happen(const Event& event) {
    if (event.settles != 0) return limiter_.settle(event.settles, Tick(event.tail));
    const Duration theirs(std::llround(static_cast<double>(event.at.count()) * network_.exchange_rate));
    for (Windows& windows : windows_) windows.arrival(theirs);
  }

  std::mt19937_64 random_;
  Network network_;
  Tail tail_;
  RateLimiter limiter_;
  std::vector<Windows> windows_;
  std::priority_queue<Event> events_;
  uint64_t order_ = 0;
  TaskId next_ = 1;
  Duration now_{};
};

Outcome full_load(uint64_t seed, Network network, Tail tail = Tail::AtAnswer, Limits limits = Limits::Configured) {
  return FullLoad(seed, network, tail, limits).run();
}

/// What 120 s allow: two windows of 300.
constexpr int Budget = 600;

TEST(RateLimiterModel, NoRequestIsRefusedAtAnyDelayUpTo500Ms) {
  std::mt19937_64 random(1);
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Network network;
    network.longest_delay = milliseconds(random() % 501);
    const Outcome outcome = full_load(seed, network);
    ASSERT_EQ(outcome.refused, 0) << "seed " << seed << ", delays up to " << network.longest_delay.count() << " ns";
    ASSERT_GE(outcome.sent, Budget / 2);
  }
}

TEST(RateLimiterModel, NinetyNinePercentOfTheBudgetAreUsedAtDelaysUpTo20Ms) {
  std::mt19937_64 random(2);
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Network network;
    network.longest_delay = milliseconds(random() % 21);
    const Outcome outcome = full_load(seed, network);
    ASSERT_EQ(outcome.refused, 0) << "seed " << seed;
    ASSERT_GE(outcome.sent, Budget * 99 / 100) << "seed " << seed;
  }
}

TEST(RateLimiterModel, LostAnswersAndPagesOfProxiesDoNotBreakIt) {
  std::mt19937_64 random(3);
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Network network;
    network.longest_delay = milliseconds(random() % 501);
    network.lost = 0.05;
    network.page = 0.1;
    ASSERT_EQ(full_load(seed, network).refused, 0) << "seed " << seed;
  }
}

TEST(RateLimiterModel, ClocksThatDifferByATenthOfAPercentDoNotBreakIt) {
  std::mt19937_64 random(4);
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Network network;
    network.longest_delay = milliseconds(random() % 51);
    network.exchange_rate = seed % 2 == 0 ? 1.001 : 1 / 1.001;
    ASSERT_EQ(full_load(seed, network).refused, 0) << "seed " << seed;
  }
}

TEST(RateLimiterModel, ALoweredLimitIsRespectedAtAnyDelayUpTo500Ms) {
  std::mt19937_64 random(5);
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Network network;
    network.longest_delay = milliseconds(random() % 501);
    ASSERT_EQ(full_load(seed, network, Tail::AtAnswer, Limits::Lowered).refused, 0) << "seed " << seed;
  }
}

TEST(RateLimiterModel, NinetyNinePercentOfALoweredBudgetAreUsedAtDelaysUpTo20Ms) {
  std::mt19937_64 random(6);
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Network network;
    network.longest_delay = milliseconds(random() % 21);
    const Outcome outcome = full_load(seed, network, Tail::AtAnswer, Limits::Lowered);
    ASSERT_EQ(outcome.refused, 0) << "seed " << seed;
    ASSERT_GE(outcome.sent, Budget / 2 * 99 / 100) << "seed " << seed;
  }
}

/// Another program sends one of the account's ten a second each 200 ms; the exchange refuses what is too much, and then
/// all for a second.
class Shared {
 public:
  void run(Duration until) {
    for (; now_ < until; now_ += milliseconds(10)) {
      if (now_ % milliseconds(200) == Duration::zero()) arrives();
      limiter_.expire(Tick(now_));
      limiter_.regain(Tick(now_));
      for (; limiter_.acquire_within(1.0, next_, Tick(now_), Tick(now_ + Lost)); ++next_) send(next_);
    }
  }

  int accepted = 0;
  int refused = 0;

 private:
  bool arrives() {
    if (now_ < blocked_until_) return false;
    if (now_ - window_ >= seconds(1)) {
      window_ = now_;
      counted_ = 0;
    }
    if (++counted_ <= 10) return true;
    blocked_until_ = now_ + seconds(1);
    return false;
  }

  void send(TaskId id) {
    const bool anew = Tick(now_) >= limiter_.held_until();
    const bool good = arrives();
    limiter_.settle(id, Tick(now_));
    limiter_.backoff().answered(id);
    ++(good ? accepted : refused);
    if (good || !anew) return;
    limiter_.hold(Tick(now_ + seconds(2)), "429");
    limiter_.lower(seconds(1), seconds(1), {});
  }

  RateLimiter limiter_{Rules};
  TaskId next_ = 1;
  Duration now_{};
  Duration window_ = -seconds(1);
  int counted_ = 0;
  Duration blocked_until_{};
};

TEST(RateLimiterModel, BesideAnotherProgramRefusalsGetRareAndMostOfWhatItLeavesIsUsed) {
  Shared shared;
  shared.run(std::chrono::minutes(2));
  const int first = shared.refused;
  EXPECT_LE(first, 8);
  shared.run(std::chrono::minutes(22));
  EXPECT_LE(shared.refused - first, 10) << "in twenty minutes";
  EXPECT_GE(shared.accepted, 22 * 60 * 5 * 7 / 10) << "it leaves five a second";
}

TEST(RateLimiterModel, TheModelCatchesALimiterThatCountsFromTheSending) {
  int refused = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) refused += full_load(seed, {milliseconds(20)}, Tail::AtSending).refused;
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace cancelbus::core
