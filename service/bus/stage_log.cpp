#include "service/bus/stage_log.hpp"

#include "cancelbus/v1/cancel.pb.h"
#include "service/core/names.hpp"
#include "service/core/order.hpp"
#include "service/io/log.hpp"
#include "service/wire/enums.hpp"

namespace cancelbus::bus {

namespace {

void log_cause(const core::CauseChange& change) {
  const core::Cause& cause = change.cause;
  const std::string kind(core::name_of(cause.kind));
  const std::string limiter = cause.limiter ? core::lower_name_of(*cause.limiter) : "";
  if (!change.began) return io::log_warn("cause_ended", {{"kind", kind}, {"limiter", limiter}});
  io::log_warn("cause_began", {{"kind", kind},
                               {"limiter", limiter},
                               {"stops", cause.stops},
                               {"why", cause.text},
                               {"http_status", cause.http_status},
                               {"exchange_code", cause.exchange_code},
                               {"runbook", std::string(cause.runbook)}});
}

void log_sweep(const core::SweepEnd& end) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(end.took).count();
  if (end.complete) {
    return io::log_info("sweep_complete",
                        {{"orders", end.orders}, {"requests", end.requests}, {"milliseconds", milliseconds}});
  }
  io::log_warn("sweep_failed", {{"why", end.why}, {"orders", end.orders}, {"requests", end.requests}});
}

void log_switch(const core::SwitchChange& change) {
  using What = core::SwitchChange::What;
  const std::string event = core::lower_name_of(change.what);
  if (change.what == What::KillSwitchEngaged || change.what == What::KillSwitchReleased) {
    return io::log_warn(event, {{"by", change.sender},
                                {"scope", change.scope},
                                {"reason", change.reason},
                                {"cl_ord_id", change.cl_ord_id},
                                {"forced", change.forced}});
  }
  if (change.what == What::DeadManSwitchFired) {
    return io::log_warn(event, {{"sender", change.sender}, {"reason", change.reason}, {"cl_ord_id", change.cl_ord_id}});
  }
  if (change.what == What::DeadManSwitchDisarmed) return io::log_info(event, {{"sender", change.sender}});
  io::log_info(event, {{"sender", change.sender}, {"window", change.reason}});
}

void log_applied(const core::CommandApplied& command) {
  io::log_info("command_received", {{"sender", command.key.sender},
                                    {"cl_ord_id", command.key.cl_ord_id},
                                    {"order_id", command.order_id},
                                    {"traceparent", command.traceparent}});
}

void log_event(const core::Publication& publication, const core::CancelAck& ack) {
  io::log_info("cancel_ack", {{"topic", publication.topic},
                              {"seq", publication.seq},
                              {"cl_ord_id", ack.cl_ord_id},
                              {"order_id", ack.order_id},
                              {"status", v1::CancelAckStatus_Name(wire::to_wire(ack.status))},
                              {"reason", v1::CxlRejReason_Name(wire::to_wire(ack.reason))},
                              {"http_status", ack.http_status},
                              {"exchange_code", ack.exchange_code},
                              {"text", ack.text},
                              {"final_follows", ack.final_follows},
                              {"traceparent", publication.traceparent}});
}

void log_event(const core::Publication& publication, const core::CancelFinal& final) {
  io::log_info("cancel_final", {{"topic", publication.topic},
                                {"seq", publication.seq},
                                {"cl_ord_id", final.cl_ord_id},
                                {"order_id", final.order_id},
                                {"ord_status", v1::OrdStatus_Name(wire::to_wire(final.ord_status))},
                                {"evidence", v1::Evidence_Name(wire::to_wire(final.evidence))},
                                {"unsolicited", final.unsolicited},
                                {"traceparent", publication.traceparent}});
}

void log_event(const core::Publication& publication, const core::CancelStatus& status) {
  io::log_info("cancel_status", {{"topic", publication.topic},
                                 {"seq", publication.seq},
                                 {"cl_ord_id", status.cl_ord_id},
                                 {"order_id", status.order_id},
                                 {"stage", v1::CancelStage_Name(wire::to_wire(status.stage))},
                                 {"text", status.text},
                                 {"traceparent", publication.traceparent}});
}

void log_event(const core::Publication& publication, const core::MassCancelReport& report) {
  io::log_info("mass_cancel_report", {{"topic", publication.topic},
                                      {"seq", publication.seq},
                                      {"cl_ord_id", report.cl_ord_id},
                                      {"status", core::name_of(report.status)},
                                      {"total_affected", report.total_affected},
                                      {"canceled", report.canceled},
                                      {"filled", report.filled},
                                      {"still_open", report.still_open},
                                      {"in_doubt", report.in_doubt},
                                      {"unsent", report.unsent},
                                      {"not_affected_total", report.not_affected_total},
                                      {"text", report.text},
                                      {"traceparent", publication.traceparent}});
}

void log_contradiction(const core::HistoryLine& line) {
  const auto* status = std::get_if<core::ReadStatus>(&line.status);
  if (line.what != core::HistoryLine::What::Read || status == nullptr) return;
  if (!core::contradicts_itself({*status, line.amount, line.left_amount, {}, {}})) return;
  io::log_warn("read_contradicts_itself", {{"order_id", line.order_id},
                                           {"status", core::name_of(*status)},
                                           {"quantity", line.amount},
                                           {"left_amount", line.left_amount},
                                           {"task", line.task}});
}

/// What an operator did with a command, which the text names, and who it was.
void log_operator(const core::HistoryLine& line) {
  using What = core::HistoryLine::What;
  if (line.what == What::Retry) io::log_warn("operator_retry", {{"order_id", line.order_id}, {"text", line.text}});
  if (line.what != What::Resolve) return;
  const auto* status = std::get_if<core::OrdStatus>(&line.status);
  io::log_warn(
      "operator_resolve",
      {{"order_id", line.order_id}, {"ord_status", status ? core::name_of(*status) : ""}, {"text", line.text}});
}

}  // namespace

void log_stages(const core::Actions& actions) {
  for (const core::CauseChange& change : actions.causes) log_cause(change);
  for (const core::SweepEnd& end : actions.sweeps) log_sweep(end);
  for (const core::SwitchChange& change : actions.switches) log_switch(change);
  for (const core::CommandApplied& command : actions.applied) log_applied(command);
  for (const core::Record& record : actions.records) {
    if (const auto* publication = std::get_if<core::Publication>(&record)) {
      std::visit([&](const auto& body) { log_event(*publication, body); }, publication->body);
    } else if (const auto* line = std::get_if<core::HistoryLine>(&record)) {
      log_contradiction(*line);
      log_operator(*line);
    }
  }
  for (const core::Send& send : actions.sends) {
    if (const auto* task = std::get_if<core::SendTask>(&send)) {
      io::log_info("task_sent", {{"task", task->task},
                                 {"kind", core::lower_name_of(task->kind)},
                                 {"order_id", task->order.order_id},
                                 {"symbol", task->order.symbol},
                                 {"cl_ord_id", task->order.cl_ord_id},
                                 {"attempt", task->attempt},
                                 {"stamp", task->stamp_ms},
                                 {"traceparent", task->order.traceparent}});
    }
  }
}

}  // namespace cancelbus::bus
