// Prometheus's counters and gauges in one line each.
//
// Used by the metrics of every process. `name` is the whole name.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "service/core/types.hpp"

namespace cancelbus::io {

/// With labels, one for each combination of them.
inline prometheus::Family<prometheus::Gauge>& gauges(prometheus::Registry& registry, const std::string& name,
                                                     const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}
inline prometheus::Family<prometheus::Counter>& counters(prometheus::Registry& registry, const std::string& name,
                                                         const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

/// Without labels.
inline prometheus::Gauge& gauge(prometheus::Registry& registry, const std::string& name, const char* help) {
  return gauges(registry, name, help).Add({});
}
inline prometheus::Counter& counter(prometheus::Registry& registry, const std::string& name, const char* help) {
  return counters(registry, name, help).Add({});
}

/// Of what is counted elsewhere, and never falls.
inline void raise(prometheus::Counter& counter, uint64_t to) {
  counter.Increment(static_cast<double>(to) - counter.Value());
}

inline double seconds(core::Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace cancelbus::io
