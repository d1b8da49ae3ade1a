// How long commands take from stage to stage, and what they were told: read from the gateway's actions, as the log is.
//
// Used by the shell. A stage is observed when its end is decided: of what is still under way nothing is seen here, that
// is what the gauges of metrics.hpp are for. `sent` and `answered` are by the worker's clock: a stage between two
// machines is as exact as their clocks agree, and never less than 0.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "service/core/actions.hpp"

namespace cancelbus::bus {

class StageMetrics {
 public:
  explicit StageMetrics(prometheus::Registry& registry);

  /// What a turn decided.
  void count(const core::Actions& actions);
  /// From reading a command until it is on disk and its receipt leaves.
  void observe_receipt(core::Duration took);

 private:
  void count(const core::CancelAck& ack);
  void count(const core::CancelFinal& final);
  void count(const core::CancelStatus& status);
  void count(const core::MassCancelReport& report);
  void count(const core::SendReceipt& receipt);

  prometheus::Family<prometheus::Histogram>& stages_;
  prometheus::Histogram& listener_to_store_;
  prometheus::Histogram& queue_wait_;
  prometheus::Histogram& dispatch_to_wire_;
  prometheus::Histogram& wire_to_response_;
  prometheus::Histogram& ack_to_final_;
  prometheus::Family<prometheus::Counter>& acks_;
  prometheus::Family<prometheus::Counter>& finals_;
  prometheus::Family<prometheus::Counter>& statuses_;
  prometheus::Family<prometheus::Counter>& refused_;
  prometheus::Family<prometheus::Counter>& mass_cancels_;
  prometheus::Family<prometheus::Counter>& switches_;
};

}  // namespace cancelbus::bus
