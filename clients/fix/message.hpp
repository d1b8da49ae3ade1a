// The fields of a FIX message between the standard header and the trailer, as tags and values.
//
// Used on both sides of the engine, which is compiled as C++14: so is this header.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cancelbus {
namespace fix {

/// Tag and value.
using Field = std::pair<int, std::string>;
/// In the order in which they stand in the message.
using Fields = std::vector<Field>;

/// The tags that the gateway reads or writes by itself.
namespace tag {
constexpr int Account = 1;
constexpr int AvgPx = 6;
constexpr int ClOrdID = 11;
constexpr int CumQty = 14;
constexpr int ExecID = 17;
constexpr int OrderID = 37;
constexpr int OrderQty = 38;
constexpr int OrdStatus = 39;
constexpr int OrigClOrdID = 41;
constexpr int Price = 44;
constexpr int Side = 54;
constexpr int Symbol = 55;
constexpr int Text = 58;
constexpr int TransactTime = 60;
constexpr int PossResend = 97;
constexpr int CxlRejReason = 102;
constexpr int OrdRejReason = 103;
constexpr int HeartBtInt = 108;
constexpr int DeliverToCompID = 128;
constexpr int ExecType = 150;
constexpr int LeavesQty = 151;
constexpr int CxlRejResponseTo = 434;
constexpr int MassCancelRequestType = 530;
constexpr int MassCancelResponse = 531;
constexpr int MassCancelRejectReason = 532;
constexpr int TotalAffectedOrders = 533;
constexpr int OrdStatusReqID = 790;
constexpr int CopyMsgIndicator = 797;
}  // namespace tag

/// Empty if the tag is not there; FIX has no empty values.
inline std::string value_of(const Fields& fields, int wanted) {
  for (const Field& field : fields) {
    if (field.first == wanted) return field.second;
  }
  return std::string();
}

/// Does nothing for an empty value.
inline void add(Fields& fields, int wanted, const std::string& value) {
  if (!value.empty()) fields.emplace_back(wanted, value);
}

/// What a counterparty has sent: an application message that QuickFIX has let through.
struct Incoming {
  std::string type;  ///< MsgType(35)
  Fields body;       ///< outside repeating groups
  bool poss_dup = false;
  bool poss_resend = false;
};

/// One to send.
struct Outgoing {
  std::string type;  ///< MsgType(35)
  Fields body;       ///< PossResend(97) and DeliverToCompID(128) go to the header
};

}  // namespace fix
}  // namespace cancelbus
