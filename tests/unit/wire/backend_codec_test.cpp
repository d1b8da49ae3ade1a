#include "service/wire/backend_codec.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <variant>

#include "cancelbus/v1/backend.pb.h"
#include "tests/unit/wire/samples.hpp"

namespace cancelbus::wire {
namespace {

using namespace std::chrono_literals;

const core::Term Leader{9, "bus-a-3f9c21", 4711};

core::WorkerReady ready() {
  core::WorkerReady result;
  result.worker = 0xDEAD'BEEF'0000'0001;
  result.name = "host-7.4711";
  result.credit = 8;
  result.tasks = {1, 0xFFFF'FFFF'FFFF'FFFF};
  result.clock = core::ClockSample{3, core::WallTime(1'700'000'000'123456789ns), 6172839ns, -250ms, 12345678ns};
  result.request_timeout = 5s;
  result.key_series = 2;
  result.ending = true;
  result.sweeps = true;
  result.seen = Leader;
  return result;
}

core::StreamFact fact() {
  core::StreamFact result;
  result.subscriber = 77;
  result.seq = 5;
  result.fact = {core::FactType::Deleted452, 5'000'000'001, "BTCTRY",         "1.50",
                 "0.0457300000000000",       "0.01",        core::Side::Sell, "dA-17"};
  return result;
}

core::SendTask cancel_task() {
  core::SendTask task;
  task.peer = "worker-1";
  task.task = 0x8000'0000'0000'0001;
  task.attempt = 2;
  task.stamp_ms = 1'700'000'000'123;
  task.kind = core::LimiterKind::Cancel;
  task.order.cl_ord_id = "c-1";
  task.order.order_id = 5'000'000'001;
  task.order.account = "main";
  task.order.symbol = "BTCTRY";
  task.order.transact_time = core::WallTime(1'700'000'000s);
  task.order.time_to_live = 2s;
  task.order.priority = core::Priority::Urgent;
  task.order.exact_quantities = true;
  task.order.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  return task;
}

TEST(Backend, ReadyArrives) {
  const auto event = decode_backend_request(encode_ready(ready()), std::string("\0peer", 5));
  ASSERT_TRUE(event.ok()) << event.status();
  const auto& got = std::get<core::WorkerReady>(*event);
  EXPECT_EQ(got.peer, std::string("\0peer", 5));
  EXPECT_EQ(got.worker, ready().worker);
  EXPECT_EQ(got.name, "host-7.4711");
  EXPECT_EQ(got.credit, 8U);
  EXPECT_TRUE(got.ending);
  EXPECT_TRUE(got.sweeps);
  EXPECT_EQ(got.tasks, ready().tasks);
  ASSERT_TRUE(got.clock);
  EXPECT_EQ(got.clock->series, 3U);
  EXPECT_EQ(got.clock->exchange_time, core::WallTime(1'700'000'000'123456789ns));
  EXPECT_EQ(got.clock->uncertainty, 6172839ns);
  EXPECT_EQ(got.clock->offset, -250ms);
  EXPECT_EQ(got.clock->round_trip, 12345678ns);
  EXPECT_EQ(got.request_timeout, 5s);
  EXPECT_EQ(got.key_series, 2U);
  EXPECT_EQ(got.seen, Leader);
}

TEST(Backend, AClockOfAnEarlierVersionArrivesWithoutExchangeTime) {
  core::WorkerReady sent = ready();
  sent.clock->exchange_time.reset();
  const auto event = decode_backend_request(encode_ready(sent), "peer");
  ASSERT_TRUE(event.ok()) << event.status();
  ASSERT_TRUE(std::get<core::WorkerReady>(*event).clock);
  EXPECT_FALSE(std::get<core::WorkerReady>(*event).clock->exchange_time);
}

TEST(Backend, AWallClockThatIsOffByDaysIsNoReasonToRefuseAWorker) {
  for (const core::Duration off : {100h, -100h}) {
    core::WorkerReady sent = ready();
    sent.clock->offset = off;
    const auto event = decode_backend_request(encode_ready(sent), "peer");
    ASSERT_TRUE(event.ok()) << event.status();
    EXPECT_EQ(std::get<core::WorkerReady>(*event).clock->offset, off > 0h ? 24h : -24h);
  }
}

TEST(Backend, ReadyWithoutAClockArrives) {
  core::WorkerReady sent = ready();
  sent.clock.reset();
  const auto event = decode_backend_request(encode_ready(sent), "peer");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_FALSE(std::get<core::WorkerReady>(*event).clock);
}

TEST(Backend, AWorkerThatCountsNoKeysHasItsFirst) {
  core::WorkerReady sent = ready();
  sent.key_series = 0;  // what an older one does not say
  const auto event = decode_backend_request(encode_ready(sent), "peer");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(std::get<core::WorkerReady>(*event).key_series, 1U);
}

TEST(Backend, FactsArrive) {
  using core::FactType;
  for (const auto type : {FactType::Inserted451, FactType::Deleted452, FactType::Matched441, FactType::Trade423}) {
    core::StreamFact sent = fact();
    sent.fact.type = type;
    const auto event = decode_backend_request(encode_order_fact(sent, core::WallTime(1s)), "sub");
    ASSERT_TRUE(event.ok()) << event.status();
    const auto& got = std::get<core::StreamFact>(*event);
    EXPECT_EQ(got.peer, "sub");
    EXPECT_EQ(got.subscriber, 77U);
    EXPECT_EQ(got.seq, 5U);
    EXPECT_EQ(got.fact.type, type);
    EXPECT_EQ(got.fact.order_id, 5'000'000'001);
    EXPECT_EQ(got.fact.symbol, "BTCTRY");
    EXPECT_EQ(got.fact.price, "1.50");
    EXPECT_EQ(got.fact.amount, "0.0457300000000000");
    EXPECT_EQ(got.fact.num_left, "0.01");
    EXPECT_EQ(got.fact.side, core::Side::Sell);
    EXPECT_EQ(got.fact.client_order_id, "dA-17");
  }
}

TEST(Backend, FactOfAnEarlierSubscriberHasNoSide) {
  core::StreamFact sent = fact();
  sent.fact.side.reset();
  sent.fact.client_order_id.clear();
  const auto event = decode_backend_request(encode_order_fact(sent, core::WallTime(1s)), "sub");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(std::get<core::StreamFact>(*event).fact.side, std::nullopt);
}

TEST(Backend, FactSaysWhenItsFrameCame) {
  v1::BackendRequest frame;
  ASSERT_TRUE(frame.ParseFromString(encode_order_fact(fact(), core::WallTime(1'700'000'000'250ms))));
  EXPECT_EQ(frame.order_fact().received().seconds(), 1'700'000'000);
  EXPECT_EQ(frame.order_fact().received().nanos(), 250'000'000);
}

TEST(Backend, StreamStatesArrive) {
  const auto event = decode_backend_request(encode_stream_state({"", 77, 0, true, true, 4, "login refused"}), "sub");
  ASSERT_TRUE(event.ok()) << event.status();
  const auto& got = std::get<core::StreamReport>(*event);
  EXPECT_EQ(got.peer, "sub");
  EXPECT_EQ(got.subscriber, 77U);
  EXPECT_EQ(got.seq, 0U);
  EXPECT_TRUE(got.connected);
  EXPECT_TRUE(got.logged_in);
  EXPECT_EQ(got.logins, 4U);
  EXPECT_EQ(got.text, "login refused");
}

TEST(Backend, CancelTaskArrives) {
  const auto reply = decode_backend_reply(encode_task(cancel_task(), Leader));
  ASSERT_TRUE(reply.ok()) << reply.status();
  const auto& got = std::get<Task>(*reply);
  const core::CancelOrder want = cancel_task().order;
  EXPECT_EQ(got.task, 0x8000'0000'0000'0001U);
  EXPECT_EQ(got.attempt, 2U);
  EXPECT_EQ(got.stamp_ms, 1'700'000'000'123);
  EXPECT_EQ(got.term, Leader);
  EXPECT_EQ(got.kind, core::LimiterKind::Cancel);
  EXPECT_EQ(got.order.cl_ord_id, want.cl_ord_id);
  EXPECT_EQ(got.order.order_id, want.order_id);
  EXPECT_EQ(got.order.account, want.account);
  EXPECT_EQ(got.order.symbol, want.symbol);
  EXPECT_EQ(got.order.transact_time, want.transact_time);
  EXPECT_EQ(got.order.time_to_live, want.time_to_live);
  EXPECT_EQ(got.order.priority, want.priority);
  EXPECT_EQ(got.order.exact_quantities, want.exact_quantities);
  EXPECT_EQ(got.order.traceparent, want.traceparent);
}

TEST(Backend, QueryTaskArrives) {
  core::SendTask sent = cancel_task();
  sent.kind = core::LimiterKind::Query;
  sent.attempt = 0;
  const auto reply = decode_backend_reply(encode_task(sent, Leader));
  ASSERT_TRUE(reply.ok()) << reply.status();
  const auto& got = std::get<Task>(*reply);
  EXPECT_EQ(got.kind, core::LimiterKind::Query);
  EXPECT_EQ(got.attempt, 0U);
  EXPECT_EQ(got.order.order_id, 5'000'000'001);
  EXPECT_EQ(got.order.cl_ord_id, "");
}

TEST(Backend, OpenOrdersTaskArrives) {
  core::SendTask sent = cancel_task();
  sent.kind = core::LimiterKind::OpenOrders;
  sent.attempt = 0;
  for (const char* symbol : {"BTCTRY", "BTC_TRY", ""}) {
    sent.order.symbol = symbol;
    const auto reply = decode_backend_reply(encode_task(sent, Leader));
    ASSERT_TRUE(reply.ok()) << reply.status();
    const auto& got = std::get<Task>(*reply);
    EXPECT_EQ(got.kind, core::LimiterKind::OpenOrders);
    EXPECT_EQ(got.order.symbol, symbol);
    EXPECT_EQ(got.order.order_id, 0);
  }
  sent.order.symbol = "BTC&TRY";
  EXPECT_EQ(decode_backend_reply(encode_task(sent, Leader)).status().message(),
            "task.open_orders.symbol: must be 1 to 32 of the characters A-Z a-z 0-9 _ -");
}

TEST(Backend, ATermThatAWorkerReportsIsOne) {
  core::WorkerReady sent = ready();
  sent.seen->term = 0;
  EXPECT_EQ(decode_backend_request(encode_ready(sent), "peer").status().message(),
            "ready.seen.term: must be 1 or above");
  v1::BackendRequest frame;
  ASSERT_TRUE(frame.ParseFromString(encode_ready(ready())));
  frame.mutable_ready()->mutable_seen()->set_leader_id(std::string(65, 'x'));
  EXPECT_EQ(decode_backend_request(frame.SerializeAsString(), "peer").status().message(),
            "ready.seen.leader_id: longer than 64 characters");
  sent.seen.reset();
  const auto event = decode_backend_request(encode_ready(sent), "peer");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_FALSE(std::get<core::WorkerReady>(*event).seen) << "of an earlier version";
}

TEST(Backend, ATaskOfABusThatKnowsNoTermsHasNone) {
  const auto reply = decode_backend_reply(encode_task(cancel_task(), core::Term()));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_FALSE(std::get<Task>(*reply).term);
}

TEST(Backend, ConfirmArrives) {
  const auto of_task = decode_backend_reply(encode_confirm({"worker-1", 42, 0}, Leader));
  ASSERT_TRUE(of_task.ok()) << of_task.status();
  EXPECT_EQ(std::get<Confirm>(*of_task).tasks, std::vector<core::TaskId>{42});
  EXPECT_EQ(std::get<Confirm>(*of_task).fact_seq, 0U);
  EXPECT_EQ(std::get<Confirm>(*of_task).term, Leader);
  const auto of_facts = decode_backend_reply(encode_confirm({"sub", 0, 17}));
  ASSERT_TRUE(of_facts.ok()) << of_facts.status();
  EXPECT_TRUE(std::get<Confirm>(*of_facts).tasks.empty());
  EXPECT_EQ(std::get<Confirm>(*of_facts).fact_seq, 17U);
}

TEST(Backend, OrdersWithoutFieldsArrive) {
  const auto relogin = decode_backend_reply(encode_relogin());
  ASSERT_TRUE(relogin.ok()) << relogin.status();
  EXPECT_TRUE(std::holds_alternative<Relogin>(*relogin));
  const auto drain = decode_backend_reply(samples::drain());
  ASSERT_TRUE(drain.ok()) << drain.status();
  EXPECT_TRUE(std::holds_alternative<Drain>(*drain));
}

// ---- A newer bus ----

TEST(Backend, WorkerDoesNotStumbleOverWhatItDoesNotNeed) {
  v1::BackendReply frame;
  ASSERT_TRUE(frame.ParseFromString(encode_task(cancel_task(), Leader)));
  auto& order = *frame.mutable_task()->mutable_cancel_order();
  order.set_priority(static_cast<v1::Priority>(9));
  order.mutable_time_to_live()->set_nanos(2'000'000'000);
  const auto reply = decode_backend_reply(frame.SerializeAsString());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(std::get<Task>(*reply).order.priority, core::Priority::Normal);
  EXPECT_EQ(std::get<Task>(*reply).order.time_to_live, std::nullopt);
}

// ---- Refused, by the field's name ----

template <typename Frame>
struct Bad {
  std::string field;
  std::function<void(Frame&)> spoil;
};

using BadRequest = Bad<v1::BackendRequest>;

void expect_refused(const std::string& base, const std::vector<BadRequest>& cases) {
  ASSERT_TRUE(decode_backend_request(base, "peer").ok());
  for (const auto& bad : cases) {
    v1::BackendRequest frame;
    ASSERT_TRUE(frame.ParseFromString(base));
    bad.spoil(frame);
    const auto event = decode_backend_request(frame.SerializeAsString(), "peer");
    ASSERT_FALSE(event.ok()) << bad.field;
    EXPECT_TRUE(std::string(event.status().message()).starts_with(bad.field + ": ")) << event.status();
  }
}

TEST(Backend, BadReadyIsRefusedByName) {
  const auto timeout = [](int64_t seconds, int32_t nanos) {
    return [=](v1::BackendRequest& frame) {
      frame.mutable_ready()->mutable_request_timeout()->set_seconds(seconds);
      frame.mutable_ready()->mutable_request_timeout()->set_nanos(nanos);
    };
  };
  const auto exchange_time = [](int64_t seconds, int32_t nanos) {
    return [=](auto& frame) {
      frame.mutable_ready()->mutable_clock()->mutable_exchange_time()->set_seconds(seconds);
      frame.mutable_ready()->mutable_clock()->mutable_exchange_time()->set_nanos(nanos);
    };
  };
  expect_refused(encode_ready(ready()),
                 {
                     {"ready.version", [](auto& f) { f.mutable_ready()->set_version(2); }},
                     {"ready.worker_id", [](auto& f) { f.mutable_ready()->set_worker_id(0); }},
                     {"ready.name", [](auto& f) { f.mutable_ready()->set_name(std::string(65, 'n')); }},
                     {"ready.credit", [](auto& f) { f.mutable_ready()->set_credit(65); }},
                     {"ready.clock.series", [](auto& f) { f.mutable_ready()->mutable_clock()->set_series(0); }},
                     {"ready.clock.offset",
                      [](auto& f) { f.mutable_ready()->mutable_clock()->mutable_offset()->set_seconds(INT64_MAX); }},
                     {"ready.clock.offset",
                      [](auto& f) { f.mutable_ready()->mutable_clock()->mutable_offset()->set_seconds(86'401); }},
                     {"ready.clock.offset",
                      [](auto& f) { f.mutable_ready()->mutable_clock()->mutable_offset()->set_seconds(-86'401); }},
                     {"ready.clock.round_trip",
                      [](auto& f) { f.mutable_ready()->mutable_clock()->mutable_round_trip()->set_nanos(-1); }},
                     {"ready.clock.uncertainty",
                      [](auto& f) { f.mutable_ready()->mutable_clock()->mutable_uncertainty()->set_nanos(-1); }},
                     {"ready.clock.exchange_time", exchange_time(946'684'799, 999'999'999)},
                     {"ready.clock.exchange_time", exchange_time(4'102'444'800, 0)},
                     {"ready.clock.exchange_time", exchange_time(1'700'000'000, -1)},
                     {"ready.clock.exchange_time", exchange_time(INT64_MAX, 0)},
                     {"ready.request_timeout", [](auto& f) { f.mutable_ready()->clear_request_timeout(); }},
                     {"ready.request_timeout", timeout(0, 99'999'999)},
                     {"ready.request_timeout", timeout(60, 1)},
                     {"ready.request_timeout", timeout(1, -1)},
                 });
}

TEST(Backend, BadFactsAndStatesAreRefusedByName) {
  expect_refused(encode_order_fact(fact(), {}),
                 {
                     {"order_fact.subscriber_id", [](auto& f) { f.mutable_order_fact()->set_subscriber_id(0); }},
                     {"order_fact.seq", [](auto& f) { f.mutable_order_fact()->set_seq(0); }},
                     {"order_fact.type", [](auto& f) { f.mutable_order_fact()->clear_type(); }},
                     {"order_fact.order_id", [](auto& f) { f.mutable_order_fact()->set_order_id(0); }},
                 });
  expect_refused(encode_stream_state({"", 77, 1, true, true, 1, ""}),
                 {{"stream_state.subscriber_id", [](auto& f) { f.mutable_stream_state()->set_subscriber_id(0); }}});
}

TEST(Backend, FactOfAnUnknownTypeSaysThatSomethingHappened) {
  v1::BackendRequest frame;
  ASSERT_TRUE(frame.ParseFromString(encode_order_fact(fact(), {})));
  frame.mutable_order_fact()->set_type(static_cast<v1::FactType>(50));
  const auto event = decode_backend_request(frame.SerializeAsString(), "peer");
  ASSERT_TRUE(event.ok()) << event.status();
  const auto& got = std::get<core::StreamFact>(*event);
  EXPECT_EQ(got.seq, 5U);
  EXPECT_EQ(got.fact.type, core::FactType::Trade423);
  EXPECT_EQ(got.fact.order_id, 5'000'000'001);
}

TEST(Backend, BadOutcomesAndFramesAreRefusedByName) {
  expect_refused(encode_outcome(1, {}).front(),
                 {{"outcome.task_id", [](auto& f) { f.mutable_outcome()->set_task_id(0); }},
                  {"request", [](auto& f) { f.Clear(); }}});
  EXPECT_EQ(decode_backend_request("\xFF\xFF", "peer").status().message(), "frame: not a BackendRequest");
  EXPECT_EQ(decode_backend_request(std::string(64 * 1024 + 1, '\0'), "peer").status().message(),
            "frame: not a BackendRequest");
}

TEST(Backend, BadTasksAreRefusedByName) {
  const std::vector<Bad<v1::BackendReply>> cases = {
      {"task.task_id", [](auto& f) { f.mutable_task()->set_task_id(0); }},
      {"task.permit.stamp", [](auto& f) { f.mutable_task()->clear_permit(); }},
      {"task.cancel_order.order_id", [](auto& f) { f.mutable_task()->mutable_cancel_order()->set_order_id(-1); }},
      {"task.order_query.order_id", [](auto& f) { f.mutable_task()->mutable_order_query(); }},
      {"task.task", [](auto& f) { f.mutable_task()->clear_cancel_order(); }},
      {"reply", [](auto& f) { f.Clear(); }},
  };
  for (const auto& bad : cases) {
    v1::BackendReply frame;
    ASSERT_TRUE(frame.ParseFromString(encode_task(cancel_task(), Leader)));
    bad.spoil(frame);
    const auto reply = decode_backend_reply(frame.SerializeAsString());
    ASSERT_FALSE(reply.ok()) << bad.field;
    EXPECT_TRUE(std::string(reply.status().message()).starts_with(bad.field + ": ")) << reply.status();
  }
  EXPECT_EQ(decode_backend_reply("\xFF\xFF").status().message(), "frame: not a BackendReply");
}

}  // namespace
}  // namespace cancelbus::wire
