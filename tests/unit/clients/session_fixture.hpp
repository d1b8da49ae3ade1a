// A session at virtual time, whose frames and notices read as short lines.
//
// Used by the session's tests, which stand in for the user, the bus and the clock at once.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cancelbus/session.hpp"

namespace cancelbus::client {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SessionTest : public testing::Test {
 protected:
  static constexpr uint64_t Epoch = 7;
  static inline const std::string OwnTopic = "client.desk-a.";

  SessionTest() { session_.start(now_); }

  void connect(uint64_t next_seq = 1, uint64_t epoch = Epoch) {
    v1::SessionReply reply;
    reply.mutable_welcome()->set_epoch(epoch);
    auto* position = reply.mutable_welcome()->add_position();
    position->set_topic(OwnTopic);
    position->set_next_seq(next_seq);
    hear(reply);
  }

  void connect_quietly() {
    connect();
    frames();
    notices();
  }

  bool cancel(const std::string& id, int64_t order_id = 1) {
    v1::CancelOrder order;
    order.set_cl_ord_id(id);
    order.set_order_id(order_id);
    return session_.cancel(order, now_);
  }

  void hear(const v1::SessionReply& reply) { session_.on_reply(reply.SerializeAsString(), now_); }

  void receipt(const std::string& id, v1::ReceiptStatus status = v1::RECEIPT_STATUS_APPLIED) {
    v1::SessionReply reply;
    reply.mutable_receipt()->set_cl_ord_id(id);
    reply.mutable_receipt()->set_status(status);
    hear(reply);
  }

  void heartbeat(uint64_t next_seq, std::vector<v1::CauseKind> causes = {}) {
    v1::SessionReply reply;
    for (const v1::CauseKind kind : causes) reply.mutable_heartbeat()->add_cause()->set_kind(kind);
    reply.mutable_heartbeat()->set_epoch(Epoch);
    auto* position = reply.mutable_heartbeat()->add_position();
    position->set_topic(OwnTopic);
    position->set_next_seq(next_seq);
    hear(reply);
  }

  void hello_required(const std::string& id) {
    v1::SessionReply reply;
    reply.mutable_hello_required()->set_cl_ord_id(id);
    hear(reply);
  }

  static v1::Event ack(uint64_t seq, const std::string& id, bool final_follows = true, uint64_t epoch = Epoch,
                       int64_t order_id = 1) {
    v1::Event event = numbered(seq, epoch);
    event.mutable_cancel_ack()->set_cl_ord_id(id);
    event.mutable_cancel_ack()->set_order_id(order_id);
    event.mutable_cancel_ack()->set_status(final_follows ? v1::CANCEL_ACK_STATUS_ACCEPTED
                                                         : v1::CANCEL_ACK_STATUS_REJECTED);
    event.mutable_cancel_ack()->set_final_follows(final_follows);
    return event;
  }

  static v1::Event final(uint64_t seq, const std::string& id, uint64_t epoch = Epoch, int64_t order_id = 1) {
    v1::Event event = numbered(seq, epoch);
    event.mutable_cancel_final()->set_cl_ord_id(id);
    event.mutable_cancel_final()->set_order_id(order_id);
    event.mutable_cancel_final()->set_ord_status(v1::ORD_STATUS_CANCELED);
    return event;
  }

  static v1::Event numbered(uint64_t seq, uint64_t epoch) {
    v1::Event event;
    event.set_epoch(epoch);
    event.set_topic(OwnTopic);
    event.set_seq(seq);
    return event;
  }

  static v1::Event report(uint64_t seq, const std::string& id, uint32_t canceled, bool completed = false) {
    v1::Event event = numbered(seq, Epoch);
    v1::MassCancelReport& report = *event.mutable_mass_cancel_report();
    report.set_cl_ord_id(id);
    report.set_canceled(canceled);
    report.set_status(completed ? v1::MASS_CANCEL_STATUS_COMPLETED : v1::MASS_CANCEL_STATUS_PROGRESS);
    return event;
  }

  void publish(const v1::Event& event) { session_.on_event(event.topic(), event.SerializeAsString(), now_); }

  void retransmit(v1::Event event) {
    v1::SessionReply reply;
    event.set_poss_dup(true);
    *reply.mutable_retransmission() = event;
    hear(reply);
  }

  void pass(milliseconds time) {
    now_ += time;
    session_.on_time(now_);
  }

  /// Time passes while the bus answers heartbeats, so that it is not taken for silent.
  void pass_in_touch(milliseconds time, uint64_t next_seq = 1) {
    for (; time > milliseconds(0); time -= milliseconds(500)) {
      pass(std::min(time, milliseconds(500)));
      heartbeat(next_seq);
    }
  }

  std::vector<std::string> frames() {
    std::vector<std::string> lines;
    for (const auto& frame : session_.take_frames()) lines.push_back(line(frame));
    return lines;
  }
  /// Frames but heartbeats.
  std::vector<std::string> commands() {
    auto lines = frames();
    std::erase(lines, "heartbeat");
    return lines;
  }

  static std::string line(const v1::SessionRequest& request) {
    if (request.has_hello()) return "hello";
    if (request.has_heartbeat()) return "heartbeat";
    if (request.has_status_request()) return "status_request";
    if (request.has_cancel_order()) return "cancel " + request.cancel_order().cl_ord_id();
    if (request.has_record()) return "record";
    if (request.has_resolve()) return "resolve " + request.resolve().cl_ord_id();
    if (request.has_mass_cancel()) return "mass cancel " + request.mass_cancel().cl_ord_id();
    if (request.has_kill_switch()) return "kill switch " + std::to_string(request.kill_switch().request_id());
    if (request.has_goodbye()) return request.goodbye().keep_orders() ? "goodbye, keep orders" : "goodbye";
    if (request.has_open_orders_request()) {
      return "open orders from " + std::to_string(request.open_orders_request().from_order_id());
    }
    if (request.has_commands_request()) {
      return "commands " + std::to_string(request.commands_request().request_id());
    }
    if (request.has_retry()) return "retry " + request.retry().cl_ord_id();
    if (request.has_history_request()) {
      return "history " + std::to_string(request.history_request().request_id());
    }
    return "ask " + std::to_string(request.retransmit_request().from_seq()) + "+" +
           std::to_string(request.retransmit_request().count());
  }

  std::vector<std::string> notices() {
    std::vector<std::string> lines;
    for (const auto& notice : session_.take_notices()) {
      std::visit([&](const auto& n) { lines.push_back(line(n)); }, notice);
    }
    std::erase(lines, "");
    return lines;
  }

  static std::string line(const Connected&) { return "connected"; }
  static std::string line(const Silent&) { return "silent"; }
  static std::string line(const v1::Receipt& r) {
    return (r.status() == v1::RECEIPT_STATUS_REFUSED ? "refused " : "received ") + r.cl_ord_id();
  }
  static std::string line(const v1::CancelAck& a) { return "ack " + a.cl_ord_id(); }
  static std::string line(const v1::CancelFinal& f) { return "final " + f.cl_ord_id(); }
  static std::string line(const v1::CancelStatus& s) { return "status " + s.cl_ord_id(); }
  static std::string line(const v1::Event& e) { return e.has_bus_status() ? "bus" : "#" + std::to_string(e.seq()); }
  static std::string line(const v1::BusStatus&) { return "bus status"; }
  static std::string line(const v1::Reject& r) { return "reject " + r.field(); }
  static std::string line(const v1::Resolved& r) { return "resolved " + r.cl_ord_id(); }
  static std::string line(const OpenOrders& o) {
    return o.refused.empty() ? std::to_string(o.orders.size()) + " open orders" : "no open orders: " + o.refused;
  }
  static std::string line(const v1::Commands& c) { return "commands " + std::to_string(c.request_id()); }
  static std::string line(const v1::History& h) { return "history " + std::to_string(h.request_id()); }
  static std::string line(const v1::RetryReply& r) { return "retry " + std::to_string(r.request_id()); }
  static std::string line(const InquiryRefused& r) {
    return "inquiry " + std::to_string(r.request_id) + " refused: " + r.why;
  }
  static std::string line(const LostEvents& l) {
    return "lost " + std::to_string(l.from_seq) + "-" + std::to_string(l.to_seq);
  }
  static std::string line(const NewEpoch&) { return "new epoch"; }
  static std::string line(const NotReached&) { return "not reached"; }
  static std::string line(const Causes& c) {
    std::string text = "causes";
    for (const v1::Cause& cause : c.causes) text += " " + std::to_string(cause.kind());
    return text;
  }
  static std::string line(const Unreadable&) { return "unreadable"; }
  static std::string line(const v1::MassCancelReport& r) {
    return "report " + r.cl_ord_id() + " " + std::to_string(r.canceled());
  }
  static std::string line(const v1::MassCancelPreview& p) { return "preview " + p.cl_ord_id(); }
  static std::string line(const MassCancelLost& l) { return "lost mass cancel " + l.cl_ord_id; }
  static std::string line(const MassCancelUnknown& u) { return "unknown mass cancel " + u.cl_ord_id; }
  static std::string line(const v1::KillSwitchReply& r) { return "kill switch " + std::to_string(r.request_id()); }
  static std::string line(const v1::GoodbyeReply& r) { return "goodbye " + r.cl_ord_id(); }
  static std::string line(const KillSwitchUnknown& u) { return "unknown kill switch " + std::to_string(u.request_id); }
  static std::string line(const GoodbyeUnknown&) { return "unknown goodbye"; }

  Session session_{{.sender_comp_id = "desk-a", .topics = {"venue."}, .open_commands = true}};
  Time now_ = Time() + seconds(100);
};

}  // namespace cancelbus::client
