#include "service/bus/doorkeeper.hpp"

#include <gtest/gtest.h>

namespace cancelbus::bus {
namespace {

using Verdict = Doorkeeper::Verdict;
using std::chrono::milliseconds;
using std::chrono::seconds;

class DoorkeeperTest : public testing::Test {
 protected:
  int spend(const core::PeerId& peer, int messages) {
    int taken = 0;
    for (int i = 0; i < messages; ++i) taken += doorkeeper.spend(peer, 1, now) ? 1 : 0;
    return taken;
  }

  core::Tick now = core::Tick() + seconds(100);
  Doorkeeper doorkeeper{{.session_rate = 100, .sessions_per_key = 2}};
};

TEST_F(DoorkeeperTest, ASessionMaySayItsRateAtOnceAndThenWhatTimeEarns) {
  ASSERT_EQ(doorkeeper.admit("p", "key", now), Verdict::Enters);
  EXPECT_EQ(spend("p", 300), 100);
  now += milliseconds(100);
  EXPECT_EQ(spend("p", 300), 10);
  now += seconds(60);
  EXPECT_EQ(spend("p", 300), 100);
}

TEST_F(DoorkeeperTest, WhatCostsMoreThanIsLeftIsNotBegun) {
  doorkeeper.admit("p", "key", now);
  EXPECT_TRUE(doorkeeper.spend("p", 70, now));
  EXPECT_FALSE(doorkeeper.spend("p", 31, now));
  EXPECT_TRUE(doorkeeper.spend("p", 30, now));
  EXPECT_FALSE(doorkeeper.spend("stranger", 1, now));
}

TEST_F(DoorkeeperTest, AKeyHasSoManySessions) {
  EXPECT_EQ(doorkeeper.admit("p1", "key", now), Verdict::Enters);
  EXPECT_EQ(doorkeeper.admit("p2", "key", now), Verdict::Enters);
  EXPECT_EQ(doorkeeper.admit("p1", "key", now), Verdict::Enters);
  EXPECT_EQ(doorkeeper.admit("p3", "key", now), Verdict::TooManySessions);
  EXPECT_EQ(doorkeeper.admit("p4", "other", now), Verdict::Enters);
  EXPECT_EQ(doorkeeper.visitors_of("key").size(), 2U);
  doorkeeper.forget("p1");
  EXPECT_EQ(doorkeeper.admit("p3", "key", now), Verdict::Enters);
}

TEST_F(DoorkeeperTest, WithoutKeysSessionsAreNotCounted) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(doorkeeper.admit(std::to_string(i), "", now), Verdict::Enters);
}

TEST_F(DoorkeeperTest, ARoutingIdIsNotAName) {
  doorkeeper.admit("p", "key", now);
  EXPECT_EQ(doorkeeper.admit("p", "other", now), Verdict::AnotherKey);
  EXPECT_EQ(doorkeeper.find("p")->key, "key");
}

TEST_F(DoorkeeperTest, TheSilentAreForgotten) {
  doorkeeper.admit("p1", "key", now);
  doorkeeper.admit("p2", "key", now);
  now += Doorkeeper::Forgotten;
  doorkeeper.spend("p2", 1, now);
  now += milliseconds(1);
  doorkeeper.sweep(now);
  EXPECT_EQ(doorkeeper.visitors(), std::vector<core::PeerId>{"p2"});
  EXPECT_EQ(doorkeeper.admit("p3", "key", now), Verdict::Enters);
}

}  // namespace
}  // namespace cancelbus::bus
