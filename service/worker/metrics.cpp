#include "service/worker/metrics.hpp"

#include <chrono>

#include "service/io/monitor.hpp"

namespace cancelbus::worker {
namespace {

const prometheus::Histogram::BucketBoundaries LatencySeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                             0.25,  0.5,    1,     2.5,  5,     10,   30};

double seconds(core::Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

const char* verdict_name(core::Verdict verdict) {
  switch (verdict) {
    case core::Verdict::Accepted:
      return "accepted";
    case core::Verdict::UnknownOrder:
      return "unknown_order";
    case core::Verdict::Refused:
      return "refused";
    case core::Verdict::Blocked:
      return "blocked";
    case core::Verdict::WrongRequest:
      return "wrong_request";
    case core::Verdict::Unauthorized:
      return "unauthorized";
    case core::Verdict::Throttled:
      return "throttled";
    case core::Verdict::Read:
      return "read";
    case core::Verdict::Doubtful:
      return "doubtful";
    case core::Verdict::StaleStamp:
      return "stale_stamp";
    case core::Verdict::NeverWritten:
      return "never_written";
  }
  return "unknown";
}

const char* kind_name(core::LimiterKind kind) { return kind == core::LimiterKind::Cancel ? "cancel" : "query"; }

Metrics::Metrics()
    : tasks_ended_(prometheus::BuildCounter()
                       .Name("cancelbus_worker_tasks_total")
                       .Help("Tasks ended, by kind and by what became of the request.")
                       .Register(registry_)),
      seconds_(prometheus::BuildHistogram()
                   .Name("cancelbus_worker_request_seconds")
                   .Help("From the first byte written to the complete answer.")
                   .Register(registry_)),
      connections_(gauge("connections", "TLS connections to the exchange that stand.")),
      connections_opened_(counter("connections_opened_total", "TLS connections that were opened.")),
      connection_failures_(counter("connection_failures_total", "TLS connections that could not be opened.")),
      tasks_held_(gauge("tasks_held", "Tasks received whose outcome the bus has not confirmed.")),
      bus_reached_(gauge("bus_reached", "1 if the last word to the bus had a connection to go to.")),
      key_refused_(gauge("key_refused", "1 while the exchange refuses the API key.")),
      clock_offset_(gauge("clock_offset_seconds", "The exchange's clock less this machine's.")),
      clock_round_trip_(gauge("clock_round_trip_seconds", "Round trip of the reading that gave the clock offset.")) {}

prometheus::Gauge& Metrics::gauge(const char* name, const char* help) {
  return prometheus::BuildGauge().Name(std::string("cancelbus_worker_") + name).Help(help).Register(registry_).Add({});
}

prometheus::Counter& Metrics::counter(const char* name, const char* help) {
  return prometheus::BuildCounter()
      .Name(std::string("cancelbus_worker_") + name)
      .Help(help)
      .Register(registry_)
      .Add({});
}

void Metrics::count(core::LimiterKind kind, const core::Answer& answer) {
  tasks_ended_.Add({{"kind", kind_name(kind)}, {"verdict", verdict_name(answer.verdict)}}).Increment();
  if (!answer.sent || !answer.answered) return;
  seconds_.Add({{"kind", kind_name(kind)}}, LatencySeconds).Observe(seconds(*answer.answered - *answer.sent));
}

std::string Metrics::text(const Now& now) {
  const auto raise = [](prometheus::Counter& total, uint64_t to) {
    total.Increment(static_cast<double>(to) - total.Value());
  };
  connections_.Set(static_cast<double>(now.connections));
  raise(connections_opened_, now.connections_opened);
  raise(connection_failures_, now.connection_failures);
  tasks_held_.Set(static_cast<double>(now.tasks));
  bus_reached_.Set(now.bus_reached ? 1 : 0);
  key_refused_.Set(now.key_refused ? 1 : 0);
  if (now.clock) {
    clock_offset_.Set(seconds(now.clock->offset));
    clock_round_trip_.Set(seconds(now.clock->round_trip));
  }
  return io::prometheus_text(registry_);
}

}  // namespace cancelbus::worker
