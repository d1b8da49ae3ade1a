// How long something took, many times: percentiles and a histogram.
//
// Pure. Keeps every value: a load is bounded.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace cancelbus::load {

class Latencies {
 public:
  /// From 2^n to just below 2^(n+1) µs; the first also holds what is below 1 µs.
  struct Bucket {
    int64_t from_us = 0;
    int64_t to_us = 0;
    size_t count = 0;
  };

  void add(std::chrono::nanoseconds time);

  size_t count() const { return us_.size(); }
  /// The smallest value that so many of a hundred do not exceed, 1 to 100; 0 if there is none.
  int64_t percentile_us(int percent) const;
  /// From the lowest that holds anything to the highest, empty ones between them included.
  std::vector<Bucket> histogram() const;
  /// As text, a line each: range, count and a bar.
  std::string histogram_text() const;

 private:
  /// Sorted when asked.
  mutable std::vector<int64_t> us_;
};

}  // namespace cancelbus::load
