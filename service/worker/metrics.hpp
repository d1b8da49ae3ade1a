// The worker's numbers, as Prometheus reads them.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>

#include "service/core/actions.hpp"
#include "service/core/answer.hpp"
#include "service/core/events.hpp"

namespace cancelbus::worker {

/// As logs and metrics write it: `accepted`, `unknown_order`, ...
const char* verdict_name(core::Verdict verdict);
const char* kind_name(core::LimiterKind kind);

class Metrics {
 public:
  Metrics();

  void count(core::LimiterKind kind, const core::Answer& answer);

  /// The page, with these as of now.
  std::string text(size_t connections, size_t tasks, const std::optional<core::ClockSample>& clock);

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& tasks_ended_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  prometheus::Gauge& connections_;
  prometheus::Gauge& tasks_held_;
  prometheus::Gauge& clock_offset_;
  prometheus::Gauge& clock_round_trip_;
};

}  // namespace cancelbus::worker
