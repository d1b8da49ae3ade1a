#include "clients/cancelctl/text.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/time_util.h>

#include <cstdio>

namespace cancelbus::ctl {
namespace {

using google::protobuf::util::TimeUtil;

// ORD_STATUS_CANCELED as "CANCELED"; a value of a later contract as its number.
template <typename Enum>
std::string short_name(Enum value, std::string_view prefix) {
  const auto* known = google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(static_cast<int>(value));
  return known ? known->name().substr(prefix.size()) : std::to_string(static_cast<int>(value));
}

std::string reason_text(v1::CxlRejReason reason, const std::string& text) {
  const std::string name = short_name(reason, "CXL_REJ_REASON_");
  return text.empty() ? name : name + ": " + printable(text);
}

std::string quantities(const v1::CancelFinal& final) {
  if (final.cum_qty().empty() && final.leaves_qty().empty()) return "";
  std::string text = ", filled " + (final.cum_qty().empty() ? "?" : printable(final.cum_qty()));
  if (!final.order_qty().empty()) text += " of " + printable(final.order_qty());
  return text + (final.qty_exact() ? "" : " (not exact)");
}

std::string order_name(int64_t order_id, const std::string& cl_ord_id) {
  std::string name = "order " + std::to_string(order_id);
  return cl_ord_id.empty() ? name : name + " (" + printable(cl_ord_id) + ")";
}

std::string content(const v1::Event& event) {
  switch (event.event_case()) {
    case v1::Event::kCancelAck:
      return order_name(event.cancel_ack().order_id(), event.cancel_ack().cl_ord_id()) + " " +
             describe(event.cancel_ack());
    case v1::Event::kCancelFinal:
      return order_name(event.cancel_final().order_id(), event.cancel_final().cl_ord_id()) + " " +
             describe(event.cancel_final());
    case v1::Event::kCancelStatus:
      return order_name(event.cancel_status().order_id(), event.cancel_status().cl_ord_id()) + " " +
             describe(event.cancel_status());
    case v1::Event::kBusStatus:
      return describe(event.bus_status());
    case v1::Event::EVENT_NOT_SET:
      return "an event that this version does not know";
  }
  return "";
}

}  // namespace

WallTime wall_now() { return std::chrono::system_clock::now(); }

std::string time_text(WallTime time) {
  return TimeUtil::ToString(TimeUtil::NanosecondsToTimestamp(time.time_since_epoch().count()));
}

std::string elapsed_text(std::chrono::nanoseconds time) {
  const double ms = std::chrono::duration<double, std::milli>(time).count();
  char text[32];
  if (ms < 1000) {
    std::snprintf(text, sizeof text, "%.1f ms", ms);
  } else {
    std::snprintf(text, sizeof text, "%.1f s", ms / 1000);
  }
  return text;
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    const bool c1 = byte == 0xC2 && next >= 0x80 && next <= 0x9F;
    const bool obeyed = byte < 0x20 || byte == 0x7F || c1;
    out += obeyed ? '?' : text[i];
    if (c1) ++i;
  }
  return out;
}

std::string describe(const v1::Receipt& receipt) {
  switch (receipt.status()) {
    case v1::RECEIPT_STATUS_APPLIED:
      return "received";
    case v1::RECEIPT_STATUS_DUPLICATE:
      return "received before";
    case v1::RECEIPT_STATUS_REFUSED:
      return "refused, " + reason_text(receipt.reason(), receipt.text());
    default:
      return "receipt " + short_name(receipt.status(), "RECEIPT_STATUS_");
  }
}

std::string describe(const v1::CancelAck& ack) {
  std::string text = "ack ";
  switch (ack.status()) {
    case v1::CANCEL_ACK_STATUS_IN_DOUBT:
      text += "IN_DOUBT: sent, and not known whether it was processed; cancelbus keeps asking";
      break;
    case v1::CANCEL_ACK_STATUS_REJECTED:
      text +=
          "REJECTED by " + short_name(ack.origin(), "ORIGIN_") + ", " + reason_text(ack.cxl_rej_reason(), ack.text());
      if (ack.http_status() != 0) text += " (HTTP " + std::to_string(ack.http_status()) + ")";
      break;
    default:
      text += short_name(ack.status(), "CANCEL_ACK_STATUS_");
  }
  return text + (ack.final_follows() ? "; final follows" : "");
}

std::string describe(const v1::CancelFinal& final) {
  std::string text = final.unsolicited() ? "unsolicited final " : "final ";
  text += short_name(final.ord_status(), "ORD_STATUS_");
  if (final.ord_status() == v1::ORD_STATUS_NEW || final.ord_status() == v1::ORD_STATUS_PARTIALLY_FILLED) {
    text += ": the order is STILL OPEN";
  }
  if (final.ord_status() == v1::ORD_STATUS_REJECTED) text += ": the exchange knows no such order";
  return text + " (" + short_name(final.evidence(), "EVIDENCE_") + ")" + quantities(final);
}

std::string describe(const v1::CancelStatus& status) {
  const std::string stage = "stage " + short_name(status.stage(), "CANCEL_STAGE_");
  return status.text().empty() ? stage : stage + ": " + printable(status.text());
}

std::string describe(const v1::BusStatus& status) {
  std::string text;
  for (const auto& w : status.windows()) {
    text += printable(w.limiter()) + " " + std::to_string(w.used()) + "/" + std::to_string(w.limit()) + " in " +
            TimeUtil::ToString(w.period()) + ", ";
  }
  uint64_t queued = 0;
  for (const auto& q : status.queues()) queued += q.urgent() + uint64_t{q.normal()};
  return text + std::to_string(queued) + " queued, " + std::to_string(status.commands_undecided()) + " undecided, " +
         std::to_string(status.workers_size()) + " workers, stream " + (status.stream().live() ? "live" : "not live") +
         (status.holds().empty() ? "" : ", on hold") + (status.store_writable() ? "" : ", STORE NOT WRITABLE");
}

std::string describe(const v1::Reject& reject) {
  const std::string field = reject.field().empty() ? "a message" : "field " + printable(reject.field());
  return "the bus rejected " + field + ", " + reason_text(reject.reason(), reject.text());
}

std::string describe(const v1::Resolved& resolved) {
  const std::string name = printable(resolved.sender_comp_id() + "/" + resolved.cl_ord_id());
  const std::string text = resolved.text().empty() ? "" : ": " + printable(resolved.text());
  switch (resolved.status()) {
    case v1::RESOLVE_STATUS_SETTLED:
      return name + " settled" + text;
    case v1::RESOLVE_STATUS_PENDING:
      return name + " not settled yet" + text;
    case v1::RESOLVE_STATUS_REFUSED:
      return name + " not settled" + text;
    default:
      return name + " " + short_name(resolved.status(), "RESOLVE_STATUS_") + text;
  }
}

std::string event_line(const v1::Event& event) {
  std::string line = TimeUtil::ToString(event.sending_time()) + " " + printable(event.topic());
  if (event.seq() != 0) line += " #" + std::to_string(event.seq());
  return line + " " + content(event) + (event.poss_dup() ? " [repeated]" : "");
}

}  // namespace cancelbus::ctl
