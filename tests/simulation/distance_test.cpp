// What the judge refuses and lets pass of how far apart the DELETEs of an order are, on made-up worlds.
#include "tests/simulation/distance.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cancelbus::simulation {
namespace {

struct DeletesOfAnOrder : ::testing::Test {
  static constexpr core::OrderId AnOrder = 26'947'521'557;
  World world{1, nullptr};
  Distance distance{world};

  DeletesOfAnOrder() { distance.sent(AnOrder, world.now()); }
  static core::Answer answer(core::Verdict verdict) {
    core::Answer answer;
    answer.verdict = verdict;
    answer.arrival = core::Arrival::Answered;
    return answer;
  }
  void wait(Duration length) {
    world.agenda.after(length, [] {});
    world.agenda.run_next(Never - Duration(1));
  }
  void again(core::Verdict verdict, Duration after) {
    distance.ended(AnOrder, answer(verdict), true);
    wait(after);
    distance.sent(AnOrder, world.now());
  }
  const std::string& failure() const { return world.failure; }
};

TEST_F(DeletesOfAnOrder, KeepTheirDistanceWhateverTheAnswers) {
  again(core::Verdict::Doubtful, 1s);
  again(core::Verdict::WrongRequest, 2s);
  again(core::Verdict::Accepted, 4s);
  again(core::Verdict::Blocked, 8s);
  EXPECT_EQ(failure(), "");
  again(core::Verdict::Doubtful, 15s);
  EXPECT_NE(failure().find("promise 8: DELETE 6 of o1 1000 ms too early"), std::string::npos) << failure();
}

TEST_F(DeletesOfAnOrder, ThatWereNeverProcessedCountForNothingAndAreTriedLessAndLessOften) {
  again(core::Verdict::Throttled, 0s);
  again(core::Verdict::StaleStamp, 0s);
  again(core::Verdict::NeverWritten, 100ms);
  again(core::Verdict::NeverWritten, 200ms);
  EXPECT_EQ(failure(), "");
  again(core::Verdict::NeverWritten, 300ms);
  EXPECT_NE(failure().find("promise 8: DELETE 1 of o1 100 ms too early"), std::string::npos) << failure();
}

TEST_F(DeletesOfAnOrder, AreDueAnewWhenAnEarlierOneEnds) {
  again(core::Verdict::NeverWritten, 100ms);
  distance.ended(AnOrder, answer(core::Verdict::NeverWritten), true);
  distance.ended(AnOrder, answer(core::Verdict::StaleStamp), false);
  distance.sent(AnOrder, world.now());
  EXPECT_EQ(failure(), "");
}

TEST_F(DeletesOfAnOrder, AreNearerForACommandThatJoins) {
  again(core::Verdict::Doubtful, 1s);
  again(core::Verdict::Doubtful, 2s);
  distance.ended(AnOrder, answer(core::Verdict::Doubtful), true);
  wait(1s);
  distance.command_came(AnOrder);
  distance.sent(AnOrder, world.now());
  EXPECT_EQ(failure(), "");
  again(core::Verdict::Doubtful, 1s);
  EXPECT_NE(failure().find("too early"), std::string::npos) << "it has joined before that one";
}

TEST_F(DeletesOfAnOrder, AreHandedOverAtOnceOnceForEachSilentWorker) {
  distance.released(AnOrder, 1);
  distance.sent(AnOrder, world.now());
  distance.released(AnOrder, 2);
  distance.sent(AnOrder, world.now());
  EXPECT_EQ(failure(), "");
  distance.released(AnOrder, 1);
  distance.sent(AnOrder, world.now());
  EXPECT_NE(failure().find("promise 8"), std::string::npos);
}

TEST_F(DeletesOfAnOrder, AreNotHandedOverWhenTheyAreTooOld) {
  distance.sent(AnOrder, world.now());
  distance.overlong(AnOrder);
  distance.sent(AnOrder, world.now());
  EXPECT_NE(failure().find("too early"), std::string::npos);
}

TEST_F(DeletesOfAnOrder, AreRepeatedAtOnceAfterTheFirstThatIsUnauthorized) {
  again(core::Verdict::Unauthorized, 0s);
  EXPECT_EQ(failure(), "");
  again(core::Verdict::Unauthorized, 0s);
  EXPECT_NE(failure().find("promise 8"), std::string::npos);
}

TEST_F(DeletesOfAnOrder, KeepTheirDistanceOverARestartFromWhenTheLastWasDecidedOn) {
  distance.ended(AnOrder, answer(core::Verdict::Doubtful), true);
  wait(1s);
  distance.sent(AnOrder, world.now() - 300ms);
  wait(1s);
  distance.ended(AnOrder, answer(core::Verdict::Doubtful), true);
  distance.bus_started();
  wait(600ms);
  distance.sent(AnOrder, world.now());
  EXPECT_NE(failure().find("promise 8: DELETE 3 of o1 100 ms too early"), std::string::npos) << failure();
}

TEST_F(DeletesOfAnOrder, BeginAnewAfterA451) {
  distance.ended(AnOrder, answer(core::Verdict::Accepted), true);
  distance.inserted(AnOrder);
  distance.sent(AnOrder, world.now());
  EXPECT_EQ(failure(), "");
}

}  // namespace
}  // namespace cancelbus::simulation
