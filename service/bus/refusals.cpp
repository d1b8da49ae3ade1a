#include "service/bus/refusals.hpp"

#include <algorithm>

#include "service/io/log.hpp"

namespace cancelbus::bus {
namespace {

constexpr core::Duration Quiet = std::chrono::seconds(10);

}  // namespace

Refusals::Refusals(prometheus::Registry& registry)
    : counters_(prometheus::BuildCounter()
                    .Name("cancelbus_refused_total")
                    .Help("What was refused, by reason")
                    .Register(registry)) {}

bool Refusals::Bucket::take(core::Tick now, double per_second, double burst) {
  const double seconds = std::chrono::duration<double>(now - last).count();
  lines = std::min(burst, lines + std::max(0.0, seconds) * per_second);
  last = now;
  if (lines < 1) return false;
  lines -= 1;
  return true;
}

void Refusals::note(core::Tick now, std::string_view reason, std::string_view who, std::string_view detail) {
  counters_.Add({{"reason", std::string(reason)}}).Increment();
  log(now, reason, who, detail);
}

void Refusals::log(core::Tick now, std::string_view reason, std::string_view who, std::string_view detail) {
  const bool crowded = buckets_.size() >= MaxPeers;
  const std::pair key{std::string(reason), std::string(crowded ? "others" : who)};
  Bucket& bucket = buckets_.try_emplace(key, Bucket{Burst, now, 0}).first->second;
  if (!bucket.take(now, LinesPerSecond, Burst) || !all_.take(now, BurstOfAll, BurstOfAll)) {
    ++bucket.spared;
    return;
  }
  io::log_warn("refused", {{"reason", reason}, {"who", who}, {"detail", detail}, {"spared", bucket.spared}});
  bucket.spared = 0;
}

void Refusals::sweep(core::Tick now) {
  for (auto it = buckets_.begin(); it != buckets_.end();) {
    auto& [key, bucket] = *it;
    if (now - bucket.last < Quiet) {
      ++it;
      continue;
    }
    if (bucket.spared > 0 && all_.take(now, BurstOfAll, BurstOfAll)) {
      io::log_warn("refused_more", {{"reason", key.first}, {"who", key.second}, {"spared", bucket.spared}});
    }
    it = buckets_.erase(it);
  }
}

}  // namespace cancelbus::bus
