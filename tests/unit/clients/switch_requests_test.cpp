// A session's kill switch requests and its goodbye: repeated until they are answered, and silence after the last.
#include <google/protobuf/util/time_util.h>

#include "tests/unit/clients/session_fixture.hpp"

namespace cancelbus::client {
namespace {

using google::protobuf::util::TimeUtil;

class SwitchRequestsTest : public SessionTest {
 protected:
  using Lines = std::vector<std::string>;

  /// What it sends now.
  Lines frames() {
    session_.on_time(now_);
    return SessionTest::frames();
  }
  Lines commands() {
    session_.on_time(now_);
    return SessionTest::commands();
  }
  uint64_t give(v1::KillSwitchAction action = v1::KILL_SWITCH_ACTION_ENGAGE) {
    v1::KillSwitchRequest request;
    request.set_action(action);
    request.set_scope(v1::MASS_CANCEL_SCOPE_OWN);
    request.set_reason("a test");
    return session_.kill_switch(request);
  }
  void answer(uint64_t request_id) {
    v1::SessionReply reply;
    reply.mutable_kill_switch()->set_request_id(request_id);
    hear(reply);
  }
  void answer_goodbye(const std::string& cl_ord_id = "") {
    v1::SessionReply reply;
    reply.mutable_goodbye()->set_cl_ord_id(cl_ord_id);
    hear(reply);
  }
  void reject(const std::string& field) {
    v1::SessionReply reply;
    reply.mutable_reject()->set_field(field);
    hear(reply);
  }
  static bool arms(const v1::SessionRequest& request) { return request.hello().has_cancel_on_disconnect(); }
};

TEST_F(SwitchRequestsTest, AKillSwitchIsRepeatedEverySecondUntilItIsAnswered) {
  connect_quietly();
  EXPECT_EQ(give(), 1U);
  EXPECT_EQ(commands(), Lines{"kill switch 1"});
  pass_in_touch(milliseconds(2'000));
  EXPECT_EQ(commands(), (Lines{"kill switch 1", "kill switch 1"}));
  answer(1);
  answer(1);
  EXPECT_EQ(notices(), Lines{"kill switch 1"});
  pass_in_touch(milliseconds(5'000));
  EXPECT_EQ(commands(), Lines{});
}

TEST_F(SwitchRequestsTest, ItWaitsForTheWelcome) {
  give();
  EXPECT_EQ(commands(), Lines{"hello"});
  connect();
  EXPECT_EQ(commands(), Lines{"kill switch 1"});
}

TEST_F(SwitchRequestsTest, ALaterOneWaitsForTheAnswerToTheFormer) {
  connect_quietly();
  give();
  give(v1::KILL_SWITCH_ACTION_RELEASE);
  EXPECT_EQ(commands(), Lines{"kill switch 1"});
  answer(2);
  EXPECT_EQ(notices(), Lines{}) << "an answer to something else";
  answer(1);
  EXPECT_EQ(commands(), Lines{"kill switch 2"});
}

TEST_F(SwitchRequestsTest, AfterAnInterruptionItIsAskedAtOnce) {
  connect_quietly();
  give();
  commands();
  session_.on_reconnected(now_);
  EXPECT_EQ(commands(), Lines{"hello"});
  connect();
  EXPECT_EQ(commands(), Lines{"kill switch 1"});
}

TEST_F(SwitchRequestsTest, ABusThatCannotReadItEndsIt) {
  connect_quietly();
  give();
  give();
  reject("kill_switch.reason");
  reject("request");
  EXPECT_EQ(notices(),
            (Lines{"unknown kill switch 1", "reject kill_switch.reason", "unknown kill switch 2", "reject request"}));
  reject("request");
  EXPECT_EQ(notices(), Lines{"reject request"});
}

TEST_F(SwitchRequestsTest, EveryHelloArmsTheSwitch) {
  session_ = Session({.sender_comp_id = "desk-a", .cancel_on_disconnect = seconds(30)});
  session_.start(now_);
  connect();
  session_.on_reconnected(now_);
  const auto hellos = session_.take_frames();
  ASSERT_EQ(hellos.size(), 2U);
  for (const auto& hello : hellos) {
    EXPECT_EQ(TimeUtil::DurationToMilliseconds(hello.hello().cancel_on_disconnect().window()), 30'000);
  }
}

TEST_F(SwitchRequestsTest, WithoutTheOptionNoHelloDoes) { EXPECT_FALSE(arms(session_.take_frames().at(0))); }

TEST_F(SwitchRequestsTest, FromGoodbyeOnNothingElseIsSent) {
  connect_quietly();
  cancel("before");
  EXPECT_EQ(commands(), Lines{"cancel before"});
  session_.ask_status(now_);
  EXPECT_TRUE(session_.goodbye(true));
  EXPECT_FALSE(cancel("after"));
  EXPECT_FALSE(session_.mass_cancel({}, now_));
  EXPECT_EQ(give(), 0U);
  EXPECT_EQ(frames(), Lines{"goodbye, keep orders"});
  EXPECT_EQ(session_.next_deadline(), now_ + seconds(1));
  pass(seconds(1));
  EXPECT_EQ(frames(), Lines{"goodbye, keep orders"}) << "no heartbeat, and no repeated command";
  answer_goodbye();
  EXPECT_EQ(notices(), Lines{"goodbye "});
  EXPECT_EQ(session_.next_deadline(), Never);
  pass(seconds(60));
  hello_required("before");
  session_.on_reconnected(now_);
  EXPECT_EQ(frames(), Lines{});
  EXPECT_EQ(notices(), Lines{}) << "the silence is ours";
}

TEST_F(SwitchRequestsTest, TheMassCancelOfAFiredSwitchIsStillRead) {
  connect_quietly();
  session_.goodbye(false);
  EXPECT_EQ(commands(), Lines{"goodbye"});
  answer_goodbye("dead-man");
  notices();
  publish(report(1, "dead-man", 3));
  EXPECT_EQ(notices(), Lines{"#1"});
  publish(report(9, "dead-man", 4));
  pass(seconds(10));
  EXPECT_EQ(commands(), Lines{}) << "what is lost is not asked for";
}

TEST_F(SwitchRequestsTest, GoodbyeIsSaidOnce) {
  EXPECT_TRUE(session_.goodbye(false));
  EXPECT_FALSE(session_.goodbye(true));
}

TEST_F(SwitchRequestsTest, GoodbyeComesAfterTheKillSwitchesThatWereGivenBefore) {
  connect_quietly();
  give();
  session_.goodbye(true);
  EXPECT_EQ(frames(), Lines{"kill switch 1"});
  answer(1);
  EXPECT_EQ(frames(), Lines{"goodbye, keep orders"});
}

// The hello of a goodbye that keeps the orders must not arm what an earlier copy of it has disarmed; where orders shall
// go, a bus with another store needs an armed switch.
TEST_F(SwitchRequestsTest, ABusThatWasAwayHearsAHelloBeforeTheGoodbyeThatArmsOnlyWhatShallFire) {
  for (const bool keep : {true, false}) {
    session_ = Session({.sender_comp_id = "desk-a", .cancel_on_disconnect = seconds(30)});
    session_.start(now_);
    connect_quietly();
    session_.goodbye(keep);
    frames();
    for (int i = 0; i < 4; ++i) pass(seconds(1));
    EXPECT_EQ(notices(), Lines{"silent"});
    frames();
    pass(seconds(1));
    const auto again = session_.take_frames();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_TRUE(again[0].has_hello());
    EXPECT_EQ(arms(again[0]), !keep);
    connect();
    EXPECT_EQ(frames(), Lines{keep ? "goodbye, keep orders" : "goodbye"});
  }
}

TEST_F(SwitchRequestsTest, HelloRequiredIsAnsweredBeforeTheGoodbyeIsRepeated) {
  connect_quietly();
  session_.goodbye(true);
  frames();
  hello_required("");
  EXPECT_EQ(frames(), Lines{"hello"});
  pass(milliseconds(500));
  EXPECT_EQ(frames(), Lines{});
  connect();
  EXPECT_EQ(frames(), Lines{"goodbye, keep orders"});
}

TEST_F(SwitchRequestsTest, ABusOfAnEarlierVersionEndsTheSessionToo) {
  for (const char* field : {"request", "goodbye.keep_orders"}) {
    session_ = Session({.sender_comp_id = "desk-a"});
    session_.start(now_);
    connect_quietly();
    session_.goodbye(true);
    frames();
    reject("mass_cancel.symbol");
    EXPECT_EQ(notices(), Lines{"reject mass_cancel.symbol"});
    reject(field);
    EXPECT_EQ(notices(), (Lines{"unknown goodbye", std::string("reject ") + field}));
    pass(seconds(60));
    EXPECT_EQ(frames(), Lines{});
  }
}

TEST_F(SwitchRequestsTest, ListingsEndRefused) {
  connect_quietly();
  session_.open_orders({});
  session_.goodbye(true);
  session_.open_orders({});
  const std::string refused = "no open orders: goodbye was said, and this client asks for nothing more";
  EXPECT_EQ(notices(), (Lines{refused, refused}));
}

}  // namespace
}  // namespace cancelbus::client
