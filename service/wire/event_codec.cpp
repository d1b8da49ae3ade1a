#include "service/wire/event_codec.hpp"

#include <variant>

#include "cancelbus/v1/cancel.pb.h"
#include "service/wire/bus_status.hpp"
#include "service/wire/enums.hpp"
#include "service/wire/text.hpp"
#include "service/wire/times.hpp"

namespace cancelbus::wire {
namespace {

/// 200 of them have to fit into a frame.
constexpr std::size_t MaxNotAffectedTextBytes = 128;

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

void fill_body(const core::MassCancelReport& report, v1::Event& event) {
  v1::MassCancelReport& proto = *event.mutable_mass_cancel_report();
  proto.set_cl_ord_id(report.cl_ord_id);
  proto.set_status(to_wire(report.status));
  proto.set_total_affected(report.total_affected);
  proto.set_canceled(report.canceled);
  proto.set_filled(report.filled);
  proto.set_still_open(report.still_open);
  proto.set_in_doubt(report.in_doubt);
  proto.set_unsent(report.unsent);
  for (const auto& [order_id, reason, text] : report.not_affected) {
    v1::MassCancelReport::NotAffected& added = *proto.add_not_affected();
    added.set_order_id(order_id);
    added.set_reason(to_wire(reason));
    added.set_text(legible(text, MaxNotAffectedTextBytes));
  }
  proto.set_not_affected_total(report.not_affected_total);
  proto.set_text(legible(report.text));
  if (report.complete_as_of) *proto.mutable_complete_as_of() = to_timestamp(report.complete_as_of->wall);
  if (report.estimated_completion) {
    *proto.mutable_estimated_completion() = to_timestamp(*report.estimated_completion);
  }
}

}  // namespace

std::string encode_event(const core::Publication& publication, uint64_t epoch, uint64_t term) {
  v1::Event event;
  event.set_epoch(epoch);
  event.set_term(term);
  event.set_topic(publication.topic);
  event.set_seq(publication.seq);
  *event.mutable_sending_time() = to_timestamp(publication.sending_time);
  std::visit([&event](const auto& body) { fill_body(body, event); }, publication.body);
  return event.SerializeAsString();
}

std::string encode_bus_status_event(const core::BusStatus& status, uint64_t epoch) {
  v1::Event event;
  event.set_epoch(epoch);
  event.set_term(status.term);
  event.set_topic("bus.");
  *event.mutable_sending_time() = to_timestamp(status.as_of);
  fill_bus_status(status, *event.mutable_bus_status());
  return event.SerializeAsString();
}

}  // namespace cancelbus::wire
