// What the bus says on a session. What it hears is in session_request.cpp.
#include <absl/status/status.h>

#include <vector>

#include "cancelbus/v1/session.pb.h"
#include "service/wire/bus_status.hpp"
#include "service/wire/enums.hpp"
#include "service/wire/frame.hpp"
#include "service/wire/open_order.hpp"
#include "service/wire/session_codec.hpp"
#include "service/wire/text.hpp"
#include "service/wire/times.hpp"

namespace cancelbus::wire {
namespace {

/// For Welcome and HeartbeatReply, which have the same fields.
template <typename Reply>
void fill_positions(const std::vector<core::TopicPosition>& positions, uint64_t epoch, Reply& reply) {
  reply.set_epoch(epoch);
  for (const auto& position : positions) {
    v1::TopicPosition& added = *reply.add_position();
    added.set_topic(position.topic);
    added.set_next_seq(position.next_seq);
  }
}

void fill(const core::UndecidedCommand& command, v1::UndecidedCommand& proto) {
  proto.set_sender_comp_id(command.key.sender);
  proto.set_cl_ord_id(command.key.cl_ord_id);
  proto.set_order_id(command.order_id);
  proto.set_symbol(legible(command.symbol));
  proto.set_client_order_id(legible(command.client_order_id));
  if (command.received) *proto.mutable_received() = to_timestamp(*command.received);
  *proto.mutable_age() = to_proto_duration(command.age);
  proto.set_stage(to_wire(command.stage));
  *proto.mutable_since() = to_timestamp(command.since);
  proto.set_text(legible(command.why.text));
  proto.set_http_status(command.why.http_status);
  proto.set_exchange_code(command.why.exchange_code);
  proto.set_acked(command.acked);
  proto.set_attempts(command.attempts);
  proto.set_next_step(legible(command.next_step));
  if (command.next_in) *proto.mutable_next_in() = to_proto_duration(*command.next_in);
  proto.set_operator_step(legible(command.operator_step));
}

void fill(const core::HistoryRow& row, v1::HistoryLine& proto) {
  *proto.mutable_at() = to_timestamp(row.at);
  proto.set_bus_start(row.term);
  proto.set_line(row.line);
  proto.set_what(legible(row.what));
  proto.set_status(legible(row.status));
  proto.set_text(legible(row.text));
  proto.set_task_id(row.task);
  proto.set_attempt(row.attempt);
  proto.set_stamp(row.stamp_ms);
  proto.set_worker(legible(row.worker));
  proto.set_http_status(row.http_status);
  proto.set_exchange_code(row.exchange_code);
  proto.set_amount(legible(row.amount));
  proto.set_left_amount(legible(row.left_amount));
}

/// Nothing, if what the store kept is no event.
void fill_event(const std::string& payload, uint64_t epoch, const auto& event) {
  v1::Event kept;
  if (payload.empty() || !parse_frame(payload, kept)) return;
  kept.set_poss_dup(true);
  kept.set_epoch(epoch);
  *event() = std::move(kept);
}

void fill(const core::HistoryCommand& command, uint64_t epoch, v1::HistoryCommand& proto) {
  proto.set_sender_comp_id(legible(command.key.sender));
  proto.set_cl_ord_id(legible(command.key.cl_ord_id));
  proto.set_order_id(command.order_id);
  proto.set_symbol(legible(command.symbol));
  proto.set_priority(to_wire(command.priority));
  if (command.received) *proto.mutable_received() = to_timestamp(*command.received);
  if (command.expires) *proto.mutable_expires() = to_timestamp(*command.expires);
  proto.set_ended(command.ended);
  fill_event(command.ack, epoch, [&proto] { return proto.mutable_ack(); });
  fill_event(command.final, epoch, [&proto] { return proto.mutable_final(); });
  for (const core::HistoryRow& row : command.rows) fill(row, *proto.add_line());
}

}  // namespace

std::string encode_welcome(const core::SendWelcome& welcome, uint64_t epoch, const Bar& bar, uint64_t term) {
  v1::SessionReply frame;
  v1::Welcome& reply = *frame.mutable_welcome();
  fill_positions(welcome.positions, epoch, reply);
  reply.set_term(term);
  if (bar) fill_event_bar(*bar, *reply.mutable_event_bar());
  return frame.SerializeAsString();
}

std::string encode_receipt(const core::SendReceipt& receipt) {
  v1::SessionReply frame;
  v1::Receipt& proto = *frame.mutable_receipt();
  proto.set_cl_ord_id(receipt.cl_ord_id);
  proto.set_status(to_wire(receipt.status));
  proto.set_reason(to_wire(receipt.reason));
  proto.set_text(legible(receipt.text));
  *proto.mutable_estimated_wait() = to_proto_duration(receipt.estimated_wait);
  return frame.SerializeAsString();
}

absl::StatusOr<std::string> encode_retransmission(std::string_view event, uint64_t epoch) {
  v1::SessionReply frame;
  v1::Event& proto = *frame.mutable_retransmission();
  if (!parse_frame(event, proto)) return absl::DataLossError("what the store kept is not an Event");
  proto.set_poss_dup(true);
  proto.set_epoch(epoch);
  return frame.SerializeAsString();
}

std::string encode_retransmit_reject(const core::SendRetransmitReject& reject, uint64_t epoch) {
  v1::SessionReply frame;
  v1::RetransmitReject& proto = *frame.mutable_retransmit_reject();
  proto.set_epoch(epoch);
  proto.set_topic(reject.topic);
  proto.set_first_kept_seq(reject.first_kept);
  return frame.SerializeAsString();
}

std::string encode_heartbeat(const core::SendHeartbeat& heartbeat, const std::vector<core::Cause>& causes,
                             uint64_t epoch, const Bar& bar, uint64_t term) {
  v1::SessionReply frame;
  v1::HeartbeatReply& reply = *frame.mutable_heartbeat();
  fill_positions(heartbeat.positions, epoch, reply);
  reply.set_term(term);
  for (const core::Cause& cause : causes) fill_cause(cause, *reply.add_cause());
  if (bar) fill_event_bar(*bar, *reply.mutable_event_bar());
  return frame.SerializeAsString();
}

std::string encode_not_leading(uint64_t term, const std::string& leader) {
  v1::SessionReply reply;
  reply.mutable_not_leading()->set_term(term);
  reply.mutable_not_leading()->set_leader(legible(leader));
  return reply.SerializeAsString();
}

std::string encode_hello_required(const core::SendHelloRequired& hello_required) {
  v1::SessionReply frame;
  frame.mutable_hello_required()->set_cl_ord_id(hello_required.cl_ord_id);
  return frame.SerializeAsString();
}

std::string encode_status(const core::BusStatus& status) {
  v1::SessionReply frame;
  fill_bus_status(status, *frame.mutable_status());
  return frame.SerializeAsString();
}

std::string encode_open_orders(const core::SendOpenOrders& open_orders) {
  v1::SessionReply frame;
  v1::OpenOrders& proto = *frame.mutable_open_orders();
  if (open_orders.complete_as_of) *proto.mutable_complete_as_of() = to_timestamp(*open_orders.complete_as_of);
  for (const core::OpenOrder& order : open_orders.orders) fill_open_order(order, *proto.add_open_order());
  proto.set_next_order_id(open_orders.next);
  proto.set_request_id(open_orders.request_id);
  return frame.SerializeAsString();
}

std::string encode_commands(const core::SendCommands& commands) {
  v1::SessionReply frame;
  v1::Commands& proto = *frame.mutable_commands();
  *proto.mutable_as_of() = to_timestamp(commands.as_of);
  for (const core::UndecidedCommand& command : commands.commands) fill(command, *proto.add_command());
  if (commands.next) {
    v1::CommandPlace& next = *proto.mutable_next();
    next.set_order_id(commands.next->order_id);
    next.set_sender_comp_id(commands.next->key.sender);
    next.set_cl_ord_id(commands.next->key.cl_ord_id);
  }
  proto.set_request_id(commands.request_id);
  return frame.SerializeAsString();
}

std::string encode_history(const core::HistoryPage& page, uint64_t request_id, std::string_view why, uint64_t epoch) {
  v1::SessionReply frame;
  v1::History& proto = *frame.mutable_history();
  for (const core::HistoryCommand& command : page.commands) fill(command, epoch, *proto.add_command());
  if (page.next) {
    v1::HistoryPlace& next = *proto.mutable_next();
    next.set_sender_comp_id(page.next->key.sender);
    next.set_cl_ord_id(page.next->key.cl_ord_id);
    next.set_bus_start(page.next->term);
    next.set_line(page.next->line);
  }
  proto.set_request_id(request_id);
  proto.set_text(legible(why));
  return frame.SerializeAsString();
}

std::string encode_resolved(const core::SendResolved& resolved) {
  v1::SessionReply frame;
  v1::Resolved& proto = *frame.mutable_resolved();
  proto.set_sender_comp_id(resolved.key.sender);
  proto.set_cl_ord_id(resolved.key.cl_ord_id);
  proto.set_status(to_wire(resolved.status));
  proto.set_text(legible(resolved.text));
  return frame.SerializeAsString();
}

std::string encode_retry(const core::SendRetry& retry) {
  v1::SessionReply frame;
  v1::RetryReply& proto = *frame.mutable_retry();
  proto.set_status(retry.retrying ? v1::RETRY_STATUS_RETRYING : v1::RETRY_STATUS_REFUSED);
  proto.set_text(legible(retry.text));
  proto.set_request_id(retry.request_id);
  return frame.SerializeAsString();
}

std::string encode_mass_cancel_preview(const core::SendMassCancelPreview& preview) {
  v1::SessionReply frame;
  v1::MassCancelPreview& proto = *frame.mutable_mass_cancel_preview();
  proto.set_cl_ord_id(preview.cl_ord_id);
  proto.set_total_affected(preview.total_affected);
  for (const auto& [owner, symbol, orders] : preview.orders) {
    v1::MassCancelPreview::Orders& added = *proto.add_orders();
    added.set_owner(owner);
    added.set_symbol(legible(symbol));
    added.set_orders(orders);
  }
  if (preview.complete_as_of) *proto.mutable_complete_as_of() = to_timestamp(*preview.complete_as_of);
  *proto.mutable_estimated_duration() = to_proto_duration(preview.estimated_duration);
  proto.set_text(legible(preview.text));
  return frame.SerializeAsString();
}

std::string encode_kill_switch(const core::SendKillSwitch& kill_switch) {
  v1::SessionReply frame;
  v1::KillSwitchReply& proto = *frame.mutable_kill_switch();
  proto.set_status(to_wire(kill_switch.status));
  proto.set_text(legible(kill_switch.text));
  proto.set_still_open(kill_switch.still_open);
  proto.set_cl_ord_id(kill_switch.cl_ord_id);
  proto.set_request_id(kill_switch.request_id);
  return frame.SerializeAsString();
}

std::string encode_goodbye(const core::SendGoodbye& goodbye) {
  v1::SessionReply frame;
  v1::GoodbyeReply& proto = *frame.mutable_goodbye();
  proto.set_cl_ord_id(goodbye.cl_ord_id);
  proto.set_text(legible(goodbye.text));
  return frame.SerializeAsString();
}

std::string encode_reject(const Rejected& rejected) {
  v1::SessionReply frame;
  v1::Reject& proto = *frame.mutable_reject();
  proto.set_reason(to_wire(rejected.reason));
  proto.set_field(rejected.field);
  proto.set_text(legible(rejected.text));
  return frame.SerializeAsString();
}

}  // namespace cancelbus::wire
