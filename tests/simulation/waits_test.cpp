// What the judge refuses and lets pass of backoffs and lowered limits, on made-up worlds.
#include "tests/simulation/waits.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cancelbus::simulation {
namespace {

constexpr core::LimiterKind Cancel = core::LimiterKind::Cancel;

struct WaitsTest : ::testing::Test {
  World world{1, nullptr};
  core::GatewayOptions options;
  Waits waits{world, options};

  void wait(Duration length) {
    world.agenda.after(length, [] {});
    world.agenda.run_next(Never - Duration(1));
  }
  void hold(Duration length) {
    waits.committed(core::HoldRecord{Cancel, {}, {}, "429", length, {}}, world.now() + length);
  }
  void permit(core::TaskId task) {
    core::PermitRecord permit;
    permit.task = task;
    waits.committed(permit, world.now());
  }
  void answer(core::TaskId task, core::Verdict verdict, core::Arrival arrival = core::Arrival::Answered) {
    core::Answer answer;
    answer.verdict = verdict;
    answer.arrival = arrival;
    waits.heard(task, Cancel, answer);
  }
  void lowered(uint32_t limit) {
    core::LoweredLimits all;
    all.entries.push_back({Cancel, {1s, limit, 1, false, {}}});
    waits.committed(all);
  }
  bool failed(const std::string& what) const { return world.failure.find(what) != std::string::npos; }
};

TEST_F(WaitsTest, AfterABackoffTheSecondMayFollowTheFirstOnesAnswer) {
  hold(2s);
  wait(2s);
  permit(1);
  answer(1, core::Verdict::Accepted);
  permit(2);
  permit(3);
  EXPECT_EQ(world.failure, "");
}

TEST_F(WaitsTest, AfterABackoffTheSecondMayFollowAfterASecond) {
  hold(2s);
  wait(2s);
  permit(1);
  wait(1s);
  permit(2);
  permit(3);
  EXPECT_EQ(world.failure, "");
}

TEST_F(WaitsTest, AfterABackoffTheSecondMayNotGoBefore) {
  hold(2s);
  wait(2s);
  permit(1);
  answer(1, core::Verdict::Doubtful, core::Arrival::Silent);
  wait(900ms);
  permit(2);
  EXPECT_TRUE(failed("follows the first after a backoff")) << world.failure;
}

TEST_F(WaitsTest, TheFirstThatWasNeverWrittenIsReplacedByOne) {
  hold(2s);
  wait(2s);
  permit(1);
  answer(1, core::Verdict::NeverWritten, core::Arrival::NeverSent);
  waits.forgotten(1);
  permit(2);
  EXPECT_EQ(world.failure, "");
  permit(3);
  EXPECT_TRUE(failed("follows the first after a backoff")) << world.failure;
}

TEST_F(WaitsTest, A429MustLowerALimit) {
  permit(1);
  answer(1, core::Verdict::Throttled);
  waits.confirmed(1);
  EXPECT_TRUE(failed("lowers no limit")) << world.failure;
}

TEST_F(WaitsTest, A429OfBeforeTheBackoffLowersNone) {
  permit(1);
  permit(2);
  answer(1, core::Verdict::Throttled);
  hold(2s);
  lowered(5);
  waits.confirmed(1);
  answer(2, core::Verdict::Throttled);
  waits.confirmed(2);
  EXPECT_EQ(world.failure, "");
  lowered(2);
  EXPECT_TRUE(failed("twice in one")) << world.failure;
}

TEST_F(WaitsTest, A429ThatMetTheBackoffOfA503LowersNone) {
  permit(1);
  permit(2);
  core::Answer unavailable;
  unavailable.verdict = core::Verdict::Doubtful;
  unavailable.http_status = 503;
  unavailable.retry_after = 26s;
  waits.heard(1, Cancel, unavailable);
  answer(2, core::Verdict::Throttled);
  hold(27s);
  waits.confirmed(1);
  waits.confirmed(2);
  EXPECT_EQ(world.failure, "");
  wait(28s);
  permit(3);
  answer(3, core::Verdict::Throttled);
  waits.confirmed(3);
  EXPECT_TRUE(failed("lowers no limit")) << world.failure;
}

TEST_F(WaitsTest, ALimitIsHalved) {
  hold(2s);
  lowered(4);
  EXPECT_TRUE(failed("from 10 to 4")) << world.failure;
}

TEST_F(WaitsTest, ALoweredLimitIsKeptTo) {
  hold(2s);
  lowered(5);
  wait(10s);
  permit(1);
  answer(1, core::Verdict::Accepted);
  for (core::TaskId task = 2; task <= 5; ++task) permit(task);
  EXPECT_EQ(world.failure, "");
  permit(6);
  EXPECT_TRUE(failed("6 requests within a period whose limit is lowered to 5")) << world.failure;
}

TEST_F(WaitsTest, ALimitComesBackByATenthAfterAPeriod) {
  hold(2s);
  lowered(5);
  wait(3s);
  lowered(6);
  EXPECT_EQ(world.failure, "");
  wait(900ms);
  lowered(7);
  EXPECT_TRUE(failed("from 6 to 7 after less than 1 periods")) << world.failure;
}

TEST_F(WaitsTest, AStepThatWasRefusedWaitsTwiceAsLong) {
  hold(2s);
  lowered(5);
  wait(3s);
  lowered(6);
  wait(1s);
  hold(2s);
  lowered(3);
  wait(1'500ms);
  lowered(4);
  EXPECT_TRUE(failed("from 3 to 4 after less than 2 periods")) << world.failure;
}

TEST_F(WaitsTest, ALimitDoesNotJumpBack) {
  hold(2s);
  lowered(5);
  wait(3s);
  lowered(7);
  EXPECT_TRUE(failed("from 5 to 7")) << world.failure;
}

}  // namespace
}  // namespace cancelbus::simulation
