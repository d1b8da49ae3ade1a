// The subscriber's numbers, as Prometheus reads them.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "service/btcturk/stream_frame.hpp"
#include "service/btcturk/stream_session.hpp"

namespace cancelbus::subscriber {

/// `451`, `452`, `441`, `423`, `banner`, `login`, or why it is none of them: `ignored`, `unknown`, `id_zero`,
/// `malformed`.
std::string_view frame_name(const btcturk::StreamFrame& frame);

class Metrics {
 public:
  Metrics();

  void count(const btcturk::StreamFrame& frame) { frames_.Add({{"type", std::string(frame_name(frame))}}).Increment(); }
  void count_lost_fact() { facts_lost_.Increment(); }

  /// The page, with these as of now.
  std::string text(const btcturk::StreamSession& session, std::size_t unconfirmed, core::Duration last_frame_age,
                   bool bus_reached);

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& frames_;
  prometheus::Counter& facts_;
  prometheus::Counter& facts_lost_;
  prometheus::Counter& connects_;
  prometheus::Counter& logins_;
  prometheus::Gauge& connected_;
  prometheus::Gauge& logged_in_;
  prometheus::Gauge& unconfirmed_;
  prometheus::Gauge& bus_reached_;
  prometheus::Gauge& last_frame_age_;
};

}  // namespace cancelbus::subscriber
