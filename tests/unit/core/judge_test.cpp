#include "service/core/judge.hpp"

#include <gtest/gtest.h>

#include <set>

#include "service/core/gateway.hpp"
#include "tests/unit/core/only.hpp"

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Instant judge_time(Duration d) { return {Tick(seconds(1'000)) + d, WallTime(seconds(1'700'000'000)) + d}; }

/// Judge and book alone; a step is what the gateway makes of it.
class JudgeTest : public ::testing::Test {
 protected:
  JudgeTest() { begin({}); }

  void begin(Duration d) {
    now = judge_time(d);
    book.begin(now);
    judge.begin(now);
  }
  /// A command of the sender `desk` that has just come.
  Order& add(OrderId id, std::optional<Duration> ttl = {}, Priority priority = Priority::Normal) {
    Order& order = book.order(id);
    Command command;
    command.received = now.tick;
    command.record.key = {"desk", std::to_string(id) + "-" + std::to_string(order.remembered)};
    command.record.order.order_id = id;
    command.record.order.priority = priority;
    command.record.timeline.received = now.wall;
    if (ttl) command.expires = now.tick + *ttl;
    book.commands.add(command.record.key, id);
    ++order.remembered;
    order.begin(book.gap).commands.push_back(std::move(command));
    judge.touch(order);
    return order;
  }
  void add_many(size_t count, std::optional<Duration> ttl = {}) {
    for (size_t i = 1; i <= count; ++i) add(static_cast<OrderId>(i), ttl);
    judge.judge_touched();
    book.out.take();
  }
  Actions finish() {
    judge.judge_touched();
    return book.out.take();
  }
  /// Another step, for what is due.
  Actions catch_up() {
    judge.begin(now);
    judge.catch_up();
    return finish();
  }
  size_t know_of_the_gap() const {
    return static_cast<size_t>(std::ranges::count_if(book.orders, [&](const auto& entry) {
      const auto& effort = entry.second->effort;
      return effort && effort->heard.gap == book.gap.number;
    }));
  }
  static size_t acks(const Actions& actions) {
    return static_cast<size_t>(std::ranges::count_if(only<Publication>(actions.records), [](const Publication& event) {
      return std::holds_alternative<CancelAck>(event.body);
    }));
  }

  GatewayOptions options;
  Book book{options, 1, {}, {}};
  Judge judge{book, options};
  Instant now;
};

TEST_F(JudgeTest, ATouchedOrderHasItsRowItsPlaceAndItsTimersWhenTheStepEnds) {
  add(7, seconds(5));
  EXPECT_FALSE(book.queue.contains(7));
  const Actions actions = finish();
  EXPECT_EQ(only<CommandRecord>(actions.records).size(), 1U);
  EXPECT_TRUE(book.queue.contains(7));
  ASSERT_TRUE(book.timers.entries().contains(7));
  EXPECT_EQ(book.timers.entries().at(7).wake, now.tick + seconds(5));
}

TEST_F(JudgeTest, AnOrderThatWasTouchedOftenIsJudgedOnce) {
  Order& order = add(7);
  judge.touch(order);
  judge.touch(order);
  EXPECT_EQ(only<CommandRecord>(finish().records).size(), 1U);
  EXPECT_TRUE(finish().records.empty());
}

TEST_F(JudgeTest, ARowIsWrittenOnlyIfItsCommandHasChanged) {
  const Order& order = add(7);
  finish();
  judge.touch(order);
  EXPECT_TRUE(finish().records.empty());
}

TEST_F(JudgeTest, AnOrderWhoseLastCommandEndsIsAtRest) {
  const Order& order = add(7, seconds(5));
  finish();
  begin(seconds(5));
  judge.catch_up();
  const Actions actions = finish();
  EXPECT_EQ(acks(actions), 1U);
  const auto rows = only<CommandRecord>(actions.records);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_TRUE(rows[0].ended);
  EXPECT_EQ(order.effort, nullptr);
  EXPECT_FALSE(book.queue.contains(7));
  EXPECT_TRUE(book.timers.entries().empty());
  EXPECT_EQ(book.commands.undecided(), 0U);
}

TEST_F(JudgeTest, AnOrderIsNotJudgedBeforeItsTime) {
  Order& order = add(7, seconds(5));
  finish();
  order.effort->commands[0].changed = true;  // so a row shows when it is judged
  begin(seconds(5) - Duration(1));
  judge.catch_up();
  EXPECT_TRUE(finish().records.empty());
  begin(seconds(5));
  judge.catch_up();
  EXPECT_FALSE(finish().records.empty());
}

TEST_F(JudgeTest, AnOrderIsQueuedWhereItsLeadingCommandBelongs) {
  add(7);
  finish();
  EXPECT_EQ(book.queue.where(7), (CancelQueue::Standing{Priority::Normal, "desk"}));
  add(7, {}, Priority::Urgent);
  finish();
  EXPECT_EQ(book.queue.where(7), (CancelQueue::Standing{Priority::Urgent, "desk"}));
  book.queue.pop(7);
  EXPECT_TRUE(book.queue.empty());
}

TEST_F(JudgeTest, AnOrderThatIsJudgedAgainKeepsItsPlaceAndARepetitionGoesFirst) {
  Order& first = add(7);
  add(8);
  finish();
  judge.touch(first);
  finish();
  EXPECT_EQ(book.queue.next().front().order, 7);
  Order& repeated = add(9);
  repeated.effort->attempts.dispatched = 1;  // and turned away
  finish();
  EXPECT_EQ(book.queue.next().front().order, 9);
}

TEST_F(JudgeTest, ARequestThatIsTooOldIsGivenUpAndNoted) {
  Order& order = add(7);
  order.dispatched(5, 1, now);
  order.effort->reads.task = 6;
  order.effort->reads.sent = now.tick;
  finish();
  begin(options.lost_after - Duration(1));
  judge.touch(order);
  finish();
  EXPECT_TRUE(order.effort->attempts.in_flight());
  EXPECT_EQ(order.effort->reads.task, 6U);
  begin(options.lost_after);
  judge.touch(order);
  const Actions actions = finish();
  EXPECT_EQ(order.find_attempt(5)->state, Attempt::State::Doubtful);
  EXPECT_EQ(order.effort->reads.task, 0U);
  const auto lines = only<HistoryLine>(actions.records);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].what, HistoryLine::What::Answer);
  EXPECT_EQ(lines[0].task, 5U);
}

TEST_F(JudgeTest, AGapTouchesSoManyOrdersAStepUntilEachIsJudged) {
  add_many(2'500);
  judge.gap();
  finish();
  EXPECT_EQ(know_of_the_gap(), 0U);
  for (size_t step = 1; step <= 2; ++step) {
    catch_up();
    EXPECT_EQ(know_of_the_gap(), step * Judge::MostPerStep);
    EXPECT_TRUE(judge.behind());
  }
  catch_up();
  EXPECT_EQ(know_of_the_gap(), 2'500U);
  EXPECT_FALSE(judge.behind());
}

TEST_F(JudgeTest, AStepTouchesNoMoreOrdersForDeadlinesAndAGapTogether) {
  for (OrderId id = 1; id <= 800; ++id) add(id);
  for (OrderId id = 801; id <= 1'500; ++id) add(id, seconds(5));
  finish();
  begin(seconds(5));
  judge.gap();
  EXPECT_EQ(acks(catch_up()), 700U) << "those whose time has come go first";
  EXPECT_EQ(know_of_the_gap(), 300U);
  catch_up();
  EXPECT_EQ(know_of_the_gap(), 800U);
}

TEST_F(JudgeTest, AnOrderIsJudgedOnceForAGap) {
  Order& order = add(7);
  finish();
  judge.gap();
  catch_up();
  EXPECT_EQ(order.effort->heard.gap, book.gap.number);
  order.effort->commands[0].changed = true;  // so a row shows when it is judged
  EXPECT_TRUE(finish().records.empty());
}

TEST_F(JudgeTest, AnOrderThatIsFoundAfterAGapAndJudgedAtOnceIsNotJudgedAgain) {
  Order& order = add(7);
  finish();
  judge.gap();
  judge.judge(*judge.find(7));
  order.effort->commands[0].changed = true;
  EXPECT_TRUE(finish().records.empty());
}

TEST_F(JudgeTest, AnOrderThatIsFoundBeforeItsTurnKnowsOfTheGap) {
  add_many(1'001);
  judge.gap();
  EXPECT_EQ(judge.find(1'001)->effort->heard.gap, book.gap.number);
  catch_up();
  EXPECT_EQ(know_of_the_gap(), 1'001U);
}

TEST_F(JudgeTest, ASecondGapBeginsWithTheFirstOrderAgain) {
  add_many(1'500);
  judge.gap();
  catch_up();
  judge.gap();
  catch_up();
  EXPECT_EQ(know_of_the_gap(), Judge::MostPerStep);
  catch_up();
  EXPECT_EQ(know_of_the_gap(), 1'500U);
}

TEST_F(JudgeTest, SoManyOrdersThatAreDueAreJudgedAStep) {
  add_many(2'500, seconds(5));
  begin(seconds(5));
  for (const size_t expected : {Judge::MostPerStep, Judge::MostPerStep, size_t{500}, size_t{0}}) {
    EXPECT_EQ(acks(catch_up()), expected);
  }
}

/// The same through the gateway, whose limits are so wide that no command waits for budget.
class JudgeInGatewayTest : public ::testing::Test {
 protected:
  static GatewayOptions wide() {
    GatewayOptions options;
    options.cancel_limits = {{100'000, seconds(1)}};
    return options;
  }
  Actions step(const Event& event) { return gateway.step(judge_time(now), event); }

  /// Commands of one desk, each for an order of its own, which expire at once.
  void add_many(OrderId count, Duration ttl) {
    step(Hello{"p", "desk", {}, false});
    for (OrderId id = 1; id <= count; ++id) {
      CancelOrder order;
      order.cl_ord_id = std::to_string(id);
      order.order_id = id;
      order.time_to_live = ttl;
      step(CommandReceived{"p", order});
    }
  }
  static WorkerReady ready() {
    WorkerReady ready{"w", 1, "w", 64, {}, {}, seconds(5)};
    ready.clock = ClockSample{.series = 1, .exchange_time = WallTime(seconds(1'800'000'000))};
    return ready;
  }
  static size_t rejected(const Actions& actions) {
    return static_cast<size_t>(std::ranges::count_if(only<Publication>(actions.records), [](const Publication& event) {
      const auto* ack = std::get_if<CancelAck>(&event.body);
      return ack && ack->reason == RejectReason::Expired;
    }));
  }

  Duration now{};
  Gateway gateway{wide(), Snapshot(), judge_time({})};
};

TEST_F(JudgeInGatewayTest, CommandsThatExpireAtOnceAreAckedWithinThreeSteps) {
  add_many(2'500, seconds(5));
  now = seconds(5);
  size_t acked = 0;
  std::string per_step;
  for (int i = 0; i < 3; ++i) {
    const size_t step_acked = rejected(step(DeadlinePassed{}));
    EXPECT_LE(step_acked, Judge::MostPerStep);
    per_step += std::to_string(step_acked) + " ";
    acked += step_acked;
  }
  EXPECT_EQ(acked, 2'500U) << per_step;
}

// What goes next in the queue is looked at before the gap has come to it.
TEST_F(JudgeInGatewayTest, TheNextInTheQueueMayNotKnowOfTheGapYet) {
  Snapshot snapshot;
  for (OrderId id = 1; id <= 2'501; ++id) {
    CommandRecord record;
    record.key = {"desk", std::to_string(id)};
    record.order.order_id = id;
    record.order.priority = id == 2'501 ? Priority::Urgent : Priority::Normal;
    record.timeline.received = judge_time({}).wall;
    snapshot.commands.push_back(std::move(record));
  }
  GatewayOptions options;
  options.check_invariants = true;
  Gateway checked{options, snapshot, judge_time({})};
  StreamReport report;
  report.peer = "s";
  report.logged_in = true;
  checked.step(judge_time({}), report);
  checked.step(judge_time({}), DeadlinePassed{});
  EXPECT_EQ(checked.next_deadline(judge_time({}).tick), judge_time({}).tick) << "the gap has not come to every order";
  checked.step(judge_time({}), ready());
  const auto sent = only<SendTask>(checked.step(judge_time({}), DeadlinePassed{}).sends);
  EXPECT_TRUE(std::ranges::any_of(sent, [](const SendTask& task) { return task.order.order_id == 2'501; }));
}

TEST_F(JudgeInGatewayTest, AHelloThatAsksForManyOpenCommandsIsAnsweredInPortions) {
  add_many(2'500, seconds(600));
  step(Hello{"q", "other", {}, false});
  CancelOrder order;
  order.cl_ord_id = "theirs";
  order.order_id = 1;
  step(CommandReceived{"q", order});
  step(DeadlinePassed{});
  std::set<std::string> told;
  size_t statuses = 0;
  const auto count = [&](const Actions& actions) {
    const size_t before = statuses;
    for (const Publication& event : only<Publication>(actions.records)) {
      const auto* status = std::get_if<CancelStatus>(&event.body);
      if (!status) continue;
      EXPECT_EQ(event.topic, "client.desk.");
      told.insert(status->cl_ord_id);
      ++statuses;
    }
    return statuses - before;
  };
  const Tick tick = judge_time(now).tick;
  count(step(Hello{"p", "desk", {}, true}));
  EXPECT_LE(statuses, Judge::MostPerStep);
  for (int i = 0; i < 4 && (i == 0 || gateway.next_deadline(tick) == tick); ++i) {
    EXPECT_LE(count(step(DeadlinePassed{})), Judge::MostPerStep);
  }
  EXPECT_EQ(told.size(), 2'500U);
  EXPECT_EQ(statuses, 2'500U);
  EXPECT_GT(gateway.next_deadline(tick), tick);
}

TEST_F(JudgeInGatewayTest, OpenCommandsOfOneSenderDoNotWaitForThoseOfAnother) {
  add_many(2'500, seconds(600));
  step(Hello{"q", "other", {}, false});
  CancelOrder order;
  order.cl_ord_id = "theirs";
  order.order_id = 9'999;
  step(CommandReceived{"q", order});
  step(Hello{"p", "desk", {}, true});
  step(Hello{"q", "other", {}, true});
  const auto events = only<Publication>(step(DeadlinePassed{}).records);
  EXPECT_EQ(std::ranges::count(events, "client.other.", &Publication::topic), 1);
  EXPECT_GT(std::ranges::count(events, "client.desk.", &Publication::topic), 0);
}

TEST_F(JudgeInGatewayTest, AnExpiredCommandThatWasNotJudgedYetIsNeverDispatched) {
  add_many(5'000, seconds(5));
  now = seconds(5);
  step(ready());
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(only<SendTask>(step(DeadlinePassed{}).sends).empty());
  }
  CancelOrder order;
  order.cl_ord_id = "fresh";
  order.order_id = 9'999;
  step(CommandReceived{"p", order});
  const auto sent = only<SendTask>(step(DeadlinePassed{}).sends);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].order.order_id, 9'999);
}

}  // namespace
}  // namespace cancelbus::core
