// What Prometheus reads of the bus. Refreshed at each scrape from the gateway's own counters and state.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>

#include "service/core/gateway.hpp"

namespace cancelbus::bus {

class Metrics {
 public:
  Metrics();

  /// For counters of others, on the same page.
  prometheus::Registry& registry() { return registry_; }

  void frame_rejected() { rejected_->Increment(); }
  void reply_dropped() { dropped_->Increment(); }
  void retransmitted(size_t events) { retransmitted_->Increment(static_cast<double>(events)); }

  /// The page of /metrics.
  std::string text(const core::BusStatus& status, const core::GatewayCounters& counters);

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>* totals_;
  prometheus::Family<prometheus::Gauge>* window_used_;
  prometheus::Family<prometheus::Gauge>* window_limit_;
  prometheus::Gauge* undecided_;
  prometheus::Gauge* queued_;
  prometheus::Gauge* workers_;
  prometheus::Gauge* benched_;
  prometheus::Gauge* unauthorized_in_a_row_;
  prometheus::Gauge* stream_live_;
  prometheus::Gauge* store_writable_;
  prometheus::Gauge* store_bytes_;
  prometheus::Counter* rejected_;
  prometheus::Counter* dropped_;
  prometheus::Counter* retransmitted_;
};

}  // namespace cancelbus::bus
