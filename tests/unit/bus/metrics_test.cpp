#include "service/bus/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/bus/stage_metrics.hpp"
#include "service/io/monitor.hpp"

namespace cancelbus::bus {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

core::WallTime at(core::Duration since) { return core::WallTime(since); }

core::Timeline timeline(core::WallTime received, std::optional<core::WallTime> dispatched, core::WallTime sent,
                        core::WallTime answered) {
  core::Timeline out;
  out.received = received;
  out.dispatched = dispatched;
  out.sent = sent;
  out.answered = answered;
  return out;
}

class MetricsTest : public testing::Test {
 protected:
  std::string page(const core::BusStatus& status) { return metrics.text(status, {}); }

  Metrics metrics;
};

TEST_F(MetricsTest, TellsTheQueueOfEachSenderAndForgetsItWhenItIsEmpty) {
  core::BusStatus status;
  status.as_of = at(100s);
  status.queues = {{"desk-a", 3, 4, at(98s)}};
  const std::string full = page(status);
  EXPECT_THAT(full, HasSubstr("cancelbus_queue_length{sender=\"desk-a\"} 7\n"));
  EXPECT_THAT(full, HasSubstr("cancelbus_queue_oldest_age_seconds{sender=\"desk-a\"} 2\n"));
  status.queues.clear();
  EXPECT_THAT(page(status), Not(HasSubstr("desk-a")));
}

TEST_F(MetricsTest, GivesALineOfItsOwnToTheLongestQueuesAlone) {
  core::BusStatus status;
  status.as_of = at(100s);
  for (uint32_t i = 1; i <= Metrics::MostSenders + 3; ++i) {
    status.queues.push_back({"s" + std::to_string(i), 0, i, at(100s - i * 1s)});
  }
  for (int scrape = 0; scrape < 2; ++scrape) {
    const std::string text = page(status);
    EXPECT_THAT(text, HasSubstr("cancelbus_queue_length{sender=\"s4\"} 4\n"));
    EXPECT_THAT(text, Not(HasSubstr("cancelbus_queue_length{sender=\"s3\"}")));
    EXPECT_THAT(text, HasSubstr("cancelbus_queue_length{sender=\"(others)\"} 6\n"));
    EXPECT_THAT(text, HasSubstr("cancelbus_queue_oldest_age_seconds{sender=\"(others)\"} 3\n"));
  }
}

TEST_F(MetricsTest, SaysOfEachCauseWhetherCommandsWaitForIt) {
  core::BusStatus status;
  status.causes.resize(2);
  status.causes[0].kind = core::CauseKind::NoWorker;
  status.causes[1].kind = core::CauseKind::Backoff;
  status.causes[1].limiter = core::LimiterKind::Query;
  status.causes[1].remaining = 1s;
  const std::string text = page(status);
  EXPECT_THAT(text, HasSubstr("cancelbus_cause{kind=\"no_worker\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_cause{kind=\"backoff\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_cause{kind=\"keys_refused\"} 0\n"));
  status.causes.clear();
  EXPECT_THAT(page(status), HasSubstr("cancelbus_cause{kind=\"no_worker\"} 0\n"));
}

TEST_F(MetricsTest, CountsOpenOrdersByOwner) {
  core::BusStatus status;
  status.as_of = at(100s);
  EXPECT_THAT(page(status), Not(HasSubstr("cancelbus_open_orders_complete_age_seconds ")));
  status.complete_as_of = at(97s);
  status.open_orders = {{"desk-a", 12}, {"", 3}};
  const std::string text = page(status);
  EXPECT_THAT(text, HasSubstr("cancelbus_open_orders{owner=\"desk-a\"} 12\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_open_orders{owner=\"(not known)\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_open_orders_complete_age_seconds 3\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_sweep_trouble 0\n"));
  status.open_orders = {{"", 1}};
  status.sweep_trouble = "HTTP 500";
  EXPECT_THAT(page(status), AllOf(HasSubstr("cancelbus_open_orders{owner=\"(not known)\"} 1\n"),
                                  HasSubstr("cancelbus_sweep_trouble 1\n"), Not(HasSubstr("desk-a"))));
}

TEST_F(MetricsTest, GivesALineOfItsOwnToTheLargestOwnersAlone) {
  core::BusStatus status;
  for (size_t i = 1; i <= Metrics::MostSenders + 3; ++i) status.open_orders.push_back({"s" + std::to_string(i), i});
  status.open_orders.push_back({"(others)", 100});  // as the bus itself says of many
  for (int scrape = 0; scrape < 2; ++scrape) {
    const std::string text = page(status);
    EXPECT_THAT(text, HasSubstr("cancelbus_open_orders{owner=\"s5\"} 5\n"));
    EXPECT_THAT(text, Not(HasSubstr("cancelbus_open_orders{owner=\"s4\"}")));
    EXPECT_THAT(text, HasSubstr("cancelbus_open_orders{owner=\"(others)\"} 110\n"));
  }
}

TEST_F(MetricsTest, CountsTheExchangesAnswersByStatus) {
  core::BusStatus status;
  EXPECT_THAT(page(status), HasSubstr("cancelbus_queue_empty_seconds 0\n"));
  status.answers = {{503, 40, 41, 1'000}, {0, 0, 0, 9}};
  status.queue_empty_in = 1500ms;
  EXPECT_THAT(page(status), HasSubstr("cancelbus_exchange_responses_total{http_status=\"503\"} 1000\n"));
  status.answers[0].total = 1'001;
  const std::string text = page(status);
  EXPECT_THAT(text, HasSubstr("cancelbus_exchange_responses_total{http_status=\"503\"} 1001\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_exchange_responses_total{http_status=\"none\"} 9\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_queue_empty_seconds 1.5\n"));
}

TEST_F(MetricsTest, SaysWhetherTheBusObserves) {
  core::BusStatus status;
  EXPECT_THAT(page(status), HasSubstr("cancelbus_observing 0\n"));
  status.observing = true;
  EXPECT_THAT(page(status), HasSubstr("cancelbus_observing 1\n"));
}

TEST_F(MetricsTest, CountsTheDeadApartFromThoseThatGetNoWork) {
  core::BusStatus status;
  status.workers = {{.name = "a", .unavailable = ""},
                    {.name = "b", .unavailable = "silent", .silent_for = 2s},
                    {.name = "c", .unavailable = "silent", .silent_for = 100s, .dead = true}};
  status.expected_workers = 3;
  const std::string text = page(status);
  EXPECT_THAT(text, HasSubstr("cancelbus_workers 2\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_workers_unavailable 1\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_workers_dead 1\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_expected_workers 3\n"));
}

TEST_F(MetricsTest, TellsWhatIsLeftOfEachWindowAndHowLongAHoldLasts) {
  core::BusStatus status;
  status.as_of = at(100s);
  status.windows = {{"cancel", 2, {5, 1s}, 10}, {"query", 31, {30, 1500ms}, 30}};
  status.causes.resize(1);
  status.causes[0].kind = core::CauseKind::Backoff;
  status.causes[0].limiter = core::LimiterKind::Cancel;
  status.causes[0].remaining = 3s;
  const std::string text = page(status);
  EXPECT_THAT(text, HasSubstr("cancelbus_budget_left{limiter=\"cancel\",period=\"1s\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_budget_left{limiter=\"query\",period=\"1500ms\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_limit{limiter=\"cancel\",period=\"1s\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_limit_configured{limiter=\"cancel\",period=\"1s\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_backoff_seconds{limiter=\"cancel\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_backoff_seconds{limiter=\"query\"} 0\n"));
  status.causes.clear();
  EXPECT_THAT(page(status), HasSubstr("cancelbus_backoff_seconds{limiter=\"cancel\"} 0\n"));
}

class StageMetricsTest : public testing::Test {
 protected:
  std::string after(core::EventBody body) {
    core::Actions actions;
    actions.records.push_back(core::Publication{"client.desk-a.", 1, at(9s), std::move(body)});
    stages.count(actions);
    return io::prometheus_text(registry);
  }

  prometheus::Registry registry;
  StageMetrics stages{registry};
};

TEST_F(StageMetricsTest, ObservesTheStagesOfAnAnsweredCommand) {
  core::CancelAck ack;
  ack.status = core::AckStatus::Accepted;
  ack.timeline = timeline(at(1s), at(3s), at(3500ms), at(3750ms));
  const std::string text = after(ack);
  EXPECT_THAT(text, HasSubstr("cancelbus_stage_seconds_sum{stage=\"queue_wait\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_stage_seconds_sum{stage=\"dispatch_to_wire\"} 0.5\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_stage_seconds_sum{stage=\"wire_to_response\"} 0.25\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_acks_total{reason=\"\",status=\"ACCEPTED\"} 1\n"));
}

TEST_F(StageMetricsTest, OfACommandThatWasNeverSentNoStageIsObserved) {
  core::CancelAck ack;
  ack.status = core::AckStatus::Rejected;
  ack.reason = core::RejectReason::TooLate;
  ack.timeline = timeline(at(1s), {}, at(500ms), at(600ms));
  const std::string text = after(ack);
  EXPECT_THAT(text, HasSubstr("cancelbus_stage_seconds_count{stage=\"queue_wait\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_stage_seconds_count{stage=\"wire_to_response\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_acks_total{reason=\"TOO_LATE\",status=\"REJECTED\"} 1\n"));
}

TEST_F(StageMetricsTest, ClocksThatDisagreeMakeNoTimeBelowZero) {
  core::CancelAck ack;
  ack.timeline = timeline(at(1s), at(3s), at(2s), at(4s));
  EXPECT_THAT(after(ack), HasSubstr("cancelbus_stage_seconds_sum{stage=\"dispatch_to_wire\"} 0\n"));
}

TEST_F(StageMetricsTest, CountsFinalsOfCommandsByTheirEvidence) {
  core::CancelFinal final;
  final.evidence = core::Evidence::OrderQuery;
  final.timeline.acked = at(2s);
  final.timeline.finalized = at(5s);
  const std::string text = after(final);
  EXPECT_THAT(text, HasSubstr("cancelbus_finals_total{evidence=\"ORDER_QUERY\",ord_status=\"CANCELED\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_stage_seconds_sum{stage=\"ack_to_final\"} 3\n"));
  final.unsolicited = true;
  EXPECT_THAT(after(final), HasSubstr("evidence=\"ORDER_QUERY\",ord_status=\"CANCELED\"} 1\n"));
}

TEST_F(StageMetricsTest, WhatRulesAskForBeginsWithZero) {
  const std::string text = io::prometheus_text(registry);
  EXPECT_THAT(text, HasSubstr("cancelbus_statuses_total{stage=\"STUCK\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cancelbus_commands_refused_total{reason=\"BUS_FULL\"} 0\n"));
  EXPECT_THAT(after(core::CancelStatus{"c1", 1, core::Stage::Stuck, "", {}}),
              HasSubstr("cancelbus_statuses_total{stage=\"STUCK\"} 1\n"));
}

}  // namespace
}  // namespace cancelbus::bus
