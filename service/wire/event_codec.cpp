#include "service/wire/event_codec.hpp"

#include <absl/status/status.h>

#include <optional>
#include <variant>

#include "cancelbus/v1/cancel.pb.h"
#include "service/wire/bus_status.hpp"
#include "service/wire/enums.hpp"
#include "service/wire/frame.hpp"
#include "service/wire/text.hpp"
#include "service/wire/times.hpp"

namespace cancelbus::wire {
namespace {

// ---- To the wire ----

void fill_timeline(const core::Timeline& timeline, v1::Timeline& proto) {
  if (timeline.received) *proto.mutable_received() = to_timestamp(*timeline.received);
  if (timeline.dispatched) *proto.mutable_dispatched() = to_timestamp(*timeline.dispatched);
  if (timeline.sent) *proto.mutable_sent() = to_timestamp(*timeline.sent);
  if (timeline.answered) *proto.mutable_answered() = to_timestamp(*timeline.answered);
  if (timeline.finalized) *proto.mutable_finalized() = to_timestamp(*timeline.finalized);
  proto.set_attempts(timeline.attempts);
  proto.set_worker(legible(timeline.worker));
}

void fill_body(const core::CancelAck& ack, v1::Event& event) {
  v1::CancelAck& proto = *event.mutable_cancel_ack();
  proto.set_cl_ord_id(ack.cl_ord_id);
  proto.set_order_id(ack.order_id);
  proto.set_status(to_wire(ack.status));
  proto.set_cxl_rej_reason(to_wire(ack.reason));
  proto.set_origin(to_wire(ack.origin));
  proto.set_text(legible(ack.text));
  proto.set_http_status(ack.http_status);
  proto.set_exchange_code(ack.exchange_code);
  proto.set_final_follows(ack.final_follows);
  fill_timeline(ack.timeline, *proto.mutable_timeline());
}

void fill_body(const core::CancelFinal& final, v1::Event& event) {
  v1::CancelFinal& proto = *event.mutable_cancel_final();
  proto.set_cl_ord_id(final.cl_ord_id);
  proto.set_order_id(final.order_id);
  proto.set_exec_type(to_exec_type(final.ord_status));
  proto.set_ord_status(to_wire(final.ord_status));
  proto.set_evidence(to_wire(final.evidence));
  proto.set_unsolicited(final.unsolicited);
  proto.set_symbol(legible(final.symbol));
  proto.set_price(legible(final.quantities.price));
  proto.set_order_qty(legible(final.quantities.order_qty));
  proto.set_leaves_qty(legible(final.quantities.leaves_qty));
  proto.set_cum_qty(legible(final.quantities.cum_qty));
  proto.set_qty_exact(final.quantities.exact);
  fill_timeline(final.timeline, *proto.mutable_timeline());
}

void fill_body(const core::CancelStatus& status, v1::Event& event) {
  v1::CancelStatus& proto = *event.mutable_cancel_status();
  proto.set_cl_ord_id(status.cl_ord_id);
  proto.set_order_id(status.order_id);
  proto.set_stage(to_wire(status.stage));
  proto.set_text(legible(status.text));
  *proto.mutable_since() = to_timestamp(status.since);
}

// ---- From the wire ----

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
  const auto status = from_wire(proto.status());
  const auto reason = from_wire(proto.cxl_rej_reason());
  const auto origin = from_wire(proto.origin());
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
  const auto ord_status = from_wire(proto.ord_status());
  const auto evidence = from_wire(proto.evidence());
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
  const auto stage = from_wire(proto.stage());
  const auto since = to_wall_time(proto.since());
  if (!stage) return bad("cancel_status.stage: not known");
  if (!since) return bad("cancel_status.since: not a valid time");
  return core::CancelStatus{proto.cl_ord_id(), proto.order_id(), *stage, proto.text(), *since};
}

absl::StatusOr<Body> to_body(const v1::Event& event) {
  switch (event.event_case()) {
    case v1::Event::kCancelAck:
      return to_body(event.cancel_ack());
    case v1::Event::kCancelFinal:
      return to_body(event.cancel_final());
    case v1::Event::kCancelStatus:
      return to_body(event.cancel_status());
    case v1::Event::kBusStatus:
      return bad("event: a bus_status has no sequence");
    case v1::Event::EVENT_NOT_SET:
      break;
  }
  return bad("event: none of those known here is set");
}

}  // namespace

std::string encode_event(const core::Publication& publication, uint64_t epoch) {
  v1::Event event;
  event.set_epoch(epoch);
  event.set_topic(publication.topic);
  event.set_seq(publication.seq);
  *event.mutable_sending_time() = to_timestamp(publication.sending_time);
  std::visit([&event](const auto& body) { fill_body(body, event); }, publication.body);
  return event.SerializeAsString();
}

std::string encode_bus_status_event(const core::BusStatus& status, uint64_t epoch) {
  v1::Event event;
  event.set_epoch(epoch);
  event.set_topic("bus.");
  *event.mutable_sending_time() = to_timestamp(status.as_of);
  fill_bus_status(status, *event.mutable_bus_status());
  return event.SerializeAsString();
}

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
