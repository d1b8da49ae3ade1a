#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "cancelbus/v1/session.pb.h"
#include "service/wire/session_codec.hpp"

namespace cancelbus::wire {
namespace {

using namespace std::chrono_literals;

v1::SessionRequest hello() {
  v1::SessionRequest frame;
  frame.mutable_hello()->set_sender_comp_id("desk-a_1");
  for (const char* topic : {"client.", "client.desk", "client.desk-b.", "venue.", "bus.", "record."}) {
    frame.mutable_hello()->add_topics(topic);
  }
  frame.mutable_hello()->set_open_commands(true);
  return frame;
}

v1::SessionRequest cancel() {
  v1::SessionRequest frame;
  v1::CancelOrder& order = *frame.mutable_cancel_order();
  order.set_cl_ord_id("c 1~");
  order.set_order_id(5'000'000'001);
  order.set_account("main");
  order.set_symbol("BTCTRY");
  order.mutable_transact_time()->set_seconds(1'700'000'000);
  order.mutable_time_to_live()->set_seconds(2);
  order.set_priority(v1::PRIORITY_URGENT);
  order.set_exact_quantities(true);
  order.set_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  return frame;
}

v1::SessionRequest retransmit() {
  v1::SessionRequest frame;
  frame.mutable_retransmit_request()->set_epoch(11);
  frame.mutable_retransmit_request()->set_topic("client.desk-a.");
  frame.mutable_retransmit_request()->set_from_seq(7);
  frame.mutable_retransmit_request()->set_count(500);
  return frame;
}

template <typename T>
T decoded(const v1::SessionRequest& frame) {
  auto result = decode_session_request(frame.SerializeAsString(), "peer");
  if (const auto* rejected = std::get_if<Rejected>(&result)) {
    ADD_FAILURE() << rejected->field << ": " << rejected->text;
    return {};
  }
  auto event = std::get<core::Event>(std::move(result));
  if (const auto* malformed = std::get_if<core::CommandMalformed>(&event)) ADD_FAILURE() << malformed->text;
  T* value = std::get_if<T>(&event);
  if (value == nullptr) return {};
  EXPECT_EQ(value->peer, "peer");
  return *value;
}

TEST(SessionRequest, HelloArrives) {
  const auto got = decoded<core::Hello>(hello());
  EXPECT_EQ(got.sender, "desk-a_1");
  EXPECT_EQ(got.topics,
            (std::vector<std::string>{"client.", "client.desk", "client.desk-b.", "venue.", "bus.", "record."}));
  EXPECT_TRUE(got.open_commands);
}

TEST(SessionRequest, CommandArrives) {
  const auto got = decoded<core::CommandReceived>(cancel()).order;
  EXPECT_EQ(got.cl_ord_id, "c 1~");
  EXPECT_EQ(got.order_id, 5'000'000'001);
  EXPECT_EQ(got.account, "main");
  EXPECT_EQ(got.symbol, "BTCTRY");
  EXPECT_EQ(got.transact_time, core::WallTime(1'700'000'000s));
  EXPECT_EQ(got.time_to_live, 2s);
  EXPECT_EQ(got.priority, core::Priority::Urgent);
  EXPECT_TRUE(got.exact_quantities);
  EXPECT_EQ(got.traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
}

TEST(SessionRequest, BareCommandArrives) {
  v1::SessionRequest frame;
  frame.mutable_cancel_order()->set_cl_ord_id("c");
  frame.mutable_cancel_order()->set_order_id(1);
  const auto got = decoded<core::CommandReceived>(frame).order;
  EXPECT_EQ(got.priority, core::Priority::Normal);
  EXPECT_EQ(got.time_to_live, std::nullopt);
  EXPECT_EQ(got.transact_time, std::nullopt);
  EXPECT_FALSE(got.exact_quantities);
}

TEST(SessionRequest, LimitsThemselvesAreAllowed) {
  v1::SessionRequest frame = cancel();
  v1::CancelOrder& order = *frame.mutable_cancel_order();
  order.set_cl_ord_id(std::string(64, 'c'));
  order.set_account(std::string(64, 'a'));
  order.set_symbol(std::string(32, 's'));
  order.set_order_id(INT64_MAX);
  order.mutable_time_to_live()->set_seconds(24 * 3600);
  EXPECT_EQ(decoded<core::CommandReceived>(frame).order.time_to_live, 24h);
  order.mutable_time_to_live()->set_seconds(0);
  order.mutable_time_to_live()->set_nanos(1'000'000);
  EXPECT_EQ(decoded<core::CommandReceived>(frame).order.time_to_live, 1ms);
  v1::SessionRequest greeting;
  greeting.mutable_hello()->set_sender_comp_id(std::string(32, 's'));
  for (int i = 0; i < 64; ++i) greeting.mutable_hello()->add_topics("client." + std::string(32, 's') + ".");
  EXPECT_EQ(decoded<core::Hello>(greeting).topics.size(), 64U);
}

TEST(SessionRequest, RetransmitRequestArrives) {
  const auto got = decoded<core::RetransmitRequest>(retransmit());
  EXPECT_EQ(got.epoch, 11U);
  EXPECT_EQ(got.topic, "client.desk-a.");
  EXPECT_EQ(got.from_seq, 7U);
  EXPECT_EQ(got.count, 500U);
}

v1::SessionRequest mass_cancel() {
  v1::SessionRequest frame;
  v1::MassCancel& mass = *frame.mutable_mass_cancel();
  mass.set_cl_ord_id("m 1~");
  mass.set_scope(v1::MASS_CANCEL_SCOPE_SENDER);
  mass.set_owner("desk-b");
  mass.set_symbol("BTCTRY");
  mass.set_side(v1::SIDE_SELL);
  mass.set_client_order_id_prefix("dB-");
  mass.set_priority(v1::PRIORITY_URGENT);
  mass.set_until_empty(true);
  mass.set_dry_run(true);
  mass.set_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  return frame;
}

TEST(SessionRequest, MassCancelArrives) {
  const auto got = decoded<core::MassCancelReceived>(mass_cancel());
  EXPECT_EQ(got.request.cl_ord_id, "m 1~");
  EXPECT_EQ(got.request.whose, core::MassCancelRequest::Whose::Sender);
  EXPECT_EQ(got.request.scope, (core::Scope{core::Scope::Whose::Owner, "desk-b", "BTCTRY", core::Side::Sell, "dB-"}));
  EXPECT_EQ(got.request.priority, core::Priority::Urgent);
  EXPECT_TRUE(got.request.until_empty);
  EXPECT_TRUE(got.dry_run);
  EXPECT_EQ(got.request.traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
}

TEST(SessionRequest, BareMassCancelArrives) {
  const std::pair<v1::MassCancelScope, core::Scope::Whose> scopes[] = {
      {v1::MASS_CANCEL_SCOPE_OWN, core::Scope::Whose::Owner},
      {v1::MASS_CANCEL_SCOPE_UNOWNED, core::Scope::Whose::Unowned},
      {v1::MASS_CANCEL_SCOPE_ALL, core::Scope::Whose::All}};
  for (const auto& [scope, whose] : scopes) {
    v1::SessionRequest frame;
    frame.mutable_mass_cancel()->set_cl_ord_id(std::string(32, 'm'));
    frame.mutable_mass_cancel()->set_scope(scope);
    const auto got = decoded<core::MassCancelReceived>(frame);
    EXPECT_EQ(got.request.scope, (core::Scope{whose}));
    EXPECT_EQ(got.request.priority, core::Priority::Normal);
    EXPECT_FALSE(got.request.until_empty);
    EXPECT_FALSE(got.dry_run);
  }
}

v1::SessionRequest kill_switch() {
  v1::SessionRequest frame;
  v1::KillSwitchRequest& kill = *frame.mutable_kill_switch();
  kill.set_action(v1::KILL_SWITCH_ACTION_RELEASE);
  kill.set_scope(v1::MASS_CANCEL_SCOPE_SENDER);
  kill.set_owner("desk-b");
  kill.set_symbol("BTCTRY");
  kill.set_side(v1::SIDE_SELL);
  kill.set_client_order_id_prefix("dB-");
  kill.set_reason("runaway");
  kill.set_force(true);
  kill.set_request_id(77);
  return frame;
}

TEST(SessionRequest, KillSwitchArrives) {
  const auto got = decoded<core::KillSwitchReceived>(kill_switch());
  EXPECT_FALSE(got.engage);
  EXPECT_TRUE(got.force);
  EXPECT_FALSE(got.of_operator) << "that is for the bus's policy to say";
  EXPECT_EQ(got.request_id, 77U);
  EXPECT_EQ(got.request.whose, core::MassCancelRequest::Whose::Sender);
  EXPECT_EQ(got.request.scope, (core::Scope{core::Scope::Whose::Owner, "desk-b", "BTCTRY", core::Side::Sell, "dB-"}));
  EXPECT_EQ(got.request.reason, "runaway");
  EXPECT_EQ(got.request.priority, core::Priority::Urgent);
  EXPECT_TRUE(got.request.until_empty);
  EXPECT_EQ(got.request.cause, core::MassCancelRequest::Cause::KillSwitch);
  v1::SessionRequest bare;
  bare.mutable_kill_switch()->set_action(v1::KILL_SWITCH_ACTION_ENGAGE);
  bare.mutable_kill_switch()->set_scope(v1::MASS_CANCEL_SCOPE_OWN);
  bare.mutable_kill_switch()->set_reason(std::string(128, 'x'));
  EXPECT_TRUE(decoded<core::KillSwitchReceived>(bare).engage);
}

TEST(SessionRequest, GoodbyeArrives) {
  v1::SessionRequest frame;
  frame.mutable_goodbye();
  EXPECT_FALSE(decoded<core::GoodbyeReceived>(frame).keep_orders);
  frame.mutable_goodbye()->set_keep_orders(true);
  EXPECT_TRUE(decoded<core::GoodbyeReceived>(frame).keep_orders);
}

TEST(SessionRequest, HelloMayArmADeadMansSwitch) {
  EXPECT_FALSE(decoded<core::Hello>(hello()).cancel_on_disconnect);
  for (const int64_t seconds : {2, 600}) {
    v1::SessionRequest frame = hello();
    frame.mutable_hello()->mutable_cancel_on_disconnect()->mutable_window()->set_seconds(seconds);
    EXPECT_EQ(decoded<core::Hello>(frame).cancel_on_disconnect, std::chrono::seconds(seconds));
  }
}

TEST(SessionRequest, RequestsWithoutFieldsArrive) {
  v1::SessionRequest frame;
  frame.mutable_heartbeat();
  decoded<core::SessionHeartbeat>(frame);
  frame.mutable_status_request();
  decoded<core::StatusRequest>(frame);
}

// ---- Rejected: nothing else can be said about the frame ----

Rejected rejected(std::string_view bytes) {
  auto result = decode_session_request(bytes, "peer");
  const auto* rejection = std::get_if<Rejected>(&result);
  if (rejection == nullptr) {
    ADD_FAILURE() << "was not rejected";
    return {};
  }
  EXPECT_EQ(rejection->reason, core::RejectReason::Malformed);
  EXPECT_FALSE(rejection->text.empty());
  return *rejection;
}

TEST(SessionRequest, UnreadableFramesAreRejected) {
  EXPECT_EQ(rejected("").field, "");
  EXPECT_EQ(rejected("").text, "the frame is empty");
  EXPECT_EQ(rejected("\xFF\xFF\xFF").field, "");
  EXPECT_EQ(rejected("\xFF\xFF\xFF").text, "the frame is not a SessionRequest");
  EXPECT_EQ(rejected(std::string(8 * 1024 + 1, '\n')).text, "the frame is longer than 8 KiB");
}

TEST(SessionRequest, FrameWithoutARequestIsRejected) {
  // Field 15, as a newer client might send: unknown here.
  EXPECT_EQ(rejected(std::string_view("\x7A\x00", 2)).field, "request");
}

TEST(SessionRequest, StringThatIsNotUtf8IsAnUnreadableFrame) {
  v1::SessionRequest frame = cancel();
  std::string bytes = frame.SerializeAsString();
  bytes.replace(bytes.find("BTCTRY"), 6, "BTC\xFF\xFF\xFF");
  testing::internal::CaptureStderr();
  EXPECT_EQ(rejected(bytes).field, "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "a client must not be able to fill the log";
}

struct Bad {
  std::string field;
  std::function<void(v1::SessionRequest&)> spoil;
};

TEST(SessionRequest, BadFieldIsRejectedByName) {
  const auto sender = [](std::string text) {
    return [=](v1::SessionRequest& f) { (f = hello()).mutable_hello()->set_sender_comp_id(text); };
  };
  const auto topic = [](std::string text) {
    return [=](v1::SessionRequest& f) { (f = hello()).mutable_hello()->set_topics(2, text); };
  };
  const auto cl_ord_id = [](std::string text) {
    return [=](v1::SessionRequest& f) { (f = cancel()).mutable_cancel_order()->set_cl_ord_id(text); };
  };
  const auto wanted_topic = [](std::string text) {
    return [=](v1::SessionRequest& f) { (f = retransmit()).mutable_retransmit_request()->set_topic(text); };
  };
  const auto mass_cancel_id = [](std::string text) {
    return [=](v1::SessionRequest& f) { (f = mass_cancel()).mutable_mass_cancel()->set_cl_ord_id(text); };
  };
  const auto window = [](int64_t seconds, int32_t nanos) {
    return [=](v1::SessionRequest& f) {
      auto& field = *(f = hello()).mutable_hello()->mutable_cancel_on_disconnect()->mutable_window();
      field.set_seconds(seconds);
      field.set_nanos(nanos);
    };
  };
  const auto kill = [](std::function<void(v1::KillSwitchRequest&)> spoil) {
    return [=](v1::SessionRequest& f) { spoil(*(f = kill_switch()).mutable_kill_switch()); };
  };
  const std::vector<Bad> cases = {
      {"hello.sender_comp_id", sender("")},
      {"hello.sender_comp_id", sender(std::string(33, 'a'))},
      {"hello.sender_comp_id", sender("desk.a")},
      {"hello.sender_comp_id", sender("desk a")},
      {"hello.sender_comp_id", sender("desk\xC4\xB1")},
      {"hello.topics",
       [](auto& f) {
         for (int i = 0; i < 60; ++i) (i == 0 ? f = hello() : f).mutable_hello()->add_topics("bus.");
       }},
      {"hello.topics[2]", topic("")},
      {"hello.topics[2]", topic("clients.")},
      {"hello.topics[2]", topic("client")},
      {"hello.topics[2]", topic("client..")},
      {"hello.topics[2]", topic("client.a.b")},
      {"hello.topics[2]", topic("client.desk a.")},
      {"hello.topics[2]", topic("client." + std::string(33, 'a'))},
      {"hello.topics[2]", topic("venue")},
      {"hello.topics[2]", topic("bus.x")},
      {"hello.topics[2]", topic("record")},
      {"cancel_order.cl_ord_id", cl_ord_id("")},
      {"cancel_order.cl_ord_id", cl_ord_id(std::string(65, 'a'))},
      {"cancel_order.cl_ord_id", cl_ord_id("a\tb")},
      {"cancel_order.cl_ord_id", cl_ord_id("\xC4\xB1")},
      {"retransmit_request.topic", wanted_topic("client.")},
      {"retransmit_request.topic", wanted_topic("client.desk-a")},
      {"retransmit_request.topic", wanted_topic("client..")},
      {"retransmit_request.topic", wanted_topic("bus.")},
      {"retransmit_request.topic", wanted_topic("record.")},
      {"retransmit_request.from_seq",
       [](auto& f) { (f = retransmit()).mutable_retransmit_request()->set_from_seq(0); }},
      {"retransmit_request.count", [](auto& f) { (f = retransmit()).mutable_retransmit_request()->set_count(0); }},
      {"retransmit_request.count", [](auto& f) { (f = retransmit()).mutable_retransmit_request()->set_count(501); }},
      {"hello.cancel_on_disconnect.window", window(1, 999'000'000)},
      {"hello.cancel_on_disconnect.window", window(600, 1'000'000)},
      {"hello.cancel_on_disconnect.window", window(2, 1'000)},
      {"hello.cancel_on_disconnect.window", window(-2, 0)},
      {"kill_switch.action", kill([](auto& k) { k.clear_action(); })},
      {"kill_switch.scope", kill([](auto& k) { k.clear_scope(); })},
      {"kill_switch.owner", kill([](auto& k) { k.clear_owner(); })},
      {"kill_switch.owner", kill([](auto& k) { k.set_scope(v1::MASS_CANCEL_SCOPE_ALL); })},
      {"kill_switch.symbol", kill([](auto& k) { k.set_symbol(std::string(33, 's')); })},
      {"kill_switch.side", kill([](auto& k) { k.set_side(static_cast<v1::Side>(9)); })},
      {"kill_switch.client_order_id_prefix", kill([](auto& k) { k.set_client_order_id_prefix("a\n"); })},
      {"kill_switch.reason", kill([](auto& k) { k.clear_reason(); })},
      {"kill_switch.reason", kill([](auto& k) { k.set_reason(std::string(129, 'r')); })},
      {"kill_switch.reason", kill([](auto& k) { k.set_reason("a\tb"); })},
      {"kill_switch.force", kill([](auto& k) { k.set_action(v1::KILL_SWITCH_ACTION_ENGAGE); })},
      {"mass_cancel.cl_ord_id", mass_cancel_id("")},
      {"mass_cancel.cl_ord_id", mass_cancel_id(std::string(33, 'm'))},
      {"mass_cancel.cl_ord_id", mass_cancel_id("m/1")},
      {"mass_cancel.cl_ord_id", mass_cancel_id("a\tb")},
  };
  for (const auto& bad : cases) {
    v1::SessionRequest frame;
    bad.spoil(frame);
    SCOPED_TRACE(frame.ShortDebugString());
    EXPECT_EQ(rejected(frame.SerializeAsString()).field, bad.field);
  }
}

// ---- Malformed: the command has a name, so its receipt can say what is wrong ----

TEST(SessionRequest, BadFieldOfANamedCommandIsToldByName) {
  const auto ttl = [](int64_t seconds, int32_t nanos) {
    return [=](v1::SessionRequest& f) {
      f.mutable_cancel_order()->mutable_time_to_live()->set_seconds(seconds);
      f.mutable_cancel_order()->mutable_time_to_live()->set_nanos(nanos);
    };
  };
  const std::vector<Bad> cases = {
      {"order_id: must be 1 or above", [](auto& f) { f.mutable_cancel_order()->set_order_id(0); }},
      {"order_id: must be 1 or above", [](auto& f) { f.mutable_cancel_order()->set_order_id(INT64_MIN); }},
      {"account: must be at most 64 printable ASCII characters",
       [](auto& f) { f.mutable_cancel_order()->set_account(std::string(65, 'a')); }},
      {"account: must be at most 64 printable ASCII characters",
       [](auto& f) { f.mutable_cancel_order()->set_account("a\x01"); }},
      {"symbol: must be at most 32 printable ASCII characters",
       [](auto& f) { f.mutable_cancel_order()->set_symbol(std::string(33, 's')); }},
      {"symbol: must be at most 32 printable ASCII characters",
       [](auto& f) { f.mutable_cancel_order()->set_symbol("BTC\n"); }},
      {"transact_time: not a valid time",
       [](auto& f) { f.mutable_cancel_order()->mutable_transact_time()->set_nanos(-1); }},
      {"time_to_live: must be 1 ms to 24 h", ttl(0, 0)},
      {"time_to_live: must be 1 ms to 24 h", ttl(0, 999'999)},
      {"time_to_live: must be 1 ms to 24 h", ttl(-1, 0)},
      {"time_to_live: must be 1 ms to 24 h", ttl(24 * 3600, 1)},
      {"time_to_live: must be 1 ms to 24 h", ttl(INT64_MAX, 0)},
      {"time_to_live: must be 1 ms to 24 h", ttl(1, -1)},
      {"priority: 7 is neither NORMAL nor URGENT",
       [](auto& f) { f.mutable_cancel_order()->set_priority(static_cast<v1::Priority>(7)); }},
      {"traceparent: must be at most 55 printable ASCII characters",
       [](auto& f) { f.mutable_cancel_order()->set_traceparent(std::string(56, '0')); }},
  };
  for (const auto& bad : cases) {
    v1::SessionRequest frame = cancel();
    bad.spoil(frame);
    SCOPED_TRACE(frame.ShortDebugString());
    auto result = decode_session_request(frame.SerializeAsString(), "peer");
    ASSERT_TRUE(std::holds_alternative<core::Event>(result));
    const auto* malformed = std::get_if<core::CommandMalformed>(&std::get<core::Event>(result));
    ASSERT_NE(malformed, nullptr);
    EXPECT_EQ(malformed->peer, "peer");
    EXPECT_EQ(malformed->cl_ord_id, "c 1~");
    EXPECT_EQ(malformed->text, bad.field);
  }
}

TEST(SessionRequest, BadFieldOfANamedMassCancelIsToldByName) {
  const auto spoiled = [](const std::function<void(v1::MassCancel&)>& spoil) {
    v1::SessionRequest frame = mass_cancel();
    spoil(*frame.mutable_mass_cancel());
    auto result = decode_session_request(frame.SerializeAsString(), "peer");
    const auto* event = std::get_if<core::Event>(&result);
    const auto* malformed = event ? std::get_if<core::CommandMalformed>(event) : nullptr;
    EXPECT_EQ(malformed ? malformed->cl_ord_id : "", "m 1~");
    return malformed ? malformed->text : "taken";
  };
  EXPECT_EQ(spoiled([](auto& m) { m.clear_scope(); }), "scope: must be OWN, SENDER, UNOWNED or ALL");
  EXPECT_EQ(spoiled([](auto& m) { m.set_scope(static_cast<v1::MassCancelScope>(9)); }),
            "scope: must be OWN, SENDER, UNOWNED or ALL");
  EXPECT_EQ(spoiled([](auto& m) { m.clear_owner(); }),
            "owner: with scope SENDER it must be 1 to 32 of the characters A-Z a-z 0-9 _ -");
  EXPECT_EQ(spoiled([](auto& m) { m.set_owner("desk b"); }),
            "owner: with scope SENDER it must be 1 to 32 of the characters A-Z a-z 0-9 _ -");
  EXPECT_EQ(spoiled([](auto& m) { m.set_scope(v1::MASS_CANCEL_SCOPE_ALL); }), "owner: only scope SENDER has one");
  EXPECT_EQ(spoiled([](auto& m) { m.set_symbol(std::string(33, 's')); }),
            "symbol: must be at most 32 printable ASCII characters");
  EXPECT_EQ(spoiled([](auto& m) { m.set_side(static_cast<v1::Side>(5)); }), "side: 5 is neither BUY nor SELL");
  EXPECT_EQ(spoiled([](auto& m) { m.set_client_order_id_prefix(std::string(65, 'p')); }),
            "client_order_id_prefix: must be at most 64 printable ASCII characters");
  EXPECT_EQ(spoiled([](auto& m) { m.set_priority(static_cast<v1::Priority>(7)); }),
            "priority: 7 is neither NORMAL nor URGENT");
  EXPECT_EQ(spoiled([](auto& m) { m.set_traceparent(std::string(56, '0')); }),
            "traceparent: must be at most 55 printable ASCII characters");
}

TEST(SessionRequest, ResolveIsAnOperatorsWord) {
  v1::SessionRequest frame;
  v1::ResolveRequest& resolve = *frame.mutable_resolve();
  resolve.set_sender_comp_id("desk-a");
  resolve.set_cl_ord_id("c 1~");
  resolve.set_as(v1::ORD_STATUS_FILLED);
  resolve.set_reason("seen in their list");
  const auto event = decoded<core::ResolveRequest>(frame);
  EXPECT_EQ(event.peer, "peer");
  EXPECT_EQ(event.key, (core::CommandKey{"desk-a", "c 1~"}));
  EXPECT_EQ(event.as, core::OrdStatus::Filled);
  EXPECT_EQ(event.reason, "seen in their list");
}

TEST(SessionRequest, RetryNamesACommand) {
  v1::SessionRequest frame;
  v1::RetryRequest& retry = *frame.mutable_retry();
  const auto field = [&frame] {
    const auto result = decode_session_request(frame.SerializeAsString(), "peer");
    const auto* rejected = std::get_if<Rejected>(&result);
    return rejected ? rejected->field : "taken";
  };
  EXPECT_EQ(field(), "retry.sender_comp_id");
  retry.set_sender_comp_id("desk-a");
  EXPECT_EQ(field(), "retry.cl_ord_id");
  retry.set_cl_ord_id("c 1~");
  retry.set_request_id(7);
  const auto event = decoded<core::RetryRequest>(frame);
  EXPECT_EQ(event.peer, "peer");
  EXPECT_EQ(event.key, (core::CommandKey{"desk-a", "c 1~"}));
  EXPECT_EQ(event.request_id, 7U);
}

TEST(SessionRequest, ResolveWithABadFieldIsRejectedByName) {
  const auto field_of = [](const std::string& sender, const std::string& id, v1::OrdStatus as,
                           const std::string& reason = "seen") {
    v1::SessionRequest frame;
    frame.mutable_resolve()->set_reason(reason);
    frame.mutable_resolve()->set_sender_comp_id(sender);
    frame.mutable_resolve()->set_cl_ord_id(id);
    frame.mutable_resolve()->set_as(as);
    const auto result = decode_session_request(frame.SerializeAsString(), "peer");
    const auto* rejected = std::get_if<Rejected>(&result);
    return rejected ? rejected->field : "taken";
  };
  EXPECT_EQ(field_of("desk-a", "c1", v1::ORD_STATUS_NEW), "taken");
  EXPECT_EQ(field_of("", "c1", v1::ORD_STATUS_NEW), "resolve.sender_comp_id");
  EXPECT_EQ(field_of("desk a", "c1", v1::ORD_STATUS_NEW), "resolve.sender_comp_id");
  EXPECT_EQ(field_of("desk-a", "", v1::ORD_STATUS_NEW), "resolve.cl_ord_id");
  EXPECT_EQ(field_of("desk-a", std::string(65, 'c'), v1::ORD_STATUS_NEW), "resolve.cl_ord_id");
  EXPECT_EQ(field_of("desk-a", "c1", v1::ORD_STATUS_UNSPECIFIED), "resolve.as");
  EXPECT_EQ(field_of("desk-a", "c1", v1::ORD_STATUS_PARTIALLY_FILLED), "resolve.as");
  EXPECT_EQ(field_of("desk-a", "c1", v1::ORD_STATUS_NEW, ""), "resolve.reason");
  EXPECT_EQ(field_of("desk-a", "c1", v1::ORD_STATUS_NEW, std::string(129, 'r')), "resolve.reason");
  EXPECT_EQ(field_of("desk-a", "c1", v1::ORD_STATUS_NEW, "two\nlines"), "resolve.reason");
}

TEST(SessionRequest, OpenOrdersAskForAScope) {
  v1::SessionRequest frame;
  v1::OpenOrdersRequest& request = *frame.mutable_open_orders_request();
  const auto all = decoded<core::OpenOrdersRequest>(frame);
  EXPECT_EQ(all.peer, "peer");
  EXPECT_EQ(all.scope, core::Scope{});
  EXPECT_EQ(all.from, 0);
  request.set_owner("desk-a");
  request.set_symbol("BTCTRY");
  request.set_side(v1::SIDE_SELL);
  request.set_from_order_id(5'000'000'001);
  request.set_request_id(7);
  const auto some = decoded<core::OpenOrdersRequest>(frame);
  EXPECT_EQ(some.scope,
            (core::Scope{
                .whose = core::Scope::Whose::Owner, .owner = "desk-a", .symbol = "BTCTRY", .side = core::Side::Sell}));
  EXPECT_EQ(some.from, 5'000'000'001);
  EXPECT_EQ(some.request_id, 7U);
}

TEST(SessionRequest, CommandsAreAskedForByStateSenderPairAgeAndPlace) {
  using Which = core::CommandsRequest::Which;
  v1::SessionRequest frame;
  v1::CommandsRequest& request = *frame.mutable_commands_request();
  const auto all = decoded<core::CommandsRequest>(frame);
  EXPECT_EQ(all.peer, "peer");
  EXPECT_EQ(all.which, Which::All);
  EXPECT_EQ(all.after, core::CommandPlace{});
  request.set_state(v1::COMMAND_STATE_STUCK);
  request.set_sender_comp_id("desk-a");
  request.set_symbol("BTCTRY");
  request.mutable_older_than()->set_seconds(10);
  request.mutable_after()->set_order_id(5'000'000'001);
  request.mutable_after()->set_sender_comp_id("desk-a");
  request.mutable_after()->set_cl_ord_id("c1");
  request.set_request_id(7);
  const auto some = decoded<core::CommandsRequest>(frame);
  EXPECT_EQ(some.which, Which::Stuck);
  EXPECT_EQ(some.sender, "desk-a");
  EXPECT_EQ(some.symbol, "BTCTRY");
  EXPECT_EQ(some.older_than, std::chrono::seconds(10));
  EXPECT_EQ(some.after, (core::CommandPlace{5'000'000'001, {"desk-a", "c1"}}));
  EXPECT_EQ(some.request_id, 7U);
  request.set_state(v1::COMMAND_STATE_IN_DOUBT);
  EXPECT_EQ(decoded<core::CommandsRequest>(frame).which, Which::InDoubt);
}

TEST(SessionRequest, CommandsWithABadFieldAreRejectedByName) {
  const auto field_of = [](const std::function<void(v1::CommandsRequest&)>& spoil) {
    v1::SessionRequest frame;
    spoil(*frame.mutable_commands_request());
    const auto result = decode_session_request(frame.SerializeAsString(), "peer");
    const auto* rejected = std::get_if<Rejected>(&result);
    return rejected ? rejected->field : "taken";
  };
  EXPECT_EQ(field_of([](auto& r) { r.set_state(static_cast<v1::CommandState>(3)); }), "commands_request.state");
  EXPECT_EQ(field_of([](auto& r) { r.set_sender_comp_id("desk a"); }), "commands_request.sender_comp_id");
  EXPECT_EQ(field_of([](auto& r) { r.set_symbol(std::string(33, 'B')); }), "commands_request.symbol");
  EXPECT_EQ(field_of([](auto& r) { r.mutable_older_than()->set_seconds(-1); }), "commands_request.older_than");
  EXPECT_EQ(field_of([](auto& r) { r.mutable_after()->set_order_id(-1); }), "commands_request.after");
  EXPECT_EQ(field_of([](auto& r) { r.mutable_after()->set_cl_ord_id(std::string(65, 'c')); }),
            "commands_request.after");
  EXPECT_EQ(field_of([](auto& r) { r.mutable_after()->set_sender_comp_id("desk a"); }), "commands_request.after");
}

TEST(SessionRequest, HistoryIsAskedForByOrderNameSenderTimeAndPlace) {
  v1::SessionRequest frame;
  v1::HistoryRequest& request = *frame.mutable_history_request();
  const auto all = decoded<core::HistoryRequest>(frame);
  EXPECT_EQ(all.peer, "peer");
  EXPECT_FALSE(all.query.from.has_value());
  EXPECT_FALSE(all.query.own_only);
  request.set_order_id(5'000'000'001);
  request.set_sender_comp_id("desk-a");
  request.set_cl_ord_id("c1");
  request.mutable_since()->set_seconds(10);
  request.mutable_until()->set_seconds(20);
  request.mutable_after()->set_sender_comp_id("desk-a");
  request.mutable_after()->set_cl_ord_id("c0");
  request.mutable_after()->set_bus_start(3);
  request.mutable_after()->set_line(4);
  request.set_request_id(7);
  const auto some = decoded<core::HistoryRequest>(frame);
  EXPECT_EQ(some.query.order_id, 5'000'000'001);
  EXPECT_EQ(some.query.sender, "desk-a");
  EXPECT_EQ(some.query.cl_ord_id, "c1");
  EXPECT_EQ(some.query.from, core::WallTime(std::chrono::seconds(10)));
  EXPECT_EQ(some.query.to, core::WallTime(std::chrono::seconds(20)));
  EXPECT_EQ(some.query.after, (core::HistoryPlace{{"desk-a", "c0"}, 3, 4}));
  EXPECT_EQ(some.request_id, 7U);
}

TEST(SessionRequest, HistoryWithABadFieldIsRejectedByName) {
  const auto field_of = [](const std::function<void(v1::HistoryRequest&)>& spoil) {
    v1::SessionRequest frame;
    spoil(*frame.mutable_history_request());
    const auto result = decode_session_request(frame.SerializeAsString(), "peer");
    const auto* rejected = std::get_if<Rejected>(&result);
    return rejected ? rejected->field : "taken";
  };
  EXPECT_EQ(field_of([](auto& r) { r.set_order_id(-1); }), "history_request.order_id");
  EXPECT_EQ(field_of([](auto& r) { r.set_sender_comp_id("desk a"); }), "history_request.sender_comp_id");
  EXPECT_EQ(field_of([](auto& r) { r.set_cl_ord_id(std::string(65, 'c')); }), "history_request.cl_ord_id");
  EXPECT_EQ(field_of([](auto& r) { r.mutable_since()->set_nanos(-1); }), "history_request.since");
  EXPECT_EQ(field_of([](auto& r) { r.mutable_until()->set_nanos(-1); }), "history_request.until");
  EXPECT_EQ(field_of([](auto& r) { r.mutable_after()->set_sender_comp_id("desk a"); }), "history_request.after");
  EXPECT_EQ(field_of([](auto& r) { r.mutable_after()->set_bus_start(uint64_t{1} << 63); }), "history_request.after");
}

TEST(SessionRequest, OpenOrdersWithABadFieldAreRejectedByName) {
  const auto field_of = [](const std::function<void(v1::OpenOrdersRequest&)>& spoil) {
    v1::SessionRequest frame;
    spoil(*frame.mutable_open_orders_request());
    const auto result = decode_session_request(frame.SerializeAsString(), "peer");
    const auto* rejected = std::get_if<Rejected>(&result);
    return rejected ? rejected->field : "taken";
  };
  EXPECT_EQ(field_of([](auto& r) { r.set_owner("desk a"); }), "open_orders_request.owner");
  EXPECT_EQ(field_of([](auto& r) { r.set_owner(std::string(33, 'd')); }), "open_orders_request.owner");
  EXPECT_EQ(field_of([](auto& r) { r.set_symbol("BTC&TRY"); }), "open_orders_request.symbol");
  EXPECT_EQ(field_of([](auto& r) { r.set_symbol(std::string(33, 'B')); }), "open_orders_request.symbol");
  EXPECT_EQ(field_of([](auto& r) { r.set_side(static_cast<v1::Side>(3)); }), "open_orders_request.side");
  EXPECT_EQ(field_of([](auto& r) { r.set_from_order_id(-1); }), "open_orders_request.from_order_id");
}

}  // namespace
}  // namespace cancelbus::wire
