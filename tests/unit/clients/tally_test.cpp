#include "clients/cancelctl/tally.hpp"

#include <gtest/gtest.h>

namespace cancelbus::ctl {
namespace {

/// Two commands, "a" and "b".
class TallyTest : public testing::Test {
 protected:
  static Tally two(Wait wait) {
    Tally tally(wait);
    tally.add("a", 1, WallTime{});
    tally.add("b", 2, WallTime{});
    return tally;
  }

  static v1::Receipt receipt(const char* id, v1::ReceiptStatus status) {
    v1::Receipt r;
    r.set_cl_ord_id(id);
    r.set_status(status);
    return r;
  }
  static v1::CancelAck ack(const char* id, v1::CancelAckStatus status, bool final_follows) {
    v1::CancelAck a;
    a.set_cl_ord_id(id);
    a.set_status(status);
    a.set_final_follows(final_follows);
    return a;
  }
  static v1::CancelFinal final(const char* id, v1::OrdStatus status) {
    v1::CancelFinal f;
    f.set_cl_ord_id(id);
    f.set_ord_status(status);
    return f;
  }
};

TEST_F(TallyTest, KnowsWhatWasHeardOfACommandLast) {
  Tally tally = two(Wait::Final);
  EXPECT_EQ(tally.find("a")->last, "no receipt from the bus");
  tally.on(receipt("a", v1::RECEIPT_STATUS_APPLIED));
  EXPECT_EQ(tally.find("a")->last, "received");
  tally.on(ack("a", v1::CANCEL_ACK_STATUS_ACCEPTED, true));
  EXPECT_EQ(tally.find("a")->last, "ack ACCEPTED; final follows");
  v1::CancelStatus status;
  status.set_cl_ord_id("a");
  status.set_stage(v1::CANCEL_STAGE_STUCK);
  status.set_text("still open");
  tally.on(status);
  EXPECT_EQ(tally.find("a")->last, "stage STUCK: still open");
  EXPECT_EQ(tally.find("b")->last, "no receipt from the bus");
}

TEST_F(TallyTest, ProvenWhenEveryOrderIsGone) {
  Tally tally = two(Wait::Final);
  tally.on(receipt("a", v1::RECEIPT_STATUS_APPLIED));
  tally.on(ack("a", v1::CANCEL_ACK_STATUS_ACCEPTED, true));
  tally.on(final("a", v1::ORD_STATUS_CANCELED));
  EXPECT_FALSE(tally.all_settled());
  EXPECT_EQ(tally.exit_code(), ExitUnknown);
  tally.on(ack("b", v1::CANCEL_ACK_STATUS_REJECTED, true));  // unknown order; the final tells why
  tally.on(final("b", v1::ORD_STATUS_FILLED));
  EXPECT_TRUE(tally.all_settled());
  EXPECT_EQ(tally.exit_code(), ExitProven);
  EXPECT_EQ(tally.summary(), "2 asked: 1 canceled, 1 filled");
}

TEST_F(TallyTest, AnOrderThatIsStillOpenFails) {
  for (const auto status : {v1::ORD_STATUS_NEW, v1::ORD_STATUS_PARTIALLY_FILLED, v1::ORD_STATUS_REJECTED}) {
    Tally tally = two(Wait::Final);
    tally.on(final("a", v1::ORD_STATUS_CANCELED));
    tally.on(final("b", status));
    EXPECT_TRUE(tally.all_settled());
    EXPECT_EQ(tally.exit_code(), ExitFailed);
  }
}

TEST_F(TallyTest, RefusedAndRejectedFail) {
  Tally tally = two(Wait::Final);
  tally.on(receipt("a", v1::RECEIPT_STATUS_REFUSED));
  tally.on(ack("b", v1::CANCEL_ACK_STATUS_REJECTED, false));
  EXPECT_TRUE(tally.all_settled());
  EXPECT_EQ(tally.exit_code(), ExitFailed);
  EXPECT_EQ(tally.summary(), "2 asked: 1 refused, 1 rejected");
}

TEST_F(TallyTest, DoubtIsDecidedByTheFinal) {
  Tally tally = two(Wait::Final);
  for (const char* id : {"a", "b"}) tally.on(ack(id, v1::CANCEL_ACK_STATUS_IN_DOUBT, true));
  EXPECT_EQ(tally.settled(), 0u);
  for (const char* id : {"a", "b"}) tally.on(final(id, v1::ORD_STATUS_CANCELED));
  EXPECT_EQ(tally.exit_code(), ExitProven);
}

TEST_F(TallyTest, WaitingForAcksOnly) {
  Tally tally = two(Wait::Ack);
  tally.on(ack("a", v1::CANCEL_ACK_STATUS_ACCEPTED, true));
  tally.on(ack("b", v1::CANCEL_ACK_STATUS_IN_DOUBT, true));
  EXPECT_TRUE(tally.all_settled());
  EXPECT_EQ(tally.exit_code(), ExitUnknown);
  Tally other = two(Wait::Ack);
  other.on(ack("a", v1::CANCEL_ACK_STATUS_ACCEPTED, true));
  EXPECT_EQ(other.exit_code(), ExitUnknown);
  other.on(ack("b", v1::CANCEL_ACK_STATUS_REJECTED, true));
  EXPECT_EQ(other.exit_code(), ExitFailed) << "the final is not waited for";
}

TEST_F(TallyTest, AFailureOutweighsWhatIsUnknown) {
  Tally tally = two(Wait::Final);
  tally.on(receipt("a", v1::RECEIPT_STATUS_REFUSED));
  EXPECT_EQ(tally.exit_code(), ExitFailed);
}

TEST_F(TallyTest, CommandsOfOthersDoNotCount) {
  Tally tally = two(Wait::Final);
  tally.on(final("c", v1::ORD_STATUS_CANCELED));
  EXPECT_EQ(tally.settled(), 0u);
  EXPECT_EQ(tally.find("c"), nullptr);
}

}  // namespace
}  // namespace cancelbus::ctl
