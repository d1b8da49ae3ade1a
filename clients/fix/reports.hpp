// What the gateway tells a counterparty, as the bodies of FIX messages.
//
// Used by desk.cpp. Pure. What the exchange does not give is never made up: a pair that is not known is [N/A], a side
// that is not known 7 (undisclosed), and Text(58) says so of quantities.
#pragma once

#include <optional>
#include <string>

#include "cancelbus/v1/session.pb.h"
#include "clients/fix/message.hpp"
#include "clients/fix/store.hpp"

namespace cancelbus::fix {

/// What is known about the subject of a report.
struct Subject {
  const Request* request = nullptr;   ///< null: of no request of this session
  const OrderFacts* facts = nullptr;  ///< null: the registry has not told of the order
  int64_t order_id = 0;               ///< 0: no such order is known
  std::string time;                   ///< TransactTime(60)
};

/// 35=8 150=6: the cancel waits.
Outgoing pending_cancel(const Subject& subject, const std::string& exec_id, const std::string& text);
/// 35=8 150=4.
Outgoing canceled(const Subject& subject, const v1::CancelFinal& final, const std::string& exec_id);
/// 35=8 150=I: a status that was asked for, or that changed without a request.
Outgoing order_status(const Subject& subject, const std::string& exec_id, const std::string& ord_status,
                      const std::string& text);
/// 35=9. `reason` is FIX's value of CxlRejReason(102).
Outgoing cancel_reject(const Subject& subject, const std::string& reason, const std::string& ord_status,
                       const std::string& text);

/// 35=r. `response` is FIX's value of MassCancelResponse(531), 0 for a rejection, `reason` then that of 532.
Outgoing mass_cancel_report(const Request& request, const std::string& order_id, const std::string& response,
                            const std::string& reason, std::optional<uint32_t> total, const std::string& text,
                            const std::string& time);

/// FIX's value of a CxlRejReason or an OrdStatus, by the options of the contract.
std::string fix_value(v1::CxlRejReason reason);
std::string fix_value(v1::OrdStatus status);
/// 0 or 1: of an order that is open, by its quantities.
std::string open_status(const OrderFacts& facts);

/// Null if nothing is known.
inline const OrderFacts* known(const std::optional<OrderFacts>& facts) { return facts ? &*facts : nullptr; }

/// As UTCTimestamp, in milliseconds.
std::string utc(const google::protobuf::Timestamp& time);
std::string utc_now();
/// At most 256 printable ASCII characters: others become question marks.
std::string sanitized(const std::string& text);

}  // namespace cancelbus::fix
