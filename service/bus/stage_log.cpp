#include "service/bus/stage_log.hpp"

#include <absl/container/flat_hash_set.h>

#include "cancelbus/v1/cancel.pb.h"
#include "service/io/log.hpp"
#include "service/wire/enums.hpp"

namespace cancelbus::bus {

namespace {

/// A command's record comes once for each thing that changed in the turn; it was received in the turn of that instant.
bool is_new(const core::CommandRecord& record, absl::flat_hash_set<core::CommandKey>& seen) {
  return record.updated == record.timeline.received && seen.insert(record.key).second;
}

void log_record(const core::CommandRecord& record) {
  io::log_info("command_received", {{"sender", record.key.sender},
                                    {"cl_ord_id", record.key.cl_ord_id},
                                    {"order_id", record.order.order_id},
                                    {"traceparent", record.order.traceparent}});
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

}  // namespace

void log_stages(const core::Actions& actions) {
  absl::flat_hash_set<core::CommandKey> received;
  for (const core::Record& record : actions.records) {
    const auto* command = std::get_if<core::CommandRecord>(&record);
    if (command != nullptr && is_new(*command, received)) log_record(*command);
  }
  for (const core::Record& record : actions.records) {
    if (const auto* publication = std::get_if<core::Publication>(&record)) {
      std::visit([&](const auto& body) { log_event(*publication, body); }, publication->body);
    }
  }
  for (const core::Send& send : actions.sends) {
    if (const auto* task = std::get_if<core::SendTask>(&send)) {
      io::log_info("task_sent", {{"task", task->task},
                                 {"kind", task->kind == core::LimiterKind::Cancel ? "cancel" : "query"},
                                 {"order_id", task->order.order_id},
                                 {"cl_ord_id", task->order.cl_ord_id},
                                 {"attempt", task->attempt},
                                 {"stamp", task->stamp_ms},
                                 {"traceparent", task->order.traceparent}});
    }
  }
}

}  // namespace cancelbus::bus
