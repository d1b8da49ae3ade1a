#include "cancelbus/command_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cancelbus::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CommandBookTest : public testing::Test {
 protected:
  Cancel add(const std::string& cl_ord_id) {
    v1::CancelOrder order;
    order.set_cl_ord_id(cl_ord_id);
    order.set_order_id(7);
    return book_
        .add(order, "",
             {[this](const Receiving& told) { told_.push_back("received: " + text(told)); },
              [this](const Ack& told) { told_.push_back("ack: " + text(told)); },
              [this](const Final& told) { told_.push_back("final: " + text(told)); }})
        .handle;
  }

  void receipt(v1::ReceiptStatus status) {
    v1::Receipt receipt;
    receipt.set_cl_ord_id("a");
    receipt.set_status(status);
    receipt.set_reason(v1::CXL_REJ_REASON_TTL_TOO_SHORT);
    book_.tell(receipt);
  }
  void ack(v1::CancelAckStatus status, bool final_follows) {
    v1::CancelAck ack;
    ack.set_cl_ord_id("a");
    ack.set_status(status);
    ack.set_cxl_rej_reason(v1::CXL_REJ_REASON_BLOCKED);
    ack.set_final_follows(final_follows);
    book_.tell(ack);
  }
  void final(v1::OrdStatus status) {
    v1::CancelFinal final;
    final.set_cl_ord_id("a");
    final.set_ord_status(status);
    book_.tell(final);
  }

  CommandBook book_;
  std::vector<std::string> told_;
};

TEST_F(CommandBookTest, EachIsToldOnceAndInOrder) {
  const Cancel cancel = add("a");
  receipt(v1::RECEIPT_STATUS_APPLIED);
  receipt(v1::RECEIPT_STATUS_DUPLICATE);
  ack(v1::CANCEL_ACK_STATUS_IN_DOUBT, true);
  EXPECT_TRUE(std::holds_alternative<InDoubt>(*cancel.ack()));
  ack(v1::CANCEL_ACK_STATUS_ACCEPTED, true);
  EXPECT_TRUE(std::holds_alternative<InDoubt>(*cancel.ack())) << "the first stands";
  EXPECT_EQ(book_.undecided(), 1u);
  final(v1::ORD_STATUS_PARTIALLY_FILLED);
  final(v1::ORD_STATUS_CANCELED);
  EXPECT_TRUE(std::holds_alternative<OrderOpen>(*cancel.final()));
  EXPECT_EQ(book_.undecided(), 0u);
  EXPECT_THAT(told_, ElementsAre("received: received", HasSubstr("ack: ack IN_DOUBT"), HasSubstr("STILL OPEN")));
}

TEST_F(CommandBookTest, AnAckThatOvertakesItsReceiptSaysBoth) {
  const Cancel cancel = add("a");
  ack(v1::CANCEL_ACK_STATUS_ACCEPTED, true);
  EXPECT_FALSE(std::get<Received>(*cancel.received()).receipt);
  EXPECT_THAT(told_, ElementsAre("received: received", "ack: ack ACCEPTED; final follows"));
}

TEST_F(CommandBookTest, AnAckWithoutAFinalIsTheLastWord) {
  const Cancel cancel = add("a");
  ack(v1::CANCEL_ACK_STATUS_REJECTED, false);
  EXPECT_EQ(std::get<Rejected>(*cancel.final()).ack.cxl_rej_reason(), v1::CXL_REJ_REASON_BLOCKED);
  EXPECT_TRUE(std::holds_alternative<Rejected>(*cancel.ack()));
  EXPECT_EQ(book_.undecided(), 0u);
  EXPECT_EQ(told_.size(), 3u);
}

TEST_F(CommandBookTest, ARefusalIsTheLastWord) {
  const Cancel cancel = add("a");
  receipt(v1::RECEIPT_STATUS_REFUSED);
  EXPECT_TRUE(std::holds_alternative<Refused>(*cancel.received()));
  EXPECT_TRUE(std::holds_alternative<Refused>(*cancel.ack()));
  EXPECT_FALSE(std::get<Refused>(*cancel.final()).queue_full());
  EXPECT_EQ(told_.size(), 3u);
  EXPECT_THAT(told_.back(), HasSubstr("TTL_TOO_SHORT; the budget does not reach so far"));
}

TEST_F(CommandBookTest, WhatAnotherStoreRefusesMayHaveBeenSent) {
  const Cancel cancel = add("a");
  receipt(v1::RECEIPT_STATUS_APPLIED);
  book_.tell(NewEpoch{1, 2});
  receipt(v1::RECEIPT_STATUS_REFUSED);
  EXPECT_TRUE(std::holds_alternative<Received>(*cancel.received()));
  EXPECT_TRUE(std::holds_alternative<StoreLost>(*cancel.ack()));
  EXPECT_THAT(text(*cancel.final()), HasSubstr("(refused, TTL_TOO_SHORT): look at the order"));
}

TEST_F(CommandBookTest, WhatAnotherStoreRejectsMayHaveBeenSent) {
  const Cancel cancel = add("a");
  ack(v1::CANCEL_ACK_STATUS_ACCEPTED, true);
  book_.tell(NewEpoch{1, 2});
  ack(v1::CANCEL_ACK_STATUS_REJECTED, false);
  EXPECT_TRUE(std::holds_alternative<Accepted>(*cancel.ack())) << "the first stands";
  EXPECT_TRUE(std::holds_alternative<StoreLost>(*cancel.final()));
}

TEST_F(CommandBookTest, WhatAnotherStoreProvesIsProven) {
  const Cancel old = add("a");
  book_.tell(NewEpoch{1, 2});
  ack(v1::CANCEL_ACK_STATUS_ACCEPTED, true);
  final(v1::ORD_STATUS_FILLED);
  EXPECT_TRUE(std::holds_alternative<OrderGone>(*old.final()));
  const Cancel young = add("a");
  receipt(v1::RECEIPT_STATUS_REFUSED);
  EXPECT_TRUE(std::holds_alternative<Refused>(*young.final())) << "given after it";
}

TEST_F(CommandBookTest, WhatALaterContractSaysIsNoSuccess) {
  const Cancel cancel = add("a");
  ack(static_cast<v1::CancelAckStatus>(77), true);
  EXPECT_TRUE(std::holds_alternative<OtherAck>(*cancel.ack()));
  final(static_cast<v1::OrdStatus>(77));
  EXPECT_TRUE(std::holds_alternative<OtherFinal>(*cancel.final()));
  EXPECT_EQ(told_.back(), "final: final 77 (UNSPECIFIED)");
}

TEST_F(CommandBookTest, AStageIsKeptUntilTheNext) {
  const Cancel cancel = add("a");
  v1::CancelStatus status;
  status.set_cl_ord_id("a");
  status.set_stage(v1::CANCEL_STAGE_STUCK);
  EXPECT_EQ(cancel.stage(), nullptr);
  book_.tell(status);
  EXPECT_EQ(cancel.stage()->stage(), v1::CANCEL_STAGE_STUCK);
}

TEST_F(CommandBookTest, NoCallbackIsCalledOnceItIsClosed) {
  const Cancel cancel = add("a");
  book_.close();
  ack(v1::CANCEL_ACK_STATUS_ACCEPTED, true);
  EXPECT_TRUE(told_.empty());
  EXPECT_EQ(cancel.final(), nullptr);
}

}  // namespace
}  // namespace cancelbus::client
