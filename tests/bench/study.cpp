// bench-limiters: what limiters get from an exchange that counts windows and blocks, in virtual time.
//
// A client with endless work sends over a link whose delay varies, as many requests at once as its limiter allows. The
// exchange counts a request when it arrives, as the local exchange does. After a 429 the client waits until the block
// is over. For each limiter and kind of window it prints: limiter, window, accepted, refused, and when the 300th
// request from cold was accepted, in seconds: means of the seeds.
#include <absl/flags/flag.h>
#include <absl/flags/parse.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <queue>
#include <random>

#include "tests/bench/limiters.hpp"
#include "tests/exchange/windows.hpp"

ABSL_FLAG(int, seconds, 600, "of virtual time");
ABSL_FLAG(int, jitter_ms, 20, "a request and its answer each take 5 ms and up to so many more");
ABSL_FLAG(int, seeds, 5, "runs, each with other delays");

namespace cancelbus::bench {
namespace {

using core::Duration;
using core::Tick;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Tally {
  double accepted = 0;
  double refused = 0;
  double cold_s = 0;
};

class Run {
 public:
  Run(const std::string& limiter, exchange_sim::WindowKind window, unsigned seed, Duration jitter)
      : limiter_(make_limiter(limiter)),
        quota_({{10, seconds(1)}, {300, seconds(60)}}, window, {.account = true}),
        random_(seed),
        jitter_(0, jitter.count()) {}

  Tally until(Tick end) {
    try_at(now_);
    while (!events_.empty() && events_.top().at <= end) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      if (event.kind == Event::Kind::Try && event.at == next_try_) send();
      if (event.kind == Event::Kind::Arrive) arrive(event);
      if (event.kind == Event::Kind::Answer) answer(event);
    }
    return tally_;
  }

 private:
  struct Event {
    enum class Kind : uint8_t { Try, Arrive, Answer };
    Tick at;
    Kind kind;
    core::TaskId id;
    Duration block{};
    bool operator>(const Event& other) const { return std::pair(at, id) > std::pair(other.at, other.id); }
  };

  void push(Tick at, Event::Kind kind, core::TaskId id, Duration block = {}) { events_.push({at, kind, id, block}); }
  // An answer may let a request go earlier than it seemed.
  void try_at(Tick at) {
    next_try_ = at;
    push(at, Event::Kind::Try, 0);
  }
  Duration delay() { return milliseconds(5) + Duration(jitter_(random_)); }

  void send() {
    const Tick at = std::max(limiter_->next(now_), blocked_);
    if (at > now_) return try_at(at);
    limiter_->acquire(++last_, now_);
    push(now_ + delay(), Event::Kind::Arrive, last_);
    try_at(now_);
  }

  void arrive(const Event& event) {
    const exchange_sim::Instant now{std::chrono::duration_cast<exchange_sim::Micros>(now_.time_since_epoch())};
    const auto refusal = quota_.arrive(now, "account", "address");
    (refusal ? tally_.refused : tally_.accepted) += 1;
    if (tally_.accepted == 300 && tally_.cold_s == 0) {
      tally_.cold_s = std::chrono::duration<double>(now_.time_since_epoch() - Start.time_since_epoch()).count();
    }
    push(now_ + delay(), Event::Kind::Answer, event.id, refusal ? Duration(refusal->wait) : Duration{});
  }

  void answer(const Event& event) {
    limiter_->answered(event.id, now_);
    blocked_ = std::max(blocked_, now_ + event.block);
    try_at(now_);
  }

  static constexpr Tick Start{seconds(1'000'000)};
  std::unique_ptr<Limiter> limiter_;
  exchange_sim::Quota quota_;
  std::mt19937_64 random_;
  std::uniform_int_distribution<int64_t> jitter_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  Tick now_ = Start;
  Tick blocked_{};
  core::TaskId last_ = 0;
  Tick next_try_{};
  Tally tally_;
};

Tally mean(const std::string& limiter, exchange_sim::WindowKind window) {
  Tally sum;
  const int seeds = absl::GetFlag(FLAGS_seeds);
  const Tick end = Tick(seconds(1'000'000)) + seconds(absl::GetFlag(FLAGS_seconds));
  for (int seed = 1; seed <= seeds; ++seed) {
    const Tally one =
        Run(limiter, window, static_cast<unsigned>(seed), milliseconds(absl::GetFlag(FLAGS_jitter_ms))).until(end);
    sum.accepted += one.accepted / seeds;
    sum.refused += one.refused / seeds;
    sum.cold_s += one.cold_s / seeds;
  }
  return sum;
}

}  // namespace
}  // namespace cancelbus::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  for (const char* window : {"first", "clock", "sliding"}) {
    for (const std::string& limiter : cancelbus::bench::limiter_names()) {
      const auto tally = cancelbus::bench::mean(limiter, *exchange_sim::parse_window_kind(window));
      std::printf("%s %s %.1f %.1f %.2f\n", limiter.c_str(), window, tally.accepted, tally.refused, tally.cold_s);
    }
  }
}
