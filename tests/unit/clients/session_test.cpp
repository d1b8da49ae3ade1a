#include "cancelbus/session.hpp"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/clients/session_fixture.hpp"

namespace cancelbus::client {
namespace {

using google::protobuf::util::TimeUtil;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(SessionTest, SubscribesToItsOwnTopicToo) {
  EXPECT_THAT(session_.subscriptions(), ElementsAre("venue.", OwnTopic));
}

TEST_F(SessionTest, SaysHelloEverySecondUntilWelcome) {
  const auto first = session_.take_frames();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].hello().sender_comp_id(), "desk-a");
  EXPECT_THAT(first[0].hello().topics(), ElementsAre("venue."));
  EXPECT_TRUE(first[0].hello().open_commands());
  EXPECT_EQ(session_.next_deadline(), now_ + seconds(1));
  pass(milliseconds(999));
  EXPECT_THAT(frames(), IsEmpty());
  pass(milliseconds(1));
  EXPECT_THAT(frames(), ElementsAre("hello"));
  connect();
  EXPECT_THAT(notices(), ElementsAre("connected"));
  pass(milliseconds(999));
  EXPECT_THAT(frames(), IsEmpty());
}

TEST_F(SessionTest, HeartbeatsEverySecond) {
  connect_quietly();
  EXPECT_EQ(session_.next_deadline(), now_ + seconds(1));
  pass(seconds(1));
  EXPECT_THAT(frames(), ElementsAre("heartbeat"));
  pass(seconds(1));
  EXPECT_THAT(frames(), ElementsAre("heartbeat"));
}

TEST_F(SessionTest, CommandsWaitForTheWelcome) {
  cancel("a");
  pass(milliseconds(500));
  EXPECT_THAT(frames(), ElementsAre("hello"));
  connect();
  EXPECT_THAT(frames(), ElementsAre("cancel a"));
}

TEST_F(SessionTest, ACancelGoesThroughItsWholeLifeOnce) {
  connect_quietly();
  cancel("a");
  EXPECT_THAT(frames(), ElementsAre("cancel a"));
  receipt("a");
  publish(ack(1, "a"));
  publish(final(2, "a"));
  EXPECT_THAT(notices(), ElementsAre("received a", "ack a", "#1", "final a", "#2"));
  EXPECT_EQ(session_.undecided(), 0u);
  pass_in_touch(seconds(30), 3);
  EXPECT_THAT(commands(), IsEmpty());
}

TEST_F(SessionTest, RepeatsEverySecondUntilTheReceiptAndEveryTenUntilTheAck) {
  connect_quietly();
  cancel("a");
  frames();
  pass(milliseconds(999));
  EXPECT_THAT(commands(), IsEmpty());
  pass(milliseconds(1));
  EXPECT_THAT(commands(), ElementsAre("cancel a"));
  pass(seconds(1));
  EXPECT_THAT(commands(), ElementsAre("cancel a"));
  receipt("a");
  pass_in_touch(milliseconds(9'999));
  EXPECT_THAT(commands(), IsEmpty());
  pass(milliseconds(1));
  EXPECT_THAT(commands(), ElementsAre("cancel a"));
  receipt("a", v1::RECEIPT_STATUS_DUPLICATE);
  pass_in_touch(milliseconds(9'999));
  EXPECT_THAT(commands(), IsEmpty());
  pass(milliseconds(1));
  EXPECT_THAT(commands(), ElementsAre("cancel a"));
  publish(ack(1, "a"));
  pass_in_touch(seconds(30), 2);
  EXPECT_THAT(commands(), IsEmpty());
  EXPECT_THAT(notices(), ElementsAre("received a", "ack a", "#1"));
}

TEST_F(SessionTest, ARepetitionCarriesWhatIsLeftOfTheTtl) {
  connect_quietly();
  v1::CancelOrder order;
  order.set_cl_ord_id("a");
  *order.mutable_time_to_live() = TimeUtil::MillisecondsToDuration(2500);
  session_.cancel(order, now_);
  std::vector<int64_t> ttls;
  for (int i = 0; i < 4; ++i) {
    for (const auto& frame : session_.take_frames()) {
      if (frame.has_cancel_order()) {
        ttls.push_back(TimeUtil::DurationToMilliseconds(frame.cancel_order().time_to_live()));
      }
    }
    heartbeat(1);
    pass(seconds(1));
  }
  EXPECT_THAT(ttls, ElementsAre(2500, 1500, 500, 1));
}

TEST_F(SessionTest, AReceiptMayComeAfterTheAck) {
  connect_quietly();
  cancel("a");
  publish(ack(1, "a"));
  receipt("a");
  publish(final(2, "a"));
  receipt("a");
  EXPECT_THAT(notices(), ElementsAre("ack a", "#1", "final a", "#2"));
}

TEST_F(SessionTest, ARefusalEndsACommand) {
  connect_quietly();
  cancel("a");
  frames();
  receipt("a", v1::RECEIPT_STATUS_REFUSED);
  EXPECT_THAT(notices(), ElementsAre("refused a"));
  pass_in_touch(seconds(12));
  EXPECT_THAT(commands(), IsEmpty());
  EXPECT_TRUE(cancel("a")) << "the id is free again";
}

TEST_F(SessionTest, ALateReceiptOfAnEarlierCommandDoesNotHideARefusal) {
  connect_quietly();
  cancel("a", 1);
  publish(ack(1, "a", false));
  cancel("a", 2);
  frames();
  notices();
  receipt("a");
  EXPECT_THAT(notices(), ElementsAre("received a"));
  receipt("a", v1::RECEIPT_STATUS_REFUSED);
  EXPECT_THAT(notices(), IsEmpty());
  pass(Session::RepeatUntilReceipt);
  EXPECT_THAT(commands(), ElementsAre("cancel a"));
  receipt("a", v1::RECEIPT_STATUS_REFUSED);
  EXPECT_THAT(notices(), ElementsAre("refused a"));
  EXPECT_EQ(session_.undecided(), 0u);
}

TEST_F(SessionTest, ALateRefusalOfAnEarlierCopyEndsNothing) {
  connect_quietly();
  cancel("a");
  receipt("a");
  receipt("a", v1::RECEIPT_STATUS_REFUSED);
  frames();
  pass(Session::RepeatUntilReceipt);
  EXPECT_THAT(commands(), ElementsAre("cancel a"));
  receipt("a", v1::RECEIPT_STATUS_DUPLICATE);
  publish(ack(1, "a"));
  receipt("a", v1::RECEIPT_STATUS_REFUSED);
  publish(final(2, "a"));
  EXPECT_THAT(notices(), ElementsAre("received a", "ack a", "#1", "final a", "#2"));
}

TEST_F(SessionTest, WhatIsSaidOfAnotherOrderIsNotOfTheCommand) {
  connect_quietly();
  cancel("a", 2);
  publish(ack(1, "a"));
  publish(final(2, "a"));
  v1::Event status = numbered(3, Epoch);
  status.mutable_cancel_status()->set_cl_ord_id("a");
  status.mutable_cancel_status()->set_order_id(1);
  publish(status);
  retransmit(ack(1, "a"));
  EXPECT_THAT(notices(), ElementsAre("#1", "#2", "#3"));
  EXPECT_EQ(session_.undecided(), 1u);
  publish(ack(4, "a", true, Epoch, 2));
  publish(final(5, "a", Epoch, 2));
  EXPECT_THAT(notices(), ElementsAre("ack a", "#4", "final a", "#5"));
}

TEST_F(SessionTest, ARejectionWithoutFinalEndsACommand) {
  connect_quietly();
  cancel("a");
  receipt("a");
  publish(ack(1, "a", false));
  EXPECT_EQ(session_.undecided(), 0u);
}

TEST_F(SessionTest, ACommandInUseIsNotSentTwice) {
  connect_quietly();
  EXPECT_TRUE(cancel("a"));
  EXPECT_FALSE(cancel("a"));
  EXPECT_THAT(frames(), ElementsAre("cancel a"));
}

TEST_F(SessionTest, HelloRequiredBringsOneHelloAndThenTheCommandsWithoutReceipt) {
  connect_quietly();
  for (const char* id : {"a", "b", "c"}) cancel(id);
  receipt("b");
  frames();
  hello_required("a");
  hello_required("c");
  EXPECT_THAT(frames(), ElementsAre("hello"));
  connect();
  EXPECT_THAT(frames(), ElementsAre("cancel a", "cancel c"));
  EXPECT_THAT(notices(), ElementsAre("received b", "connected"));
}

TEST_F(SessionTest, ANewConnectionBeginsWithHello) {
  connect_quietly();
  cancel("a");
  frames();
  session_.on_reconnected(now_);
  pass(milliseconds(500));
  EXPECT_THAT(frames(), ElementsAre("hello"));
  connect();
  EXPECT_THAT(frames(), ElementsAre("cancel a"));
}

TEST_F(SessionTest, SilenceIsToldOnceAndStopsRepetitions) {
  connect_quietly();
  cancel("a");
  pass(seconds(1));
  pass(seconds(1));
  EXPECT_THAT(notices(), IsEmpty());
  pass(seconds(1));
  EXPECT_THAT(notices(), ElementsAre("silent"));
  frames();
  for (int i = 0; i < 5; ++i) pass(seconds(1));
  EXPECT_THAT(frames(), ElementsAre("hello", "hello", "hello", "hello", "hello"));
  EXPECT_THAT(notices(), IsEmpty());
  connect();
  EXPECT_THAT(notices(), ElementsAre("connected"));
  EXPECT_THAT(frames(), ElementsAre("cancel a"));
}

TEST_F(SessionTest, CausesAreToldWhenOneBeginsOrEndsAndForgottenWithTheConnection) {
  connect_quietly();
  heartbeat(1);
  EXPECT_THAT(notices(), IsEmpty());
  heartbeat(1, {v1::CAUSE_KIND_NO_WORKER});
  heartbeat(1, {v1::CAUSE_KIND_NO_WORKER});
  EXPECT_THAT(notices(), ElementsAre("causes 1"));
  heartbeat(1, {v1::CAUSE_KIND_STORE, v1::CAUSE_KIND_NO_WORKER});
  EXPECT_THAT(notices(), ElementsAre("causes 5 1"));
  EXPECT_EQ(session_.causes().size(), 2U);
  pass(seconds(3));
  EXPECT_TRUE(session_.causes().empty()) << "a bus that is silent says nothing of them";
  connect();
  notices();
  heartbeat(1);
  EXPECT_THAT(notices(), ElementsAre("causes"));
}

TEST_F(SessionTest, ABusThatNeverAnsweredIsSilentToo) {
  pass(seconds(3));
  EXPECT_THAT(notices(), ElementsAre("silent"));
}

TEST_F(SessionTest, DeadlinesLieAhead) {
  cancel("a");
  for (int i = 0; i < 200; ++i) {
    if (i == 20 || i == 120) connect();
    if (i == 60) receipt("a");
    pass(milliseconds(100));
    ASSERT_GT(session_.next_deadline(), now_) << "turn " << i;
  }
}

TEST_F(SessionTest, AMissedAckIsAskedForAndDeliveredInOrder) {
  connect_quietly();
  cancel("a");
  receipt("a");
  publish(final(2, "a"));
  EXPECT_THAT(frames(), ElementsAre("cancel a", "ask 1+1"));
  retransmit(ack(1, "a"));
  EXPECT_THAT(notices(), ElementsAre("received a", "ack a", "#1", "final a", "#2"));
}

TEST_F(SessionTest, AHeartbeatShowsALateLoss) {
  connect_quietly();
  cancel("a");
  receipt("a");
  frames();
  heartbeat(2);
  EXPECT_EQ(session_.next_deadline(), now_ + EventReader::Grace);
  pass(EventReader::Grace);
  EXPECT_THAT(frames(), ElementsAre("ask 1+1"));
  retransmit(ack(1, "a"));
  EXPECT_THAT(notices(), ElementsAre("received a", "ack a", "#1"));
}

TEST_F(SessionTest, AnAnswerOlderThanTheSessionReachesItsCommandOnly) {
  connect(40);
  notices();
  cancel("a");
  receipt("a", v1::RECEIPT_STATUS_DUPLICATE);
  retransmit(ack(12, "a"));
  retransmit(ack(12, "a"));
  retransmit(final(13, "a"));
  retransmit(final(13, "a"));
  EXPECT_THAT(notices(), ElementsAre("received a", "ack a", "final a"));
}

TEST_F(SessionTest, TellsNoFinalWhoseAckWasLostUntilBothCome) {
  connect(20);
  cancel("a");
  receipt("a", v1::RECEIPT_STATUS_DUPLICATE);
  retransmit(final(13, "a"));
  EXPECT_THAT(notices(), ElementsAre("connected", "received a"));
  frames();
  pass_in_touch(seconds(10), 20);
  EXPECT_THAT(commands(), ElementsAre("cancel a"));
  retransmit(ack(12, "a"));
  retransmit(final(13, "a"));
  EXPECT_THAT(notices(), ElementsAre("ack a", "final a"));
}

TEST_F(SessionTest, RepeatsACommandWhoseFinalMayHaveBeenLostBesideItsAck) {
  connect(20);
  cancel("a");
  receipt("a", v1::RECEIPT_STATUS_DUPLICATE);
  retransmit(ack(12, "a"));
  EXPECT_THAT(notices(), ElementsAre("connected", "received a", "ack a"));
  frames();
  pass_in_touch(seconds(10), 20);
  EXPECT_THAT(commands(), ElementsAre("cancel a"));
  receipt("a", v1::RECEIPT_STATUS_DUPLICATE);
  retransmit(ack(12, "a"));
  retransmit(final(13, "a"));
  EXPECT_THAT(notices(), ElementsAre("final a"));
}

TEST_F(SessionTest, AfterALossCommandsAreRepeatedToHearWhatBecameOfThem) {
  connect_quietly();
  cancel("a");
  cancel("b");
  receipt("a");
  receipt("b");
  publish(ack(1, "a"));
  publish(ack(4, "b"));
  frames();
  notices();
  v1::SessionReply reject;
  reject.mutable_retransmit_reject()->set_epoch(Epoch);
  reject.mutable_retransmit_reject()->set_topic(OwnTopic);
  reject.mutable_retransmit_reject()->set_first_kept_seq(4);
  hear(reject);
  EXPECT_THAT(notices(), ElementsAre("lost 2-3", "ack b", "#4"));
  EXPECT_THAT(frames(), ElementsAre("cancel a"));
  pass(seconds(1));
  EXPECT_THAT(commands(), ElementsAre("cancel a")) << "until the receipt, as ever";
  receipt("a", v1::RECEIPT_STATUS_DUPLICATE);
  retransmit(ack(1, "a"));
  retransmit(final(2, "a"));
  EXPECT_THAT(notices(), ElementsAre("final a")) << "the ack was told before";
}

TEST_F(SessionTest, ANewEpochSendsUndecidedCommandsAnew) {
  connect_quietly();
  cancel("a");
  receipt("a");
  publish(ack(1, "a"));
  session_.on_reconnected(now_);
  frames();
  notices();
  connect(1, Epoch + 1);
  EXPECT_THAT(frames(), ElementsAre("cancel a"));
  receipt("a");
  publish(ack(1, "a", false, Epoch + 1));
  EXPECT_THAT(notices(), ElementsAre("connected", "new epoch", "received a", "ack a", "#1"));
  EXPECT_EQ(session_.undecided(), 0u);
}

TEST_F(SessionTest, OthersNewsAreEventsOnly) {
  connect_quietly();
  cancel("a");
  v1::Event other = ack(1, "a");
  other.set_topic("client.desk-b.");
  publish(other);
  EXPECT_THAT(notices(), ElementsAre("#1"));
  EXPECT_EQ(session_.undecided(), 1u);
}

TEST_F(SessionTest, StagesOfItsCommandsAreTold) {
  connect_quietly();
  cancel("a");
  v1::Event event = numbered(1, Epoch);
  event.mutable_cancel_status()->set_cl_ord_id("a");
  event.mutable_cancel_status()->set_order_id(1);
  event.mutable_cancel_status()->set_stage(v1::CANCEL_STAGE_STUCK);
  publish(event);
  EXPECT_THAT(notices(), ElementsAre("status a", "#1"));
}

TEST_F(SessionTest, StatusIsAskedForUntilItComes) {
  session_.ask_status(now_);
  frames();
  pass(milliseconds(1));
  EXPECT_THAT(frames(), IsEmpty());
  connect();
  pass(milliseconds(1));
  EXPECT_THAT(frames(), ElementsAre("status_request"));
  pass(seconds(1));
  EXPECT_THAT(commands(), ElementsAre("status_request"));
  v1::SessionReply reply;
  reply.mutable_status()->set_commands_undecided(3);
  hear(reply);
  EXPECT_THAT(notices(), ElementsAre("connected", "bus status"));
  pass(seconds(1));
  EXPECT_THAT(commands(), IsEmpty());
}

TEST_F(SessionTest, ALargeBatchIsSentAsReceiptsMakeRoom) {
  connect_quietly();
  const auto name = [](size_t i) { return "id-" + std::to_string(100'000 + i); };
  const size_t total = Session::MaxUnreceipted + 2;
  for (size_t i = 0; i < total; ++i) cancel(name(i));
  EXPECT_EQ(frames().size(), Session::MaxUnreceipted);
  receipt(name(0));
  EXPECT_THAT(frames(), ElementsAre("cancel " + name(total - 2)));
  receipt(name(1), v1::RECEIPT_STATUS_REFUSED);
  EXPECT_THAT(frames(), ElementsAre("cancel " + name(total - 1)));
  publish(ack(1, name(2)));
  EXPECT_THAT(frames(), IsEmpty());
  for (size_t i = 2; i < total; ++i) receipt(name(i));
  pass_in_touch(seconds(5), 2);
  EXPECT_THAT(commands(), IsEmpty());
}

/// All places of commands without a receipt are taken, and "z" waits for one to be repeated: its final may be lost.
class AFullSessionTest : public SessionTest {
 protected:
  AFullSessionTest() {
    connect_quietly();
    cancel("z");
    receipt("z");
    publish(ack(1, "z"));
    for (size_t i = 0; i < Session::MaxUnreceipted; ++i) cancel(other(i));
    v1::SessionReply reject;
    reject.mutable_retransmit_reject()->set_epoch(Epoch);
    reject.mutable_retransmit_reject()->set_topic(OwnTopic);
    reject.mutable_retransmit_reject()->set_first_kept_seq(6);
    hear(reject);
    notices();
    frames();
  }
  static std::string other(size_t i) { return "id-" + std::to_string(100'000 + i); }
  /// Of "z" that were sent.
  size_t copies() {
    const auto sent = commands();
    return static_cast<size_t>(std::ranges::count(sent, "cancel z"));
  }
};

TEST_F(AFullSessionTest, SendsTheRepetitionOnceThereIsAPlace) {
  pass_in_touch(seconds(20), 6);
  EXPECT_EQ(copies(), 0u);
  receipt(other(0));
  EXPECT_THAT(commands(), ElementsAre("cancel z"));
}

TEST_F(AFullSessionTest, AReceiptOfAnEarlierCopyDoesNotEndTheRepetition) {
  receipt("z", v1::RECEIPT_STATUS_DUPLICATE);
  pass_in_touch(milliseconds(9'999), 6);
  EXPECT_EQ(copies(), 0u);
  pass(milliseconds(1));
  EXPECT_EQ(copies(), 1u);
  retransmit(ack(1, "z"));
  retransmit(final(2, "z"));
  EXPECT_THAT(notices(), ElementsAre("final z"));
}

TEST_F(AFullSessionTest, AnAckThatComesAgainTakesNoPlace) {
  retransmit(ack(1, "z"));
  pass_in_touch(seconds(19), 6);
  EXPECT_EQ(copies(), 1u) << "after 10 s, and not every second";
  receipt(other(0));
  EXPECT_EQ(copies(), 0u) << "it does not wait any more";
  retransmit(final(2, "z"));
  EXPECT_THAT(notices(), ElementsAre("received " + other(0), "final z"));
}

TEST_F(AFullSessionTest, AnIdThatIsUsedAgainWhileItWaitedIsSentOnceAndHasOnePlace) {
  retransmit(final(2, "z"));
  EXPECT_TRUE(cancel("z"));
  for (size_t i = 0; i < 3; ++i) receipt(other(i));
  EXPECT_EQ(copies(), 1u);
  receipt("z");
  for (size_t i = 0; i < 5; ++i) cancel("new " + std::to_string(i));
  EXPECT_EQ(commands().size(), 3u) << "the places of the three that were received, and no other";
}

TEST_F(SessionTest, WhatCannotBeReadIsNamedAndSkipped) {
  connect_quietly();
  session_.on_reply("\xff\xff\xff", now_);
  session_.on_event("venue.", "\xff\xff", now_);
  session_.on_event("venue.", ack(1, "a").SerializeAsString(), now_);  // the frames disagree
  EXPECT_THAT(notices(), ElementsAre("unreadable", "unreadable", "unreadable"));
  v1::SessionReply reply;
  reply.mutable_reject()->set_field("hello.sender_comp_id");
  hear(reply);
  EXPECT_THAT(notices(), ElementsAre("reject hello.sender_comp_id"));
}

TEST_F(SessionTest, RepliesOfALaterContractAreIgnored) {
  connect_quietly();
  session_.on_reply(std::string("\xa2\x06\x00", 3), now_);  // field 100, empty
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_THAT(frames(), IsEmpty());
}

TEST_F(SessionTest, ResolveIsAskedUntilItIsDecided) {
  v1::ResolveRequest request;
  request.set_cl_ord_id("c1");
  session_.resolve(request, now_);
  pass(milliseconds(1));
  EXPECT_THAT(frames(), ElementsAre("hello")) << "not before there is a session";
  connect();
  pass(milliseconds(0));
  EXPECT_THAT(commands(), ElementsAre("resolve c1"));
  pass_in_touch(seconds(1));
  EXPECT_THAT(commands(), ElementsAre("resolve c1")) << "the answer may be lost";

  v1::SessionReply reply;
  reply.mutable_resolved()->set_cl_ord_id("c1");
  reply.mutable_resolved()->set_status(v1::RESOLVE_STATUS_PENDING);
  hear(reply);
  pass_in_touch(seconds(1));
  EXPECT_THAT(commands(), ElementsAre("resolve c1")) << "not settled yet";
  reply.mutable_resolved()->set_status(v1::RESOLVE_STATUS_SETTLED);
  hear(reply);
  EXPECT_THAT(notices(), ElementsAre("connected", "resolved c1", "resolved c1"));
  pass_in_touch(seconds(5));
  EXPECT_THAT(commands(), ElementsAre());
}

TEST_F(SessionTest, ResolveThatTheBusCannotReadIsNotRepeated) {
  connect_quietly();
  session_.resolve({}, now_);
  pass(milliseconds(0));
  EXPECT_THAT(commands(), ElementsAre("resolve "));
  v1::SessionReply reply;
  reply.mutable_reject()->set_field("resolve.cl_ord_id");
  hear(reply);
  pass_in_touch(seconds(2));
  EXPECT_THAT(commands(), ElementsAre());
}

TEST_F(SessionTest, RecordIsAskedEverySecondAlsoOfABusThatComesBack) {
  session_.record(now_);
  pass(milliseconds(1));
  EXPECT_THAT(frames(), ElementsAre("hello")) << "not before there is a session";
  connect();
  pass(milliseconds(0));
  EXPECT_THAT(commands(), ElementsAre("record"));
  EXPECT_FALSE(session_.recording());
  v1::SessionReply reply;
  reply.mutable_recording()->mutable_lease()->set_seconds(3);
  hear(reply);
  EXPECT_TRUE(session_.recording());
  EXPECT_THAT(notices(), ElementsAre("connected"));
  pass_in_touch(seconds(3));
  EXPECT_THAT(commands(), ElementsAre("record", "record", "record"));
  hello_required("");
  EXPECT_THAT(commands(), ElementsAre("hello"));
  EXPECT_FALSE(session_.recording());
  connect();
  pass_in_touch(seconds(1));
  EXPECT_THAT(commands(), ElementsAre("record"));
}

TEST_F(SessionTest, RecordThatTheBusRejectsIsNotRepeated) {
  for (const char* field : {"record", "request"}) {
    connect_quietly();
    session_.record(now_);
    pass(milliseconds(0));
    EXPECT_THAT(commands(), ElementsAre("record"));
    v1::SessionReply reply;
    reply.mutable_recording();
    hear(reply);
    reply.mutable_reject()->set_field(field);
    hear(reply);
    pass_in_touch(seconds(2));
    EXPECT_THAT(commands(), ElementsAre()) << field;
    EXPECT_FALSE(session_.recording());
  }
}

TEST_F(SessionTest, AProgramThatKeepsWhatItReadGoesOnThere) {
  session_ = Session({.sender_comp_id = "desk-a", .resume = ReadPosition{.epoch = Epoch, .next_seq = 3}});
  session_.start(now_);
  connect(5);
  const auto told = session_.take_notices();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(std::get<Connected>(told[0]).next_seq, 5U);
  session_.take_frames();
  pass(EventReader::Grace);
  const auto asked = session_.take_frames();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].retransmit_request().from_seq(), 3U);
  EXPECT_EQ(asked[0].retransmit_request().count(), 2U);
}

// ---- Several buses ----

class SeveralBuses : public SessionTest {
 protected:
  void welcome(uint64_t term, uint64_t epoch = Epoch) {
    v1::SessionReply reply;
    reply.mutable_welcome()->set_epoch(epoch);
    reply.mutable_welcome()->set_term(term);
    auto* position = reply.mutable_welcome()->add_position();
    position->set_topic(OwnTopic);
    position->set_next_seq(1);
    hear(reply);
  }
  void not_leading() {
    v1::SessionReply reply;
    reply.mutable_not_leading()->set_term(4);
    hear(reply);
  }
  static v1::Event of_term(v1::Event event, uint64_t term) {
    event.set_term(term);
    return event;
  }
};

TEST_F(SeveralBuses, TheNextOneIsTriedWhenOneDoesNotLead) {
  EXPECT_FALSE(session_.take_next_bus());
  not_leading();
  EXPECT_EQ(session_.next_deadline(), now_);
  pass(milliseconds(0));
  EXPECT_TRUE(session_.take_next_bus());
  EXPECT_FALSE(session_.take_next_bus()) << "once";
  not_leading();
  pass(Session::NextAfterRefusal - milliseconds(1));
  EXPECT_FALSE(session_.take_next_bus()) << "where none leads they are not asked without a pause";
  pass(milliseconds(1));
  EXPECT_TRUE(session_.take_next_bus());
}

TEST_F(SeveralBuses, TheNextOneIsTriedWhenNoneAnswers) {
  pass(Session::NextAfter - milliseconds(1));
  EXPECT_FALSE(session_.take_next_bus());
  pass(milliseconds(1));
  EXPECT_TRUE(session_.take_next_bus());
  welcome(3);
  pass(Session::NextAfter);
  EXPECT_FALSE(session_.take_next_bus()) << "it has found one";
  pass(Session::SilentAfter - Session::NextAfter);
  EXPECT_TRUE(session_.take_next_bus()) << "which has fallen silent";
}

TEST_F(SeveralBuses, ABusThatStopsLeadingIsLeft) {
  welcome(3);
  cancel("a");
  not_leading();
  pass(milliseconds(0));
  EXPECT_TRUE(session_.take_next_bus());
  session_.take_frames();
  welcome(4);
  EXPECT_THAT(commands(), ElementsAre("cancel a")) << "what it may not have taken is repeated to the next";
}

TEST_F(SeveralBuses, WhatComesFromALowerTermIsIgnored) {
  welcome(5);
  notices();
  publish(of_term(ack(1, "x"), 4));
  EXPECT_THAT(notices(), IsEmpty());
  v1::SessionReply heartbeat;
  heartbeat.mutable_heartbeat()->set_epoch(Epoch);
  heartbeat.mutable_heartbeat()->set_term(4);
  heartbeat.mutable_heartbeat()->add_cause()->set_kind(v1::CAUSE_KIND_NO_WORKER);
  hear(heartbeat);
  EXPECT_THAT(notices(), IsEmpty());
  pass(milliseconds(0));
  EXPECT_TRUE(session_.take_next_bus()) << "the bus that said so does not lead";
  welcome(4);
  EXPECT_THAT(notices(), IsEmpty());
  welcome(5);
  EXPECT_THAT(notices(), ElementsAre("connected"));
}

TEST_F(SeveralBuses, AnEventOfAnEarlierTermIsTakenWhenItIsRepeated) {
  welcome(5);
  notices();
  retransmit(of_term(ack(1, "x"), 4));
  EXPECT_EQ(notices().size(), 1u);
}

TEST_F(SeveralBuses, ANewStoreHasTermsOfItsOwn) {
  welcome(5);
  notices();
  welcome(1, Epoch + 1);
  publish(of_term(ack(1, "x", true, Epoch + 1), 1));
  EXPECT_EQ(notices().size(), 2u) << "a new epoch, and its first event";
}

}  // namespace
}  // namespace cancelbus::client
