// The enums of the core and of the wire, in one table each. Used by every codec here.
//
// to_wire is total. from_wire, of what others send, is absent for UNSPECIFIED and for what only a newer peer knows;
// what that means is the caller's to say.
#pragma once

#include <optional>

#include "cancelbus/v1/backend.pb.h"
#include "cancelbus/v1/cancel.pb.h"
#include "cancelbus/v1/session.pb.h"
#include "service/core/actions.hpp"
#include "service/core/answer.hpp"
#include "service/core/open_order.hpp"
#include "service/core/status.hpp"
#include "service/core/types.hpp"

namespace cancelbus::wire {

v1::Priority to_wire(core::Priority value);
v1::CancelAckStatus to_wire(core::AckStatus value);
v1::Origin to_wire(core::Origin value);
/// None is UNSPECIFIED here.
v1::CxlRejReason to_wire(core::RejectReason value);
v1::OrdStatus to_wire(core::OrdStatus value);
v1::Evidence to_wire(core::Evidence value);
v1::Evidence to_wire(core::OpenOrder::Evidence value);
v1::Side to_wire(core::Side value);
v1::CancelStage to_wire(core::Stage value);
v1::CauseKind to_wire(core::CauseKind value);
v1::MassCancelStatus to_wire(core::MassCancelStatus value);
v1::ReceiptStatus to_wire(core::ReceiptStatus value);
v1::ResolveStatus to_wire(core::ResolveStatus value);
v1::KillSwitchStatus to_wire(core::KillSwitchStatus value);
v1::MassCancelScope to_wire(core::MassCancelRequest::Whose value);
/// NeverSent has no counterpart: what was never sent is not in doubt. It becomes SILENT, which assumes the worst.
v1::Arrival to_wire(core::Arrival value);
v1::OrderReading to_wire(core::ReadStatus value);
v1::FactType to_wire(core::FactType value);
/// What a CancelFinal reports of an order in this state.
v1::ExecType to_exec_type(core::OrdStatus value);

std::optional<core::Priority> from_wire(v1::Priority value);
std::optional<core::OrdStatus> from_wire(v1::OrdStatus value);
std::optional<core::Side> from_wire(v1::Side value);
std::optional<core::MassCancelRequest::Whose> from_wire(v1::MassCancelScope value);
std::optional<core::Arrival> from_wire(v1::Arrival value);
std::optional<core::ReadStatus> from_wire(v1::OrderReading value);
std::optional<core::FactType> from_wire(v1::FactType value);

}  // namespace cancelbus::wire
