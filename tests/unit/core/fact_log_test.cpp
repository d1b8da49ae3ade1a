#include "service/core/fact_log.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

class FactLogTest : public ::testing::Test {
 protected:
  using Taken = FactLog::Taken;

  Taken take(uint64_t subscriber, uint64_t seq, uint64_t oldest = 0) {
    StreamFact fact;
    fact.subscriber = subscriber;
    fact.seq = seq;
    fact.oldest = oldest;
    return log.take(fact);
  }
  std::pair<uint64_t, uint64_t> position() const { return {log.position().subscriber, log.position().seq}; }

  FactLog log{{5, 10}};
};

TEST_F(FactLogTest, TheNextOneIsFreshAndMovesThePosition) {
  EXPECT_EQ(take(5, 11), Taken::Fresh);
  EXPECT_EQ(position(), std::pair(uint64_t{5}, uint64_t{11}));
  EXPECT_EQ(take(5, 12), Taken::Fresh);
  EXPECT_EQ(position(), std::pair(uint64_t{5}, uint64_t{12}));
}

TEST_F(FactLogTest, WhatWasTakenIsKnownAndMovesNothing) {
  EXPECT_EQ(take(5, 10), Taken::Known);
  EXPECT_EQ(take(5, 1), Taken::Known);
  EXPECT_EQ(position(), std::pair(uint64_t{5}, uint64_t{10}));
}

TEST_F(FactLogTest, WhatSkipsAheadIsEarlyAndMovesNothing) {
  EXPECT_EQ(take(5, 12), Taken::Early);
  EXPECT_EQ(take(5, 12, 12), Taken::Early) << "the oldest that a known subscriber names is ignored";
  EXPECT_EQ(position(), std::pair(uint64_t{5}, uint64_t{10}));
  EXPECT_EQ(take(5, 11), Taken::Fresh);
  EXPECT_EQ(take(5, 12), Taken::Fresh);
}

TEST_F(FactLogTest, OfANewSubscriberTheOldestUnconfirmedComesFirst) {
  EXPECT_EQ(take(6, 4, 3), Taken::Early);
  EXPECT_EQ(take(6, 2, 3), Taken::Early);
  EXPECT_EQ(position(), std::pair(uint64_t{5}, uint64_t{10}));
  EXPECT_EQ(take(6, 3, 3), Taken::Fresh);
  EXPECT_EQ(position(), std::pair(uint64_t{6}, uint64_t{3}));
  EXPECT_EQ(take(6, 4, 3), Taken::Fresh);
}

TEST_F(FactLogTest, OfANewSubscriberThatDoesNotSayItsOldestAnyOneIsTheFirst) {
  EXPECT_EQ(take(6, 7), Taken::Fresh);
  EXPECT_EQ(position(), std::pair(uint64_t{6}, uint64_t{7}));
  EXPECT_EQ(take(6, 7), Taken::Known);
}

TEST_F(FactLogTest, ReportsAndFactsAreCountedTogether) {
  StreamReport report;
  report.subscriber = 5;
  report.seq = 11;
  EXPECT_EQ(log.take(report), Taken::Fresh);
  EXPECT_EQ(take(5, 11), Taken::Known);
  EXPECT_EQ(take(5, 12), Taken::Fresh);
}

TEST_F(FactLogTest, AnOrderIsRememberedAsGoneOnceUntilItIsForgotten) {
  EXPECT_FALSE(log.is_gone(1));
  EXPECT_TRUE(log.remember_gone(1));
  EXPECT_TRUE(log.is_gone(1));
  EXPECT_FALSE(log.remember_gone(1));
  log.forget_gone(1);
  EXPECT_FALSE(log.is_gone(1));
  EXPECT_TRUE(log.remember_gone(1));
  EXPECT_TRUE(log.is_gone(1));
}

TEST_F(FactLogTest, AfterAGapAnOrderMayBeGoneAgainUnlessItIsProven) {
  log.remember_gone(1);
  log.remember_gone(2, true);
  log.gap();
  EXPECT_TRUE(log.is_gone(1));
  EXPECT_FALSE(log.remember_gone(2));
  EXPECT_TRUE(log.remember_gone(1));
  EXPECT_FALSE(log.remember_gone(1));
}

TEST_F(FactLogTest, AProofCountsAlsoForAnOrderThatIsRememberedWithoutOne) {
  log.remember_gone(1);
  EXPECT_FALSE(log.remember_gone(1, true));
  EXPECT_FALSE(log.remember_gone(1)) << "it stays proven";
  log.gap();
  EXPECT_FALSE(log.remember_gone(1));
}

TEST_F(FactLogTest, TheLatestMaxGoneAreRemembered) {
  constexpr auto Most = static_cast<OrderId>(FactLog::MaxGone);
  for (OrderId order = 1; order <= Most; ++order) log.remember_gone(order);
  EXPECT_TRUE(log.is_gone(1));
  log.remember_gone(Most + 1);
  EXPECT_FALSE(log.is_gone(1));
  EXPECT_TRUE(log.is_gone(2));
  EXPECT_TRUE(log.is_gone(Most + 1));
}

TEST_F(FactLogTest, AnOrderThatIsGoneAgainIsAmongTheLatest) {
  constexpr auto Most = static_cast<OrderId>(FactLog::MaxGone);
  log.remember_gone(1);
  log.remember_gone(2);
  log.forget_gone(1);
  log.remember_gone(1);
  for (OrderId order = 3; order <= Most + 1; ++order) log.remember_gone(order);
  EXPECT_TRUE(log.is_gone(1));
  EXPECT_FALSE(log.is_gone(2));
  EXPECT_TRUE(log.is_gone(3));
}

TEST_F(FactLogTest, WhatIsForgottenTakesNoPlace) {
  constexpr auto Most = static_cast<OrderId>(FactLog::MaxGone);
  for (OrderId order = 1; order <= Most; ++order) log.remember_gone(order);
  log.forget_gone(5);
  log.remember_gone(Most + 1);
  EXPECT_TRUE(log.is_gone(1));
  log.remember_gone(Most + 2);
  EXPECT_FALSE(log.is_gone(1));
}

}  // namespace
}  // namespace cancelbus::core
