#include "cancelbus/outcome.hpp"

#include <utility>

#include "cancelbus/describe.hpp"

namespace cancelbus::client {
namespace {

const char* what_to_do(v1::CxlRejReason reason) {
  switch (reason) {
    case v1::CXL_REJ_REASON_DUPLICATE_CL_ORD_ID:
      return "this cl_ord_id was used for another order: let the client make one";
    case v1::CXL_REJ_REASON_MALFORMED:
      return "fix the field that is named";
    case v1::CXL_REJ_REASON_BUS_FULL:
      return "the queue is full: wait for finals of your open commands before you send more";
    case v1::CXL_REJ_REASON_TTL_TOO_SHORT:
      return "the budget does not reach so far: use a longer time_to_live, or urgent";
    case v1::CXL_REJ_REASON_WRONG_ACCOUNT:
      return "leave the account out, or connect to the bus of that account";
    case v1::CXL_REJ_REASON_STORE_UNAVAILABLE:
      return "the bus cannot write its disk: try again later, and tell its operator";
    default:
      return "give a new command if you still want it";
  }
}

struct Text {
  std::string operator()(const Received& received) const {
    return received.receipt ? describe(*received.receipt) : "received";
  }
  std::string operator()(const Accepted& accepted) const { return describe(accepted.ack); }
  std::string operator()(const Rejected& rejected) const { return describe(rejected.ack); }
  std::string operator()(const InDoubt& in_doubt) const { return describe(in_doubt.ack); }
  std::string operator()(const OtherAck& other) const { return describe(other.ack); }
  std::string operator()(const OrderGone& gone) const { return describe(gone.final); }
  std::string operator()(const OrderOpen& open) const { return describe(open.final); }
  std::string operator()(const NoSuchOrder& none) const { return describe(none.final); }
  std::string operator()(const OtherFinal& other) const { return describe(other.final); }
  std::string operator()(const Refused& refused) const {
    return describe(refused.receipt) + "; " + what_to_do(refused.receipt.reason());
  }
  std::string operator()(const StoreLost& lost) const {
    return "the bus lost its store and the new one knows nothing of what was done before (" + lost.how +
           "): look at the order";
  }
  std::string operator()(const ClientClosed&) const {
    return "the client was closed; a command that was received goes on at the bus";
  }
};

}  // namespace

Ack ack_of(v1::CancelAck ack) {
  switch (ack.status()) {
    case v1::CANCEL_ACK_STATUS_ACCEPTED:
      return Accepted{std::move(ack)};
    case v1::CANCEL_ACK_STATUS_REJECTED:
      return Rejected{std::move(ack)};
    case v1::CANCEL_ACK_STATUS_IN_DOUBT:
      return InDoubt{std::move(ack)};
    default:
      return OtherAck{std::move(ack)};
  }
}

Final final_of(v1::CancelFinal final) {
  switch (final.ord_status()) {
    case v1::ORD_STATUS_CANCELED:
    case v1::ORD_STATUS_FILLED:
      return OrderGone{std::move(final)};
    case v1::ORD_STATUS_NEW:
    case v1::ORD_STATUS_PARTIALLY_FILLED:
      return OrderOpen{std::move(final)};
    case v1::ORD_STATUS_REJECTED:
      return NoSuchOrder{std::move(final)};
    default:
      return OtherFinal{std::move(final)};
  }
}

std::string text(const Receiving& receiving) { return std::visit(Text{}, receiving); }
std::string text(const Ack& ack) { return std::visit(Text{}, ack); }
std::string text(const Final& final) { return std::visit(Text{}, final); }

}  // namespace cancelbus::client
