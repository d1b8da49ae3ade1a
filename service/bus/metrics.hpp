// What Prometheus reads of the bus besides its stages (stage_metrics.hpp) and its store (measured_store.hpp). Refreshed
// at each scrape from the gateway's own counters and state.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "service/core/gateway.hpp"

namespace cancelbus::bus {

class Metrics {
 public:
  /// Senders with a line of their own: those with the longest queues. The rest are one, "(others)".
  static constexpr size_t MostSenders = 50;

  Metrics();

  /// For counters of others, on the same page.
  prometheus::Registry& registry() { return registry_; }

  void frame_rejected() { rejected_.Increment(); }
  void reply_dropped() { dropped_.Increment(); }
  void published() { published_.Increment(); }
  void retransmitted(size_t events) { retransmitted_.Increment(static_cast<double>(events)); }

  /// The page of /metrics.
  std::string text(const core::BusStatus& status, const core::GatewayCounters& counters);

 private:
  using Gauge = prometheus::Gauge&;
  using Gauges = prometheus::Family<prometheus::Gauge>&;

  void set_causes(const core::BusStatus& status);
  void set_budget(const core::BusStatus& status);
  void set_queues(const core::BusStatus& status);
  void set_doubt(const core::BusStatus& status);
  void set_workers(const core::BusStatus& status);
  void set_stream(const core::BusStatus& status);
  void set_open_orders(const core::BusStatus& status);

  prometheus::Registry registry_;
  std::vector<std::pair<prometheus::Counter*, uint64_t core::GatewayCounters::*>> totals_;
  prometheus::Counter& rejected_;
  prometheus::Counter& dropped_;
  prometheus::Counter& published_;
  prometheus::Counter& retransmitted_;
  Gauges budget_used_;
  Gauges budget_left_;
  Gauges limit_;
  Gauges configured_limit_;
  Gauges hold_;
  Gauges cause_;
  prometheus::Family<prometheus::Counter>& answers_;
  prometheus::Gauge& queue_empty_;
  Gauges queue_length_;
  Gauges queue_age_;
  std::vector<prometheus::Gauge*> queue_lengths_;  ///< of the last scrape
  std::vector<prometheus::Gauge*> queue_ages_;
  Gauge observing_;
  Gauge undecided_;
  Gauges requests_in_flight_;
  Gauge in_doubt_;
  Gauge doubt_age_;
  Gauge workers_;
  Gauge unavailable_;
  Gauge dead_;
  Gauge expected_workers_;
  Gauge unauthorized_in_a_row_;
  Gauge stream_connected_;
  Gauge stream_logged_in_;
  Gauge stream_live_;
  Gauges stream_proof_age_;
  Gauges open_orders_;
  std::set<prometheus::Gauge*> open_orders_of_;  ///< of the last scrape
  Gauges open_orders_age_;
  Gauge sweep_trouble_;
  Gauge kill_switches_;
  Gauge kill_switches_unproven_;
  Gauge dead_men_armed_;
  Gauge store_writable_;
  Gauge store_bytes_;
};

}  // namespace cancelbus::bus
