#include "clients/fix/reports.hpp"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>

#include <utility>

#include "cancelbus/v1/fix.pb.h"
#include "service/core/decimal.hpp"

namespace cancelbus::fix {
namespace {

constexpr size_t MaxText = 256;
constexpr const char* NoSymbol = "[N/A]";
constexpr const char* NoSide = "7";
/// Of an order that is not known here.
constexpr const char* None = "NONE";

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values) {
    if (!value.empty()) return value;
  }
  return {};
}

template <typename Enum>
std::string option_of(const google::protobuf::EnumDescriptor* descriptor, Enum value) {
  const auto* found = descriptor->FindValueByNumber(value);
  return found == nullptr ? std::string() : found->options().GetExtension(v1::enum_value);
}

std::string time_text(absl::Time time) { return absl::FormatTime("%Y%m%d-%H:%M:%E3S", time, absl::UTCTimeZone()); }

std::string joined(const std::string& first, const std::string& second) {
  if (first.empty() || second.empty()) return absl::StrCat(first, second);
  return absl::StrCat(first, "; ", second);
}

/// Without the zeros that the exchange writes at its end.
std::string decimal(const std::string& text) { return core::difference(text, "0").value_or(text); }

struct Quantities {
  std::string quantity;
  std::string leaves;
  std::string filled;
  std::string text;  ///< what is not known of them
};

Quantities quantities_of(const OrderFacts* facts) {
  if (facts == nullptr) return {"", "0", "0", "the quantities of the order are not known"};
  const auto filled = core::difference(facts->quantity, facts->leaves);
  if (!filled) return {facts->quantity, "0", "0", "the filled quantity is not known"};
  return {facts->quantity, facts->leaves, *filled, ""};
}

/// `symbol` and `price`: as an event says, if it does.
Outgoing execution(const Subject& subject, const std::string& exec_id, const char* exec_type,
                   const std::string& ord_status, const std::string& symbol, const std::string& price,
                   const Quantities& quantities, const std::string& text) {
  const Request& request = subject.request ? *subject.request : Request();
  const OrderFacts& facts = subject.facts ? *subject.facts : OrderFacts();
  const bool of_status = request.type == "H";
  Outgoing report{"8", {}};
  Fields& body = report.body;
  add(body, tag::OrderID, subject.order_id == 0 ? None : absl::StrCat(subject.order_id));
  if (of_status || subject.request == nullptr) {
    add(body, tag::ClOrdID, first_of({request.cl_ord_id, facts.client_order_id}));
    add(body, tag::OrdStatusReqID, request.extra);
  } else {
    add(body, tag::ClOrdID, request.id);
    add(body, tag::OrigClOrdID, first_of({request.orig, facts.client_order_id}));
  }
  add(body, tag::ExecID, exec_id);
  add(body, tag::ExecType, exec_type);
  add(body, tag::OrdStatus, ord_status);
  add(body, tag::Account, request.account);
  add(body, tag::Symbol, first_of({facts.symbol, symbol, request.symbol, NoSymbol}));
  add(body, tag::Side, first_of({facts.side, request.side, NoSide}));
  add(body, tag::OrderQty, decimal(quantities.quantity));
  add(body, tag::Price, decimal(first_of({price, facts.price})));
  add(body, tag::LeavesQty, decimal(quantities.leaves));
  add(body, tag::CumQty, decimal(quantities.filled));
  add(body, tag::AvgPx, "0");
  add(body, tag::TransactTime, subject.time);
  add(body, tag::Text, sanitized(joined(text, quantities.text)));
  return report;
}

}  // namespace

Outgoing pending_cancel(const Subject& subject, const std::string& exec_id, const std::string& text) {
  return execution(subject, exec_id, "6", "6", "", "", quantities_of(subject.facts), text);
}

Outgoing canceled(const Subject& subject, const v1::CancelFinal& final, const std::string& exec_id) {
  Quantities quantities = quantities_of(subject.facts);
  const std::string quantity = first_of({final.order_qty(), quantities.quantity});
  const std::string filled = first_of({final.cum_qty(), "0"});
  std::string text;
  if (final.cum_qty().empty()) {
    text = "the filled quantity is not known";
  } else if (!final.qty_exact()) {
    text = "CumQty is a lower bound";
  }
  return execution(subject, exec_id, "4", "4", final.symbol(), final.price(), {quantity, "0", filled, text}, "");
}

Outgoing order_status(const Subject& subject, const std::string& exec_id, const std::string& ord_status,
                      const std::string& text) {
  Quantities quantities = quantities_of(subject.facts);
  if (ord_status == "8") quantities.text.clear();
  if (ord_status == "2" || ord_status == "4" || ord_status == "8") quantities.leaves = "0";
  if (ord_status == "2" && !quantities.quantity.empty()) quantities.filled = quantities.quantity;
  return execution(subject, exec_id, "I", ord_status, "", "", quantities, text);
}

Outgoing cancel_reject(const Subject& subject, const std::string& reason, const std::string& ord_status,
                       const std::string& text) {
  const Request& request = *subject.request;
  const OrderFacts& facts = subject.facts ? *subject.facts : OrderFacts();
  Outgoing reject{"9", {}};
  Fields& body = reject.body;
  add(body, tag::OrderID, ord_status == "8" || subject.order_id == 0 ? None : absl::StrCat(subject.order_id));
  add(body, tag::ClOrdID, request.id);
  add(body, tag::OrigClOrdID, first_of({request.orig, facts.client_order_id, None}));
  add(body, tag::OrdStatus, ord_status);
  add(body, tag::Account, request.account);
  add(body, tag::TransactTime, subject.time);
  add(body, tag::CxlRejResponseTo, "1");
  add(body, tag::CxlRejReason, reason);
  add(body, tag::Text, sanitized(text));
  return reject;
}

Outgoing mass_cancel_report(const Request& request, const std::string& order_id, const std::string& response,
                            const std::string& reason, std::optional<uint32_t> total, const std::string& text,
                            const std::string& time) {
  Outgoing report{"r", {}};
  Fields& body = report.body;
  add(body, tag::OrderID, order_id);
  add(body, tag::ClOrdID, request.id);
  add(body, tag::MassCancelRequestType, request.extra);
  add(body, tag::MassCancelResponse, response);
  add(body, tag::MassCancelRejectReason, reason);
  if (total) add(body, tag::TotalAffectedOrders, absl::StrCat(*total));
  add(body, tag::Symbol, request.symbol);
  add(body, tag::Side, request.side);
  add(body, tag::TransactTime, time);
  add(body, tag::Text, sanitized(text));
  return report;
}

std::string fix_value(v1::CxlRejReason reason) {
  return first_of({option_of(v1::CxlRejReason_descriptor(), reason), "99"});
}

std::string fix_value(v1::OrdStatus status) { return option_of(v1::OrdStatus_descriptor(), status); }

std::string open_status(const OrderFacts& facts) {
  const auto filled = core::difference(facts.quantity, facts.leaves);
  return filled && core::is_positive(*filled) ? "1" : "0";
}

std::string utc(const google::protobuf::Timestamp& time) {
  return time_text(absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()));
}

std::string utc_now() { return time_text(absl::Now()); }

std::string sanitized(const std::string& text) {
  std::string out = text.substr(0, MaxText);
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

}  // namespace cancelbus::fix
