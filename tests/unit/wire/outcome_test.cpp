#include "service/wire/outcome.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <utility>
#include <variant>
#include <vector>

#include "service/wire/backend_codec.hpp"

namespace cancelbus::wire {
namespace {

using namespace std::chrono_literals;
using core::Answer;
using core::Arrival;
using core::ReadStatus;
using core::Verdict;

constexpr core::TaskId Task = 0xFEDC'BA98'7654'3210;

Answer answer(Verdict verdict, Arrival arrival, int http_status) {
  Answer result;
  result.verdict = verdict;
  result.arrival = arrival;
  result.http_status = http_status;
  result.text = "MESSAGE";
  if (arrival != Arrival::NeverSent) result.sent = core::WallTime(1'700'000'000'123'456'789ns);
  if (arrival == Arrival::Answered || arrival == Arrival::Page) result.answered = core::WallTime(1'700'000'000'200ms);
  return result;
}

/// Through the worker's encoder and the bus's decoder.
Answer carried(const Answer& sent) {
  const auto event = decode_backend_request(encode_outcome(Task, sent).front(), "worker-1");
  EXPECT_TRUE(event.ok()) << event.status();
  const auto& ended = std::get<core::TaskEnded>(*event);
  EXPECT_EQ(ended.task, Task);
  EXPECT_EQ(ended.peer, "worker-1");
  return ended.answer;
}

void expect_same(const Answer& got, const Answer& want) {
  EXPECT_EQ(got.verdict, want.verdict);
  EXPECT_EQ(got.arrival, want.arrival);
  EXPECT_EQ(got.http_status, want.http_status);
  EXPECT_EQ(got.exchange_code, want.exchange_code);
  EXPECT_EQ(got.text, want.text);
  EXPECT_EQ(got.retry_after, want.retry_after);
  EXPECT_EQ(got.period, want.period);
  EXPECT_EQ(got.reading.status, want.reading.status);
  EXPECT_EQ(got.reading.quantity, want.reading.quantity);
  EXPECT_EQ(got.reading.left_amount, want.reading.left_amount);
  EXPECT_EQ(got.reading.price, want.reading.price);
  EXPECT_EQ(got.reading.symbol, want.reading.symbol);
  EXPECT_EQ(got.sent, want.sent);
  EXPECT_EQ(got.answered, want.answered);
}

struct Case {
  const char* name;
  Verdict verdict;
  Arrival arrival;
  int http_status;
};

class EveryVerdict : public testing::TestWithParam<Case> {};

TEST_P(EveryVerdict, ArrivesAsItWasSent) {
  Answer sent = answer(GetParam().verdict, GetParam().arrival, GetParam().http_status);
  if (sent.verdict != Verdict::Doubtful) sent.exchange_code = 1052;
  expect_same(carried(sent), sent);
}

INSTANTIATE_TEST_SUITE_P(Outcome, EveryVerdict,
                         testing::Values(Case{"Accepted", Verdict::Accepted, Arrival::Answered, 200},
                                         Case{"UnknownOrder", Verdict::UnknownOrder, Arrival::Answered, 400},
                                         Case{"Refused", Verdict::Refused, Arrival::Answered, 400},
                                         Case{"Blocked", Verdict::Blocked, Arrival::Answered, 400},
                                         Case{"NotFound", Verdict::WrongRequest, Arrival::Answered, 404},
                                         Case{"BadMethod", Verdict::WrongRequest, Arrival::Answered, 405},
                                         Case{"Unauthorized", Verdict::Unauthorized, Arrival::Answered, 401},
                                         Case{"Forbidden", Verdict::Unauthorized, Arrival::Answered, 403},
                                         Case{"Throttled", Verdict::Throttled, Arrival::Answered, 429},
                                         Case{"DoubtAnswered", Verdict::Doubtful, Arrival::Answered, 500},
                                         Case{"DoubtPage", Verdict::Doubtful, Arrival::Page, 503},
                                         Case{"DoubtSilent", Verdict::Doubtful, Arrival::Silent, 0},
                                         Case{"StaleStamp", Verdict::StaleStamp, Arrival::NeverSent, 0},
                                         Case{"NeverWritten", Verdict::NeverWritten, Arrival::NeverSent, 0}),
                         [](const auto& tested) { return tested.param.name; });

TEST(Outcome, ThrottledCarriesWhatTheExchangeAskedToWait) {
  Answer sent = answer(Verdict::Throttled, Arrival::Answered, 429);
  sent.retry_after = 53s;
  sent.period = 1min;
  expect_same(carried(sent), sent);
}

TEST(Outcome, DoubtCarriesWhatTheExchangeAskedToWait) {
  Answer sent = answer(Verdict::Doubtful, Arrival::Page, 503);
  sent.retry_after = 493ms;
  expect_same(carried(sent), sent);
}

TEST(Outcome, ReadingsArriveAsTheyWereRead) {
  for (const auto status : {ReadStatus::Open, ReadStatus::Canceled, ReadStatus::Closed, ReadStatus::NotFound}) {
    Answer sent = answer(Verdict::Read, Arrival::Answered, 200);
    sent.text.clear();  // a reading says it all
    sent.reading = {status, "0.0457300000000000", "0.01", "1234567.89", "BTCTRY"};
    expect_same(carried(sent), sent);
  }
}

// ---- Open orders ----

core::OpenOrder order(core::OrderId id) {
  core::OpenOrder order;
  order.order_id = id;
  order.symbol = "BTCTRY";
  order.side = core::Side::Sell;
  order.price = "1500000.00";
  order.quantity = "0.0457300000000000";
  order.leaves_qty = "0.01";
  order.client_order_id = "dA-17";
  return order;
}

Answer listing(size_t orders) {
  Answer sent = answer(Verdict::Read, Arrival::Answered, 200);
  sent.text.clear();
  sent.listing.emplace();
  for (size_t i = 0; i < orders; ++i) sent.listing->orders.push_back(order(static_cast<core::OrderId>(i) + 1));
  return sent;
}

Answer of_frame(const std::string& frame) {
  const auto event = decode_backend_request(frame, "worker-1");
  EXPECT_TRUE(event.ok()) << event.status();
  return std::get<core::TaskEnded>(*event).answer;
}

TEST(Outcome, OpenOrdersArriveAsTheyWereRead) {
  Answer sent = listing(2);
  sent.listing->orders[1] = {};
  sent.listing->orders[1].order_id = 9'000'000'000;
  const Answer got = carried(sent);
  expect_same(got, sent);
  ASSERT_TRUE(got.listing);
  EXPECT_EQ(got.listing->part, 1U);
  EXPECT_EQ(got.listing->parts, 1U);
  EXPECT_EQ(got.listing->orders, sent.listing->orders);
}

TEST(Outcome, ManyOpenOrdersComeInPartsOfTwoHundred) {
  for (const auto& [orders, parts] : {std::pair<size_t, size_t>{0, 1}, {1, 1}, {200, 1}, {201, 2}, {1'000, 5}}) {
    const std::vector<std::string> frames = encode_outcome(Task, listing(orders));
    ASSERT_EQ(frames.size(), parts) << orders;
    std::vector<core::OpenOrder> all;
    for (size_t i = 0; i < frames.size(); ++i) {
      const Answer got = of_frame(frames[i]);
      ASSERT_TRUE(got.listing);
      EXPECT_EQ(got.listing->part, i + 1);
      EXPECT_EQ(got.listing->parts, parts);
      EXPECT_LE(got.listing->orders.size(), 200U);
      all.insert(all.end(), got.listing->orders.begin(), got.listing->orders.end());
    }
    EXPECT_EQ(all, listing(orders).listing->orders);
  }
}

TEST(Outcome, APartFitsIntoAFrameHoweverLongItsTextsAre) {
  Answer sent = listing(200);
  const std::string endless(1'000, 'x');
  for (core::OpenOrder& long_one : sent.listing->orders) {
    long_one = {.order_id = std::numeric_limits<core::OrderId>::max(),
                .symbol = endless,
                .side = core::Side::Sell,
                .price = endless,
                .quantity = endless,
                .leaves_qty = endless,
                .client_order_id = endless};
  }
  const std::vector<std::string> frames = encode_outcome(Task, sent);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_LT(frames[0].size(), 64U * 1024);
  const Answer got = of_frame(frames[0]);
  ASSERT_TRUE(got.listing);
  EXPECT_EQ(got.listing->orders[0].client_order_id, std::string(64, 'x'));
}

TEST(Outcome, TheAckSaysWhatTheStrategyWillBeTold) {
  v1::Outcome outcome;
  Answer sent = answer(Verdict::UnknownOrder, Arrival::Answered, 400);
  sent.exchange_code = 1052;
  fill_outcome(sent, outcome);
  EXPECT_EQ(outcome.ack().status(), v1::CANCEL_ACK_STATUS_REJECTED);
  EXPECT_EQ(outcome.ack().cxl_rej_reason(), v1::CXL_REJ_REASON_UNKNOWN_ORDER);
  EXPECT_EQ(outcome.ack().origin(), v1::ORIGIN_EXCHANGE);
  EXPECT_TRUE(outcome.ack().final_follows());
  outcome.Clear();
  fill_outcome(answer(Verdict::Accepted, Arrival::Answered, 200), outcome);
  EXPECT_EQ(outcome.ack().status(), v1::CANCEL_ACK_STATUS_ACCEPTED);
  EXPECT_EQ(outcome.ack().cxl_rej_reason(), v1::CXL_REJ_REASON_UNSPECIFIED);
  EXPECT_TRUE(outcome.ack().final_follows());
  outcome.Clear();
  fill_outcome(answer(Verdict::Blocked, Arrival::Answered, 400), outcome);
  EXPECT_FALSE(outcome.ack().final_follows());
}

TEST(Outcome, TextOfTheExchangeIsCutAndMadeLegible) {
  Answer sent = answer(Verdict::Refused, Arrival::Answered, 400);
  sent.text = "\xFF" + std::string(400, 'x');
  EXPECT_EQ(carried(sent).text, "?" + std::string(255, 'x'));
}

// ---- What only a newer worker would say ----

class NewerWorker : public testing::Test {
 protected:
  /// Every permit depends on it: whatever else is unreadable, the task is named and the worst is assumed.
  void expect_worst(const char* text) {
    frame_.mutable_outcome()->set_task_id(Task);
    const auto event = decode_backend_request(frame_.SerializeAsString(), "worker-1");
    ASSERT_TRUE(event.ok()) << event.status();
    const auto& ended = std::get<core::TaskEnded>(*event);
    EXPECT_EQ(ended.task, Task);
    EXPECT_EQ(ended.answer.verdict, Verdict::Doubtful);
    EXPECT_EQ(ended.answer.arrival, Arrival::Silent);
    EXPECT_EQ(ended.answer.text, text);
  }

  static constexpr const char* Unknown = "the worker told an outcome that is not known here";
  v1::BackendRequest frame_;
  v1::Outcome& outcome_ = *frame_.mutable_outcome();
};

TEST_F(NewerWorker, NothingSet) { expect_worst(Unknown); }

TEST_F(NewerWorker, OpenOrdersThatAreNotLegible) {
  constexpr const char* NotLegible = "the worker told open orders that are not legible";
  v1::OpenOrdersPart& part = *outcome_.mutable_open_orders();
  expect_worst(NotLegible);
  for (const auto& [number, of] : {std::pair{0U, 1U}, {2U, 1U}, {1U, 0U}, {1U, 1'001U}}) {
    part.set_part(number);
    part.set_parts(of);
    expect_worst(NotLegible);
  }
  part.set_part(1);
  part.set_parts(1);
  part.add_open_order();
  expect_worst(NotLegible);
  part.clear_open_order();
  for (int i = 0; i < 201; ++i) part.add_open_order()->set_order_id(1);
  expect_worst(NotLegible);
}

TEST_F(NewerWorker, AckStatus) {
  outcome_.mutable_ack()->set_status(static_cast<v1::CancelAckStatus>(9));
  outcome_.mutable_ack()->set_text("new");
  expect_worst("new");
}

TEST_F(NewerWorker, AckInDoubt) {
  outcome_.mutable_ack()->set_status(v1::CANCEL_ACK_STATUS_IN_DOUBT);
  expect_worst(Unknown);
}

TEST_F(NewerWorker, RejectReason) {
  outcome_.mutable_ack()->set_status(v1::CANCEL_ACK_STATUS_REJECTED);
  outcome_.mutable_ack()->set_cxl_rej_reason(static_cast<v1::CxlRejReason>(99));
  expect_worst(Unknown);
}

TEST_F(NewerWorker, RejectionWithoutAReason) {
  outcome_.mutable_ack()->set_status(v1::CANCEL_ACK_STATUS_REJECTED);
  expect_worst(Unknown);
}

TEST_F(NewerWorker, NotProcessedReason) {
  outcome_.mutable_not_processed()->set_reason(static_cast<v1::NotProcessedReason>(77));
  outcome_.mutable_not_processed()->set_text("why");
  expect_worst("why");
}

TEST_F(NewerWorker, ArrivalOfDoubt) {
  outcome_.mutable_unresolved()->set_arrival(static_cast<v1::Arrival>(12));
  outcome_.mutable_unresolved()->set_text("timeout");
  expect_worst("timeout");
}

TEST_F(NewerWorker, OrderReading) {
  outcome_.mutable_order_state()->set_reading(static_cast<v1::OrderReading>(12));
  expect_worst(Unknown);
}

TEST_F(NewerWorker, AWaitThatEndsBeforeItBeginsIsAWaitNotKnown) {
  outcome_.mutable_not_processed()->set_reason(v1::NOT_PROCESSED_REASON_RATE_LIMITED);
  outcome_.mutable_not_processed()->mutable_retry_after()->set_nanos(-1);
  EXPECT_EQ(to_answer(outcome_).retry_after, std::nullopt);
  outcome_.mutable_not_processed()->mutable_period()->set_seconds(-1);
  EXPECT_EQ(to_answer(outcome_).period, std::nullopt);
  outcome_.mutable_unresolved()->mutable_retry_after()->set_seconds(INT64_MAX);
  EXPECT_EQ(to_answer(outcome_).retry_after, std::nullopt);
}

TEST_F(NewerWorker, UnreadableTimesAreTimesNotKnown) {
  outcome_.mutable_sent()->set_nanos(-1);
  outcome_.mutable_answered()->set_seconds(INT64_MAX);
  outcome_.mutable_ack()->set_status(v1::CANCEL_ACK_STATUS_ACCEPTED);
  const Answer got = to_answer(outcome_);
  EXPECT_EQ(got.verdict, Verdict::Accepted);
  EXPECT_EQ(got.sent, std::nullopt);
  EXPECT_EQ(got.answered, std::nullopt);
}

}  // namespace
}  // namespace cancelbus::wire
