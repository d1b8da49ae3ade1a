#include "service/core/answer_log.hpp"

#include <algorithm>
#include <tuple>

namespace cancelbus::core {

namespace {

int64_t bucket_at(Tick now) { return now.time_since_epoch() / AnswerLog::Bucket; }

}  // namespace

void AnswerLog::ended(const Answer& answer, Tick now) {
  if (answer.arrival == Arrival::NeverSent) return;
  int status = std::clamp(answer.http_status, 0, 999);
  if (!counts_.contains(status) && counts_.size() >= MostStatuses) status = status / 100 * 100;
  Counts& counts = counts_[status];
  ++counts.total;
  const int64_t bucket = bucket_at(now);
  if (counts.buckets.empty() || counts.buckets.back().first != bucket) counts.buckets.emplace_back(bucket, 0);
  ++counts.buckets.back().second;
  while (counts.buckets.front().first <= bucket - BucketsOfTenMinutes) counts.buckets.pop_front();
}

std::vector<AnswerCount> AnswerLog::list(Tick now) const {
  const int64_t current = bucket_at(now);
  std::vector<AnswerCount> out;
  for (const auto& [status, counts] : counts_) {
    AnswerCount count{.http_status = status, .total = counts.total};
    for (const auto& [bucket, requests] : counts.buckets) {
      if (bucket > current - BucketsOfTenMinutes) count.last_10_minutes += requests;
      if (bucket > current - BucketsOfAMinute) count.last_minute += requests;
    }
    out.push_back(count);
  }
  std::ranges::stable_sort(out, std::greater(), [](const AnswerCount& count) {
    return std::tuple(count.last_minute, count.last_10_minutes);
  });
  return out;
}

}  // namespace cancelbus::core
