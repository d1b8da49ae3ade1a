// The door: decode_session_request. What it answers with is in session_reply.cpp.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "cancelbus/v1/session.pb.h"
#include "service/core/dead_man.hpp"
#include "service/wire/enums.hpp"
#include "service/wire/frame.hpp"
#include "service/wire/order.hpp"
#include "service/wire/session_codec.hpp"
#include "service/wire/text.hpp"
#include "service/wire/times.hpp"

namespace cancelbus::wire {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t MaxSenderBytes = 32;
constexpr std::size_t MaxClOrdIdBytes = 64;
constexpr std::size_t MaxMassCancelIdBytes = 32;
constexpr std::size_t MaxPrefixBytes = 64;
constexpr std::size_t MaxAccountBytes = 64;
constexpr std::size_t MaxSymbolBytes = 32;
constexpr std::size_t MaxTraceparentBytes = 55;
constexpr std::size_t MaxReasonBytes = 128;
constexpr int MaxTopics = 64;
constexpr uint32_t MaxRetransmitCount = 500;
constexpr core::Duration MinTimeToLive = 1ms;
constexpr core::Duration MaxTimeToLive = 24h;

using Result = std::variant<core::Event, Rejected>;

Rejected rejected(std::string field, std::string text) {
  return Rejected{core::RejectReason::Malformed, std::move(field), std::move(text)};
}

bool is_sender_charset(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

bool is_sender(std::string_view text) {
  return !text.empty() && text.size() <= MaxSenderBytes && is_sender_charset(text);
}

/// What follows `client.` in a topic, if it is a client's.
std::optional<std::string_view> after_client(std::string_view topic) {
  constexpr std::string_view client = "client.";
  if (!topic.starts_with(client)) return std::nullopt;
  return topic.substr(client.size());
}

/// `client.desk-a.` or `venue.`
bool is_sequenced_topic(std::string_view topic) {
  if (topic == "venue.") return true;
  const auto rest = after_client(topic);
  return rest && rest->ends_with('.') && is_sender(rest->substr(0, rest->size() - 1));
}

/// Besides the topics themselves, the start of several clients' topics: `client.`, `client.desk`.
bool is_topic_prefix(std::string_view topic) {
  if (topic == "bus." || topic == "record." || is_sequenced_topic(topic)) return true;
  const auto rest = after_client(topic);
  return rest && rest->size() <= MaxSenderBytes && is_sender_charset(*rest);
}

Result to_result(const v1::Hello& hello, core::PeerId peer) {
  if (!is_sender(hello.sender_comp_id())) {
    return rejected("hello.sender_comp_id", "must be 1 to 32 of the characters A-Z a-z 0-9 _ -");
  }
  if (hello.topics_size() > MaxTopics) return rejected("hello.topics", "more than 64 topics");
  for (int i = 0; i < hello.topics_size(); ++i) {
    if (is_topic_prefix(hello.topics(i))) continue;
    return rejected("hello.topics[" + std::to_string(i) + "]",
                    "unknown topic; known are client., client.<sender_comp_id>., venue., bus. and record.");
  }
  core::Hello out{
      std::move(peer), hello.sender_comp_id(), {hello.topics().begin(), hello.topics().end()}, hello.open_commands()};
  if (!hello.has_cancel_on_disconnect()) return out;
  out.cancel_on_disconnect = to_duration(hello.cancel_on_disconnect().window());
  const auto& window = out.cancel_on_disconnect;
  if (!window || *window < core::DeadMan::LeastWindow || *window > core::DeadMan::MostWindow ||
      *window % 1ms != core::Duration::zero()) {
    return rejected("hello.cancel_on_disconnect.window", "must be 2 s to 10 min, in whole milliseconds");
  }
  return out;
}

bool is_short_printable(std::string_view text, std::size_t max_bytes) {
  return text.size() <= max_bytes && is_printable_ascii(text);
}

/// What is wrong with the command, beginning with the field's name; empty if nothing is.
std::string fault(const v1::CancelOrder& order) {
  if (order.order_id() < 1) return "order_id: must be 1 or above";
  if (!is_short_printable(order.account(), MaxAccountBytes)) {
    return "account: must be at most 64 printable ASCII characters";
  }
  if (!is_short_printable(order.symbol(), MaxSymbolBytes)) {
    return "symbol: must be at most 32 printable ASCII characters";
  }
  if (order.has_transact_time() && !to_wall_time(order.transact_time())) {
    return "transact_time: not a valid time";
  }
  if (order.has_time_to_live()) {
    const auto ttl = to_duration(order.time_to_live());
    if (!ttl || *ttl < MinTimeToLive || *ttl > MaxTimeToLive) return "time_to_live: must be 1 ms to 24 h";
  }
  if (order.priority() != v1::PRIORITY_UNSPECIFIED && !from_wire(order.priority())) {
    return "priority: " + std::to_string(order.priority()) + " is neither NORMAL nor URGENT";
  }
  if (!is_short_printable(order.traceparent(), MaxTraceparentBytes)) {
    return "traceparent: must be at most 55 printable ASCII characters";
  }
  return {};
}

Result to_result(const v1::CancelOrder& order, core::PeerId peer) {
  if (order.cl_ord_id().empty() || !is_short_printable(order.cl_ord_id(), MaxClOrdIdBytes)) {
    return rejected("cancel_order.cl_ord_id", "must be 1 to 64 printable ASCII characters");
  }
  std::string text = fault(order);
  if (!text.empty()) return core::CommandMalformed{std::move(peer), order.cl_ord_id(), std::move(text)};
  return core::CommandReceived{std::move(peer), to_order(order)};
}

/// Of the fields that are a scope, which a MassCancel and a KillSwitchRequest both have.
template <typename Scoped>
std::string fault_of_scope(const Scoped& scoped) {
  const auto whose = from_wire(scoped.scope());
  if (!whose) return "scope: must be OWN, SENDER, UNOWNED or ALL";
  const bool of_sender = whose == core::MassCancelRequest::Whose::Sender;
  if (of_sender && !is_sender(scoped.owner())) {
    return "owner: with scope SENDER it must be 1 to 32 of the characters A-Z a-z 0-9 _ -";
  }
  if (!of_sender && !scoped.owner().empty()) return "owner: only scope SENDER has one";
  if (!is_short_printable(scoped.symbol(), MaxSymbolBytes)) {
    return "symbol: must be at most 32 printable ASCII characters";
  }
  if (scoped.side() != v1::SIDE_UNSPECIFIED && !from_wire(scoped.side())) {
    return "side: " + std::to_string(scoped.side()) + " is neither BUY nor SELL";
  }
  if (!is_short_printable(scoped.client_order_id_prefix(), MaxPrefixBytes)) {
    return "client_order_id_prefix: must be at most 64 printable ASCII characters";
  }
  return {};
}

/// They must be without fault.
template <typename Scoped>
core::MassCancelRequest to_request(const Scoped& scoped) {
  core::MassCancelRequest request;
  request.whose = *from_wire(scoped.scope());
  core::Scope& scope = request.scope;
  switch (request.whose) {
    case core::MassCancelRequest::Whose::Own:
    case core::MassCancelRequest::Whose::Sender:
      scope.whose = core::Scope::Whose::Owner;
      break;
    case core::MassCancelRequest::Whose::Unowned:
      scope.whose = core::Scope::Whose::Unowned;
      break;
    case core::MassCancelRequest::Whose::All:
      scope.whose = core::Scope::Whose::All;
      break;
  }
  scope.owner = scoped.owner();
  scope.symbol = scoped.symbol();
  scope.side = from_wire(scoped.side());
  scope.client_order_id_prefix = scoped.client_order_id_prefix();
  return request;
}

std::string fault(const v1::MassCancel& mass) {
  if (std::string text = fault_of_scope(mass); !text.empty()) return text;
  if (mass.priority() != v1::PRIORITY_UNSPECIFIED && !from_wire(mass.priority())) {
    return "priority: " + std::to_string(mass.priority()) + " is neither NORMAL nor URGENT";
  }
  if (!is_short_printable(mass.traceparent(), MaxTraceparentBytes)) {
    return "traceparent: must be at most 55 printable ASCII characters";
  }
  return {};
}

Result to_result(const v1::MassCancel& mass, core::PeerId peer) {
  const std::string& id = mass.cl_ord_id();
  // Its commands are told from others by the slash behind it.
  if (id.empty() || !is_short_printable(id, MaxMassCancelIdBytes) || id.find('/') != std::string::npos) {
    return rejected("mass_cancel.cl_ord_id", "must be 1 to 32 printable ASCII characters without /");
  }
  if (std::string text = fault(mass); !text.empty()) {
    return core::CommandMalformed{std::move(peer), id, std::move(text)};
  }
  core::MassCancelRequest request = to_request(mass);
  request.cl_ord_id = id;
  request.priority = from_wire(mass.priority()).value_or(core::Priority::Normal);
  request.until_empty = mass.until_empty();
  request.traceparent = mass.traceparent();
  return core::MassCancelReceived{std::move(peer), std::move(request), mass.dry_run()};
}

Result to_result(const v1::KillSwitchRequest& asked, core::PeerId peer) {
  const bool engage = asked.action() == v1::KILL_SWITCH_ACTION_ENGAGE;
  if (!engage && asked.action() != v1::KILL_SWITCH_ACTION_RELEASE) {
    return rejected("kill_switch.action", "must be ENGAGE or RELEASE");
  }
  if (const std::string text = fault_of_scope(asked); !text.empty()) {
    const size_t colon = text.find(": ");
    return rejected("kill_switch." + text.substr(0, colon), text.substr(colon + 2));
  }
  if (asked.reason().empty() || !is_short_printable(asked.reason(), MaxReasonBytes)) {
    return rejected("kill_switch.reason", "must be 1 to 128 printable ASCII characters");
  }
  if (engage && asked.force()) return rejected("kill_switch.force", "is of RELEASE only");
  core::KillSwitchReceived received{std::move(peer), engage, to_request(asked), asked.force()};
  received.request.reason = asked.reason();
  received.request.priority = core::Priority::Urgent;
  received.request.until_empty = true;
  received.request.cause = core::MassCancelRequest::Cause::KillSwitch;
  received.request_id = asked.request_id();
  return received;
}

Result to_result(const v1::RetransmitRequest& request, core::PeerId peer) {
  if (!is_sequenced_topic(request.topic())) {
    return rejected("retransmit_request.topic", "must be client.<sender_comp_id>. or venue.");
  }
  if (request.from_seq() < 1) return rejected("retransmit_request.from_seq", "must be 1 or above");
  if (request.count() < 1 || request.count() > MaxRetransmitCount) {
    return rejected("retransmit_request.count", "must be 1 to 500");
  }
  return core::RetransmitRequest{std::move(peer), request.epoch(), request.topic(), request.from_seq(),
                                 request.count()};
}

Result to_result(const v1::OpenOrdersRequest& request, core::PeerId peer) {
  if (!request.owner().empty() && !is_sender(request.owner())) {
    return rejected("open_orders_request.owner", "must be 1 to 32 of the characters A-Z a-z 0-9 _ -");
  }
  if (!request.symbol().empty() && !core::is_pair(request.symbol())) {
    return rejected("open_orders_request.symbol", "must be 1 to 32 of the characters A-Z a-z 0-9 _ -");
  }
  const auto side = from_wire(request.side());
  if (!side && request.side() != v1::SIDE_UNSPECIFIED) {
    return rejected("open_orders_request.side", std::to_string(request.side()) + " is neither BUY nor SELL");
  }
  if (request.from_order_id() < 0) return rejected("open_orders_request.from_order_id", "must be 0 or above");
  core::Scope scope;
  if (!request.owner().empty()) scope.whose = core::Scope::Whose::Owner;
  scope.owner = request.owner();
  scope.symbol = request.symbol();
  scope.side = side;
  return core::OpenOrdersRequest{std::move(peer), std::move(scope), request.from_order_id(), request.request_id()};
}

Result to_result(const v1::CommandsRequest& request, core::PeerId peer) {
  using Which = core::CommandsRequest::Which;
  core::CommandsRequest out{.peer = std::move(peer), .request_id = request.request_id()};
  switch (request.state()) {
    case v1::COMMAND_STATE_UNSPECIFIED:
      break;
    case v1::COMMAND_STATE_IN_DOUBT:
      out.which = Which::InDoubt;
      break;
    case v1::COMMAND_STATE_STUCK:
      out.which = Which::Stuck;
      break;
    default:
      return rejected("commands_request.state", std::to_string(request.state()) + " is neither IN_DOUBT nor STUCK");
  }
  if (!request.sender_comp_id().empty() && !is_sender(request.sender_comp_id())) {
    return rejected("commands_request.sender_comp_id", "must be 1 to 32 of the characters A-Z a-z 0-9 _ -");
  }
  if (!is_short_printable(request.symbol(), MaxSymbolBytes)) {
    return rejected("commands_request.symbol", "must be at most 32 printable ASCII characters");
  }
  const auto older_than = to_duration(request.older_than());
  if (!older_than || *older_than < core::Duration::zero()) {
    return rejected("commands_request.older_than", "must be a duration that is not negative");
  }
  const v1::CommandPlace& after = request.after();
  const bool legible = after.sender_comp_id().size() <= MaxSenderBytes && is_sender_charset(after.sender_comp_id()) &&
                       is_short_printable(after.cl_ord_id(), MaxClOrdIdBytes);
  if (after.order_id() < 0 || !legible) {
    return rejected("commands_request.after", "must be `next` of the page before, or absent");
  }
  out.sender = request.sender_comp_id();
  out.symbol = request.symbol();
  out.older_than = *older_than;
  out.after = {after.order_id(), {after.sender_comp_id(), after.cl_ord_id()}};
  return out;
}

Result to_result(const v1::HistoryRequest& request, core::PeerId peer) {
  const auto is_cl_ord_id = [](const std::string& id) { return is_short_printable(id, MaxClOrdIdBytes); };
  if (request.order_id() < 0) return rejected("history_request.order_id", "must be 0 or above");
  if (!request.sender_comp_id().empty() && !is_sender(request.sender_comp_id())) {
    return rejected("history_request.sender_comp_id", "must be 1 to 32 of the characters A-Z a-z 0-9 _ -");
  }
  if (!is_cl_ord_id(request.cl_ord_id())) {
    return rejected("history_request.cl_ord_id", "must be at most 64 printable ASCII characters");
  }
  core::HistoryRequest out{std::move(peer), {}, request.request_id()};
  core::HistoryQuery& query = out.query;
  if (request.has_since()) query.from = to_wall_time(request.since());
  if (request.has_since() && !query.from) return rejected("history_request.since", "not a valid time");
  if (request.has_until()) query.to = to_wall_time(request.until());
  if (request.has_until() && !query.to) return rejected("history_request.until", "not a valid time");
  const v1::HistoryPlace& after = request.after();
  constexpr auto Most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  const bool legible = after.sender_comp_id().size() <= MaxSenderBytes && is_sender_charset(after.sender_comp_id()) &&
                       is_cl_ord_id(after.cl_ord_id()) && after.bus_start() <= Most;
  if (!legible) return rejected("history_request.after", "must be `next` of the page before, or absent");
  query.order_id = request.order_id();
  query.sender = request.sender_comp_id();
  query.cl_ord_id = request.cl_ord_id();
  query.after = {{after.sender_comp_id(), after.cl_ord_id()}, after.bus_start(), after.line()};
  return out;
}

/// What is wrong with the names of a command, as a request of this name gives them; absent if nothing is.
template <typename Request>
std::optional<Rejected> fault_of_command(const std::string& name, const Request& request) {
  if (!is_sender(request.sender_comp_id())) {
    return rejected(name + ".sender_comp_id", "must be 1 to 32 of the characters A-Z a-z 0-9 _ -");
  }
  if (request.cl_ord_id().empty() || !is_short_printable(request.cl_ord_id(), MaxClOrdIdBytes)) {
    return rejected(name + ".cl_ord_id", "must be 1 to 64 printable ASCII characters");
  }
  return std::nullopt;
}

Result to_result(const v1::RetryRequest& request, core::PeerId peer) {
  if (auto fault = fault_of_command("retry", request)) return *std::move(fault);
  return core::RetryRequest{std::move(peer), {request.sender_comp_id(), request.cl_ord_id()}, request.request_id()};
}

Result to_result(const v1::ResolveRequest& request, core::PeerId peer) {
  if (auto fault = fault_of_command("resolve", request)) return *std::move(fault);
  const auto as = from_wire(request.as());
  if (!as || as == core::OrdStatus::PartiallyFilled) {
    return rejected("resolve.as", "must be CANCELED, FILLED, NEW or REJECTED");
  }
  if (request.reason().empty() || !is_short_printable(request.reason(), MaxReasonBytes)) {
    return rejected("resolve.reason", "must be 1 to 128 printable ASCII characters: say how you know");
  }
  return core::ResolveRequest{std::move(peer), {request.sender_comp_id(), request.cl_ord_id()}, *as, request.reason()};
}

}  // namespace

std::variant<core::Event, Rejected> decode_session_request(std::string_view bytes, core::PeerId peer) {
  if (bytes.empty()) return rejected("", "the frame is empty");
  if (bytes.size() > MaxSessionRequestBytes) return rejected("", "the frame is longer than 8 KiB");
  v1::SessionRequest frame;
  if (!parse_frame(bytes, frame)) return rejected("", "the frame is not a SessionRequest");
  switch (frame.request_case()) {
    case v1::SessionRequest::kHello:
      return to_result(frame.hello(), std::move(peer));
    case v1::SessionRequest::kCancelOrder:
      return to_result(frame.cancel_order(), std::move(peer));
    case v1::SessionRequest::kRetransmitRequest:
      return to_result(frame.retransmit_request(), std::move(peer));
    case v1::SessionRequest::kHeartbeat:
      return core::SessionHeartbeat{std::move(peer)};
    case v1::SessionRequest::kStatusRequest:
      return core::StatusRequest{std::move(peer)};
    case v1::SessionRequest::kResolve:
      return to_result(frame.resolve(), std::move(peer));
    case v1::SessionRequest::kOpenOrdersRequest:
      return to_result(frame.open_orders_request(), std::move(peer));
    case v1::SessionRequest::kCommandsRequest:
      return to_result(frame.commands_request(), std::move(peer));
    case v1::SessionRequest::kHistoryRequest:
      return to_result(frame.history_request(), std::move(peer));
    case v1::SessionRequest::kRetry:
      return to_result(frame.retry(), std::move(peer));
    case v1::SessionRequest::kMassCancel:
      return to_result(frame.mass_cancel(), std::move(peer));
    case v1::SessionRequest::kKillSwitch:
      return to_result(frame.kill_switch(), std::move(peer));
    case v1::SessionRequest::kGoodbye:
      return core::GoodbyeReceived{std::move(peer), frame.goodbye().keep_orders()};
    case v1::SessionRequest::kRecord:  // see recording.hpp
    case v1::SessionRequest::REQUEST_NOT_SET:
      break;
  }
  return rejected("request", "none of the requests known here is set");
}

}  // namespace cancelbus::wire
