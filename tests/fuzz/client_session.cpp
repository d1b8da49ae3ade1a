// A client's session under whatever the bus may say: a sequence of steps, each one byte (what), two bytes (a number,
// low byte first) and, for a frame, that many bytes. What the session promises its user is checked after each step.
#include <chrono>
#include <limits>
#include <map>
#include <string>
#include <variant>

#include "cancelbus/session.hpp"
#include "service/wire/session_codec.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

using client::Session;
using std::chrono::milliseconds;

enum Step : uint8_t { Reply, Event, Wait, Cancel, Reconnect, Resolve, Steps };

constexpr const char* OwnTopic = "client.desk-a.";
constexpr uint64_t Last = std::numeric_limits<uint64_t>::max();

/// What has been told of a command since it was asked for, or since a new epoch.
struct Told {
  bool receipt = false;
  bool ack = false;
  bool final = false;
};

class Strategy {
 public:
  Strategy() : session_({.sender_comp_id = "desk-a", .topics = {"venue."}}) { session_.start(now_); }

  void step(Step what, uint16_t number, std::string_view frame);
  size_t heard() const { return heard_; }

 private:
  void look_at_frames();
  void look_at_notices();
  void look_at(const client::LostEvents& lost);
  void look_at(const client::NewEpoch& epoch);
  void look_at(const v1::Event& event);
  void look_at(const v1::Receipt& receipt);
  void look_at(const v1::CancelAck& ack);
  void look_at(const v1::CancelFinal& final);
  void look_at(const v1::Resolved& resolved);
  void look_at(const v1::Reject& reject);
  template <typename Other>
  void look_at(const Other&) {}

  Told& told(const std::string& cl_ord_id);

  Session session_;
  client::Time now_{std::chrono::hours(1)};
  std::map<std::string, Told> commands_;
  /// The operator's question is not answered yet.
  bool resolving_ = false;
  /// Of each topic, the last seq that was handed out or declared lost.
  std::map<std::string, uint64_t> read_;
  size_t heard_ = 0;
};

void Strategy::step(Step what, uint16_t number, std::string_view frame) {
  switch (what) {
    case Reply:
      session_.on_reply(frame, now_);
      break;
    case Event: {
      v1::Event event;
      event.ParsePartialFromArray(frame.data(), static_cast<int>(frame.size()));
      session_.on_event(event.topic(), frame, now_);
      break;
    }
    case Wait:
      now_ += milliseconds(number);
      session_.on_time(now_);
      require(session_.next_deadline() > now_, "what was due has been done");
      break;
    case Cancel: {
      v1::CancelOrder order;
      order.set_cl_ord_id("c-" + std::to_string(number % 16));
      order.set_order_id(1 + number);
      if (number % 2 != 0) order.mutable_time_to_live()->set_seconds(number);
      if (session_.cancel(order, now_)) commands_[order.cl_ord_id()] = {};
      break;
    }
    case Reconnect:
      session_.on_reconnected(now_);
      break;
    case Resolve: {
      v1::ResolveRequest request;
      request.set_sender_comp_id("desk-b");
      request.set_cl_ord_id("c-" + std::to_string(number % 16));
      request.set_as(v1::ORD_STATUS_CANCELED);
      request.set_reason("seen");
      session_.resolve(request, now_);
      resolving_ = true;
      break;
    }
    case Steps:
      break;
  }
  look_at_frames();
  look_at_notices();
}

void Strategy::look_at(const v1::Resolved& resolved) {
  if (resolved.status() != v1::RESOLVE_STATUS_PENDING) resolving_ = false;
}

void Strategy::look_at(const v1::Reject& reject) {
  if (reject.field().starts_with("resolve") || reject.field() == "request") resolving_ = false;
}

// The bus takes every frame, unless it names a topic that only a bus could have told us of.
void Strategy::look_at_frames() {
  for (const auto& frame : session_.take_frames()) {
    require(!frame.has_resolve() || resolving_, "what is settled is not asked again");
    const auto read = wire::decode_session_request(frame.SerializeAsString(), "peer");
    if (const auto* rejected = std::get_if<wire::Rejected>(&read)) {
      require(rejected->field == "retransmit_request.topic", "the bus takes what a session sends");
    } else {
      const auto& event = std::get<core::Event>(read);
      require(!std::holds_alternative<core::CommandMalformed>(event), "the bus finds no fault with a command");
    }
  }
}

void Strategy::look_at_notices() {
  for (const auto& notice : session_.take_notices()) {
    std::visit([this](const auto& of_some_kind) { look_at(of_some_kind); }, notice);
  }
}

void Strategy::look_at(const client::LostEvents& lost) {
  require(lost.from_seq <= lost.to_seq, "something was lost");
  const auto known = read_.find(lost.topic);
  require(known == read_.end() || lost.from_seq == known->second + 1, "what is lost begins where reading stood");
  read_[lost.topic] = lost.to_seq;
}

void Strategy::look_at(const client::NewEpoch& epoch) {
  require(epoch.before != epoch.now && epoch.now != 0, "an epoch is new");
  read_.clear();
  for (auto& [id, told] : commands_) told = {};
}

void Strategy::look_at(const v1::Event& event) {
  ++heard_;
  if (event.seq() == 0) return;
  const auto known = read_.find(event.topic());
  require(known == read_.end() || event.seq() == known->second + 1, "events come in order, each once, without a gap");
  read_[event.topic()] = event.seq();
}

Told& Strategy::told(const std::string& cl_ord_id) {
  const auto it = commands_.find(cl_ord_id);
  require(it != commands_.end(), "only commands of our own are told of");
  return it->second;
}

void Strategy::look_at(const v1::Receipt& receipt) {
  ++heard_;
  Told& command = told(receipt.cl_ord_id());
  require(!command.receipt && !command.ack && !command.final, "one receipt, and none after the ack");
  command.receipt = true;
}

void Strategy::look_at(const v1::CancelAck& ack) {
  ++heard_;
  Told& command = told(ack.cl_ord_id());
  require(!command.ack && !command.final, "one ack");
  command.ack = true;
}

void Strategy::look_at(const v1::CancelFinal& final) {
  Told& command = told(final.cl_ord_id());
  require(command.ack && !command.final, "one final, after the ack");
  command.final = true;
}

std::string step(Step what, size_t number, std::string_view frame = {}) {
  const std::string head = {static_cast<char>(what), static_cast<char>(number & 0xFF), static_cast<char>(number >> 8)};
  return head + std::string(frame);
}

std::string frame_step(Step what, const google::protobuf::MessageLite& message) {
  const std::string bytes = message.SerializeAsString();
  return step(what, bytes.size(), bytes);
}

v1::SessionReply welcome(uint64_t epoch, uint64_t next_seq) {
  v1::SessionReply reply;
  reply.mutable_welcome()->set_epoch(epoch);
  v1::TopicPosition& position = *reply.mutable_welcome()->add_position();
  position.set_topic(OwnTopic);
  position.set_next_seq(next_seq);
  return reply;
}

v1::SessionReply receipt(const std::string& cl_ord_id) {
  v1::SessionReply reply;
  reply.mutable_receipt()->set_cl_ord_id(cl_ord_id);
  reply.mutable_receipt()->set_status(v1::RECEIPT_STATUS_APPLIED);
  return reply;
}

v1::Event ack(uint64_t seq, const std::string& cl_ord_id) {
  v1::Event event;
  event.set_epoch(9);
  event.set_topic(OwnTopic);
  event.set_seq(seq);
  event.mutable_cancel_ack()->set_cl_ord_id(cl_ord_id);
  event.mutable_cancel_ack()->set_final_follows(true);
  return event;
}

v1::Event final(uint64_t seq, const std::string& cl_ord_id) {
  v1::Event event = ack(seq, cl_ord_id);
  event.mutable_cancel_final()->set_cl_ord_id(cl_ord_id);
  return event;
}

v1::SessionReply retransmit_reject(uint64_t first_kept_seq) {
  v1::SessionReply reply;
  reply.mutable_retransmit_reject()->set_epoch(9);
  reply.mutable_retransmit_reject()->set_topic(OwnTopic);
  reply.mutable_retransmit_reject()->set_first_kept_seq(first_kept_seq);
  return reply;
}

v1::SessionReply resolved(v1::ResolveStatus status) {
  v1::SessionReply reply;
  reply.mutable_resolved()->set_sender_comp_id("desk-b");
  reply.mutable_resolved()->set_cl_ord_id("c-1");
  reply.mutable_resolved()->set_status(status);
  return reply;
}

v1::SessionReply retransmission(const v1::Event& event) {
  v1::SessionReply reply;
  *reply.mutable_retransmission() = event;
  return reply;
}

}  // namespace

bool client_session(std::string_view input) {
  Strategy strategy;
  while (input.size() >= 3) {
    const auto what = static_cast<Step>(static_cast<uint8_t>(input[0]) % Steps);
    const auto low = static_cast<uint8_t>(input[1]), high = static_cast<uint8_t>(input[2]);
    const auto number = static_cast<uint16_t>(low | high << 8);
    input.remove_prefix(3);
    const std::string_view frame = what == Reply || what == Event ? input.substr(0, number) : std::string_view();
    input.remove_prefix(frame.size());
    strategy.step(what, number, frame);
  }
  return strategy.heard() > 0;
}

std::vector<std::string> client_session_seeds() {
  const std::string open = frame_step(Reply, welcome(9, 1)) + step(Cancel, 1) + step(Cancel, 2);
  std::vector<std::string> seeds = {
      open + frame_step(Reply, receipt("c-1")) + frame_step(Event, ack(1, "c-1")) + frame_step(Event, final(2, "c-1")),
      open + frame_step(Event, ack(3, "c-1")) + step(Wait, 300) + frame_step(Reply, retransmission(ack(1, "c-2"))) +
          frame_step(Reply, retransmission(final(2, "c-2"))),
      open + frame_step(Event, ack(3, "c-1")) + frame_step(Reply, retransmit_reject(3)) + step(Wait, 1000),
      open + frame_step(Event, ack(1, "c-1")) + frame_step(Reply, welcome(10, 5)) + step(Wait, 1000),
      frame_step(Event, ack(1, "c-1")) + open + step(Wait, 4000) + step(Reconnect, 0) +
          frame_step(Reply, welcome(9, 2)),
      open + frame_step(Event, ack(Last, "c-1")) + frame_step(Reply, welcome(9, Last)) +
          frame_step(Reply, retransmit_reject(Last)) + step(Wait, 1000) + frame_step(Event, ack(1, "c-2")),
      open + step(Resolve, 1) + frame_step(Reply, resolved(v1::RESOLVE_STATUS_PENDING)) + step(Wait, 1000) +
          frame_step(Reply, resolved(v1::RESOLVE_STATUS_SETTLED)) + step(Wait, 1000),
      step(Wait, 65535) + step(Wait, 65535)};
  v1::Event of_no_epoch = ack(1, "c-1");
  of_no_epoch.set_epoch(0);
  seeds.push_back(frame_step(Event, of_no_epoch) + open + frame_step(Event, ack(1, "c-1")));
  for (const std::string& bytes : goldens("SessionReply.")) seeds.push_back(open + step(Reply, bytes.size(), bytes));
  for (const std::string& bytes : goldens("Event.")) seeds.push_back(open + step(Event, bytes.size(), bytes));
  return seeds;
}

}  // namespace cancelbus::fuzz
