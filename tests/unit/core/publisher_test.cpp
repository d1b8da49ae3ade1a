#include "service/core/publisher.hpp"

#include <gtest/gtest.h>

#include "tests/unit/core/only.hpp"

namespace cancelbus::core {
namespace {

using std::chrono::seconds;

class PublisherTest : public ::testing::Test {
 protected:
  static constexpr WallTime Now{seconds(1'700'000'000)};

  PublisherTest() {
    out.begin({Tick(seconds(1'000)), Now}, seconds(7));
    order.id = 7;
    order.begin({});
    add("alice", "a");
  }

  Command& add(const std::string& sender, const std::string& cl_ord_id) {
    Command command;
    command.record.key = {sender, cl_ord_id};
    command.record.order.cl_ord_id = cl_ord_id;
    command.record.order.order_id = 7;
    command.record.order.symbol = "BTCTRY";
    command.record.order.traceparent = "trace-" + cl_ord_id;
    return order.effort->commands.emplace_back(std::move(command));
  }
  Command& command() { return order.effort->commands.front(); }
  std::vector<Publication> published() { return only<Publication>(out.records()); }
  /// What the exchange's last answer left: it took a second.
  static Timeline answered(WallTime when, const std::string& worker) {
    Timeline timeline;
    timeline.sent = when - seconds(1);
    timeline.answered = when;
    timeline.worker = worker;
    return timeline;
  }
  static CancelAck ack(bool final_follows) {
    CancelAck ack;
    ack.status = AckStatus::Rejected;
    ack.reason = RejectReason::UnknownOrder;
    ack.text = "no such order";
    ack.final_follows = final_follows;
    return ack;
  }

  Publisher out;
  Order order;
};

TEST_F(PublisherTest, TheSeqsOfATopicFollowEachOther) {
  add("bob", "b");
  out.topics().restore({"client.alice.", 41});
  for (int i = 0; i < 2; ++i) {
    for (const Command& each : order.effort->commands) out.status(order, each, Stage::Resending, "again");
  }
  out.unsolicited({});
  std::string text;
  for (const Publication& event : published()) text += event.topic + std::to_string(event.seq) + " ";
  EXPECT_EQ(text, "client.alice.41 client.bob.1 client.alice.42 client.bob.2 venue.1 ");
}

TEST_F(PublisherTest, AnAckIsInRecordAndEventAlike) {
  out.topics().restore({"client.alice.", 5});
  Attempts& attempts = order.effort->attempts;
  attempts.dispatched = 2;
  attempts.last_timeline = answered(Now - seconds(1), "w1");
  command().changed = false;
  out.ack(order, command(), ack(true));
  ASSERT_EQ(published().size(), 1U);
  const Publication event = published()[0];
  const auto& sent = std::get<CancelAck>(event.body);
  const CommandRecord& row = command().record;
  ASSERT_TRUE(row.ack.has_value());
  for (const CancelAck& said : {*row.ack, sent}) {
    EXPECT_EQ(said.cl_ord_id, "a");
    EXPECT_EQ(said.order_id, 7);
    EXPECT_EQ(said.status, AckStatus::Rejected);
    EXPECT_EQ(said.reason, RejectReason::UnknownOrder);
    EXPECT_EQ(said.text, "no such order");
    EXPECT_TRUE(said.final_follows);
    EXPECT_EQ(said.timeline.attempts, 2U);
    EXPECT_EQ(said.timeline.sent, Now - seconds(2));
    EXPECT_EQ(said.timeline.answered, Now - seconds(1));
    EXPECT_EQ(said.timeline.worker, "w1");
    EXPECT_EQ(said.timeline.acked, Now);
  }
  EXPECT_EQ(event.topic, "client.alice.");
  EXPECT_EQ(event.seq, 5U);
  EXPECT_EQ(event.sending_time, Now);
  EXPECT_EQ(event.traceparent, "trace-a");
  EXPECT_EQ(row.ack_seq, 5U);
  EXPECT_FALSE(row.ended);
  EXPECT_TRUE(command().changed);
}

TEST_F(PublisherTest, AnAckWithoutAFinalEndsTheCommand) {
  out.ack(order, command(), ack(false));
  EXPECT_TRUE(command().record.ended);
  EXPECT_EQ(command().record.final, std::nullopt);
}

TEST_F(PublisherTest, AFinalIsInRecordAndEventAlike) {
  out.topics().restore({"client.alice.", 6});
  command().changed = false;
  out.final(order, command(), {OrdStatus::Filled, Evidence::OrderQuery, {"10", "3", "1", "2", true}, "BTCUSDT"});
  ASSERT_EQ(published().size(), 1U);
  const Publication event = published()[0];
  const CommandRecord& row = command().record;
  ASSERT_TRUE(row.final.has_value());
  for (const CancelFinal& said : {*row.final, std::get<CancelFinal>(event.body)}) {
    EXPECT_EQ(said.cl_ord_id, "a");
    EXPECT_EQ(said.order_id, 7);
    EXPECT_EQ(said.ord_status, OrdStatus::Filled);
    EXPECT_EQ(said.evidence, Evidence::OrderQuery);
    EXPECT_FALSE(said.unsolicited);
    EXPECT_EQ(said.symbol, "BTCUSDT");
    EXPECT_EQ(said.quantities.cum_qty, "2");
    EXPECT_TRUE(said.quantities.exact);
    EXPECT_EQ(said.timeline.finalized, Now);
  }
  EXPECT_EQ(event.topic, "client.alice.");
  EXPECT_EQ(row.final_seq, 6U);
  EXPECT_TRUE(row.ended);
  EXPECT_TRUE(command().changed);
  EXPECT_TRUE(order.canceled_finals.empty()) << "its final is not CANCELED";
}

TEST_F(PublisherTest, AFinalNamesTheCommandsSymbolWhereTheProofHasNone) {
  out.final(order, command(), {});
  EXPECT_EQ(command().record.final->symbol, "BTCTRY");
}

TEST_F(PublisherTest, AFinalKeepsTheAnswerOfWhichTheAckSpoke) {
  order.effort->attempts.last_timeline = answered(Now - seconds(2), "w1");
  out.ack(order, command(), ack(true));
  order.effort->attempts.last_timeline = answered(Now - seconds(1), "w2");
  out.final(order, command(), {});
  EXPECT_EQ(command().record.final->timeline.answered, Now - seconds(2));
  EXPECT_EQ(command().record.final->timeline.worker, "w1");
}

TEST_F(PublisherTest, BackOnBookIsPublishedOnceForEachFinalThatSaidCanceled) {
  add("bob", "b");
  out.final(order, order.effort->commands[0], {});
  out.final(order, order.effort->commands[1], {.status = OrdStatus::Rejected});
  out.take();
  out.back_on_book(order);
  out.back_on_book(order);
  ASSERT_EQ(published().size(), 1U);
  EXPECT_EQ(published()[0].topic, "client.alice.");
  const auto& status = std::get<CancelStatus>(published()[0].body);
  EXPECT_EQ(status.cl_ord_id, "a");
  EXPECT_EQ(status.order_id, 7);
  EXPECT_EQ(status.stage, Stage::BackOnBook);
  EXPECT_EQ(only<HistoryLine>(out.records()).size(), 1U);
}

TEST_F(PublisherTest, AStatusSaysWhereTheCommandStandsSinceNow) {
  out.status(order, command(), Stage::Stuck, "still open");
  ASSERT_EQ(published().size(), 1U);
  const auto& status = std::get<CancelStatus>(published()[0].body);
  EXPECT_EQ(status.cl_ord_id, "a");
  EXPECT_EQ(status.stage, Stage::Stuck);
  EXPECT_EQ(status.text, "still open");
  EXPECT_EQ(status.since, Now);
}

TEST_F(PublisherTest, AnUnsolicitedFinalIsOnVenueAndItsQuantitiesAreNotExact) {
  out.unsolicited({FactType::Deleted452, 9, "BTCTRY", "10", "3", "1"});
  ASSERT_EQ(published().size(), 1U);
  EXPECT_EQ(published()[0].topic, "venue.");
  const auto& final = std::get<CancelFinal>(published()[0].body);
  EXPECT_TRUE(final.unsolicited);
  EXPECT_EQ(final.order_id, 9);
  EXPECT_EQ(final.cl_ord_id, "");
  EXPECT_EQ(final.ord_status, OrdStatus::Canceled);
  EXPECT_EQ(final.evidence, Evidence::Channel452);
  EXPECT_EQ(final.symbol, "BTCTRY");
  EXPECT_EQ(final.quantities.leaves_qty, "1");
  EXPECT_EQ(final.quantities.cum_qty, "2");
  EXPECT_FALSE(final.quantities.exact);
}

TEST_F(PublisherTest, AnUnsolicitedFinalSaysFilledOnlyIfNothingIsLeft) {
  for (const std::string left : {"0", "0.0000000000000000", "0.0000000000000001", "", "much"}) {
    out.unsolicited({FactType::Deleted452, 9, "BTCTRY", "10", "3", left});
    const bool nothing = left.starts_with('0') && !left.ends_with('1');
    EXPECT_EQ(std::get<CancelFinal>(published().back().body).ord_status,
              nothing ? OrdStatus::Filled : OrdStatus::Canceled)
        << left;
  }
}

TEST_F(PublisherTest, TheLinesOfAnOrdersHistoryAreNumberedFromOne) {
  Order other;
  other.id = 8;
  out.note(order, {});
  out.note(other, {});
  out.note(order, {});
  const auto lines = only<HistoryLine>(out.records());
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].order_id, 7);
  EXPECT_EQ(lines[0].line, 1U);
  EXPECT_EQ(lines[0].at, Now);
  EXPECT_EQ(lines[1].order_id, 8);
  EXPECT_EQ(lines[1].line, 1U);
  EXPECT_EQ(lines[2].line, 2U);
}

TEST_F(PublisherTest, BeyondMaxLinesALineMakesRoomAfterTheFirstHalf) {
  for (uint32_t i = 0; i < HistoryLine::MaxLines + 2; ++i) out.note(order, {});
  const auto lines = only<HistoryLine>(out.records());
  EXPECT_EQ(lines[HistoryLine::MaxLines - 1].drops, 0U);
  EXPECT_EQ(lines[HistoryLine::MaxLines].drops, HistoryLine::MaxLines / 2 + 1);
  EXPECT_EQ(lines[HistoryLine::MaxLines + 1].drops, HistoryLine::MaxLines / 2 + 2);
}

TEST_F(PublisherTest, AnAnswerIsNotedByItsVerdictAndAReadByWhatItRead) {
  Answer answer;
  answer.verdict = Verdict::Read;
  answer.http_status = 200;
  answer.reading = {ReadStatus::Closed, "3", "1", "10", "BTCTRY"};
  out.note_answer(order, HistoryLine::What::Read, 5, "w1", answer);
  answer.verdict = Verdict::Doubtful;
  answer.text = "timeout";
  out.note_answer(order, HistoryLine::What::Query, 6, "w2", answer);
  const auto lines = only<HistoryLine>(out.records());
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(std::get<ReadStatus>(lines[0].status), ReadStatus::Closed);
  EXPECT_EQ(lines[0].amount, "3");
  EXPECT_EQ(lines[0].left_amount, "1");
  EXPECT_EQ(lines[0].task, 5U);
  EXPECT_EQ(lines[0].worker, "w1");
  EXPECT_EQ(lines[0].http_status, 200);
  EXPECT_EQ(std::get<Verdict>(lines[1].status), Verdict::Doubtful);
  EXPECT_EQ(lines[1].text, "timeout");
  EXPECT_EQ(lines[1].amount, "");
}

TEST_F(PublisherTest, ARowHasWhatARestartNeedsOfItsOrder) {
  const Instant dispatch{Tick(seconds(990)), Now - seconds(10)};
  order.dispatched(5, 1, dispatch);
  order.effort->attempts.find(5)->state = Attempt::State::Doubtful;
  order.effort->attempts.answered = 3;
  order.effort->attempts.last_answer = Verdict::Refused;
  out.save(order, command());
  EXPECT_FALSE(command().changed);
  const auto rows = only<CommandRecord>(out.records());
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].key, (CommandKey{"alice", "a"}));
  EXPECT_EQ(rows[0].last_dispatch->tick, dispatch.tick);
  EXPECT_EQ(rows[0].last_dispatch->wall, dispatch.wall);
  EXPECT_TRUE(rows[0].doubt);
  EXPECT_EQ(rows[0].answered, 3U);
  EXPECT_EQ(rows[0].last_answer, Verdict::Refused);
  EXPECT_EQ(rows[0].updated, Now);
  EXPECT_EQ(rows[0].run_time, seconds(7));
}

TEST_F(PublisherTest, RecordsAndSendsLeaveOnceInTheOrderOfTheirMaking) {
  out.record(PermitForgotten{1});
  out.send(SendStatus{"p1"});
  out.ack(order, command(), ack(true));
  out.save(order, command());
  out.send(SendRelogin{"p2"});
  out.applied({"alice", "a"}, command().record.order);
  const Actions actions = out.take();
  ASSERT_EQ(actions.records.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<PermitForgotten>(actions.records[0]));
  EXPECT_TRUE(std::holds_alternative<Publication>(actions.records[1]));
  EXPECT_TRUE(std::holds_alternative<CommandRecord>(actions.records[2]));
  ASSERT_EQ(actions.sends.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<SendStatus>(actions.sends[0]));
  EXPECT_TRUE(std::holds_alternative<SendRelogin>(actions.sends[1]));
  ASSERT_EQ(actions.applied.size(), 1U);
  EXPECT_EQ(actions.applied[0].order_id, 7);
  EXPECT_EQ(actions.applied[0].traceparent, "trace-a");
  const Actions again = out.take();
  EXPECT_TRUE(again.records.empty() && again.sends.empty() && again.applied.empty());
}

}  // namespace
}  // namespace cancelbus::core
