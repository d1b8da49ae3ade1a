#include "tests/load/latencies.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>

namespace cancelbus::load {
namespace {

constexpr size_t BarWidth = 50;

size_t bucket_of(int64_t us) {
  return static_cast<size_t>(std::bit_width(static_cast<uint64_t>(std::max<int64_t>(us, 1)))) - 1;
}

}  // namespace

void Latencies::add(std::chrono::nanoseconds time) {
  us_.push_back(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

int64_t Latencies::percentile_us(int percent) const {
  if (us_.empty()) return 0;
  std::sort(us_.begin(), us_.end());
  const size_t rank = (us_.size() * static_cast<size_t>(percent) + 99) / 100;
  return us_[rank - 1];
}

std::vector<Latencies::Bucket> Latencies::histogram() const {
  std::vector<Bucket> buckets;
  if (us_.empty()) return buckets;
  const auto [least, most] = std::minmax_element(us_.begin(), us_.end());
  const size_t first = bucket_of(*least);
  for (size_t n = first; n <= bucket_of(*most); ++n)
    buckets.push_back({n == 0 ? 0 : int64_t{1} << n, int64_t{1} << (n + 1), 0});
  for (const int64_t us : us_) ++buckets[bucket_of(us) - first].count;
  return buckets;
}

std::string Latencies::histogram_text() const {
  const std::vector<Bucket> buckets = histogram();
  size_t most = 1;
  for (const Bucket& bucket : buckets) most = std::max(most, bucket.count);
  std::string text;
  for (const auto& [from, to, count] : buckets) {
    char range[96];
    std::snprintf(range, sizeof range, "  %10lld to %10lld us %7zu ", static_cast<long long>(from),
                  static_cast<long long>(to), count);
    text += range + std::string((count * BarWidth + most - 1) / most, '#') + "\n";
  }
  return text;
}

}  // namespace cancelbus::load
