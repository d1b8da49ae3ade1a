#include "service/wire/enums.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "service/core/names.hpp"

namespace cancelbus::wire {
namespace {

template <typename Core, typename Wire>
struct Pair {
  Core core;
  Wire wire;
};

/// The wire's value of each enumerator; they must be named in the enum's order, so that none is left out.
template <typename Core, typename Wire, size_t Count>
consteval std::array<Wire, Count> pairs(const Pair<Core, Wire> (&named)[Count]) {
  static_assert(Count == core::enumerators<Core>(), "each enumerator needs a counterpart");
  std::array<Wire, Count> values{};
  for (size_t i = 0; i < Count; ++i) {
    if (named[i].core != static_cast<Core>(i)) throw "not in the enum's order";
    values[i] = named[i].wire;
  }
  return values;
}

template <typename Wire, size_t Count, typename Core>
Wire wire_of(const std::array<Wire, Count>& values, Core value) {
  return values[static_cast<size_t>(value)];
}

/// The first enumerator with this counterpart.
template <typename Core, typename Wire, size_t Count>
std::optional<Core> core_of(const std::array<Wire, Count>& values, Wire value) {
  const auto found = std::find(values.begin(), values.end(), value);
  if (found == values.end()) return std::nullopt;
  return static_cast<Core>(found - values.begin());
}

constexpr auto Priorities = pairs<core::Priority, v1::Priority>({
    {core::Priority::Normal, v1::PRIORITY_NORMAL},
    {core::Priority::Urgent, v1::PRIORITY_URGENT},
});

constexpr auto AckStatuses = pairs<core::AckStatus, v1::CancelAckStatus>({
    {core::AckStatus::Accepted, v1::CANCEL_ACK_STATUS_ACCEPTED},
    {core::AckStatus::Rejected, v1::CANCEL_ACK_STATUS_REJECTED},
    {core::AckStatus::InDoubt, v1::CANCEL_ACK_STATUS_IN_DOUBT},
});

constexpr auto Origins = pairs<core::Origin, v1::Origin>({
    {core::Origin::Bus, v1::ORIGIN_BUS},
    {core::Origin::Worker, v1::ORIGIN_WORKER},
    {core::Origin::Exchange, v1::ORIGIN_EXCHANGE},
});

constexpr auto RejectReasons = pairs<core::RejectReason, v1::CxlRejReason>({
    {core::RejectReason::None, v1::CXL_REJ_REASON_UNSPECIFIED},
    {core::RejectReason::TooLate, v1::CXL_REJ_REASON_TOO_LATE},
    {core::RejectReason::UnknownOrder, v1::CXL_REJ_REASON_UNKNOWN_ORDER},
    {core::RejectReason::AlreadyPending, v1::CXL_REJ_REASON_ALREADY_PENDING},
    {core::RejectReason::DuplicateClOrdId, v1::CXL_REJ_REASON_DUPLICATE_CL_ORD_ID},
    {core::RejectReason::Other, v1::CXL_REJ_REASON_OTHER},
    {core::RejectReason::Expired, v1::CXL_REJ_REASON_EXPIRED},
    {core::RejectReason::NotAuthorized, v1::CXL_REJ_REASON_NOT_AUTHORIZED},
    {core::RejectReason::Blocked, v1::CXL_REJ_REASON_BLOCKED},
    {core::RejectReason::Malformed, v1::CXL_REJ_REASON_MALFORMED},
    {core::RejectReason::BusFull, v1::CXL_REJ_REASON_BUS_FULL},
    {core::RejectReason::TtlTooShort, v1::CXL_REJ_REASON_TTL_TOO_SHORT},
    {core::RejectReason::WrongAccount, v1::CXL_REJ_REASON_WRONG_ACCOUNT},
    {core::RejectReason::StoreUnavailable, v1::CXL_REJ_REASON_STORE_UNAVAILABLE},
    {core::RejectReason::NotOwner, v1::CXL_REJ_REASON_NOT_OWNER},
    {core::RejectReason::Observing, v1::CXL_REJ_REASON_OBSERVING},
});

constexpr auto OrdStatuses = pairs<core::OrdStatus, v1::OrdStatus>({
    {core::OrdStatus::New, v1::ORD_STATUS_NEW},
    {core::OrdStatus::PartiallyFilled, v1::ORD_STATUS_PARTIALLY_FILLED},
    {core::OrdStatus::Filled, v1::ORD_STATUS_FILLED},
    {core::OrdStatus::Canceled, v1::ORD_STATUS_CANCELED},
    {core::OrdStatus::Rejected, v1::ORD_STATUS_REJECTED},
});

constexpr auto Evidences = pairs<core::Evidence, v1::Evidence>({
    {core::Evidence::Channel452, v1::EVIDENCE_CHANNEL_452},
    {core::Evidence::OrderQuery, v1::EVIDENCE_ORDER_QUERY},
    {core::Evidence::Operator, v1::EVIDENCE_OPERATOR},
});

constexpr auto OpenOrderEvidences = pairs<core::OpenOrder::Evidence, v1::Evidence>({
    {core::OpenOrder::Evidence::Stream, v1::EVIDENCE_STREAM},
    {core::OpenOrder::Evidence::Sweep, v1::EVIDENCE_SWEEP},
});

constexpr auto Sides = pairs<core::Side, v1::Side>({
    {core::Side::Buy, v1::SIDE_BUY},
    {core::Side::Sell, v1::SIDE_SELL},
});

constexpr auto Stages = pairs<core::Stage, v1::CancelStage>({
    {core::Stage::Queued, v1::CANCEL_STAGE_QUEUED},
    {core::Stage::Sent, v1::CANCEL_STAGE_SENT},
    {core::Stage::WaitingFinal, v1::CANCEL_STAGE_WAITING_FINAL},
    {core::Stage::InDoubt, v1::CANCEL_STAGE_IN_DOUBT},
    {core::Stage::Resending, v1::CANCEL_STAGE_RESENDING},
    {core::Stage::Stuck, v1::CANCEL_STAGE_STUCK},
    {core::Stage::BackOnBook, v1::CANCEL_STAGE_BACK_ON_BOOK},
});

constexpr auto CauseKinds = pairs<core::CauseKind, v1::CauseKind>({
    {core::CauseKind::NoWorker, v1::CAUSE_KIND_NO_WORKER},
    {core::CauseKind::Backoff, v1::CAUSE_KIND_BACKOFF},
    {core::CauseKind::KeysRefused, v1::CAUSE_KIND_KEYS_REFUSED},
    {core::CauseKind::Clock, v1::CAUSE_KIND_CLOCK},
    {core::CauseKind::Store, v1::CAUSE_KIND_STORE},
    {core::CauseKind::NoLeader, v1::CAUSE_KIND_NO_LEADER},
    {core::CauseKind::ExchangeFailing, v1::CAUSE_KIND_EXCHANGE_FAILING},
    {core::CauseKind::LimitLowered, v1::CAUSE_KIND_LIMIT_LOWERED},
    {core::CauseKind::Draining, v1::CAUSE_KIND_DRAINING},
    {core::CauseKind::Stream, v1::CAUSE_KIND_STREAM},
    {core::CauseKind::KeyBarred, v1::CAUSE_KIND_KEY_BARRED},
    {core::CauseKind::FewerWorkers, v1::CAUSE_KIND_FEWER_WORKERS},
    {core::CauseKind::Queue, v1::CAUSE_KIND_QUEUE},
});

using Whose = core::MassCancelRequest::Whose;
constexpr auto MassCancelScopes = pairs<Whose, v1::MassCancelScope>({
    {Whose::Own, v1::MASS_CANCEL_SCOPE_OWN},
    {Whose::Sender, v1::MASS_CANCEL_SCOPE_SENDER},
    {Whose::Unowned, v1::MASS_CANCEL_SCOPE_UNOWNED},
    {Whose::All, v1::MASS_CANCEL_SCOPE_ALL},
});

constexpr auto MassCancelStatuses = pairs<core::MassCancelStatus, v1::MassCancelStatus>({
    {core::MassCancelStatus::Accepted, v1::MASS_CANCEL_STATUS_ACCEPTED},
    {core::MassCancelStatus::Progress, v1::MASS_CANCEL_STATUS_PROGRESS},
    {core::MassCancelStatus::Completed, v1::MASS_CANCEL_STATUS_COMPLETED},
    {core::MassCancelStatus::Rejected, v1::MASS_CANCEL_STATUS_REJECTED},
});

constexpr auto ReceiptStatuses = pairs<core::ReceiptStatus, v1::ReceiptStatus>({
    {core::ReceiptStatus::Applied, v1::RECEIPT_STATUS_APPLIED},
    {core::ReceiptStatus::Duplicate, v1::RECEIPT_STATUS_DUPLICATE},
    {core::ReceiptStatus::Refused, v1::RECEIPT_STATUS_REFUSED},
});

constexpr auto ResolveStatuses = pairs<core::ResolveStatus, v1::ResolveStatus>({
    {core::ResolveStatus::Settled, v1::RESOLVE_STATUS_SETTLED},
    {core::ResolveStatus::Pending, v1::RESOLVE_STATUS_PENDING},
    {core::ResolveStatus::Refused, v1::RESOLVE_STATUS_REFUSED},
});

constexpr auto KillSwitchStatuses = pairs<core::KillSwitchStatus, v1::KillSwitchStatus>({
    {core::KillSwitchStatus::Engaged, v1::KILL_SWITCH_STATUS_ENGAGED},
    {core::KillSwitchStatus::Released, v1::KILL_SWITCH_STATUS_RELEASED},
    {core::KillSwitchStatus::Refused, v1::KILL_SWITCH_STATUS_REFUSED},
});

/// What is never sent is read back as silent.
constexpr auto Arrivals = pairs<core::Arrival, v1::Arrival>({
    {core::Arrival::Answered, v1::ARRIVAL_ANSWERED},
    {core::Arrival::Page, v1::ARRIVAL_PAGE},
    {core::Arrival::Silent, v1::ARRIVAL_SILENT},
    {core::Arrival::NeverSent, v1::ARRIVAL_SILENT},
});

constexpr auto Readings = pairs<core::ReadStatus, v1::OrderReading>({
    {core::ReadStatus::Open, v1::ORDER_READING_OPEN},
    {core::ReadStatus::Canceled, v1::ORDER_READING_CANCELED},
    {core::ReadStatus::Closed, v1::ORDER_READING_CLOSED},
    {core::ReadStatus::NotFound, v1::ORDER_READING_NOT_FOUND},
});

constexpr auto FactTypes = pairs<core::FactType, v1::FactType>({
    {core::FactType::Inserted451, v1::FACT_TYPE_ORDER_INSERTED},
    {core::FactType::Deleted452, v1::FACT_TYPE_ORDER_DELETED},
    {core::FactType::Matched441, v1::FACT_TYPE_ORDER_MATCHED},
    {core::FactType::Trade423, v1::FACT_TYPE_USER_TRADE},
});

constexpr auto ExecTypes = pairs<core::OrdStatus, v1::ExecType>({
    {core::OrdStatus::New, v1::EXEC_TYPE_ORDER_STATUS},
    {core::OrdStatus::PartiallyFilled, v1::EXEC_TYPE_ORDER_STATUS},
    {core::OrdStatus::Filled, v1::EXEC_TYPE_TRADE},
    {core::OrdStatus::Canceled, v1::EXEC_TYPE_CANCELED},
    {core::OrdStatus::Rejected, v1::EXEC_TYPE_ORDER_STATUS},
});

}  // namespace

v1::Priority to_wire(core::Priority value) { return wire_of(Priorities, value); }
v1::CancelAckStatus to_wire(core::AckStatus value) { return wire_of(AckStatuses, value); }
v1::Origin to_wire(core::Origin value) { return wire_of(Origins, value); }
v1::CxlRejReason to_wire(core::RejectReason value) { return wire_of(RejectReasons, value); }
v1::OrdStatus to_wire(core::OrdStatus value) { return wire_of(OrdStatuses, value); }
v1::Evidence to_wire(core::Evidence value) { return wire_of(Evidences, value); }
v1::Evidence to_wire(core::OpenOrder::Evidence value) { return wire_of(OpenOrderEvidences, value); }
v1::Side to_wire(core::Side value) { return wire_of(Sides, value); }
v1::CancelStage to_wire(core::Stage value) { return wire_of(Stages, value); }
v1::CauseKind to_wire(core::CauseKind value) { return wire_of(CauseKinds, value); }
v1::MassCancelStatus to_wire(core::MassCancelStatus value) { return wire_of(MassCancelStatuses, value); }
v1::ReceiptStatus to_wire(core::ReceiptStatus value) { return wire_of(ReceiptStatuses, value); }
v1::ResolveStatus to_wire(core::ResolveStatus value) { return wire_of(ResolveStatuses, value); }
v1::KillSwitchStatus to_wire(core::KillSwitchStatus value) { return wire_of(KillSwitchStatuses, value); }
v1::MassCancelScope to_wire(Whose value) { return wire_of(MassCancelScopes, value); }
v1::Arrival to_wire(core::Arrival value) { return wire_of(Arrivals, value); }
v1::OrderReading to_wire(core::ReadStatus value) { return wire_of(Readings, value); }
v1::FactType to_wire(core::FactType value) { return wire_of(FactTypes, value); }
v1::ExecType to_exec_type(core::OrdStatus value) { return wire_of(ExecTypes, value); }

std::optional<core::Priority> from_wire(v1::Priority value) { return core_of<core::Priority>(Priorities, value); }
std::optional<core::Side> from_wire(v1::Side value) { return core_of<core::Side>(Sides, value); }
std::optional<core::OrdStatus> from_wire(v1::OrdStatus value) { return core_of<core::OrdStatus>(OrdStatuses, value); }
std::optional<Whose> from_wire(v1::MassCancelScope value) { return core_of<Whose>(MassCancelScopes, value); }
std::optional<core::Arrival> from_wire(v1::Arrival value) { return core_of<core::Arrival>(Arrivals, value); }
std::optional<core::ReadStatus> from_wire(v1::OrderReading value) { return core_of<core::ReadStatus>(Readings, value); }
std::optional<core::FactType> from_wire(v1::FactType value) { return core_of<core::FactType>(FactTypes, value); }

}  // namespace cancelbus::wire
