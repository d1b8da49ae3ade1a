// How often the exchange answered in which way, of late: what BusStatus and metrics say about it.
//
// A request that was never written has no answer and counts for nothing. Counts are kept in buckets of 5 s, so that a
// count "of the last minute" covers the last 55 to 60 s. Memory is bounded: at most MostStatuses different statuses are
// told apart, and further ones count as the first of their hundred. Not thread-safe.
#pragma once

#include <absl/container/btree_map.h>

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "service/core/answer.hpp"
#include "service/core/status.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

class AnswerLog {
 public:
  static constexpr Duration Bucket = std::chrono::seconds(5);
  static constexpr int64_t BucketsOfAMinute = 12;
  static constexpr int64_t BucketsOfTenMinutes = 120;
  static constexpr size_t MostStatuses = 24;

  /// A request ended so. Each is reported once.
  void ended(const Answer& answer, Tick now);

  /// By status, the most frequent of the last minute first, then of the last ten minutes. Statuses that did not come
  /// within ten minutes are listed with their total alone.
  std::vector<AnswerCount> list(Tick now) const;

 private:
  struct Counts {
    uint64_t total = 0;
    std::deque<std::pair<int64_t, uint32_t>> buckets;  ///< number and count, the oldest first; none is empty
  };
  absl::btree_map<int, Counts> counts_;  ///< by HTTP status; 0: no answer came
};

}  // namespace cancelbus::core
