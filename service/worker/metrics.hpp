// The worker's numbers, as Prometheus reads them.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <optional>
#include <string>

#include "service/core/actions.hpp"
#include "service/core/answer.hpp"
#include "service/core/events.hpp"

namespace cancelbus::worker {

class Metrics {
 public:
  Metrics();

  /// A task of a bus that leads no more.
  void refused() { refused_.Increment(); }
  void count(core::LimiterKind kind, const core::Answer& answer);

  /// The worker as of now.
  struct Now {
    size_t connections = 0;
    uint64_t connections_opened = 0;
    uint64_t connection_failures = 0;
    size_t tasks = 0;
    std::optional<core::ClockSample> clock;
    bool bus_reached = false;
    bool key_refused = false;
  };

  /// The page.
  std::string text(const Now& now);

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& tasks_ended_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  prometheus::Counter& refused_;
  prometheus::Gauge& connections_;
  prometheus::Counter& connections_opened_;
  prometheus::Counter& connection_failures_;
  prometheus::Gauge& tasks_held_;
  prometheus::Gauge& bus_reached_;
  prometheus::Gauge& key_refused_;
  prometheus::Gauge& clock_offset_;
  prometheus::Gauge& clock_round_trip_;
};

}  // namespace cancelbus::worker
