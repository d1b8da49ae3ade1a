#include "service/bus/stage_metrics.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "cancelbus/v1/cancel.pb.h"
#include "service/wire/enums.hpp"

namespace cancelbus::bus {

namespace {

const prometheus::Histogram::BucketBoundaries StageSeconds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                           0.025,  0.05,    0.1,    0.25,  0.5,    1,     2.5,
                                                           5,      10,      30,     60,    120,    300,   900};

/// The end of a stage, if both its ends are known.
void observe(prometheus::Histogram& histogram, std::optional<core::WallTime> from, std::optional<core::WallTime> to) {
  if (!from || !to) return;
  histogram.Observe(std::max(0.0, std::chrono::duration<double>(*to - *from).count()));
}

/// `CANCEL_STAGE_STUCK` without its first words.
std::string label(const std::string& name, std::string_view prefix) { return name.substr(prefix.size()); }

std::string reason_label(core::RejectReason reason) {
  if (reason == core::RejectReason::None) return "";
  return label(v1::CxlRejReason_Name(wire::to_wire(reason)), "CXL_REJ_REASON_");
}

std::string stage_label(core::Stage stage) {
  return label(v1::CancelStage_Name(wire::to_wire(stage)), "CANCEL_STAGE_");
}

prometheus::Family<prometheus::Counter>& counters(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

}  // namespace

StageMetrics::StageMetrics(prometheus::Registry& registry)
    : stages_(prometheus::BuildHistogram()
                  .Name("cancelbus_stage_seconds")
                  .Help("Commands: door_to_store until the receipt, queue_wait until given to a worker, "
                        "dispatch_to_wire until its request is written, wire_to_answer, ack_to_final")
                  .Register(registry)),
      door_to_store_(stages_.Add({{"stage", "door_to_store"}}, StageSeconds)),
      queue_wait_(stages_.Add({{"stage", "queue_wait"}}, StageSeconds)),
      dispatch_to_wire_(stages_.Add({{"stage", "dispatch_to_wire"}}, StageSeconds)),
      wire_to_answer_(stages_.Add({{"stage", "wire_to_answer"}}, StageSeconds)),
      ack_to_final_(stages_.Add({{"stage", "ack_to_final"}}, StageSeconds)),
      acks_(counters(registry, "cancelbus_acks_total", "CancelAcks, by status and reason")),
      finals_(counters(registry, "cancelbus_finals_total", "CancelFinals of commands, by order status and evidence")),
      statuses_(counters(registry, "cancelbus_statuses_total", "CancelStatus events, by stage")),
      refused_(counters(registry, "cancelbus_commands_refused_total", "Commands refused at the door, by reason")) {
  // A counter that begins with its first event shows no increase: those that rules ask for begin with 0.
  for (int stage = 0; stage <= static_cast<int>(core::Stage::BackOnBook); ++stage) {
    statuses_.Add({{"stage", stage_label(static_cast<core::Stage>(stage))}});
  }
  for (int reason = 1; reason <= static_cast<int>(core::RejectReason::StoreUnavailable); ++reason) {
    refused_.Add({{"reason", reason_label(static_cast<core::RejectReason>(reason))}});
  }
}

void StageMetrics::count(const core::Actions& actions) {
  for (const core::Record& record : actions.records) {
    const auto* publication = std::get_if<core::Publication>(&record);
    if (publication != nullptr) std::visit([this](const auto& body) { count(body); }, publication->body);
  }
  for (const core::Send& send : actions.sends) {
    if (const auto* receipt = std::get_if<core::SendReceipt>(&send)) count(*receipt);
  }
}

void StageMetrics::observe_receipt(core::Duration took) {
  door_to_store_.Observe(std::chrono::duration<double>(took).count());
}

void StageMetrics::count(const core::CancelAck& ack) {
  const std::string status = label(v1::CancelAckStatus_Name(wire::to_wire(ack.status)), "CANCEL_ACK_STATUS_");
  acks_.Add({{"status", status}, {"reason", reason_label(ack.reason)}}).Increment();
  observe(queue_wait_, ack.timeline.received, ack.timeline.dispatched);
  // Of a command that joined others after their request had been sent, nothing was dispatched.
  if (!ack.timeline.dispatched) return;
  observe(dispatch_to_wire_, ack.timeline.dispatched, ack.timeline.sent);
  observe(wire_to_answer_, ack.timeline.sent, ack.timeline.answered);
}

void StageMetrics::count(const core::CancelFinal& final) {
  if (final.unsolicited) return;
  finals_
      .Add({{"ord_status", label(v1::OrdStatus_Name(wire::to_wire(final.ord_status)), "ORD_STATUS_")},
            {"evidence", label(v1::Evidence_Name(wire::to_wire(final.evidence)), "EVIDENCE_")}})
      .Increment();
  observe(ack_to_final_, final.timeline.acked, final.timeline.finalized);
}

void StageMetrics::count(const core::CancelStatus& status) {
  statuses_.Add({{"stage", stage_label(status.stage)}}).Increment();
}

void StageMetrics::count(const core::SendReceipt& receipt) {
  if (receipt.status == core::ReceiptStatus::Refused)
    refused_.Add({{"reason", reason_label(receipt.reason)}}).Increment();
}

}  // namespace cancelbus::bus
