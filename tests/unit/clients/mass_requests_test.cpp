// A session's mass cancels: repeated until the bus has them, followed to their last report.
#include "tests/unit/clients/session_fixture.hpp"

namespace cancelbus::client {
namespace {

class MassRequestsTest : public SessionTest {
 protected:
  bool give(const std::string& id, bool until_empty = false) {
    v1::MassCancel request;
    request.set_cl_ord_id(id);
    request.set_scope(v1::MASS_CANCEL_SCOPE_OWN);
    request.set_until_empty(until_empty);
    const bool given = session_.mass_cancel(request, now_);
    session_.on_time(now_);
    return given;
  }
  void preview(const std::string& id) {
    v1::SessionReply reply;
    reply.mutable_mass_cancel_preview()->set_cl_ord_id(id);
    hear(reply);
  }
  void reject(const std::string& field) {
    v1::SessionReply reply;
    reply.mutable_reject()->set_field(field);
    hear(reply);
  }
  using Lines = std::vector<std::string>;
};

TEST_F(MassRequestsTest, IsRepeatedEverySecondUntilItsReceipt) {
  connect_quietly();
  ASSERT_TRUE(give("m"));
  EXPECT_EQ(commands(), Lines{"mass cancel m"});
  pass_in_touch(milliseconds(2'000));
  EXPECT_EQ(commands(), (Lines{"mass cancel m", "mass cancel m"}));
  receipt("m");
  pass_in_touch(milliseconds(9'500));
  EXPECT_EQ(commands(), Lines{});
  pass_in_touch(milliseconds(500));
  EXPECT_EQ(commands(), Lines{"mass cancel m"}) << "what followed the receipt may be lost";
}

TEST_F(MassRequestsTest, WaitsForTheWelcome) {
  give("m");
  EXPECT_EQ(commands(), Lines{"hello"});
  connect();
  session_.on_time(now_);
  EXPECT_EQ(commands(), Lines{"mass cancel m"});
}

TEST_F(MassRequestsTest, ReportsComeOnceEachToTheLast) {
  connect_quietly();
  give("m");
  receipt("m");
  publish(report(1, "m", 0));
  publish(report(2, "m", 1));
  publish(report(2, "m", 1));
  publish(report(3, "other", 9));
  publish(report(4, "m", 2, true));
  EXPECT_EQ(notices(), (Lines{"received m", "report m 0", "#1", "report m 1", "#2", "#3", "report m 2", "#4"}));
  EXPECT_EQ(session_.undecided(), 0U);
  commands();
  pass_in_touch(milliseconds(20'000), 5);
  EXPECT_EQ(commands(), Lines{});
}

TEST_F(MassRequestsTest, OnceAReportWasReadInItsPlaceNothingIsRepeated) {
  connect_quietly();
  give("m");
  receipt("m");
  publish(report(1, "m", 0));
  commands();
  pass_in_touch(milliseconds(30'000), 2);
  EXPECT_EQ(commands(), Lines{});
}

TEST_F(MassRequestsTest, AReportThatIsSentAgainIsTakenAndAnOlderOneIsNot) {
  connect(7);
  frames();
  notices();
  give("m");
  receipt("m");
  retransmit(report(5, "m", 3));
  retransmit(report(4, "m", 2));
  EXPECT_EQ(notices(), (Lines{"received m", "report m 3"}));
  commands();
  pass_in_touch(milliseconds(10'000), 7);
  EXPECT_EQ(commands(), Lines{"mass cancel m"}) << "a later one may be lost";
}

TEST_F(MassRequestsTest, WhatWasReceivedIsNotRefusedAnyMore) {
  connect_quietly();
  give("m");
  receipt("m");
  receipt("m", v1::RECEIPT_STATUS_REFUSED);
  EXPECT_EQ(notices(), Lines{"received m"});
  give("n");
  receipt("n", v1::RECEIPT_STATUS_REFUSED);
  EXPECT_EQ(notices(), Lines{"refused n"});
  EXPECT_EQ(session_.undecided(), 1U);
}

TEST_F(MassRequestsTest, AfterANewEpochOneThatWasReceivedIsLostUnlessItIsUntilEmpty) {
  connect_quietly();
  give("plain");
  give("on", true);
  give("unreceived");
  receipt("plain");
  receipt("on");
  notices();
  commands();
  connect(1, Epoch + 1);
  session_.on_time(now_);
  EXPECT_EQ(notices(), (Lines{"new epoch", "lost mass cancel plain"}));
  EXPECT_EQ(commands(), (Lines{"mass cancel on", "mass cancel unreceived"}));
}

TEST_F(MassRequestsTest, APreviewEndsIt) {
  connect_quietly();
  give("m");
  preview("m");
  preview("m");
  EXPECT_EQ(notices(), Lines{"preview m"});
  EXPECT_EQ(session_.undecided(), 0U);
}

TEST_F(MassRequestsTest, ABusThatCannotReadItEndsWhatItHasNotReceived) {
  connect_quietly();
  give("taken");
  receipt("taken");
  give("m");
  notices();
  reject("request");
  EXPECT_EQ(notices(), (Lines{"unknown mass cancel m", "reject request"}));
  reject("retransmit_request.count");
  EXPECT_EQ(notices(), Lines{"reject retransmit_request.count"});
  EXPECT_EQ(session_.undecided(), 1U);
}

TEST_F(MassRequestsTest, ANameIsOneMassCancelOrCommand) {
  connect_quietly();
  cancel("c");
  EXPECT_FALSE(give("c"));
  EXPECT_TRUE(give("m"));
  EXPECT_FALSE(give("m"));
}

}  // namespace
}  // namespace cancelbus::client
