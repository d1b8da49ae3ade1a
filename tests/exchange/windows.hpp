// How the exchange counts requests: limits in fixed windows, and a block when one is exceeded. RestApi keeps a Quota
// per endpoint, Streams one for connects. Odd: the real exchange's windows begin at the first request; clock-aligned
// and sliding ones are offered because a client must be safe under all three.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/exchange/instant.hpp"

namespace exchange_sim {

enum class WindowKind { First, Clock, Sliding };

std::optional<WindowKind> parse_window_kind(std::string_view text);

struct Limit {
  std::int64_t most = 0;
  std::chrono::seconds period{0};  // also the time an excess blocks
};

// "10/1s,300/60s", or "off" for none.
absl::StatusOr<std::vector<Limit>> parse_limits(std::string_view text);
// "1s", "1m": as 429 bodies name it.
std::string period_name(std::chrono::seconds period);

// One limit over one subject. A request that arrives while blocked is refused and does not count. Whether it begins the
// block anew is a guess: `prolongs`.
class RateRule {
 public:
  RateRule(Limit limit, WindowKind kind, bool prolongs = false) : limit_(limit), kind_(kind), prolongs_(prolongs) {}

  // True when the request is inside the limit.
  bool arrive(Instant now);
  bool would_prolong(Instant now) const { return prolongs_ && now < blocked_until_; }
  Instant blocked_until() const { return blocked_until_; }
  const Limit& limit() const { return limit_; }
  // The count of the window of the last counted request, that request included.
  std::int64_t count() const { return count_; }

 private:
  void count_in_window(Instant now);

  Limit limit_;
  WindowKind kind_;
  bool prolongs_;
  std::optional<Instant> start_;
  std::int64_t count_ = 0;
  std::deque<Instant> log_;  // sliding windows only; at most limit + 1 entries, since an excess blocks
  Instant blocked_until_{};
};

enum class Policy { Account, Ip };

struct Refusal {
  Policy policy;
  Limit limit;
  Micros wait;             // until the block ends
  bool prolonged = false;  // a block was begun anew
};

// All limits of one endpoint, counted for the account and for each address.
class Quota {
 public:
  struct Scope {
    bool account = false;
    bool ip = false;
  };
  Quota(std::vector<Limit> limits, WindowKind kind, Scope scope, bool prolongs = false);

  // Every rule counts the request, also when another refuses it. The refusal returned is the one that lasts longest.
  std::optional<Refusal> arrive(Instant now, std::string_view account, std::string_view ip);
  // "1s", "60s" to the highest count of one window, over all subjects.
  std::map<std::string, std::int64_t> peaks() const;
  void forget_peaks() { peaks_.clear(); }

 private:
  using Rules = std::vector<RateRule>;
  static constexpr std::size_t kMaxSubjects = 1024;

  Rules& rules_for(Policy policy, std::string_view subject);

  std::vector<Limit> limits_;
  WindowKind kind_;
  Scope scope_;
  bool prolongs_;
  std::map<std::pair<Policy, std::string>, Rules> subjects_;
  std::map<std::string, std::int64_t> peaks_;
};

// The highest number of events in any stretch of one period, whatever windows the exchange uses.
class SlidingPeak {
 public:
  explicit SlidingPeak(std::chrono::seconds period) : period_(period) {}

  void add(Instant now);
  std::int64_t peak() const { return peak_; }

 private:
  static constexpr std::size_t kMaxKept = 1'000'000;

  std::chrono::seconds period_;
  std::deque<Instant> recent_;
  std::int64_t peak_ = 0;
};

}  // namespace exchange_sim
