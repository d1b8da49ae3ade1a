#include "service/core/status_queue.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class StatusQueueTest : public ::testing::Test {
 protected:
  static constexpr Tick T0{std::chrono::hours(1)};

  static StatusQueue::Waiting status(const std::string& name, Stage stage, const std::string& text = "") {
    return {"alice", CancelStatus{name, 1, stage, text, {}}};
  }
  /// All that may leave at this moment, as "a2 b5": by name and stage.
  std::string leave(Duration at) {
    std::string text;
    while (queue.due(T0 + at)) {
      const CancelStatus next = queue.take(T0 + at).status;
      text += (text.empty() ? "" : " ") + next.cl_ord_id + std::to_string(static_cast<int>(next.stage)) + next.text;
    }
    return text;
  }

  StatusQueue queue{2};
};

TEST_F(StatusQueueTest, NoMoreLeaveInAnySecondThanMay) {
  for (const char* name : {"a", "b", "c", "d", "e"}) queue.add(status(name, Stage::InDoubt));
  EXPECT_EQ(queue.next_deadline(), Tick::min());
  EXPECT_EQ(leave(milliseconds(0)), "a3 b3");
  EXPECT_EQ(queue.next_deadline(), T0 + seconds(1));
  EXPECT_EQ(leave(milliseconds(999)), "");
  EXPECT_EQ(leave(milliseconds(1'000)), "c3 d3");
  EXPECT_EQ(leave(milliseconds(1'500)), "");
  EXPECT_EQ(leave(milliseconds(2'000)), "e3");
  EXPECT_EQ(queue.next_deadline(), Never);
}

TEST_F(StatusQueueTest, OfOneCommandTheLatestWaitsInItsPlace) {
  queue.add(status("a", Stage::InDoubt, "first"));
  queue.add(status("b", Stage::InDoubt));
  queue.add(status("a", Stage::Resending, "second"));
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(leave(seconds(0)), "a4second b3");
}

TEST_F(StatusQueueTest, StuckIsReplacedByNothingElseAndOvertakenByNone) {
  queue.add(status("a", Stage::InDoubt));
  queue.add(status("a", Stage::Stuck));
  queue.add(status("a", Stage::Resending));
  EXPECT_EQ(leave(seconds(0)), "a5 a4");
  queue.add(status("a", Stage::Stuck, "older"));
  queue.add(status("a", Stage::Stuck, "newer"));
  EXPECT_EQ(leave(seconds(9)), "a5newer");
}

TEST_F(StatusQueueTest, OfACommandThatHasEndedNothingWaits) {
  queue.add(status("a", Stage::InDoubt));
  queue.add(status("a", Stage::Stuck));
  queue.add(status("b", Stage::InDoubt));
  queue.drop({"alice", "a"});
  queue.drop({"alice", "unknown"});
  EXPECT_EQ(leave(seconds(0)), "b3");
}

TEST_F(StatusQueueTest, WhatIsPublishedWithoutWaitingTakesTheRoomOfTheOthers) {
  queue.add(status("a", Stage::InDoubt));
  queue.count(3, T0);
  EXPECT_EQ(leave(milliseconds(999)), "");
  EXPECT_EQ(leave(seconds(1)), "a3");
}

}  // namespace
}  // namespace cancelbus::core
