// The numbers of cancel-fix, as Prometheus reads them.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <string>

namespace cancelbus::fix {

class Metrics {
 public:
  Metrics();

  void count_in(const std::string& session, const std::string& type);
  void count_out(const std::string& session, const std::string& type);
  void count_refused(const std::string& reason) { refused_.Add({{"reason", reason}}).Increment(); }
  void count_garbled(uint64_t count) { garbled_.Increment(static_cast<double>(count)); }

  /// As of now.
  struct OfSession {
    bool logged_on = false;
    bool bus_reached = false;
    int64_t waiting = 0;
    size_t undecided = 0;
  };
  void set(const std::string& session, const OfSession& values);
  std::string text(uint64_t store_bytes);

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& in_;
  prometheus::Family<prometheus::Counter>& out_;
  prometheus::Family<prometheus::Counter>& refused_;
  prometheus::Counter& garbled_;
  prometheus::Family<prometheus::Gauge>& logged_on_;
  prometheus::Family<prometheus::Gauge>& bus_reached_;
  prometheus::Family<prometheus::Gauge>& waiting_;
  prometheus::Family<prometheus::Gauge>& undecided_;
  prometheus::Gauge& store_bytes_;
};

}  // namespace cancelbus::fix
