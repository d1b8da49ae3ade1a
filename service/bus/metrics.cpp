#include "service/bus/metrics.hpp"

#include <algorithm>
#include <chrono>

#include "service/core/names.hpp"
#include "service/io/metrics.hpp"
#include "service/io/monitor.hpp"

namespace cancelbus::bus {

namespace {

using core::GatewayCounters;

struct Total {
  const char* name;
  const char* help;
  prometheus::Labels labels;
  uint64_t GatewayCounters::*value;
};

const Total Totals[] = {
    {"cancelbus_commands_total", "Commands received and taken", {}, &GatewayCounters::commands},
    {"cancelbus_commands_repeated_total", "Commands that were known already", {}, &GatewayCounters::duplicates},
    {"cancelbus_requests_total", "Requests given to workers", {{"kind", "cancel"}}, &GatewayCounters::deletes},
    {"cancelbus_requests_total", "Requests given to workers", {{"kind", "query"}}, &GatewayCounters::queries},
    {"cancelbus_requests_total",
     "Requests given to workers",
     {{"kind", "open_orders"}},
     &GatewayCounters::open_orders_requests},
    {"cancelbus_sweeps_total", "Sweeps of the open orders", {{"result", "complete"}}, &GatewayCounters::sweeps},
    {"cancelbus_sweeps_total", "Sweeps of the open orders", {{"result", "failed"}}, &GatewayCounters::sweeps_failed},
    {"cancelbus_not_owner_total",
     "Commands refused because the order is another sender's",
     {},
     &GatewayCounters::not_owner},
    {"cancelbus_throttled_total", "Requests answered 429", {}, &GatewayCounters::throttled},
    {"cancelbus_unauthorized_total", "Requests answered 401 or 403", {}, &GatewayCounters::unauthorized},
    {"cancelbus_leases_lost_total", "Cancels whose worker fell silent", {}, &GatewayCounters::leases_lost},
    {"cancelbus_unknown_outcomes_total", "Outcomes of no task known", {}, &GatewayCounters::unknown_outcomes},
    {"cancelbus_outcomes_from_wrong_worker_total",
     "Outcomes of tasks that another worker holds",
     {},
     &GatewayCounters::outcomes_from_wrong_worker},
    {"cancelbus_unsolicited_departures_total",
     "Orders that left the book without a command",
     {},
     &GatewayCounters::unsolicited},
    {"cancelbus_repeated_departures_total",
     "452s of orders known to be gone",
     {},
     &GatewayCounters::repeated_departures},
    {"cancelbus_stream_relogins_total",
     "Times the subscriber was told to log in again, for the stream seemed muted",
     {},
     &GatewayCounters::relogins},
    {"cancelbus_overrides_contradicted_total",
     "452s that an operator's word does not agree with",
     {},
     &GatewayCounters::overrides_contradicted},
    {"cancelbus_contradicting_reads_total",
     "Order queries whose status contradicts what is left of the order",
     {},
     &GatewayCounters::contradicting_reads},
};

}  // namespace

Metrics::Metrics()
    : rejected_(io::counter(registry_, "cancelbus_frames_rejected_total", "Frames that could not be read")),
      dropped_(
          io::counter(registry_, "cancelbus_replies_dropped_total", "Replies to peers that do not read or are gone")),
      published_(io::counter(registry_, "cancelbus_events_published_total", "Events committed and published")),
      retransmitted_(io::counter(registry_, "cancelbus_events_retransmitted_total", "Events sent again on request")),
      budget_used_(io::gauges(registry_, "cancelbus_budget_used", "Permits held or in their tail, by window")),
      budget_left_(io::gauges(registry_, "cancelbus_budget_left", "Permits that the window still allows")),
      limit_(io::gauges(registry_, "cancelbus_limit",
                        "Permits that the window allows; below cancelbus_limit_configured while another program spends "
                        "the same budget")),
      configured_limit_(io::gauges(registry_, "cancelbus_limit_configured", "As the flags of the bus say")),
      hold_(
          io::gauges(registry_, "cancelbus_backoff_seconds", "Time that the exchange told us to wait still; 0: none")),
      cause_(io::gauges(registry_, "cancelbus_cause",
                        "1 while this holds, by kind: what commands wait for, and what stops no request")),
      answers_(io::counters(registry_, "cancelbus_exchange_responses_total",
                            "Answers of the exchange to requests of every kind, by HTTP status; none: no answer came")),
      queue_empty_(io::gauge(registry_, "cancelbus_queue_empty_seconds",
                             "Until the queue is empty if nothing joins it, at least; 0: nothing waits")),
      queue_length_(
          io::gauges(registry_, "cancelbus_queue_length", "Orders waiting for budget or a worker, by sender")),
      queue_age_(io::gauges(registry_, "cancelbus_queue_oldest_age_seconds",
                            "Since the command that goes next of this sender was received")),
      observing_(io::gauge(registry_, "cancelbus_observing", "1 if the bus runs with --observe and sends no cancel")),
      undecided_(io::gauge(registry_, "cancelbus_commands_undecided", "Commands without their last message")),
      requests_in_flight_(
          io::gauges(registry_, "cancelbus_requests_in_flight", "Requests with workers, not answered yet")),
      in_doubt_(io::gauge(registry_, "cancelbus_orders_in_doubt",
                          "Undecided orders with a request that was not answered and may have been processed")),
      doubt_age_(io::gauge(registry_, "cancelbus_oldest_doubt_age_seconds",
                           "Since the first request for the longest of these was given to a worker; 0: none")),
      workers_(io::gauge(registry_, "cancelbus_workers", "Workers known")),
      unavailable_(io::gauge(registry_, "cancelbus_workers_unavailable", "Workers known that get no work")),
      dead_(io::gauge(registry_, "cancelbus_workers_dead",
                      "Workers that died within the last hour and are forgotten but for their name")),
      expected_workers_(io::gauge(registry_, "cancelbus_expected_workers", "As --expected_workers says; 0: not given")),
      unauthorized_in_a_row_(
          io::gauge(registry_, "cancelbus_unauthorized_in_a_row",
                    "Requests refused with 401 or 403 since one was let in; 50 would block the address")),
      stream_connected_(io::gauge(registry_, "cancelbus_stream_connected", "1 while the private stream is connected")),
      stream_logged_in_(io::gauge(registry_, "cancelbus_stream_logged_in", "1 while it is logged in")),
      stream_live_(
          io::gauge(registry_, "cancelbus_stream_live", "1 if the private stream has shown events since its login")),
      stream_proof_age_(io::gauges(registry_, "cancelbus_stream_proof_age_seconds",
                                   "Since the last 451, 452 or 441; absent before the first")),
      open_orders_(io::gauges(registry_, "cancelbus_open_orders", "Open orders that are known, by owner")),
      open_orders_age_(io::gauges(registry_, "cancelbus_open_orders_complete_age_seconds",
                                  "Since the oldest request of the last complete sweep; absent before the first")),
      sweep_trouble_(
          io::gauge(registry_, "cancelbus_sweep_trouble", "1 while the last sweep was not complete, or none can run")),
      kill_switches_(io::gauge(registry_, "cancelbus_kill_switches_engaged", "Kill switches that are engaged")),
      kill_switches_unproven_(io::gauge(registry_, "cancelbus_kill_switches_unproven",
                                        "Engaged kill switches whose scope is not proven empty")),
      dead_men_armed_(
          io::gauge(registry_, "cancelbus_dead_man_switches_armed", "Senders with an armed dead man's switch, to 100")),
      store_writable_(io::gauge(registry_, "cancelbus_store_writable", "1 if the store takes writes")),
      store_bytes_(io::gauge(registry_, "cancelbus_store_bytes", "Size of the store")) {
  for (const Total& total : Totals) {
    totals_.emplace_back(&io::counters(registry_, total.name, total.help).Add(total.labels), total.value);
  }
}

std::string Metrics::text(const core::BusStatus& status, const GatewayCounters& counters) {
  for (const auto& [total, value] : totals_) io::raise(*total, counters.*value);
  set_causes(status);
  for (const core::AnswerCount& count : status.answers) {
    const std::string name = count.http_status == 0 ? "none" : std::to_string(count.http_status);
    io::raise(answers_.Add({{"http_status", name}}), count.total);
  }
  queue_empty_.Set(io::seconds(status.queue_empty_in.value_or(core::Duration::zero())));
  set_budget(status);
  set_queues(status);
  set_workers(status);
  set_stream(status);
  set_open_orders(status);
  kill_switches_.Set(static_cast<double>(status.kill_switches.size()));
  kill_switches_unproven_.Set(
      static_cast<double>(std::ranges::count(status.kill_switches, false, &core::KillSwitchLine::proven_empty)));
  dead_men_armed_.Set(static_cast<double>(status.dead_man_switches.size()));
  set_doubt(status);
  observing_.Set(status.observing ? 1 : 0);
  undecided_.Set(status.undecided);
  requests_in_flight_.Add({{"kind", "cancel"}}).Set(status.cancels_in_flight);
  requests_in_flight_.Add({{"kind", "query"}}).Set(status.queries_in_flight);
  store_writable_.Set(status.store_writable ? 1 : 0);
  store_bytes_.Set(static_cast<double>(status.store_bytes));
  return io::prometheus_text(registry_);
}

void Metrics::set_causes(const core::BusStatus& status) {
  for (size_t i = 0; i < core::enumerators<core::CauseKind>(); ++i) {
    const auto kind = static_cast<core::CauseKind>(i);
    const bool holds = std::ranges::any_of(status.causes, [kind](const auto& cause) { return cause.kind == kind; });
    cause_.Add({{"kind", core::lower_name_of(kind)}}).Set(holds ? 1 : 0);
  }
}

void Metrics::set_budget(const core::BusStatus& status) {
  for (const core::WindowStatus& window : status.windows) {
    const prometheus::Labels labels{{"limiter", window.limiter}, {"period", core::period_text(window.rule.period)}};
    budget_used_.Add(labels).Set(window.used);
    budget_left_.Add(labels).Set(window.used < window.rule.limit ? window.rule.limit - window.used : 0);
    limit_.Add(labels).Set(window.rule.limit);
    configured_limit_.Add(labels).Set(window.configured_limit);
    hold_.Add({{"limiter", window.limiter}}).Set(0);
  }
  for (const core::Cause& cause : status.causes) {
    if (cause.kind != core::CauseKind::Backoff) continue;
    hold_.Add({{"limiter", core::lower_name_of(*cause.limiter)}}).Set(io::seconds(*cause.remaining));
  }
}

void Metrics::set_queues(const core::BusStatus& status) {
  for (prometheus::Gauge* length : std::exchange(queue_lengths_, {})) queue_length_.Remove(length);
  for (prometheus::Gauge* age : std::exchange(queue_ages_, {})) queue_age_.Remove(age);
  std::vector<core::QueueStatus> queues = status.queues;
  const auto length = [](const core::QueueStatus& queue) { return queue.urgent + queue.normal; };
  std::ranges::sort(queues, std::greater(), length);
  for (size_t i = 0; i < queues.size(); ++i) {
    const bool own_line = i < MostSenders;
    const prometheus::Labels labels{{"sender", own_line ? queues[i].sender : "(others)"}};
    prometheus::Gauge& lengths = queue_length_.Add(labels);
    prometheus::Gauge& age = queue_age_.Add(labels);
    if (i <= MostSenders) {
      queue_lengths_.push_back(&lengths);
      queue_ages_.push_back(&age);
    }
    lengths.Increment(length(queues[i]));
    if (queues[i].oldest) age.Set(std::max(age.Value(), io::seconds(status.as_of - *queues[i].oldest)));
  }
}

void Metrics::set_doubt(const core::BusStatus& status) {
  in_doubt_.Set(status.orders_in_doubt);
  doubt_age_.Set(status.oldest_doubt ? io::seconds(status.as_of - *status.oldest_doubt) : 0);
}

void Metrics::set_workers(const core::BusStatus& status) {
  const auto dead = std::ranges::count_if(status.workers, [](const auto& worker) { return worker.dead; });
  const auto unavailable = std::ranges::count_if(
      status.workers, [](const auto& worker) { return !worker.unavailable.empty() && !worker.dead; });
  workers_.Set(static_cast<double>(std::ssize(status.workers) - dead));
  unavailable_.Set(static_cast<double>(unavailable));
  dead_.Set(static_cast<double>(dead));
  expected_workers_.Set(status.expected_workers);
  unauthorized_in_a_row_.Set(status.unauthorized_in_a_row);
}

void Metrics::set_open_orders(const core::BusStatus& status) {
  for (prometheus::Gauge* orders : std::exchange(open_orders_of_, {})) open_orders_.Remove(orders);
  std::vector<core::OpenOrderCount> counts = status.open_orders;
  std::ranges::sort(counts, std::greater(), &core::OpenOrderCount::orders);
  for (size_t i = 0; i < counts.size(); ++i) {
    const std::string owner = counts[i].owner.empty() ? "(not known)" : counts[i].owner;
    prometheus::Gauge& orders = open_orders_.Add({{"owner", i < MostSenders ? owner : "(others)"}});
    open_orders_of_.insert(&orders);
    orders.Increment(static_cast<double>(counts[i].orders));
  }
  if (status.complete_as_of) open_orders_age_.Add({}).Set(io::seconds(status.as_of - *status.complete_as_of));
  sweep_trouble_.Set(status.sweep_trouble.empty() ? 0 : 1);
}

void Metrics::set_stream(const core::BusStatus& status) {
  const core::StreamStatus& stream = status.stream;
  stream_connected_.Set(stream.connected ? 1 : 0);
  stream_logged_in_.Set(stream.logged_in ? 1 : 0);
  stream_live_.Set(stream.live ? 1 : 0);
  if (stream.last_proof) stream_proof_age_.Add({}).Set(io::seconds(status.as_of - *stream.last_proof));
}

}  // namespace cancelbus::bus
