#include "service/bus/session_door.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "service/io/clock.hpp"
#include "service/wire/recording.hpp"

namespace cancelbus::bus {
namespace {

constexpr core::Duration SearchEvery = std::chrono::milliseconds(100);

wire::Rejected not_authorized(std::string field, std::string text) {
  return {core::RejectReason::NotAuthorized, std::move(field), std::move(text)};
}

// Operators may read everything, and observers all but what is recorded.
std::string may_not_read(const Entry& entry, const std::string& topic) {
  if (topic == "record.") return absl::StrCat("the key of ", entry.name, " may not read record.: only an operator may");
  return absl::StrCat("the key of ", entry.name, " may not read ", topic,
                      ": a strategy reads venue., bus. and the topics of its own names; leave it out, or ask the bus's "
                      "operator for an observer's key");
}

wire::Rejected objection_to(const Entry& entry, const core::Hello& hello) {
  if (!entry.may_be(hello.sender)) {
    return not_authorized("hello.sender_comp_id", absl::StrCat("the key of ", entry.name, " may not use this name"));
  }
  if (hello.cancel_on_disconnect && !entry.has_prefixes_of(hello.sender)) {
    return not_authorized(
        "hello.cancel_on_disconnect",
        absl::StrCat("the policy gives ", hello.sender,
                     " no prefix of client order ids (prefixes=), so that no order is known to be its "
                     "own"));
  }
  for (size_t i = 0; i < hello.topics.size(); ++i) {
    if (entry.may_read(hello.topics[i])) continue;
    return not_authorized(absl::StrCat("hello.topics[", i, "]"), may_not_read(entry, hello.topics[i]));
  }
  return {};
}

// Of a command or a mass cancel; else empty.
std::string cl_ord_id_of(const core::Event& event) {
  if (const auto* command = std::get_if<core::CommandReceived>(&event)) return command->order.cl_ord_id;
  if (const auto* mass = std::get_if<core::MassCancelReceived>(&event)) return mass->request.cl_ord_id;
  if (const auto* malformed = std::get_if<core::CommandMalformed>(&event)) return malformed->cl_ord_id;
  return "";
}

wire::Rejected may_not_cancel(const Entry& entry, std::string_view field) {
  return not_authorized(std::string(field), absl::StrCat(entry.name, " is an ", std::string(role_name(entry.role)),
                                                         ", which may not cancel"));
}

/// `what`: of the sender, whose name may be empty.
wire::Rejected may_not_see(const Entry& entry, std::string_view field, std::string_view what,
                           const std::string& sender) {
  if (sender.empty() || entry.may_see_orders_of(sender)) return {};
  return not_authorized(std::string(field), absl::StrCat("the key of ", entry.name, " may not see ", std::string(what),
                                                         " of ", sender, ": a strategy sees those of its own names"));
}

/// `field`: mass_cancel or kill_switch.
wire::Rejected objection_to(const Entry& entry, std::string_view field, const core::MassCancelRequest& request) {
  if (!entry.may_cancel()) return may_not_cancel(entry, field);
  if (request.whose == core::MassCancelRequest::Whose::Own || entry.may_cancel_of_others()) return {};
  return not_authorized(absl::StrCat(std::string(field), ".scope"),
                        absl::StrCat(entry.name, " is not an operator: its scope may only be OWN"));
}

/// Its answer is a page of what the key may see.
bool is_for_a_page(const core::Event& event) {
  return std::holds_alternative<core::OpenOrdersRequest>(event) ||
         std::holds_alternative<core::CommandsRequest>(event) || std::holds_alternative<core::HistoryRequest>(event);
}

/// A request for all is one for what is the sender's own.
void narrow_to_own(core::Event& event, const std::string& sender) {
  if (auto* orders = std::get_if<core::OpenOrdersRequest>(&event)) {
    if (orders->scope.whose != core::Scope::Whose::All) return;
    orders->scope.whose = core::Scope::Whose::Owner;
    orders->scope.owner = sender;
  } else if (auto* commands = std::get_if<core::CommandsRequest>(&event)) {
    if (commands->sender.empty()) commands->sender = sender;
  } else if (auto* history = std::get_if<core::HistoryRequest>(&event)) {
    history->query.own_only = true;
    if (history->query.sender.empty()) history->query.sender = sender;
  }
}

bool objects(const wire::Rejected& why) { return !why.text.empty(); }

}  // namespace

SessionDoor::SessionDoor(asio::io_context& context, zmq::context_t& zmq, const io::CurveKey* key, DoorLimits limits,
                         Guard& guard, Refusals& refusals, Metrics& metrics)
    : socket_(context, zmq, zmq::socket_type::router, {.max_message_bytes = 2 * wire::MaxSessionRequestBytes},
              Door::Session, key, [&guard](const auto& failure) { guard.handshake_failed(Door::Session, failure); }),
      visitors_(limits),
      guard_(guard),
      refusals_(refusals),
      metrics_(metrics) {}

void SessionDoor::read(std::vector<core::Event>& events) {
  io::Frames frames;
  while (socket_.receive(frames)) take(frames.front(), frames, events);
}

void SessionDoor::take(const core::PeerId& peer, const io::Frames& frames, std::vector<core::Event>& events) {
  const std::string key = socket_->user_id();
  if (!admit(peer, key, events)) return;
  const Entry& entry = *guard_.find(key);
  const core::Tick now = io::now().tick;
  size_t bytes = 0;
  for (size_t i = 1; i < frames.size(); ++i) bytes += frames[i].size();
  // Before it is read: reading is what costs.
  const bool too_fast = !visitors_.spend(peer, std::max(1.0, static_cast<double>(bytes) / BytesPerMessage), now);
  if (too_fast) note("rate", key, "more messages than a session may send");
  if (too_fast && bytes > MaxCommandBytes) return;
  if (frames.size() != 2) {
    metrics_.frame_rejected();
    note("frame", key, "expected one frame per message");
    if (!too_fast) reject(peer, {core::RejectReason::Malformed, "", "expected one frame per message"});
    return;
  }
  if (wire::is_record_request(frames[1])) return too_fast ? void() : take_record(peer, entry);
  auto request = wire::decode_session_request(frames[1], peer);
  if (const auto* rejected = std::get_if<wire::Rejected>(&request)) {
    metrics_.frame_rejected();
    note("frame", key, absl::StrCat(rejected->field, ": ", rejected->text));
    if (!too_fast) reject(peer, *rejected);
    return;
  }
  core::Event event = std::get<core::Event>(std::move(request));
  if (const wire::Rejected why = objection(entry, event); objects(why)) {
    return too_fast ? void() : refuse(peer, entry, event, why);
  }
  if (visitors_.find(peer)->sender.empty() && !std::holds_alternative<core::Hello>(event)) {
    return too_fast ? void() : transmit(peer, wire::encode_hello_required({peer, cl_ord_id_of(event)}));
  }
  if (prepare(peer, entry, event, too_fast)) events.push_back(std::move(event));
}

bool SessionDoor::prepare(const core::PeerId& peer, const Entry& entry, core::Event& event, bool too_fast) {
  if (auto* command = std::get_if<core::CommandReceived>(&event)) {
    command->too_fast = too_fast;
    command->own_only = entry.cancels_own;
    return true;
  }
  if (auto* mass = std::get_if<core::MassCancelReceived>(&event)) {
    mass->too_fast = too_fast;
    return true;
  }
  if (auto* kill_switch = std::get_if<core::KillSwitchReceived>(&event)) {
    kill_switch->of_operator = entry.may_cancel_of_others();
    // An operator's emergency is heard whatever was said before it. A strategy asks again.
    return !too_fast || kill_switch->of_operator;
  }
  if (too_fast) return false;
  Visitor& visitor = *visitors_.find(peer);
  const core::Tick now = io::now().tick;
  if (auto* hello = std::get_if<core::Hello>(&event)) {
    // An observer has no commands of its own, and must not make others be told of theirs.
    hello->open_commands = hello->open_commands && entry.may_cancel();
    visitor.sender = hello->sender;
    visitor.topics = hello->topics;
  } else if (const auto* request = std::get_if<core::RetransmitRequest>(&event)) {
    if (visitors_.spend(peer, request->count / EventsPerMessage, now)) return true;
    note("rate", entry.key, "more retransmissions than a session may ask for");
    return false;
  } else if (is_for_a_page(event)) {
    const bool from_disk = std::holds_alternative<core::HistoryRequest>(event);
    if (!visitors_.spend(peer, from_disk ? MessagesPerHistoryPage : MessagesPerPage, now)) {
      note("rate", entry.key, "more open orders, commands or history than a session may ask for");
      return false;
    }
    if (!entry.may_see_all_orders()) narrow_to_own(event, visitor.sender);
  }
  return true;
}

void SessionDoor::take_record(const core::PeerId& peer, const Entry& entry) {
  if (!entry.may_record()) {
    note("record", entry.key, "is not an operator");
    return reject(peer, not_authorized("record", absl::StrCat(entry.name,
                                                              " is not an operator, and only one may record: use an "
                                                              "operator's key")));
  }
  if (visitors_.find(peer)->sender.empty()) return transmit(peer, wire::encode_hello_required({peer, ""}));
  record_(peer, entry.name);
}

bool SessionDoor::admit(const core::PeerId& peer, const std::string& key, std::vector<core::Event>& events) {
  if (guard_.find(key) == nullptr) {
    note("revoked", key, "its key is not in the policy any more");
    visitors_.forget(peer);
    reject(peer, not_authorized("", "this key is not in the bus's policy any more"));
    return false;
  }
  Doorkeeper::Verdict verdict = visitors_.admit(peer, key, io::now().tick);
  if (verdict == Doorkeeper::Verdict::TooManySessions && free_a_place(key, events)) {
    verdict = visitors_.admit(peer, key, io::now().tick);
  }
  if (verdict == Doorkeeper::Verdict::Enters) return true;
  if (verdict == Doorkeeper::Verdict::AnotherKey) {
    note("routing_id", key, "uses the routing id of another key's session");
    return false;
  }
  note("sessions", key, "has as many sessions as one key may have");
  reject(peer, {core::RejectReason::BusFull, "", "this key has as many sessions as one key may have"});
  return false;
}

// A ROUTER is not told who has left, but it knows: what cannot be sent to a peer any more was its session. The frame is
// empty, which to a client says nothing.
bool SessionDoor::free_a_place(const std::string& key, std::vector<core::Event>& events) {
  const core::Tick now = io::now().tick;
  if (now < next_search_) return false;
  next_search_ = now + SearchEvery;
  bool freed = false;
  for (const core::PeerId& peer : visitors_.visitors_of(key)) {
    if (socket_.send({peer, ""}) != io::SendResult::NoRoute) continue;
    // The next peer with its routing id must not be taken for it.
    events.push_back(core::SessionEnded{peer});
    visitors_.forget(peer);
    freed = true;
  }
  return freed;
}

wire::Rejected SessionDoor::objection(const Entry& entry, const core::Event& event) const {
  if (const auto* hello = std::get_if<core::Hello>(&event)) return objection_to(entry, *hello);
  if (std::holds_alternative<core::CommandReceived>(event) && !entry.may_cancel()) {
    return may_not_cancel(entry, "cancel_order");
  }
  if (const auto* mass = std::get_if<core::MassCancelReceived>(&event)) {
    return objection_to(entry, "mass_cancel", mass->request);
  }
  if (const auto* kill_switch = std::get_if<core::KillSwitchReceived>(&event)) {
    return objection_to(entry, "kill_switch", kill_switch->request);
  }
  if (std::holds_alternative<core::GoodbyeReceived>(event) && !entry.may_cancel()) {
    return may_not_cancel(entry, "goodbye");
  }
  if (std::holds_alternative<core::ResolveRequest>(event) && !entry.may_resolve()) {
    return not_authorized("resolve", absl::StrCat(entry.name, " is not an operator, and only one may resolve"));
  }
  if (std::holds_alternative<core::RetryRequest>(event) && !entry.may_retry()) {
    return not_authorized("retry", absl::StrCat(entry.name, " is not an operator, and only one may retry"));
  }
  if (const auto* orders = std::get_if<core::OpenOrdersRequest>(&event)) {
    return may_not_see(entry, "open_orders_request.owner", "open orders", orders->scope.owner);
  }
  if (const auto* commands = std::get_if<core::CommandsRequest>(&event)) {
    return may_not_see(entry, "commands_request.sender_comp_id", "commands", commands->sender);
  }
  if (const auto* history = std::get_if<core::HistoryRequest>(&event)) {
    return may_not_see(entry, "history_request.sender_comp_id", "history", history->query.sender);
  }
  const auto* request = std::get_if<core::RetransmitRequest>(&event);
  if (request != nullptr && !entry.may_read(request->topic)) {
    return not_authorized("retransmit_request.topic", may_not_read(entry, request->topic));
  }
  return {};
}

void SessionDoor::refuse(const core::PeerId& peer, const Entry& entry, const core::Event& event,
                         const wire::Rejected& why) {
  std::string detail = why.text;
  if (const auto* hello = std::get_if<core::Hello>(&event)) absl::StrAppend(&detail, ": ", hello->sender);
  const std::string_view reason = why.field == "hello.sender_comp_id"    ? "sender"
                                  : why.field == "cancel_order"          ? "cancel"
                                  : why.field.starts_with("mass_cancel") ? "mass_cancel"
                                  : why.field.starts_with("kill_switch") ? "kill_switch"
                                  : why.field == "goodbye"               ? "goodbye"
                                  : why.field == "resolve"               ? "resolve"
                                  : why.field == "retry"                 ? "retry"
                                  : why.field.starts_with("open_")       ? "orders"
                                  : why.field.starts_with("commands_")   ? "commands"
                                  : why.field.starts_with("history_")    ? "history"
                                                                         : "topic";
  note(reason, entry.key, detail);
  const std::string cl_ord_id = cl_ord_id_of(event);
  if (cl_ord_id.empty()) return reject(peer, why);
  transmit(
      peer,
      wire::encode_receipt(
          {peer, cl_ord_id, core::ReceiptStatus::Refused, why.reason, absl::StrCat(why.field, ": ", why.text), {}}));
}

void SessionDoor::judge_again(std::vector<core::Event>& events) {
  for (const core::PeerId& peer : visitors_.visitors()) {
    const Visitor& visitor = *visitors_.find(peer);
    const Entry* entry = guard_.find(visitor.key);
    const core::Hello hello{peer, visitor.sender, visitor.topics, false};
    const bool stays = entry != nullptr && (visitor.sender.empty() || !objects(objection_to(*entry, hello)));
    if (stays) continue;
    if (entry == nullptr) note("revoked", visitor.key, "its session was ended");
    events.push_back(core::SessionEnded{peer});
    visitors_.forget(peer);
  }
}

std::optional<core::EventBar> SessionDoor::bar_of(const core::PeerId& peer, core::Instant now) {
  const Visitor* visitor = visitors_.find(peer);
  return visitor == nullptr ? std::nullopt : guard_.bar_of(visitor->key, now);
}

bool SessionDoor::sees(const core::PeerId& peer, const std::string& sender) {
  const Visitor* visitor = visitors_.find(peer);
  const Entry* entry = visitor == nullptr ? nullptr : guard_.find(visitor->key);
  return entry != nullptr && entry->may_see_orders_of(sender);
}

void SessionDoor::reject(const core::PeerId& peer, const wire::Rejected& why) {
  transmit(peer, wire::encode_reject(why));
}

void SessionDoor::note(std::string_view reason, const std::string& key, std::string_view detail) {
  refusals_.note(io::now().tick, reason, guard_.name_of(key), absl::StrCat("session: ", std::string(detail)));
}

void SessionDoor::note_refused(const core::SendReceipt& receipt) {
  const Visitor* visitor = visitors_.find(receipt.peer);
  refusals_.log(io::now().tick, "command", visitor != nullptr ? guard_.name_of(visitor->key) : "a peer that has left",
                absl::StrCat("session: ", receipt.cl_ord_id, ": ", receipt.text));
}

void SessionDoor::send(const core::PeerId& peer, const std::string& frame) {
  if (visitors_.find(peer) != nullptr) return transmit(peer, frame);
  metrics_.reply_dropped();
}

void SessionDoor::transmit(const core::PeerId& peer, const std::string& frame) {
  if (socket_.send({peer, frame}) != io::SendResult::Sent) metrics_.reply_dropped();
}

}  // namespace cancelbus::bus
