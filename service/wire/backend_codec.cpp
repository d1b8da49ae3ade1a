#include "service/wire/backend_codec.hpp"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "cancelbus/v1/backend.pb.h"
#include "service/wire/enums.hpp"
#include "service/wire/frame.hpp"
#include "service/wire/open_order.hpp"
#include "service/wire/order.hpp"
#include "service/wire/outcome.hpp"
#include "service/wire/text.hpp"
#include "service/wire/times.hpp"

namespace cancelbus::wire {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t MaxCredit = 64;
constexpr std::size_t MaxNameBytes = 64;
constexpr core::Duration MinRequestTimeout = 100ms;
constexpr core::Duration MaxRequestTimeout = 60s;
constexpr core::Duration MaxRecordLease = 10s;
/// Of what is only shown: a worker whose wall clock is further off says so much.
constexpr core::Duration MaxClockOffset = 24h;
constexpr core::WallTime EarliestTime{std::chrono::sys_days(std::chrono::year(2000) / 1 / 1)};
constexpr core::WallTime LatestTime{std::chrono::sys_days(std::chrono::year(2100) / 1 / 1)};

absl::Status bad(const char* field, const char* problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", problem));
}

core::Term to_term(const v1::Term& proto) { return {proto.term(), proto.leader_id(), proto.batch()}; }

std::optional<core::Term> term_in(const auto& proto) {
  return proto.has_term() && proto.term().term() != 0 ? std::optional(to_term(proto.term())) : std::nullopt;
}

void fill_term(const core::Term& term, v1::Term& proto) {
  proto.set_term(term.term);
  proto.set_leader_id(legible(term.leader_id, MaxNameBytes));
  proto.set_batch(term.batch);
}

// ---- Bus: requests ----

absl::StatusOr<core::ClockSample> to_clock(const v1::ClockSample& proto) {
  if (proto.series() == 0) return bad("ready.clock.series", "must be 1 or above");
  core::ClockSample sample;
  sample.series = proto.series();
  const auto offset = to_duration(proto.offset());
  if (!offset || *offset > MaxClockOffset || *offset < -MaxClockOffset) {
    return bad("ready.clock.offset", "must be -24 h to 24 h");
  }
  sample.offset = *offset;
  const auto round_trip = to_duration(proto.round_trip());
  if (!round_trip || *round_trip < 0s) return bad("ready.clock.round_trip", "not a valid duration of 0 or above");
  sample.round_trip = *round_trip;
  const auto uncertainty = to_duration(proto.uncertainty());
  if (!uncertainty || *uncertainty < 0s) return bad("ready.clock.uncertainty", "not a valid duration of 0 or above");
  sample.uncertainty = *uncertainty;
  if (!proto.has_exchange_time()) return sample;
  sample.exchange_time = to_wall_time(proto.exchange_time());
  if (!sample.exchange_time || *sample.exchange_time < EarliestTime || *sample.exchange_time >= LatestTime) {
    return bad("ready.clock.exchange_time", "must be a time of the years 2000 to 2099");
  }
  return sample;
}

absl::StatusOr<core::Event> to_event(const v1::Ready& proto, core::PeerId peer) {
  if (proto.version() != BackendVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("ready.version: is ", proto.version(), ", this bus speaks ", BackendVersion));
  }
  if (proto.worker_id() == 0) return bad("ready.worker_id", "must not be 0");
  if (proto.name().size() > MaxNameBytes) return bad("ready.name", "longer than 64 characters");
  if (proto.credit() > MaxCredit) return bad("ready.credit", "must be 0 to 64");
  const auto timeout = to_duration(proto.request_timeout());
  if (!timeout || *timeout < MinRequestTimeout || *timeout > MaxRequestTimeout) {
    return bad("ready.request_timeout", "must be 100 ms to 60 s");
  }
  core::WorkerReady ready;
  if (proto.has_clock()) {
    auto clock = to_clock(proto.clock());
    if (!clock.ok()) return clock.status();
    ready.clock = *clock;
  }
  ready.peer = std::move(peer);
  ready.worker = proto.worker_id();
  ready.name = proto.name();
  ready.credit = proto.credit();
  ready.tasks.assign(proto.task_ids().begin(), proto.task_ids().end());
  ready.request_timeout = *timeout;
  ready.key_series = std::max<uint64_t>(proto.key_series(), 1);
  ready.ending = proto.ending();
  ready.sweeps = proto.open_orders();
  if (!proto.has_seen()) return ready;
  if (proto.seen().term() == 0) return bad("ready.seen.term", "must be 1 or above");
  if (proto.seen().leader_id().size() > MaxNameBytes) return bad("ready.seen.leader_id", "longer than 64 characters");
  ready.seen = to_term(proto.seen());
  return ready;
}

absl::StatusOr<core::Event> to_event(const v1::Outcome& proto, core::PeerId peer) {
  if (proto.task_id() == 0) return bad("outcome.task_id", "must not be 0");
  return core::TaskEnded{std::move(peer), proto.task_id(), to_answer(proto)};
}

absl::StatusOr<core::Event> to_event(const v1::OrderFact& proto, uint64_t oldest, core::PeerId peer) {
  if (proto.subscriber_id() == 0) return bad("order_fact.subscriber_id", "must not be 0");
  if (proto.seq() == 0) return bad("order_fact.seq", "must be 1 or above");
  if (proto.type() == v1::FACT_TYPE_UNSPECIFIED) return bad("order_fact.type", "must be set");
  if (proto.order_id() < 1) return bad("order_fact.order_id", "must be 1 or above");
  // A type that only a newer subscriber knows must be taken, or all that comes after it would wait for it. As a 423 it
  // says that something happened to the order, which has it queried, and nothing of the stream's life.
  const auto type = from_wire(proto.type()).value_or(core::FactType::Trade423);
  return core::StreamFact{std::move(peer),
                          proto.subscriber_id(),
                          proto.seq(),
                          {type, proto.order_id(), proto.symbol(), proto.price(), proto.amount(), proto.num_left(),
                           from_wire(proto.side()), proto.client_order_id()},
                          oldest};
}

absl::StatusOr<core::Event> to_event(const v1::StreamState& proto, uint64_t oldest, core::PeerId peer) {
  if (proto.subscriber_id() == 0) return bad("stream_state.subscriber_id", "must not be 0");
  return core::StreamReport{std::move(peer),   proto.subscriber_id(), proto.seq(),           proto.connected(),
                            proto.logged_in(), proto.logins(),        legible(proto.text()), oldest};
}

// ---- Worker and subscriber: replies ----

absl::StatusOr<BackendReply> to_reply(const v1::Task& proto) {
  if (proto.task_id() == 0) return bad("task.task_id", "must not be 0");
  if (proto.permit().stamp() < 1) return bad("task.permit.stamp", "must be 1 or above");
  Task task;
  task.task = proto.task_id();
  task.attempt = proto.attempt();
  task.stamp_ms = proto.permit().stamp();
  task.term = term_in(proto);
  switch (proto.task_case()) {
    case v1::Task::kCancelOrder:
      task.kind = core::LimiterKind::Cancel;
      task.order = to_order(proto.cancel_order());
      if (task.order.order_id < 1) return bad("task.cancel_order.order_id", "must be 1 or above");
      return task;
    case v1::Task::kOrderQuery:
      task.kind = core::LimiterKind::Query;
      task.order.order_id = proto.order_query().order_id();
      if (task.order.order_id < 1) return bad("task.order_query.order_id", "must be 1 or above");
      return task;
    case v1::Task::kOpenOrders:
      task.kind = core::LimiterKind::OpenOrders;
      task.order.symbol = proto.open_orders().symbol();
      if (!task.order.symbol.empty() && !core::is_pair(task.order.symbol)) {
        return bad("task.open_orders.symbol", "must be 1 to 32 of the characters A-Z a-z 0-9 _ -");
      }
      return task;
    case v1::Task::TASK_NOT_SET:
      break;
  }
  return bad("task.task", "none of those known here is set");
}

absl::StatusOr<BackendReply> to_reply(const v1::Record& proto) {
  const auto lease = to_duration(proto.lease());
  if (!lease || *lease <= 0s || *lease > MaxRecordLease) return bad("record.lease", "must be above 0 and at most 10 s");
  return Record{*lease};
}

}  // namespace

absl::StatusOr<core::Event> decode_backend_request(std::string_view bytes, core::PeerId peer) {
  v1::BackendRequest frame;
  if (!parse_frame(bytes, frame)) return absl::InvalidArgumentError("frame: not a BackendRequest");
  switch (frame.request_case()) {
    case v1::BackendRequest::kReady:
      return to_event(frame.ready(), std::move(peer));
    case v1::BackendRequest::kOutcome:
      return to_event(frame.outcome(), std::move(peer));
    case v1::BackendRequest::kOrderFact:
      return to_event(frame.order_fact(), frame.oldest_unconfirmed(), std::move(peer));
    case v1::BackendRequest::kStreamState:
      return to_event(frame.stream_state(), frame.oldest_unconfirmed(), std::move(peer));
    case v1::BackendRequest::kRecorded:  // see recording.hpp
    case v1::BackendRequest::REQUEST_NOT_SET:
      break;
  }
  return bad("request", "none of those known here is set");
}

std::string encode_task(const core::SendTask& task, const core::Term& term) {
  v1::BackendReply frame;
  v1::Task& proto = *frame.mutable_task();
  proto.set_task_id(task.task);
  proto.set_attempt(task.attempt);
  proto.mutable_permit()->set_stamp(task.stamp_ms);
  proto.mutable_permit()->set_term(term.term);
  if (term.term != 0) fill_term(term, *proto.mutable_term());
  switch (task.kind) {
    case core::LimiterKind::Cancel:
      fill_order(task.order, *proto.mutable_cancel_order());
      break;
    case core::LimiterKind::Query:
      proto.mutable_order_query()->set_order_id(task.order.order_id);
      break;
    case core::LimiterKind::OpenOrders:
      proto.mutable_open_orders()->set_symbol(task.order.symbol);
      break;
  }
  return frame.SerializeAsString();
}

std::string encode_confirm(const core::SendConfirm& confirm, const core::Term& term) {
  v1::BackendReply frame;
  v1::Confirm& proto = *frame.mutable_confirm();
  if (confirm.task != 0) proto.add_task_ids(confirm.task);
  proto.set_fact_seq(confirm.fact_seq);
  if (term.term != 0) fill_term(term, *proto.mutable_term());
  return frame.SerializeAsString();
}

std::string encode_relogin() {
  v1::BackendReply frame;
  frame.mutable_relogin();
  return frame.SerializeAsString();
}

std::string encode_ready(const core::WorkerReady& ready) {
  v1::BackendRequest frame;
  v1::Ready& proto = *frame.mutable_ready();
  proto.set_version(BackendVersion);
  proto.set_worker_id(ready.worker);
  proto.set_name(legible(ready.name, MaxNameBytes));
  proto.set_credit(ready.credit);
  proto.mutable_task_ids()->Add(ready.tasks.begin(), ready.tasks.end());
  if (ready.clock) {
    v1::ClockSample& clock = *proto.mutable_clock();
    clock.set_series(ready.clock->series);
    *clock.mutable_offset() = to_proto_duration(std::clamp(ready.clock->offset, -MaxClockOffset, MaxClockOffset));
    *clock.mutable_round_trip() = to_proto_duration(ready.clock->round_trip);
    *clock.mutable_uncertainty() = to_proto_duration(ready.clock->uncertainty);
    if (ready.clock->exchange_time) *clock.mutable_exchange_time() = to_timestamp(*ready.clock->exchange_time);
  }
  *proto.mutable_request_timeout() = to_proto_duration(ready.request_timeout);
  proto.set_key_series(ready.key_series);
  proto.set_ending(ready.ending);
  proto.set_open_orders(ready.sweeps);
  if (ready.seen) fill_term(*ready.seen, *proto.mutable_seen());
  return frame.SerializeAsString();
}

std::vector<std::string> encode_outcome(core::TaskId task, const core::Answer& answer) {
  std::vector<std::string> frames;
  const uint32_t parts = answer.listing ? parts_of(*answer.listing) : 1;
  for (uint32_t part = 1; part <= parts; ++part) {
    v1::BackendRequest frame;
    v1::Outcome& proto = *frame.mutable_outcome();
    proto.set_task_id(task);
    fill_outcome(answer, proto, part);
    frames.push_back(frame.SerializeAsString());
  }
  return frames;
}

std::string encode_order_fact(const core::StreamFact& fact, core::WallTime received) {
  v1::BackendRequest frame;
  v1::OrderFact& proto = *frame.mutable_order_fact();
  proto.set_subscriber_id(fact.subscriber);
  proto.set_seq(fact.seq);
  proto.set_type(to_wire(fact.fact.type));
  proto.set_order_id(fact.fact.order_id);
  proto.set_symbol(legible(fact.fact.symbol));
  proto.set_price(legible(fact.fact.price));
  proto.set_amount(legible(fact.fact.amount));
  proto.set_num_left(legible(fact.fact.num_left));
  *proto.mutable_received() = to_timestamp(received);
  if (fact.fact.side) proto.set_side(to_wire(*fact.fact.side));
  proto.set_client_order_id(legible(fact.fact.client_order_id));
  return frame.SerializeAsString();
}

std::string encode_stream_state(const core::StreamReport& report) {
  v1::BackendRequest frame;
  v1::StreamState& proto = *frame.mutable_stream_state();
  proto.set_subscriber_id(report.subscriber);
  proto.set_seq(report.seq);
  proto.set_connected(report.connected);
  proto.set_logged_in(report.logged_in);
  proto.set_logins(report.logins);
  proto.set_text(legible(report.text));
  return frame.SerializeAsString();
}

std::string with_oldest_unconfirmed(const std::string& message, uint64_t seq) {
  // Of messages that stand one behind the other protobuf reads one.
  v1::BackendRequest rest;
  rest.set_oldest_unconfirmed(seq);
  return message + rest.SerializeAsString();
}

absl::StatusOr<BackendReply> decode_backend_reply(std::string_view bytes) {
  v1::BackendReply frame;
  if (!parse_frame(bytes, frame)) return absl::InvalidArgumentError("frame: not a BackendReply");
  switch (frame.reply_case()) {
    case v1::BackendReply::kTask:
      return to_reply(frame.task());
    case v1::BackendReply::kConfirm: {
      const v1::Confirm& confirm = frame.confirm();
      return Confirm{{confirm.task_ids().begin(), confirm.task_ids().end()}, confirm.fact_seq(), term_in(confirm)};
    }
    case v1::BackendReply::kRelogin:
      return Relogin{};
    case v1::BackendReply::kDrain:
      return Drain{};
    case v1::BackendReply::kRecord:
      return to_reply(frame.record());
    case v1::BackendReply::REPLY_NOT_SET:
      break;
  }
  return bad("reply", "none of those known here is set");
}

}  // namespace cancelbus::wire
