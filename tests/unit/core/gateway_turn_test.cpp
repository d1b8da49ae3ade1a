// What comes in one turn is judged together, where a scenario, in which each line is a turn, cannot show it.
#include <gtest/gtest.h>

#include "service/core/gateway.hpp"

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class GatewayTurn : public ::testing::Test {
 protected:
  GatewayTurn() : gateway_({}, Snapshot(), now()) {}

  Instant now() const { return {Tick(now_), WallTime(seconds(1'800'000'000)) + now_}; }
  void pass(Duration duration) { now_ += duration; }

  /// All that the events and the deadlines after them bring about.
  Actions turn(const std::vector<Event>& events) {
    Actions all;
    for (const Event& event : events) all.append(gateway_.step(now(), event));
    all.append(gateway_.step(now(), DeadlinePassed{}));
    return all;
  }
  static WorkerReady ready(std::vector<TaskId> tasks) {
    WorkerReady ready{"w", 1, "w", 4, std::move(tasks), {}, seconds(5)};
    ready.clock = ClockSample{.series = 1, .exchange_time = WallTime(seconds(1'800'000'000))};
    return ready;
  }
  TaskId only_task(const Actions& actions) {
    std::vector<TaskId> tasks;
    for (const Send& send : actions.sends) {
      if (const auto* task = std::get_if<SendTask>(&send)) tasks.push_back(task->task);
    }
    return tasks.size() == 1 ? tasks.front() : 0;
  }
  static bool says(const Actions& actions, HistoryLine::What what) {
    return std::ranges::any_of(actions.records, [what](const Record& record) {
      const auto* line = std::get_if<HistoryLine>(&record);
      return line && line->what == what;
    });
  }

  Duration now_ = seconds(100);
  Gateway gateway_;
};

// Found by the simulation: behind a stopped link two heartbeats waited, the first from before the task had arrived. An
// operator's word ended the command between the two, while its cancel was with the worker.
TEST_F(GatewayTurn, AHeartbeatThatDoesNotListATaskDoesNotCountWhereALaterOneDoes) {
  CancelOrder order;
  order.cl_ord_id = "a";
  order.order_id = 100;
  turn({ready({}), Hello{"p", "desk", {}, false}});
  const TaskId task = only_task(turn({CommandReceived{"p", order}}));
  ASSERT_NE(task, 0U);
  turn({ready({})});  // it has left, and may not have arrived
  pass(milliseconds(1'100));
  const Actions both = turn({ready({}), ResolveRequest{"p", {"desk", "a"}, OrdStatus::Canceled}, ready({task})});
  EXPECT_FALSE(says(both, HistoryLine::What::WorkerSilent));
  EXPECT_FALSE(says(both, HistoryLine::What::Delete));
  pass(milliseconds(100));
  const Actions one = turn({ready({})});
  EXPECT_TRUE(says(one, HistoryLine::What::WorkerSilent)) << "and without a later one it does count";
}

// Two readings of one moment, made of different readings of the clocks, would differ by what the wall clock was slewed
// meanwhile: a client that waits for a later sweep would take the same one for it.
TEST_F(GatewayTurn, TheMomentOfASweepIsNamedAlikeWhateverTheWallClockShowsLater) {
  WorkerReady worker = ready({});
  worker.sweeps = true;
  const TaskId sweep = only_task(turn({worker, OwnersSet{}}));
  ASSERT_NE(sweep, 0U);
  Answer answer;
  answer.verdict = Verdict::Read;
  answer.arrival = Arrival::Answered;
  answer.listing = Listing{};
  turn({TaskEnded{"w", sweep, answer}});
  const auto complete = gateway_.status(now()).complete_as_of;
  ASSERT_TRUE(complete);
  const Instant slewed{now().tick + milliseconds(7), now().wall + milliseconds(8)};
  EXPECT_EQ(gateway_.status(slewed).complete_as_of, complete);
}

}  // namespace
}  // namespace cancelbus::core
