#include "cancelbus/describe.hpp"

#include <ctime>

namespace cancelbus::client {
namespace {

std::string quantities(const v1::CancelFinal& final) {
  if (final.cum_qty().empty() && final.leaves_qty().empty()) return "";
  std::string text = ", filled " + (final.cum_qty().empty() ? "?" : printable(final.cum_qty()));
  if (!final.order_qty().empty()) text += " of " + printable(final.order_qty());
  return text + (final.qty_exact() ? "" : " (not exact)");
}

}  // namespace

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

std::string reason_text(v1::CxlRejReason reason, const std::string& text) {
  const std::string name = short_name(reason, "CXL_REJ_REASON_");
  return text.empty() ? name : name + ": " + printable(text);
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

std::string describe(const v1::Cause& cause) {
  std::string text = short_name(cause.kind(), "CAUSE_KIND_") + ": " + printable(cause.text());
  if (cause.has_remaining()) text += ", " + std::to_string(cause.remaining().seconds()) + " s left";
  return text;
}

std::string describe(const v1::EventBar& bar) {
  std::string text = "the key of " + printable(bar.name()) + " is barred from events";
  std::tm utc{};
  const std::time_t until = bar.until().seconds();
  char clock[16];
  if (bar.has_until() && gmtime_r(&until, &utc) != nullptr &&
      std::strftime(clock, sizeof clock, "%H:%M:%S", &utc) > 0) {
    text += " until " + std::string(clock) + " UTC";
  }
  if (bar.has_remaining()) text += " (" + std::to_string(bar.remaining().seconds()) + " s left)";
  return text + ": " + printable(bar.text());
}

}  // namespace cancelbus::client
