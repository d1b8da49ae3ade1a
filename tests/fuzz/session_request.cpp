// A frame of a client at the bus's door.
#include <chrono>
#include <variant>

#include "cancelbus/v1/session.pb.h"
#include "service/core/dead_man.hpp"
#include "service/wire/order.hpp"
#include "service/wire/session_codec.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

using namespace std::chrono_literals;

bool is_printable(std::string_view text, size_t least, size_t most) {
  const auto outside = [](char c) { return c < ' ' || c > '~'; };
  return text.size() >= least && text.size() <= most && std::ranges::none_of(text, outside);
}

bool is_sender(std::string_view text) {
  constexpr const char* Allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return is_printable(text, 1, 32) && text.find_first_not_of(Allowed) == std::string_view::npos;
}

std::string written(const core::CancelOrder& order) {
  v1::SessionRequest frame;
  wire::fill_order(order, *frame.mutable_cancel_order());
  return frame.SerializeAsString();
}

void require_at_the_door(const core::CommandReceived& command) {
  const core::CancelOrder& order = command.order;
  require(is_printable(order.cl_ord_id, 1, 64), "a cl_ord_id is 1 to 64 printable characters");
  require(order.order_id >= 1, "order ids begin with 1");
  require(is_printable(order.account, 0, 64), "an account is at most 64 printable characters");
  require(is_printable(order.symbol, 0, 32), "a symbol is at most 32 printable characters");
  require(is_printable(order.traceparent, 0, 55), "a traceparent is at most 55 printable characters");
  require(!order.time_to_live || (*order.time_to_live >= 1ms && *order.time_to_live <= 24h), "a ttl is 1 ms to 24 h");

  const auto again = wire::decode_session_request(written(order), "peer");
  const auto* event = std::get_if<core::Event>(&again);
  const auto* repeated = event ? std::get_if<core::CommandReceived>(event) : nullptr;
  require(repeated != nullptr && written(repeated->order) == written(order), "what was let in can be written again");
}

void require_at_the_door(const core::CommandMalformed& command) {
  require(is_printable(command.cl_ord_id, 1, 64), "a command is refused by a legible name");
  require(!command.text.empty() && is_shown_text(command.text), "it is said what is wrong");
}

void require_at_the_door(const core::Hello& hello) {
  require(is_sender(hello.sender), "a sender_comp_id is 1 to 32 letters, digits, _ and -");
  require(hello.topics.size() <= 64, "at most 64 topics");
  for (const auto& topic : hello.topics) require(is_printable(topic, 4, 40), "a topic is a known one");
  const auto& window = hello.cancel_on_disconnect;
  require(!window || (*window >= core::DeadMan::LeastWindow && *window <= core::DeadMan::MostWindow),
          "a dead man's switch has a window of 2 s to 10 min");
}

void require_at_the_door(const core::RetransmitRequest& request) {
  require(request.from_seq >= 1 && request.count >= 1 && request.count <= 500, "1 to 500 events from 1");
  require(is_printable(request.topic, 6, 40) && request.topic.ends_with('.'), "a topic is whole");
}

void require_at_the_door(const core::ResolveRequest& request) {
  require(is_sender(request.key.sender), "a sender_comp_id is 1 to 32 letters, digits, _ and -");
  require(is_printable(request.key.cl_ord_id, 1, 64), "a cl_ord_id is 1 to 64 printable characters");
  require(request.as != core::OrdStatus::PartiallyFilled, "an operator says what he can know");
}

void require_at_the_door(const core::Scope& scope, bool own) {
  const bool owned = scope.whose == core::Scope::Whose::Owner && !own;
  require(owned ? is_sender(scope.owner) : scope.owner.empty(), "a scope of one sender names it, and no other does");
  require(is_printable(scope.symbol, 0, 32), "a pair is at most 32 printable characters");
  require(is_printable(scope.client_order_id_prefix, 0, 64), "a prefix is at most 64 printable characters");
}

void require_at_the_door(const core::MassCancelRequest& request) {
  require_at_the_door(request.scope, request.whose == core::MassCancelRequest::Whose::Own);
  require(is_printable(request.traceparent, 0, 55), "a trace context is at most 55 printable characters");
}

void require_at_the_door(const core::MassCancelReceived& received) {
  require(is_printable(received.request.cl_ord_id, 1, 32), "a mass cancel's name is 1 to 32 printable characters");
  require(received.request.cl_ord_id.find('/') == std::string::npos, "and has no slash");
  require(received.request.cause == core::MassCancelRequest::Cause::Client, "it is no switch's");
  require_at_the_door(received.request);
}

void require_at_the_door(const core::KillSwitchReceived& received) {
  require(is_printable(received.request.reason, 1, 128), "a kill switch has a reason");
  require(received.request.cl_ord_id.empty(), "its mass cancel is named by the bus");
  require(received.request.until_empty && received.request.priority == core::Priority::Urgent,
          "it is urgent and stays");
  require(!received.of_operator, "who says so is not said in the frame");
  require(!(received.engage && received.force), "none is engaged by force");
  require_at_the_door(received.request);
}

void require_at_the_door(const core::OpenOrdersRequest& request) {
  require_at_the_door(request.scope, false);
  require(request.from >= 0, "a page begins with an order id");
}

void require_at_the_door(const core::CommandsRequest& request) {
  require(request.sender.empty() || is_sender(request.sender), "commands are of a sender or of all");
  require(is_printable(request.symbol, 0, 32), "commands are for orders of a pair or of any");
  require(request.older_than >= core::Duration::zero(), "an age is not negative");
  require(request.after.order_id >= 0 && is_printable(request.after.key.cl_ord_id, 0, 64), "a page begins at a place");
}

void require_at_the_door(const core::HistoryRequest& request) {
  const core::HistoryQuery& query = request.query;
  require(query.order_id >= 0, "history is of an order or of any");
  require(query.sender.empty() || is_sender(query.sender), "history is of a sender or of all");
  require(is_printable(query.cl_ord_id, 0, 64), "history is of a command or of any");
  require(is_printable(query.after.key.cl_ord_id, 0, 64), "a page begins at a place");
  require(!query.own_only, "what may be seen is not said in the frame");
}

void require_at_the_door(const core::RetryRequest& request) {
  require(is_sender(request.key.sender) && is_printable(request.key.cl_ord_id, 1, 64), "a retry names a command");
}

void require_at_the_door(const core::GoodbyeReceived&) {}
void require_at_the_door(const core::SessionHeartbeat&) {}
void require_at_the_door(const core::StatusRequest&) {}
template <typename Other>
void require_at_the_door(const Other&) {
  require(false, "a session says nothing that belongs to the backend");
}

void require_answerable(const wire::Rejected& rejected) {
  require(!rejected.text.empty(), "it is said what is wrong");
  v1::SessionReply reply;
  require(reply.ParseFromString(wire::encode_reject(rejected)) && reply.has_reject(), "a reject is a reply");
  require(reply.reject().field() == rejected.field, "a reject names the field");
}

}  // namespace

bool session_request(std::string_view input) {
  const auto result = wire::decode_session_request(input, "peer");
  if (const auto* rejected = std::get_if<wire::Rejected>(&result)) {
    require_answerable(*rejected);
    return false;
  }
  std::visit([](const auto& event) { require_at_the_door(event); }, std::get<core::Event>(result));
  return true;
}

std::vector<std::string> session_request_seeds() {
  std::vector<std::string> seeds = goldens("SessionRequest.");
  v1::SessionRequest hello, cancel, retransmit, resolve;
  hello.mutable_hello()->set_sender_comp_id("desk-a");
  for (const char* topic : {"client.", "client.desk-b.", "venue.", "bus."}) hello.mutable_hello()->add_topics(topic);
  v1::CancelOrder& order = *cancel.mutable_cancel_order();
  order.set_cl_ord_id("c-1");
  order.set_order_id(25'338'392'433);
  order.set_account("main");
  order.set_symbol("BTCTRY");
  order.mutable_transact_time()->set_seconds(1'700'000'000);
  order.mutable_time_to_live()->set_seconds(2);
  order.set_priority(v1::PRIORITY_URGENT);
  order.set_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  retransmit.mutable_retransmit_request()->set_epoch(9);
  retransmit.mutable_retransmit_request()->set_topic("client.desk-a.");
  retransmit.mutable_retransmit_request()->set_from_seq(1);
  retransmit.mutable_retransmit_request()->set_count(500);
  resolve.mutable_resolve()->set_sender_comp_id("desk-a");
  resolve.mutable_resolve()->set_cl_ord_id("c-1");
  resolve.mutable_resolve()->set_as(v1::ORD_STATUS_CANCELED);
  add_bytes(seeds, hello, cancel, retransmit, resolve);
  resolve.mutable_resolve()->set_as(v1::ORD_STATUS_PARTIALLY_FILLED);
  add_bytes(seeds, resolve);
  cancel.mutable_cancel_order()->mutable_time_to_live()->set_nanos(-1);
  add_bytes(seeds, cancel);
  return seeds;
}

}  // namespace cancelbus::fuzz
