#include "service/core/dead_man.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Names = std::vector<std::string>;

class DeadManTest : public ::testing::Test {
 protected:
  /// The bus turns as often as it must.
  void run(Duration duration) {
    for (const Tick end = now + duration; now < end;) {
      now = std::min(end, switches.next_deadline());
      switches.begin(now);
      switches.check();
    }
  }

  Tick now{seconds(1'000)};
  DeadMan switches{now};
};

TEST_F(DeadManTest, OneIsDueWhenItsSenderWasSilentForItsWindow) {
  EXPECT_TRUE(switches.arm("alice", seconds(5)));
  EXPECT_TRUE(switches.arm("bob", seconds(9)));
  run(seconds(5) - Duration(1));
  EXPECT_EQ(switches.due(), Names());
  run(Duration(1));
  EXPECT_EQ(switches.due(), Names{"alice"});
  run(seconds(4));
  EXPECT_EQ(switches.due(), (Names{"alice", "bob"}));
}

TEST_F(DeadManTest, HearingFromTheSenderBeginsTheWindowAnew) {
  switches.arm("alice", seconds(5));
  run(seconds(4));
  EXPECT_FALSE(switches.heard("alice")) << "the store knows all that it must";
  run(seconds(5) - Duration(1));
  EXPECT_EQ(switches.due(), Names());
  run(Duration(1));
  EXPECT_EQ(switches.due(), Names{"alice"});
}

TEST_F(DeadManTest, OneThatHasFiredIsNotDueBeforeItsSenderIsHeard) {
  switches.arm("alice", seconds(5));
  run(seconds(5));
  switches.fired("alice");
  EXPECT_EQ(switches.next_deadline(), Never);
  now += seconds(60);
  switches.begin(now);
  EXPECT_EQ(switches.due(), Names());
  EXPECT_TRUE(switches.heard("alice")) << "the store must know that it may fire again";
  run(seconds(5));
  EXPECT_EQ(switches.due(), Names{"alice"});
}

TEST_F(DeadManTest, WhoIsNotArmedIsNeverDue) {
  switches.arm("alice", seconds(5));
  EXPECT_TRUE(switches.disarm("alice"));
  EXPECT_FALSE(switches.disarm("alice"));
  EXPECT_FALSE(switches.heard("bob"));
  EXPECT_EQ(switches.next_deadline(), Never);
  now += seconds(60);
  switches.begin(now);
  EXPECT_EQ(switches.due(), Names());
}

TEST_F(DeadManTest, AnotherWindowIsANewRowAndTheSameIsNone) {
  EXPECT_TRUE(switches.arm("alice", seconds(5)));
  EXPECT_FALSE(switches.arm("alice", seconds(5)));
  EXPECT_TRUE(switches.arm("alice", seconds(6)));
  run(seconds(6));
  switches.fired("alice");
  EXPECT_TRUE(switches.arm("alice", seconds(6))) << "it may fire again";
  EXPECT_EQ(switches.due(), Names());
}

TEST_F(DeadManTest, APauseBetweenTwoTurnsCountsForHalfASecondAtMost) {
  switches.arm("alice", seconds(2));
  run(milliseconds(1'400));
  now += seconds(30);
  switches.begin(now);
  EXPECT_EQ(switches.due(), Names()) << "1.4 s and half a second";
  run(milliseconds(100));
  EXPECT_EQ(switches.due(), Names{"alice"});
}

TEST_F(DeadManTest, WhileOneIsArmedTheBusTurnsSoOftenThatAllTimeCounts) {
  EXPECT_EQ(switches.next_deadline(), Never);
  switches.arm("alice", seconds(2));
  EXPECT_LT(switches.next_deadline(), now + DeadMan::LongestTurn);
  run(milliseconds(1'990));
  EXPECT_EQ(switches.next_deadline(), now + milliseconds(10));
}

TEST_F(DeadManTest, ARestartBeginsEveryWindowAnewAndKnowsWhatHasFired) {
  switches.restore({"alice", seconds(5), false, {}});
  switches.restore({"bob", seconds(5), true, {}});
  run(seconds(5) - Duration(1));
  EXPECT_EQ(switches.due(), Names());
  run(Duration(1));
  EXPECT_EQ(switches.due(), Names{"alice"});
  const auto status = switches.status();
  ASSERT_EQ(status.size(), 2U);
  EXPECT_EQ(status[0].silent_for, seconds(5));
  EXPECT_FALSE(status[0].fired);
  EXPECT_TRUE(status[1].fired);
}

}  // namespace
}  // namespace cancelbus::core
