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
      connections_(prometheus::BuildGauge()
                       .Name("cancelbus_worker_connections")
                       .Help("TLS connections to the exchange that stand.")
                       .Register(registry_)
                       .Add({})),
      tasks_held_(prometheus::BuildGauge()
                      .Name("cancelbus_worker_tasks_held")
                      .Help("Tasks received whose outcome the bus has not confirmed.")
                      .Register(registry_)
                      .Add({})),
      clock_offset_(prometheus::BuildGauge()
                        .Name("cancelbus_worker_clock_offset_seconds")
                        .Help("The exchange's clock less this machine's.")
                        .Register(registry_)
                        .Add({})),
      clock_round_trip_(prometheus::BuildGauge()
                            .Name("cancelbus_worker_clock_round_trip_seconds")
                            .Help("Round trip of the reading that gave the clock offset.")
                            .Register(registry_)
                            .Add({})) {}

void Metrics::count(core::LimiterKind kind, const core::Answer& answer) {
  tasks_ended_.Add({{"kind", kind_name(kind)}, {"verdict", verdict_name(answer.verdict)}}).Increment();
  if (!answer.sent || !answer.answered) return;
  seconds_.Add({{"kind", kind_name(kind)}}, LatencySeconds).Observe(seconds(*answer.answered - *answer.sent));
}

std::string Metrics::text(size_t connections, size_t tasks, const std::optional<core::ClockSample>& clock) {
  connections_.Set(static_cast<double>(connections));
  tasks_held_.Set(static_cast<double>(tasks));
  if (clock) {
    clock_offset_.Set(seconds(clock->offset));
    clock_round_trip_.Set(seconds(clock->round_trip));
  }
  return io::prometheus_text(registry_);
}

}  // namespace cancelbus::worker
