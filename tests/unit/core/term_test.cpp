#include "service/core/term.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

const Term Own{6, "bus-a-2", 0};
const Term Stored{5, "bus-a-1", 100};

bool is_behind(const Term& seen, bool above_all = false) { return TermCheck(Own, Stored, above_all).is_behind(seen); }

TEST(HighestTerm, ALowerOneIsRefusedAndChangesNothing) {
  HighestTerm highest;
  EXPECT_FALSE(highest.seen());
  EXPECT_TRUE(highest.take({5, "a", 7}));
  EXPECT_TRUE(highest.take({6, "b", 3}));
  EXPECT_FALSE(highest.take({5, "a", 8}));
  EXPECT_EQ(highest.seen(), (Term{6, "b", 3}));
}

TEST(HighestTerm, TheLatestBatchOfATermIsKept) {
  HighestTerm highest;
  EXPECT_TRUE(highest.take({5, "a", 7}));
  EXPECT_TRUE(highest.take({5, "a", 9}));
  EXPECT_TRUE(highest.take({5, "a", 8})) << "it was on its way longer";
  EXPECT_EQ(highest.seen()->batch, 9U);
}

TEST(HighestTerm, OfTwoLeadersOfOneTermTheFirstIsBelieved) {
  HighestTerm highest;
  EXPECT_TRUE(highest.take({5, "a", 7}));
  EXPECT_FALSE(highest.take({5, "b", 9}));
  EXPECT_EQ(highest.seen(), (Term{5, "a", 7}));
}

TEST(TermCheck, AStoreThatHoldsWhatWorkersHaveSeenIsNotBehind) {
  EXPECT_FALSE(is_behind({4, "bus-x", 999})) << "an earlier term has ended before the last";
  EXPECT_FALSE(is_behind(Stored));
  EXPECT_FALSE(is_behind({5, "bus-a-1", 99}));
  EXPECT_FALSE(is_behind({6, "bus-a-2", 1'000'000})) << "what this bus has let out itself";
}

TEST(TermCheck, AnOlderCopyIsBehindWhateverItLacks) {
  EXPECT_TRUE(is_behind({5, "bus-a-1", 101})) << "a commit";
  EXPECT_TRUE(is_behind({7, "bus-a-3", 101})) << "a start";
  EXPECT_TRUE(is_behind({6, "bus-a-3", 101})) << "a start, and this one has its number";
}

TEST(TermCheck, AnotherStoreIsBehind) {
  EXPECT_TRUE(is_behind({5, "bus-b", 1}));
  EXPECT_TRUE(is_behind({6, "bus-b", 1}));
  const TermCheck fresh({1, "bus-a", 0}, {}, false);
  EXPECT_TRUE(fresh.is_behind({1, "bus-b", 1}));
  EXPECT_TRUE(fresh.is_behind({3, "bus-b", 1}));
}

// It lies above all that workers could have seen of this store, and waits for all that may be missing.
TEST(TermCheck, ABusThatCountsOnLostCommitsIsOnlyBehindAHigherTerm) {
  EXPECT_FALSE(is_behind({5, "bus-a-1", 101}, true));
  EXPECT_FALSE(is_behind({5, "bus-b", 1}, true));
  EXPECT_TRUE(is_behind({6, "bus-b", 1}, true));
  EXPECT_TRUE(is_behind({7, "bus-b", 1}, true));
}

TEST(TermCheck, NoTermIsMadeSoHighThatNoneCouldFollow) {
  EXPECT_TRUE(is_behind({TermCheck::HighestCredible, "made-up", 1}));
  EXPECT_FALSE(is_behind({TermCheck::HighestCredible + 1, "made-up", 1}));
  EXPECT_FALSE(is_behind({~uint64_t{0}, "made-up", 1}));
}

}  // namespace
}  // namespace cancelbus::core
