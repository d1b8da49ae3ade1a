#include "service/bus/stage_metrics.hpp"

#include <algorithm>
#include <string_view>

#include "service/core/names.hpp"
#include "service/io/metrics.hpp"

namespace cancelbus::bus {

namespace {

const prometheus::Histogram::BucketBoundaries StageSeconds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                           0.025,  0.05,    0.1,    0.25,  0.5,    1,     2.5,
                                                           5,      10,      30,     60,    120,    300,   900};

/// The end of a stage, if both its ends are known.
void observe(prometheus::Histogram& histogram, std::optional<core::WallTime> from, std::optional<core::WallTime> to) {
  if (!from || !to) return;
  histogram.Observe(std::max(0.0, io::seconds(*to - *from)));
}

template <typename Enum>
std::string label(Enum value) {
  return std::string(core::name_of(value));
}

}  // namespace

StageMetrics::StageMetrics(prometheus::Registry& registry)
    : stages_(prometheus::BuildHistogram()
                  .Name("cancelbus_stage_seconds")
                  .Help("Commands: listener_to_store until the receipt, queue_wait until given to a worker, "
                        "dispatch_to_wire until its request is written, wire_to_response, ack_to_final")
                  .Register(registry)),
      listener_to_store_(stages_.Add({{"stage", "listener_to_store"}}, StageSeconds)),
      queue_wait_(stages_.Add({{"stage", "queue_wait"}}, StageSeconds)),
      dispatch_to_wire_(stages_.Add({{"stage", "dispatch_to_wire"}}, StageSeconds)),
      wire_to_response_(stages_.Add({{"stage", "wire_to_response"}}, StageSeconds)),
      ack_to_final_(stages_.Add({{"stage", "ack_to_final"}}, StageSeconds)),
      acks_(io::counters(registry, "cancelbus_acks_total", "CancelAcks, by status and reason")),
      finals_(
          io::counters(registry, "cancelbus_finals_total", "CancelFinals of commands, by order status and evidence")),
      statuses_(io::counters(registry, "cancelbus_statuses_total", "CancelStatus events, by stage")),
      refused_(io::counters(registry, "cancelbus_commands_refused_total", "Commands refused at the door, by reason")),
      mass_cancels_(io::counters(registry, "cancelbus_mass_cancels_total",
                                 "Mass cancels, by status: accepted, and how they ended")),
      switches_(io::counters(registry, "cancelbus_switch_changes_total",
                             "Changes of kill switches and dead man's switches, by what happened")) {
  // A counter that begins with its first event shows no increase: those that rules ask for begin with 0.
  for (const std::string_view stage : core::Names<core::Stage>) statuses_.Add({{"stage", std::string(stage)}});
  for (const core::MassCancelStatus status :
       {core::MassCancelStatus::Accepted, core::MassCancelStatus::Completed, core::MassCancelStatus::Rejected}) {
    mass_cancels_.Add({{"status", label(status)}});
  }
  for (const std::string_view what : core::Names<core::SwitchChange::What>) {
    switches_.Add({{"change", std::string(what)}});
  }
  for (const std::string_view reason : core::Names<core::RejectReason>) {
    if (!reason.empty()) refused_.Add({{"reason", std::string(reason)}});
  }
}

void StageMetrics::count(const core::Actions& actions) {
  for (const core::Record& record : actions.records) {
    const auto* publication = std::get_if<core::Publication>(&record);
    if (publication != nullptr) std::visit([this](const auto& body) { count(body); }, publication->body);
  }
  for (const core::SwitchChange& change : actions.switches) switches_.Add({{"change", label(change.what)}}).Increment();
  for (const core::Send& send : actions.sends) {
    if (const auto* receipt = std::get_if<core::SendReceipt>(&send)) count(*receipt);
  }
}

void StageMetrics::observe_receipt(core::Duration took) { listener_to_store_.Observe(io::seconds(took)); }

void StageMetrics::count(const core::CancelAck& ack) {
  acks_.Add({{"status", label(ack.status)}, {"reason", label(ack.reason)}}).Increment();
  observe(queue_wait_, ack.timeline.received, ack.timeline.dispatched);
  // Of a command that joined others after their request had been sent, nothing was dispatched.
  if (!ack.timeline.dispatched) return;
  observe(dispatch_to_wire_, ack.timeline.dispatched, ack.timeline.sent);
  observe(wire_to_response_, ack.timeline.sent, ack.timeline.answered);
}

void StageMetrics::count(const core::CancelFinal& final) {
  if (final.unsolicited) return;
  finals_.Add({{"ord_status", label(final.ord_status)}, {"evidence", label(final.evidence)}}).Increment();
  observe(ack_to_final_, final.timeline.acked, final.timeline.finalized);
}

void StageMetrics::count(const core::CancelStatus& status) {
  statuses_.Add({{"stage", label(status.stage)}}).Increment();
}

void StageMetrics::count(const core::MassCancelReport& report) {
  if (report.status != core::MassCancelStatus::Progress)
    mass_cancels_.Add({{"status", label(report.status)}}).Increment();
}

void StageMetrics::count(const core::SendReceipt& receipt) {
  if (receipt.status == core::ReceiptStatus::Refused) refused_.Add({{"reason", label(receipt.reason)}}).Increment();
}

}  // namespace cancelbus::bus
