#include "service/wire/bus_status.hpp"

#include "service/core/names.hpp"
#include "service/wire/enums.hpp"
#include "service/wire/text.hpp"
#include "service/wire/times.hpp"

namespace cancelbus::wire {
namespace {

void fill_worker(const core::WorkerStatus& worker, core::WallTime now, v1::BusStatus::Worker& proto) {
  proto.set_name(legible(worker.name));
  proto.set_credit(worker.credit);
  proto.set_in_flight(worker.in_flight);
  proto.set_benched(legible(worker.unavailable));
  if (worker.silent_for) *proto.mutable_silent_since() = to_timestamp(now - *worker.silent_for);
  if (worker.clock_offset) *proto.mutable_clock_offset() = to_proto_duration(*worker.clock_offset);
  if (worker.clock_round_trip) *proto.mutable_clock_round_trip() = to_proto_duration(*worker.clock_round_trip);
}

void fill_stream(const core::StreamStatus& stream, v1::BusStatus::Stream& proto) {
  proto.set_connected(stream.connected);
  proto.set_logged_in(stream.logged_in);
  proto.set_live(stream.live);
  if (stream.last_proof) *proto.mutable_last_proof() = to_timestamp(*stream.last_proof);
  proto.set_text(legible(stream.text));
}

/// The same for clients that do not know of causes.
void fill_hold(const core::Cause& backoff, core::WallTime now, v1::BusStatus::Hold& proto) {
  proto.set_limiter(core::lower_name_of(*backoff.limiter));
  *proto.mutable_until() = to_timestamp(now + *backoff.remaining);
  *proto.mutable_remaining() = to_proto_duration(*backoff.remaining);
  proto.set_text(legible(backoff.text));
}

/// "NO_WORKER: no worker is connected; for 14 s, stops cancels and queries; runbook: CancelbusNoWorker".
std::string sentence(const core::Cause& cause, core::WallTime now) {
  std::string text = std::string(core::name_of(cause.kind)) + ": " + legible(cause.text);
  if (cause.remaining) text += ", " + std::to_string(to_proto_duration(*cause.remaining).seconds()) + " s left";
  text += "; for " + span_text(now - cause.since);
  if (!cause.stops.empty()) text += ", stops " + cause.stops;
  if (cause.http_status != 0) text += " (HTTP " + std::to_string(cause.http_status) + ")";
  return text + "; runbook: " + std::string(cause.runbook);
}

std::string headline(const core::BusStatus& status) {
  std::string text = status.observing ? "OBSERVING: no cancel is sent" : "";
  if (status.causes.empty()) return text.empty() ? "ok" : text;
  if (!text.empty()) text += "; ";
  return text + sentence(status.causes[0], status.as_of);
}

void fill_kill_switch(const core::KillSwitchLine& line, v1::BusStatus::KillSwitch& proto) {
  const core::Scope& scope = line.request.scope;
  proto.set_scope(to_wire(line.request.whose));
  proto.set_owner(scope.owner);
  proto.set_symbol(scope.symbol);
  if (scope.side) proto.set_side(to_wire(*scope.side));
  proto.set_client_order_id_prefix(scope.client_order_id_prefix);
  proto.set_sender_comp_id(line.sender);
  *proto.mutable_since() = to_timestamp(line.since);
  proto.set_reason(legible(line.request.reason));
  proto.set_still_open(line.still_open);
  proto.set_proven_empty(line.proven_empty);
  if (line.complete_as_of) *proto.mutable_complete_as_of() = to_timestamp(*line.complete_as_of);
  proto.set_cl_ord_id(line.request.cl_ord_id);
  proto.set_text(legible(line.why_not_empty));
}

void fill_doubt(const core::Doubt& doubt, v1::BusStatus::Doubt& proto) {
  proto.set_order_id(doubt.order_id);
  proto.set_sender_comp_id(doubt.key.sender);
  proto.set_cl_ord_id(doubt.key.cl_ord_id);
  *proto.mutable_since() = to_timestamp(doubt.since);
  proto.set_http_status(doubt.last.http_status);
  proto.set_exchange_code(doubt.last.exchange_code);
  proto.set_text(legible(doubt.last.text));
  proto.set_attempts(doubt.attempts);
}

/// Which bus it is, and what it sees of the exchange.
void fill_verdict(const core::BusStatus& status, v1::BusStatus& proto) {
  proto.set_account(legible(status.account));
  proto.set_version(status.version);
  *proto.mutable_started() = to_timestamp(status.as_of - status.uptime);
  *proto.mutable_uptime() = to_proto_duration(status.uptime);
  for (const core::AnswerCount& count : status.answers) {
    if (count.last_10_minutes == 0) continue;
    auto& added = *proto.add_answers();
    added.set_http_status(count.http_status);
    added.set_last_minute(count.last_minute);
    added.set_last_10_minutes(count.last_10_minutes);
  }
  proto.set_unauthorized_in_a_row(status.unauthorized_in_a_row);
  proto.set_unauthorized_limit(status.unauthorized_limit);
  if (status.queue_empty_in) *proto.mutable_queue_empty_in() = to_proto_duration(*status.queue_empty_in);
  for (const core::Doubt& doubt : status.doubts) fill_doubt(doubt, *proto.add_doubts());
}

}  // namespace

void fill_cause(const core::Cause& cause, v1::Cause& proto) {
  proto.set_kind(to_wire(cause.kind));
  if (cause.limiter) proto.set_limiter(core::lower_name_of(*cause.limiter));
  proto.set_stops(cause.stops);
  proto.set_text(legible(cause.text));
  *proto.mutable_since() = to_timestamp(cause.since);
  if (cause.remaining) *proto.mutable_remaining() = to_proto_duration(*cause.remaining);
  proto.set_http_status(cause.http_status);
  proto.set_exchange_code(cause.exchange_code);
  proto.set_runbook(std::string(cause.runbook));
}

void fill_event_bar(const core::EventBar& bar, v1::EventBar& proto) {
  proto.set_name(bar.name);
  *proto.mutable_until() = to_timestamp(bar.until);
  *proto.mutable_remaining() = to_proto_duration(bar.remaining);
  proto.set_text(legible(bar.text));
}

void fill_bus_status(const core::BusStatus& status, v1::BusStatus& proto) {
  for (const auto& window : status.windows) {
    auto& added = *proto.add_windows();
    added.set_limiter(window.limiter);
    added.set_used(window.used);
    added.set_limit(window.rule.limit);
    *added.mutable_period() = to_proto_duration(window.rule.period);
    added.set_configured_limit(window.configured_limit);
  }
  for (const auto& queue : status.queues) {
    auto& added = *proto.add_queues();
    added.set_sender_comp_id(queue.sender);
    added.set_urgent(queue.urgent);
    added.set_normal(queue.normal);
    if (queue.oldest) *added.mutable_oldest() = to_timestamp(*queue.oldest);
  }
  proto.set_commands_undecided(status.undecided);
  for (const auto& worker : status.workers) fill_worker(worker, status.as_of, *proto.add_workers());
  fill_stream(status.stream, *proto.mutable_stream());
  proto.set_store_writable(status.store_writable);
  *proto.mutable_as_of() = to_timestamp(status.as_of);
  proto.set_cancels_in_flight(status.cancels_in_flight);
  proto.set_queries_in_flight(status.queries_in_flight);
  proto.set_orders_in_doubt(status.orders_in_doubt);
  if (status.oldest_doubt) *proto.mutable_oldest_doubt() = to_timestamp(*status.oldest_doubt);
  proto.set_store_bytes(status.store_bytes);
  for (const auto& cause : status.causes) {
    fill_cause(cause, *proto.add_cause());
    if (cause.kind == core::CauseKind::Backoff) fill_hold(cause, status.as_of, *proto.add_holds());
  }
  proto.set_headline(headline(status));
  proto.set_expected_workers(status.expected_workers);
  if (status.complete_as_of) *proto.mutable_complete_as_of() = to_timestamp(*status.complete_as_of);
  for (const auto& [owner, orders] : status.open_orders) {
    auto& added = *proto.add_open_order_count();
    added.set_owner(owner);
    added.set_orders(static_cast<uint32_t>(orders));
  }
  proto.set_sweep_trouble(legible(status.sweep_trouble));
  for (const auto& bar : status.event_bars) fill_event_bar(bar, *proto.add_event_bar());
  proto.set_observing(status.observing);
  fill_verdict(status, proto);
  for (const auto& kill_switch : status.kill_switches) fill_kill_switch(kill_switch, *proto.add_kill_switches());
  for (const auto& dead_man : status.dead_man_switches) {
    auto& added = *proto.add_dead_man_switches();
    added.set_sender_comp_id(dead_man.sender);
    *added.mutable_window() = to_proto_duration(dead_man.window);
    *added.mutable_silent_for() = to_proto_duration(dead_man.silent_for);
    added.set_fired(dead_man.fired);
  }
  proto.set_term(status.term);
  proto.set_leader(status.leader);
  for (const auto& standby : status.standbys) {
    auto& added = *proto.add_standbys();
    added.set_name(legible(standby.name));
    *added.mutable_heard_ago() = to_proto_duration(standby.heard_ago);
  }
  proto.set_replication(legible(status.replication));
}

}  // namespace cancelbus::wire
