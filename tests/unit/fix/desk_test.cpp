#include "clients/fix/desk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/fix/temporary_store.hpp"

namespace cancelbus::fix {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t Epoch = 7;

/// A desk between a counterparty and a bus that this test plays.
class DeskTest : public testing::Test {
 protected:
  DeskTest() { start(); }

  void start() {
    desk_ = std::make_unique<Desk>("desk-a", store_->session("A"),
                                   [this](const Outgoing& message) { reports_.push_back(line(message)); });
    turn([this] {
      desk_->restart();
      desk_->on_notices({client::Connected{Epoch, 1}});
    });
  }
  /// The process dies and starts again: what was not committed is gone.
  void restart() {
    store_.reopen();
    reports_.clear();
    asks_.clear();
    start();
  }

  template <typename Work>
  void turn(Work work) {
    store_->begin();
    work();
    store_->commit();
    for (const Ask& ask : desk_->take_asks()) asks_.push_back(line(ask));
  }

  Verdict send(const std::string& type, Fields body, bool poss_resend = false) {
    Verdict verdict;
    turn([&] { verdict = desk_->on_message({type, std::move(body), false, poss_resend}); });
    return verdict;
  }
  void hear(client::Notice notice) {
    turn([&] { desk_->on_notices({std::move(notice)}); });
  }
  void receipt(const std::string& id, v1::ReceiptStatus status = v1::RECEIPT_STATUS_APPLIED,
               v1::CxlRejReason reason = v1::CXL_REJ_REASON_UNSPECIFIED) {
    v1::Receipt receipt;
    receipt.set_cl_ord_id(id);
    receipt.set_status(status);
    receipt.set_reason(reason);
    receipt.set_text("why");
    hear(receipt);
  }
  /// The registry answers with an order of this id and name; 0: with none.
  void listed(int64_t order_id, const std::string& name = "dA-1") {
    client::OpenOrders answer;
    answer.complete_as_of.emplace();
    if (order_id != 0) {
      v1::OpenOrder& order = answer.orders.emplace_back();
      order.set_order_id(order_id);
      order.set_client_order_id(name);
      order.set_symbol("BTCTRY");
      order.set_side(v1::SIDE_SELL);
      order.set_quantity("2");
      order.set_leaves_qty("2");
    }
    hear(answer);
  }
  v1::Event event(uint64_t seq) {
    v1::Event event;
    event.set_epoch(Epoch);
    event.set_topic("client.desk-a.");
    event.set_seq(seq);
    return event;
  }
  v1::Event ack(uint64_t seq, const std::string& id, v1::CancelAckStatus status, bool final_follows = true) {
    v1::Event made = event(seq);
    made.mutable_cancel_ack()->set_cl_ord_id(id);
    made.mutable_cancel_ack()->set_order_id(5);
    made.mutable_cancel_ack()->set_status(status);
    made.mutable_cancel_ack()->set_final_follows(final_follows);
    made.mutable_cancel_ack()->set_cxl_rej_reason(v1::CXL_REJ_REASON_BLOCKED);
    return made;
  }
  v1::Event final(uint64_t seq, const std::string& id, v1::OrdStatus status) {
    v1::Event made = event(seq);
    made.mutable_cancel_final()->set_cl_ord_id(id);
    made.mutable_cancel_final()->set_order_id(5);
    made.mutable_cancel_final()->set_ord_status(status);
    return made;
  }
  /// What came out since the last call, as "8 c-1 150=6".
  std::vector<std::string> reports() { return std::exchange(reports_, {}); }
  std::vector<std::string> asks() { return std::exchange(asks_, {}); }

  static std::string line(const Outgoing& message) {
    std::string out = message.type + " " + value_of(message.body, tag::ClOrdID);
    for (const int shown : {tag::ExecType, tag::OrdStatus, tag::CxlRejReason, tag::MassCancelResponse,
                            tag::TotalAffectedOrders, tag::PossResend}) {
      const std::string value = value_of(message.body, shown);
      if (!value.empty()) out += " " + std::to_string(shown) + "=" + value;
    }
    return out;
  }
  static std::string line(const Ask& ask) {
    if (const auto* cancel = std::get_if<AskCancel>(&ask)) {
      return "cancel " + std::to_string(cancel->order_id) + " as " + cancel->options.cl_ord_id;
    }
    if (const auto* mass = std::get_if<client::MassCancelOptions>(&ask)) return "mass cancel as " + mass->cl_ord_id;
    return "list " + std::to_string(std::get<client::OpenOrdersFilter>(ask).order_id);
  }

  TemporaryStore store_;
  std::vector<std::string> reports_;
  std::vector<std::string> asks_;
  std::unique_ptr<Desk> desk_;
};

TEST_F(DeskTest, ACancelIsGivenPendsAndEnds) {
  send("F", {{11, "c-1"}, {37, "5"}});
  EXPECT_THAT(asks(), ElementsAre("list 5", "cancel 5 as c-1"));
  EXPECT_THAT(reports(), IsEmpty());
  listed(5);
  receipt("c-1");
  EXPECT_THAT(reports(), ElementsAre("8 c-1 150=6 39=6"));
  hear(ack(1, "c-1", v1::CANCEL_ACK_STATUS_ACCEPTED));
  EXPECT_THAT(reports(), IsEmpty());
  hear(final(2, "c-1", v1::ORD_STATUS_CANCELED));
  EXPECT_THAT(reports(), ElementsAre("8 c-1 150=4 39=4"));
  EXPECT_EQ(desk_->undecided(), 0U);
  EXPECT_EQ(store_->session("A").position().next_seq, 3U);
}

TEST_F(DeskTest, TheReceiptsReportWaitsForTheRegistry) {
  send("F", {{11, "c-1"}, {37, "5"}});
  receipt("c-1");
  EXPECT_THAT(reports(), IsEmpty());
  listed(0);
  EXPECT_THAT(reports(), ElementsAre("8 c-1 150=6 39=6"));
}

TEST_F(DeskTest, AnEventThatOvertakesTheReceiptComesAfterItsReport) {
  send("F", {{11, "c-1"}, {37, "5"}});
  hear(ack(1, "c-1", v1::CANCEL_ACK_STATUS_ACCEPTED));
  hear(final(2, "c-1", v1::ORD_STATUS_FILLED));
  EXPECT_THAT(reports(), ElementsAre("8 c-1 150=6 39=6", "9 c-1 39=2 102=0"));
  listed(5);
  receipt("c-1");
  EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(DeskTest, EveryOutcomeHasItsReport) {
  const std::vector<std::pair<v1::Event, std::string>> outcomes = {
      {final(2, "c", v1::ORD_STATUS_NEW), "9 c 39=0 102=99"},
      {final(2, "c", v1::ORD_STATUS_PARTIALLY_FILLED), "9 c 39=1 102=99"},
      {final(2, "c", v1::ORD_STATUS_FILLED), "9 c 39=2 102=0"},
      {final(2, "c", v1::ORD_STATUS_REJECTED), "9 c 39=8 102=1"},
      {final(2, "c", v1::ORD_STATUS_CANCELED), "8 c 150=4 39=4"},
      {ack(2, "c", v1::CANCEL_ACK_STATUS_REJECTED, false), "9 c 39=0 102=102"}};
  for (int number = 0; const auto& [outcome, report] : outcomes) {
    const std::string id = "c" + std::to_string(number++);
    send("F", {{11, id}, {37, std::to_string(100 + number)}});
    listed(0);
    receipt(id);
    (void)reports();
    v1::Event mine = outcome;
    mine.set_seq(static_cast<uint64_t>(2 + number));
    if (mine.has_cancel_final()) mine.mutable_cancel_final()->set_cl_ord_id(id);
    if (mine.has_cancel_ack()) mine.mutable_cancel_ack()->set_cl_ord_id(id);
    hear(mine);
    EXPECT_THAT(reports(), ElementsAre(report.substr(0, 2) + id + report.substr(3)));
  }
}

TEST_F(DeskTest, DoubtIsPendingAgain) {
  send("F", {{11, "c-1"}, {37, "5"}});
  listed(5);
  receipt("c-1");
  hear(ack(1, "c-1", v1::CANCEL_ACK_STATUS_IN_DOUBT));
  EXPECT_THAT(reports(), ElementsAre("8 c-1 150=6 39=6", "8 c-1 150=6 39=6"));
  EXPECT_EQ(desk_->undecided(), 1U);
}

TEST_F(DeskTest, ARefusedCommandIsRejectedWithItsReason) {
  send("F", {{11, "c-1"}, {37, "5"}});
  listed(5);
  receipt("c-1", v1::RECEIPT_STATUS_REFUSED, v1::CXL_REJ_REASON_BUS_FULL);
  EXPECT_THAT(reports(), ElementsAre("9 c-1 39=0 102=104"));
}

TEST_F(DeskTest, ANameIsLookedUpBeforeTheCommandIsGiven) {
  send("F", {{11, "c-1"}, {41, "dA-1"}});
  EXPECT_THAT(asks(), ElementsAre("list 0"));
  listed(5);
  EXPECT_THAT(asks(), ElementsAre("cancel 5 as c-1"));
  send("F", {{11, "c-2"}, {41, "dA-2"}});
  listed(5);
  EXPECT_THAT(reports(), ElementsAre("9 c-2 39=8 102=1"));
}

TEST_F(DeskTest, AfterARestartWhatIsUndecidedIsAskedAgainAndNothingIsReportedTwice) {
  send("F", {{11, "given"}, {37, "5"}});
  send("F", {{11, "pending"}, {37, "6"}});
  listed(5);
  receipt("pending");
  listed(6);
  send("F", {{11, "named"}, {41, "dA-1"}});
  send("q", {{11, "mass"}, {530, "7"}});
  restart();
  EXPECT_THAT(asks(),
              testing::IsSupersetOf({"list 0", "cancel 5 as given", "cancel 6 as pending", "mass cancel as mass"}));
  EXPECT_EQ(desk_->undecided(), 4U);
  receipt("pending", v1::RECEIPT_STATUS_DUPLICATE);
  EXPECT_THAT(reports(), IsEmpty());
  hear(final(4, "pending", v1::ORD_STATUS_CANCELED));
  EXPECT_THAT(reports(), ElementsAre("8 pending 150=4 39=4"));
  restart();
  hear(final(4, "pending", v1::ORD_STATUS_CANCELED));
  EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(DeskTest, AFinalThatTheBusOnlyRepeatsIsReportedOnce) {
  send("F", {{11, "c-1"}, {37, "5"}});
  listed(5);
  receipt("c-1");
  (void)reports();
  const v1::CancelFinal repeated = final(1, "c-1", v1::ORD_STATUS_CANCELED).cancel_final();
  hear(repeated);
  hear(repeated);
  EXPECT_THAT(reports(), ElementsAre("8 c-1 150=4 39=4"));
}

TEST_F(DeskTest, AClOrdIdIsUsedOnce) {
  send("F", {{11, "c-1"}, {37, "5"}});
  send("F", {{11, "c-1"}, {37, "5"}});
  EXPECT_THAT(reports(), ElementsAre("9 c-1 39=0 102=6"));
  EXPECT_THAT(asks(), ElementsAre("list 5", "cancel 5 as c-1"));
  listed(5);
  receipt("c-1");
  (void)reports();
  send("F", {{11, "c-1"}, {37, "5"}}, true);
  EXPECT_THAT(reports(), ElementsAre("8 c-1 150=6 39=6 97=Y"));
}

TEST_F(DeskTest, AMassCancelIsAnsweredAtOnceAndAtTheEnd) {
  send("q", {{11, "m"}, {530, "7"}});
  EXPECT_THAT(asks(), ElementsAre("list 0", "mass cancel as m"));
  listed(5);
  receipt("m");
  EXPECT_THAT(reports(), ElementsAre("r m 531=7"));
  hear(ack(1, "m/5", v1::CANCEL_ACK_STATUS_ACCEPTED));
  hear(final(2, "m/5", v1::ORD_STATUS_CANCELED));
  EXPECT_THAT(reports(), ElementsAre("8 m/5 150=4 39=4"));
  v1::Event end = event(3);
  end.mutable_mass_cancel_report()->set_cl_ord_id("m");
  end.mutable_mass_cancel_report()->set_status(v1::MASS_CANCEL_STATUS_COMPLETED);
  end.mutable_mass_cancel_report()->set_total_affected(1);
  hear(end);
  EXPECT_THAT(reports(), ElementsAre("r m 531=7 533=1"));
  EXPECT_EQ(desk_->undecided(), 0U);
}

TEST_F(DeskTest, AnOrderThatLeavesWithoutARequestIsTold) {
  v1::Event gone = final(1, "", v1::ORD_STATUS_CANCELED);
  gone.mutable_cancel_final()->set_unsolicited(true);
  hear(gone);
  v1::Event filled = final(2, "", v1::ORD_STATUS_FILLED);
  filled.mutable_cancel_final()->set_unsolicited(true);
  hear(filled);
  EXPECT_THAT(reports(), ElementsAre("8  150=4 39=4", "8  150=I 39=2"));
}

TEST_F(DeskTest, AnotherStoreOfTheBusBeginsANewPlace) {
  hear(client::Connected{Epoch + 1, 12});
  EXPECT_EQ(store_->session("A").position().epoch, Epoch + 1);
  EXPECT_EQ(store_->session("A").position().next_seq, 12U);
}

TEST_F(DeskTest, WhatIsMissingOrWrongIsNamed) {
  EXPECT_EQ(send("F", {{11, "c-1"}}).tag, tag::OrigClOrdID);
  EXPECT_EQ(send("F", {{11, std::string(65, 'x')}, {37, "5"}}).tag, tag::ClOrdID);
  EXPECT_EQ(send("q", {{11, "m/1"}, {530, "7"}}).tag, tag::ClOrdID);
  EXPECT_EQ(send("q", {{11, "m"}, {530, "1"}}).tag, tag::Symbol);
  EXPECT_EQ(send("H", {}).tag, tag::ClOrdID);
  EXPECT_EQ(send("D", {}).kind, Verdict::Kind::Unsupported);
  EXPECT_THAT(asks(), IsEmpty());
}

}  // namespace
}  // namespace cancelbus::fix
