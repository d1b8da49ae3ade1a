#include "service/worker/metrics.hpp"

#include "service/core/names.hpp"
#include "service/io/metrics.hpp"
#include "service/io/monitor.hpp"

namespace cancelbus::worker {
namespace {

const prometheus::Histogram::BucketBoundaries LatencySeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                             0.25,  0.5,    1,     2.5,  5,     10,   30};

}  // namespace

Metrics::Metrics()
    : tasks_ended_(io::counters(registry_, "cancelbus_worker_tasks_total",
                                "Tasks ended, by kind and by what became of the request.")),
      seconds_(prometheus::BuildHistogram()
                   .Name("cancelbus_worker_request_seconds")
                   .Help("From the first byte written to the complete answer.")
                   .Register(registry_)),
      refused_(io::counter(registry_, "cancelbus_worker_older_term_tasks_total",
                           "Tasks refused because their bus leads no more.")),
      connections_(io::gauge(registry_, "cancelbus_worker_connections", "TLS connections to the exchange that stand.")),
      connections_opened_(
          io::counter(registry_, "cancelbus_worker_connections_opened_total", "TLS connections that were opened.")),
      connection_failures_(io::counter(registry_, "cancelbus_worker_connection_failures_total",
                                       "TLS connections that could not be opened.")),
      tasks_held_(io::gauge(registry_, "cancelbus_worker_tasks_held",
                            "Tasks received whose outcome the bus has not confirmed.")),
      bus_reached_(io::gauge(registry_, "cancelbus_worker_bus_reached",
                             "1 if the last word to the bus had a connection to go to.")),
      key_refused_(io::gauge(registry_, "cancelbus_worker_key_refused", "1 while the exchange refuses the API key.")),
      clock_offset_(
          io::gauge(registry_, "cancelbus_worker_clock_offset_seconds", "The exchange's clock less this machine's.")),
      clock_round_trip_(io::gauge(registry_, "cancelbus_worker_clock_round_trip_seconds",
                                  "Round trip of the reading that gave the clock offset.")) {}

void Metrics::count(core::LimiterKind kind, const core::Answer& answer) {
  const std::string kind_name = core::lower_name_of(kind);
  tasks_ended_.Add({{"kind", kind_name}, {"verdict", core::lower_name_of(answer.verdict)}}).Increment();
  if (!answer.sent || !answer.answered) return;
  seconds_.Add({{"kind", kind_name}}, LatencySeconds).Observe(io::seconds(*answer.answered - *answer.sent));
}

std::string Metrics::text(const Now& now) {
  connections_.Set(static_cast<double>(now.connections));
  io::raise(connections_opened_, now.connections_opened);
  io::raise(connection_failures_, now.connection_failures);
  tasks_held_.Set(static_cast<double>(now.tasks));
  bus_reached_.Set(now.bus_reached ? 1 : 0);
  key_refused_.Set(now.key_refused ? 1 : 0);
  if (now.clock) {
    clock_offset_.Set(io::seconds(now.clock->offset));
    clock_round_trip_.Set(io::seconds(now.clock->round_trip));
  }
  return io::prometheus_text(registry_);
}

}  // namespace cancelbus::worker
