#include "service/core/order_timers.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace cancelbus::core {
namespace {

using std::chrono::seconds;

class OrderTimersTest : public ::testing::Test {
 protected:
  using Tier = OrderTimers::Tier;
  using Orders = std::vector<OrderId>;

  static Tick at(int64_t s) { return Tick(seconds(1'000 + s)); }
  static WallTime wall(int64_t s) { return WallTime(seconds(s)); }
  void wake(OrderId order, int64_t s) { timers.set(order, {at(s), std::nullopt, std::nullopt}); }
  void query(OrderId order, Tier tier, int64_t s) {
    timers.set(order, {Never, OrderTimers::Query{tier, at(s)}, std::nullopt});
  }
  void doubt(OrderId order, int64_t s) { timers.set(order, {Never, std::nullopt, wall(s)}); }

  OrderTimers timers;
};

TEST_F(OrderTimersTest, WhatIsDueComesByItsTimeThenByItsOrder) {
  wake(3, 1);
  wake(9, 0);
  wake(2, 1);
  wake(1, 2);
  EXPECT_EQ(timers.due(at(1), 10), (Orders{9, 2, 3}));
  EXPECT_EQ(timers.due(at(1) - Duration(1), 10), (Orders{9}));
  EXPECT_EQ(timers.due(at(0) - Duration(1), 10), Orders{});
}

TEST_F(OrderTimersTest, NoMoreAreDueThanAskedFor) {
  for (OrderId order = 1; order <= 3; ++order) wake(order, 0);
  EXPECT_EQ(timers.due(at(0), 2), (Orders{1, 2}));
  EXPECT_EQ(timers.due(at(0), 0), Orders{});
}

TEST_F(OrderTimersTest, SetReplacesEveryTimeOfTheOrder) {
  timers.set(1, {at(1), OrderTimers::Query{Tier::Fresh, at(1)}, wall(1)});
  timers.set(1, {at(5), OrderTimers::Query{Tier::Old, at(6)}, std::nullopt});
  EXPECT_EQ(timers.due(at(4), 10), Orders{});
  EXPECT_EQ(timers.due(at(5), 10), Orders{1});
  EXPECT_EQ(timers.due_query(Tier::Fresh, at(6)), std::nullopt);
  EXPECT_EQ(timers.due_query(Tier::Old, at(6)), 1);
  EXPECT_EQ(timers.in_doubt(), 0U);
  timers.check();
}

TEST_F(OrderTimersTest, SetWithTheSameTimesChangesNothing) {
  const OrderTimers::Times times{at(1), OrderTimers::Query{Tier::Fresh, at(2)}, wall(3)};
  timers.set(1, times);
  timers.set(1, times);
  EXPECT_EQ(timers.entries().size(), 1U);
  EXPECT_EQ(timers.entries().at(1), times);
  EXPECT_EQ(timers.due(at(9), 10), Orders{1});
  EXPECT_EQ(timers.in_doubt(), 1U);
  timers.check();
}

TEST_F(OrderTimersTest, TheQueryThatIsDueForLongestOfItsTierComesFirst) {
  query(1, Tier::Fresh, 2);
  query(2, Tier::Fresh, 1);
  query(3, Tier::Old, 0);
  query(4, Tier::Old, 0);
  EXPECT_EQ(timers.due_query(Tier::Fresh, at(1) - Duration(1)), std::nullopt);
  EXPECT_EQ(timers.due_query(Tier::Fresh, at(1)), 2);
  EXPECT_EQ(timers.due_query(Tier::Old, at(0)), 3);
  timers.erase(2);
  EXPECT_EQ(timers.due_query(Tier::Fresh, at(1)), std::nullopt);
  EXPECT_EQ(timers.due_query(Tier::Fresh, at(2)), 1);
  timers.erase(1);
  EXPECT_EQ(timers.due_query(Tier::Fresh, at(2)), std::nullopt) << "those of the other tier are not meant";
}

TEST_F(OrderTimersTest, TheNextDeadlineIsTheEarliestWakeOrQuery) {
  EXPECT_EQ(timers.next_deadline(at(0)), Never);
  wake(1, 9);
  EXPECT_EQ(timers.next_deadline(at(0)), at(9));
  query(2, Tier::Old, 7);
  EXPECT_EQ(timers.next_deadline(at(0)), at(7));
  query(3, Tier::Fresh, 8);
  EXPECT_EQ(timers.next_deadline(at(0)), at(7));
  wake(1, 6);
  EXPECT_EQ(timers.next_deadline(at(0)), at(6));
}

TEST_F(OrderTimersTest, AWakeThatIsDueIsADeadlineAndAQueryThatIsDueIsNone) {
  wake(1, 0);
  EXPECT_EQ(timers.next_deadline(at(5)), at(0));
  timers.erase(1);
  query(2, Tier::Fresh, 5);
  query(std::numeric_limits<OrderId>::max(), Tier::Old, 5);
  EXPECT_EQ(timers.next_deadline(at(5) - Duration(1)), at(5));
  EXPECT_EQ(timers.next_deadline(at(5)), Never);
  query(3, Tier::Fresh, 6);
  EXPECT_EQ(timers.next_deadline(at(5)), at(6));
}

TEST_F(OrderTimersTest, DoubtsAreCountedAndTheOldestIsKnown) {
  EXPECT_EQ(timers.oldest_doubt(), std::nullopt);
  doubt(1, 20);
  doubt(2, 10);
  timers.set(3, {});
  EXPECT_EQ(timers.in_doubt(), 2U);
  EXPECT_EQ(timers.oldest_doubt(), wall(10));
  timers.set(2, {});
  EXPECT_EQ(timers.in_doubt(), 1U);
  EXPECT_EQ(timers.oldest_doubt(), wall(20));
}

TEST_F(OrderTimersTest, TheOldestDoubtsComeFirstAndNoMoreThanAreAskedFor) {
  doubt(1, 20);
  doubt(2, 10);
  doubt(3, 20);
  using Doubts = std::vector<std::pair<WallTime, OrderId>>;
  EXPECT_EQ(timers.oldest_doubts(2), (Doubts{{wall(10), 2}, {wall(20), 1}}));
  EXPECT_EQ(timers.oldest_doubts(9).size(), 3U);
}

TEST_F(OrderTimersTest, EraseLeavesNothingInAnyIndex) {
  timers.set(1, {at(1), OrderTimers::Query{Tier::Fresh, at(1)}, wall(1)});
  timers.set(2, {at(1), OrderTimers::Query{Tier::Old, at(1)}, wall(1)});
  timers.erase(1);
  timers.erase(2);
  timers.erase(3);
  EXPECT_TRUE(timers.entries().empty());
  EXPECT_EQ(timers.due(Never, 10), Orders{});
  EXPECT_EQ(timers.due_query(Tier::Fresh, Never), std::nullopt);
  EXPECT_EQ(timers.due_query(Tier::Old, Never), std::nullopt);
  EXPECT_EQ(timers.next_deadline(at(0)), Never);
  EXPECT_EQ(timers.in_doubt(), 0U);
  EXPECT_EQ(timers.after(0), std::nullopt);
  timers.check();
}

TEST_F(OrderTimersTest, AnOrderWithoutAnyTimeHasItsEntryAllTheSame) {
  timers.set(4, {});
  timers.set(7, {});
  EXPECT_EQ(timers.after(3), 4);
  EXPECT_EQ(timers.after(4), 7);
  EXPECT_EQ(timers.after(7), std::nullopt);
  EXPECT_EQ(timers.due(at(1'000'000), 10), Orders{});
  timers.check();
}

}  // namespace
}  // namespace cancelbus::core
