#include "tests/bench/limiters.hpp"

#include <algorithm>

#include "service/core/rate_limiter.hpp"

namespace cancelbus::bench {
namespace {

using core::Duration;
using core::Tick;
using std::chrono::milliseconds;
using std::chrono::seconds;

class TokenBuckets : public Limiter {
 public:
  Tick next(Tick now) override {
    Tick at = now;
    for (const Bucket& bucket : buckets_) at = std::max(at, bucket.full_at - (bucket.most - 1) * bucket.interval);
    return at;
  }
  void acquire(core::TaskId, Tick now) override {
    for (Bucket& bucket : buckets_) bucket.full_at = std::max(now, bucket.full_at) + bucket.interval;
  }

 private:
  // A bucket with n of `most` tokens is full again in (most - n) intervals: that moment is all that must be kept.
  struct Bucket {
    int64_t most;
    Duration interval;
    Tick full_at{};
  };
  std::vector<Bucket> buckets_{{10, milliseconds(100)}, {300, milliseconds(200)}};
};

class Gcra : public Limiter {
 public:
  explicit Gcra(int64_t burst) : tolerance_((burst - 1) * Interval) {}

  Tick next(Tick now) override { return std::max(now, arrival_ - tolerance_); }
  void acquire(core::TaskId, Tick now) override { arrival_ = std::max(now, arrival_) + Interval; }

 private:
  static constexpr Duration Interval = milliseconds(200);
  const Duration tolerance_;
  Tick arrival_{};
};

class HeldUntilAnswered : public Limiter {
 public:
  Tick next(Tick now) override {
    limiter_.expire(now);
    return limiter_.next_grant(now);
  }
  void acquire(core::TaskId id, Tick now) override { limiter_.acquire_within({}, id, now, now + seconds(15)); }
  void answered(core::TaskId id, Tick now) override { limiter_.settle(id, now); }

 private:
  core::RateLimiter limiter_{{{10, seconds(1)}, {300, seconds(60)}}};
};

}  // namespace

std::unique_ptr<Limiter> make_limiter(const std::string& name) {
  if (name == "tokens") return std::make_unique<TokenBuckets>();
  if (name == "gcra") return std::make_unique<Gcra>(10);
  if (name == "spacing") return std::make_unique<Gcra>(1);
  if (name == "cancelbus") return std::make_unique<HeldUntilAnswered>();
  return nullptr;
}

std::vector<std::string> limiter_names() { return {"tokens", "gcra", "spacing", "cancelbus"}; }

}  // namespace cancelbus::bench
