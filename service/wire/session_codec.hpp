// The session socket's frames, and the door: SessionRequest is read and checked here, so that the core meets only
// values within the ranges that session.proto and cancel.proto state. Used by the bus.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "service/core/actions.hpp"
#include "service/core/events.hpp"
#include "service/core/history.hpp"
#include "service/core/status.hpp"
#include "service/core/types.hpp"

namespace cancelbus::wire {

/// What costs most to say is a hello with 64 topics: less than 3 KiB.
constexpr std::size_t MaxSessionRequestBytes = 8 * 1024;

/// Answered with a Reject at once; the core does not hear of it.
struct Rejected {
  core::RejectReason reason = core::RejectReason::Malformed;
  /// Path of the field, as `hello.sender_comp_id`; empty if the whole frame is unreadable.
  std::string field;
  std::string text;
};

/// One of Hello, CommandReceived, CommandMalformed, RetransmitRequest, SessionHeartbeat, StatusRequest,
/// OpenOrdersRequest, CommandsRequest, HistoryRequest,
/// ResolveRequest, RetryRequest, MassCancelReceived, KillSwitchReceived, GoodbyeReceived; or why
/// not.
std::variant<core::Event, Rejected> decode_session_request(std::string_view bytes, core::PeerId peer);

/// `bar`: of the session's key.
using Bar = std::optional<core::EventBar>;
/// `term`, here and below: of the bus that sends it.
std::string encode_welcome(const core::SendWelcome& welcome, uint64_t epoch, const Bar& bar = {}, uint64_t term = 0);
std::string encode_receipt(const core::SendReceipt& receipt);
/// `event`: as the store kept it. An error if that is not an Event. `epoch`: in which it is sent again: what the store
/// holds from before it began a new one belongs to that, and its reader would take no other.
absl::StatusOr<std::string> encode_retransmission(std::string_view event, uint64_t epoch);
std::string encode_retransmit_reject(const core::SendRetransmitReject& reject, uint64_t epoch);
std::string encode_heartbeat(const core::SendHeartbeat& heartbeat, const std::vector<core::Cause>& causes,
                             uint64_t epoch, const Bar& bar = {}, uint64_t term = 0);
std::string encode_hello_required(const core::SendHelloRequired& hello_required);
/// `term`, `leader`: of the bus that leads, as far as this one knows; 0 and empty: it does not know.
std::string encode_not_leading(uint64_t term, const std::string& leader);
std::string encode_status(const core::BusStatus& status);
std::string encode_open_orders(const core::SendOpenOrders& open_orders);
std::string encode_commands(const core::SendCommands& commands);
/// `why`: the store cannot be read; empty: it was. `epoch`: as encode_retransmission's.
std::string encode_history(const core::HistoryPage& page, uint64_t request_id, std::string_view why, uint64_t epoch);
std::string encode_resolved(const core::SendResolved& resolved);
std::string encode_retry(const core::SendRetry& retry);
std::string encode_mass_cancel_preview(const core::SendMassCancelPreview& preview);
std::string encode_kill_switch(const core::SendKillSwitch& kill_switch);
std::string encode_goodbye(const core::SendGoodbye& goodbye);
std::string encode_reject(const Rejected& rejected);

}  // namespace cancelbus::wire
