#include "service/bus/metrics.hpp"

#include <algorithm>

#include "service/io/monitor.hpp"

namespace cancelbus::bus {

namespace {

prometheus::Gauge* gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return &prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Counter* counter(prometheus::Registry& registry, const char* name, const char* help) {
  return &prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

std::string seconds_text(core::Duration period) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(period).count()) + "ms";
}

}  // namespace

Metrics::Metrics()
    : totals_(&prometheus::BuildCounter().Name("cancelbus_bus_total").Help("What the gateway did").Register(registry_)),
      window_used_(&prometheus::BuildGauge()
                        .Name("cancelbus_window_used")
                        .Help("Permits held or in their tail")
                        .Register(registry_)),
      window_limit_(&prometheus::BuildGauge()
                         .Name("cancelbus_window_limit")
                         .Help("Permits that a rule allows")
                         .Register(registry_)),
      undecided_(gauge(registry_, "cancelbus_commands_undecided", "Commands without their last message")),
      queued_(gauge(registry_, "cancelbus_orders_queued", "Orders whose cancel waits for budget or a worker")),
      workers_(gauge(registry_, "cancelbus_workers", "Workers known")),
      benched_(gauge(registry_, "cancelbus_workers_benched", "Workers known that get no work")),
      unauthorized_in_a_row_(
          gauge(registry_, "cancelbus_unauthorized_in_a_row",
                "Requests refused with 401 or 403 since one was let in; 50 would block the address")),
      stream_live_(
          gauge(registry_, "cancelbus_stream_live", "1 if the private stream has shown events since its login")),
      store_writable_(gauge(registry_, "cancelbus_store_writable", "1 if the store takes writes")),
      store_bytes_(gauge(registry_, "cancelbus_store_bytes", "Size of the store")),
      rejected_(counter(registry_, "cancelbus_frames_rejected_total", "Frames that could not be read")),
      dropped_(counter(registry_, "cancelbus_replies_dropped_total", "Replies to peers that do not read or are gone")),
      retransmitted_(counter(registry_, "cancelbus_events_retransmitted_total", "Events sent again on request")) {}

std::string Metrics::text(const core::BusStatus& status, const core::GatewayCounters& counters) {
  const std::pair<const char*, uint64_t> totals[] = {
      {"commands", counters.commands},
      {"duplicates", counters.duplicates},
      {"refused", counters.refused},
      {"acks", counters.acks},
      {"finals", counters.finals},
      {"unsolicited", counters.unsolicited},
      {"deletes", counters.deletes},
      {"queries", counters.queries},
      {"throttled", counters.throttled},
      {"unauthorized", counters.unauthorized},
      {"leases_lost", counters.leases_lost},
      {"unknown_outcomes", counters.unknown_outcomes},
      {"outcomes_of_others", counters.outcomes_of_others},
      {"repeated_departures", counters.repeated_departures},
      {"relogins", counters.relogins},
      {"resolved", counters.resolved},
      {"words_contradicted", counters.words_contradicted},
  };
  for (const auto& [name, value] : totals) {
    prometheus::Counter& total = totals_->Add({{"what", name}});
    total.Increment(static_cast<double>(value) - total.Value());
  }
  for (const core::WindowStatus& window : status.windows) {
    const prometheus::Labels labels{{"limiter", window.limiter}, {"period", seconds_text(window.rule.period)}};
    window_used_->Add(labels).Set(window.used);
    window_limit_->Add(labels).Set(window.rule.limit);
  }
  size_t queued = 0;
  for (const core::QueueStatus& queue : status.queues) queued += queue.urgent + queue.normal;
  undecided_->Set(status.undecided);
  queued_->Set(static_cast<double>(queued));
  workers_->Set(static_cast<double>(status.workers.size()));
  benched_->Set(static_cast<double>(std::count_if(status.workers.begin(), status.workers.end(),
                                                  [](const auto& worker) { return !worker.benched.empty(); })));
  unauthorized_in_a_row_->Set(status.unauthorized_in_a_row);
  stream_live_->Set(status.stream.live ? 1 : 0);
  store_writable_->Set(status.store_writable ? 1 : 0);
  store_bytes_->Set(static_cast<double>(status.store_bytes));
  return io::prometheus_text(registry_);
}

}  // namespace cancelbus::bus
