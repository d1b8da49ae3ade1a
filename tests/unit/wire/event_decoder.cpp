#include "tests/unit/wire/event_decoder.hpp"

#include <absl/status/status.h>

#include <variant>

#include "cancelbus/v1/cancel.pb.h"
#include "service/wire/frame.hpp"
#include "service/wire/times.hpp"

namespace cancelbus::wire {
namespace {

absl::Status bad(const char* what) { return absl::InvalidArgumentError(what); }

core::Timeline to_timeline(const v1::Timeline& proto) {
  core::Timeline timeline;
  if (proto.has_received()) timeline.received = to_wall_time(proto.received());
  if (proto.has_dispatched()) timeline.dispatched = to_wall_time(proto.dispatched());
  if (proto.has_sent()) timeline.sent = to_wall_time(proto.sent());
  if (proto.has_answered()) timeline.answered = to_wall_time(proto.answered());
  if (proto.has_finalized()) timeline.finalized = to_wall_time(proto.finalized());
  timeline.attempts = proto.attempts();
  timeline.worker = proto.worker();
  return timeline;
}

using Body = decltype(core::Publication::body);

absl::StatusOr<Body> to_body(const v1::CancelAck& proto) {
  const auto status = core_of<core::AckStatus>(proto.status());
  const auto reason = core_of<core::RejectReason>(proto.cxl_rej_reason());
  const auto origin = core_of<core::Origin>(proto.origin());
  if (!status) return bad("cancel_ack.status: not known");
  if (!reason) return bad("cancel_ack.cxl_rej_reason: not known");
  if (!origin) return bad("cancel_ack.origin: not known");
  return core::CancelAck{proto.cl_ord_id(),
                         proto.order_id(),
                         *status,
                         *reason,
                         *origin,
                         proto.text(),
                         proto.http_status(),
                         proto.exchange_code(),
                         proto.final_follows(),
                         to_timeline(proto.timeline())};
}

absl::StatusOr<Body> to_body(const v1::CancelFinal& proto) {
  const auto ord_status = core_of<core::OrdStatus>(proto.ord_status());
  const auto evidence = core_of<core::Evidence>(proto.evidence());
  if (!ord_status) return bad("cancel_final.ord_status: not known");
  if (!evidence) return bad("cancel_final.evidence: not known");
  return core::CancelFinal{proto.cl_ord_id(),
                           proto.order_id(),
                           *ord_status,
                           *evidence,
                           proto.unsolicited(),
                           proto.symbol(),
                           {proto.price(), proto.order_qty(), proto.leaves_qty(), proto.cum_qty(), proto.qty_exact()},
                           to_timeline(proto.timeline())};
}

absl::StatusOr<Body> to_body(const v1::CancelStatus& proto) {
  const auto stage = core_of<core::Stage>(proto.stage());
  const auto since = to_wall_time(proto.since());
  if (!stage) return bad("cancel_status.stage: not known");
  if (!since) return bad("cancel_status.since: not a valid time");
  return core::CancelStatus{proto.cl_ord_id(), proto.order_id(), *stage, proto.text(), *since};
}

absl::StatusOr<Body> to_body(const v1::MassCancelReport& proto) {
  const auto status = core_of<core::MassCancelStatus>(proto.status());
  if (!status) return bad("mass_cancel_report.status: not known");
  core::MassCancelReport report;
  report.cl_ord_id = proto.cl_ord_id();
  report.status = *status;
  report.total_affected = proto.total_affected();
  report.canceled = proto.canceled();
  report.filled = proto.filled();
  report.still_open = proto.still_open();
  report.in_doubt = proto.in_doubt();
  report.unsent = proto.unsent();
  for (const auto& one : proto.not_affected()) {
    const auto reason = core_of<core::RejectReason>(one.reason());
    if (!reason) return bad("mass_cancel_report.not_affected.reason: not known");
    report.not_affected.push_back({one.order_id(), *reason, one.text()});
  }
  report.not_affected_total = proto.not_affected_total();
  report.text = proto.text();
  if (proto.has_complete_as_of()) {
    const auto as_of = to_wall_time(proto.complete_as_of());
    if (!as_of) return bad("mass_cancel_report.complete_as_of: not a valid time");
    report.complete_as_of = core::Instant{{}, *as_of};
  }
  if (proto.has_estimated_completion()) report.estimated_completion = to_wall_time(proto.estimated_completion());
  return report;
}

absl::StatusOr<Body> to_body(const v1::Event& event) {
  switch (event.event_case()) {
    case v1::Event::kCancelAck:
      return to_body(event.cancel_ack());
    case v1::Event::kCancelFinal:
      return to_body(event.cancel_final());
    case v1::Event::kCancelStatus:
      return to_body(event.cancel_status());
    case v1::Event::kMassCancelReport:
      return to_body(event.mass_cancel_report());
    case v1::Event::kBusStatus:
      return bad("event: a bus_status has no sequence");
    case v1::Event::kRecorded:
      return bad("event: a recorded has no sequence");
    case v1::Event::EVENT_NOT_SET:
      break;
  }
  return bad("event: none of those known here is set");
}

}  // namespace

absl::StatusOr<DecodedEvent> decode_event(std::string_view bytes) {
  v1::Event event;
  if (!parse_frame(bytes, event)) return bad("frame: not an Event");
  const auto sending_time = to_wall_time(event.sending_time());
  if (!sending_time) return bad("sending_time: not a valid time");
  auto body = to_body(event);
  if (!body.ok()) return body.status();
  return DecodedEvent{event.epoch(), event.poss_dup(), {event.topic(), event.seq(), *sending_time, *std::move(body)}};
}

}  // namespace cancelbus::wire
