#include "service/core/cancel_queue.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace cancelbus::core {
namespace {

constexpr auto Back = CancelQueue::Place::Back;
constexpr auto Front = CancelQueue::Place::Front;
constexpr auto Normal = Priority::Normal;
constexpr auto Urgent = Priority::Urgent;

OrderId pop(CancelQueue& queue) {
  const OrderId first = queue.next().front().order;
  queue.pop(first);
  return first;
}

std::vector<OrderId> pop_all(CancelQueue& queue) {
  std::vector<OrderId> orders;
  while (!queue.empty()) orders.push_back(pop(queue));
  return orders;
}

/// Due at this second.
CancelQueue::Standing repeat(int due, Priority priority = Normal, const std::string& sender = "a") {
  return {priority, sender, Tick(std::chrono::seconds(due))};
}

CancelQueue::Standing random_standing(std::mt19937_64& random) {
  CancelQueue::Standing standing{random() % 3 == 0 ? Urgent : Normal,
                                 std::string(1, static_cast<char>('a' + random() % 5))};
  standing.kill = random() % 4 == 0;
  if (random() % 3 == 0) standing.repeat = Tick(std::chrono::seconds(random() % 9));
  return standing;
}

TEST(CancelQueue, FirstInFirstOutWithinASender) {
  CancelQueue queue;
  for (const OrderId id : {3, 1, 2}) queue.push(id, {Normal, "a"}, Back);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{3, 1, 2}));
}

TEST(CancelQueue, UrgentBeforeNormalOfEverySender) {
  CancelQueue queue;
  queue.push(1, {Normal, "a"}, Back);
  queue.push(2, {Normal, "b"}, Front);
  queue.push(3, {Urgent, "b"}, Back);
  queue.push(4, {Urgent, "a"}, Back);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{3, 4, 1, 2}));
}

/// An order that a kill switch wants.
CancelQueue::Standing kill(const std::string& sender = "a") { return {Urgent, sender, std::nullopt, true}; }

TEST(CancelQueue, WhatAKillSwitchWantsGoesBeforeUrgent) {
  CancelQueue queue;
  queue.push(1, {Urgent, "b"}, Back);
  queue.push(2, kill(), Back);
  queue.push(3, kill("b"), Back);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{2, 3, 1}));
}

TEST(CancelQueue, WhileOthersWaitEveryFifthTurnIsTheirs) {
  CancelQueue queue;
  for (OrderId id = 1; id <= 10; ++id) queue.push(id, kill(), Back);
  queue.push(101, {Normal, "b"}, Back);
  queue.push(102, {Normal, "b"}, Back);
  queue.push(51, {Urgent, "b"}, Back);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{1, 2, 3, 4, 51, 5, 6, 7, 8, 101, 9, 10, 102}));
}

TEST(CancelQueue, TurnsThatNoOtherSenderWantedDoNotCount) {
  CancelQueue queue;
  for (OrderId id = 1; id <= 10; ++id) queue.push(id, kill(), Back);
  for (int i = 0; i < 4; ++i) pop(queue);
  queue.push(51, {Urgent, "b"}, Back);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{5, 6, 7, 8, 51, 9, 10}));
}

TEST(CancelQueue, InTheTurnOfOthersAKillSwitchGoesIfTheyCannot) {
  CancelQueue queue;
  for (OrderId id = 1; id <= 5; ++id) queue.push(id, kill(), Back);
  queue.push(101, {Normal, "b"}, Back);
  for (int i = 0; i < 4; ++i) pop(queue);
  const auto next = queue.next();
  ASSERT_EQ(next.size(), 2U);
  EXPECT_EQ(next[0].order, 101);
  EXPECT_FALSE(next[0].urgent) << "a reserve may keep it waiting";
  EXPECT_EQ(next[1].order, 5);
  EXPECT_TRUE(next[1].urgent);
}

TEST(CancelQueue, WhatAKillSwitchWantsIsNotAheadForSure) {
  CancelQueue queue;
  queue.push(1, kill("b"), Back);
  queue.push(2, {Urgent, "b"}, Back);
  EXPECT_EQ(queue.ahead("b", Normal), (CancelQueue::Ahead{1, 0}));
  EXPECT_EQ(queue.of_kill_switch("b"), 1U);
}

TEST(CancelQueue, SendersTakeTurns) {
  CancelQueue queue;
  for (const OrderId id : {1, 2, 3}) queue.push(id, {Normal, "a"}, Back);
  for (const OrderId id : {11, 12}) queue.push(id, {Normal, "b"}, Back);
  queue.push(21, {Normal, "c"}, Back);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{1, 11, 21, 2, 12, 3}));
}

TEST(CancelQueue, AWeightIsSoManyInOneTurn) {
  CancelQueue queue;
  queue.set_weights({{"a", 2}});
  for (const OrderId id : {1, 2, 3, 4, 5}) queue.push(id, {Normal, "a"}, Back);
  for (const OrderId id : {11, 12, 13}) queue.push(id, {Normal, "b"}, Back);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{1, 2, 11, 3, 4, 12, 5, 13}));
}

TEST(CancelQueue, AWeightMayBeOfManyNamesAndTheFirstThatFitsCounts) {
  CancelQueue queue;
  queue.set_weights({{"a-1", 1}, {"a-*", 3}});
  for (const OrderId id : {1, 2}) queue.push(id, {Normal, "a-1"}, Back);
  for (const OrderId id : {11, 12, 13, 14}) queue.push(id, {Normal, "a-2"}, Back);
  for (const OrderId id : {21, 22}) queue.push(id, {Normal, "a"}, Back);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{1, 11, 12, 13, 21, 2, 14, 22}));
}

TEST(CancelQueue, ATurnThatEndsEarlyIsNotOwedToTheNextSender) {
  CancelQueue queue;
  queue.set_weights({{"a", 3}, {"b", 3}});
  queue.push(1, {Normal, "a"}, Back);
  for (const OrderId id : {11, 12, 13, 14}) queue.push(id, {Normal, "b"}, Back);
  EXPECT_EQ(pop(queue), 1);
  queue.push(2, {Normal, "a"}, Back);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{11, 12, 13, 2, 14}));
}

TEST(CancelQueue, TheFrontIsOfTheSendersOwnLine) {
  CancelQueue queue;
  queue.push(1, {Normal, "a"}, Back);
  queue.push(11, {Normal, "b"}, Back);
  queue.push(12, {Normal, "b"}, Front);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{1, 12, 11}));
}

TEST(CancelQueue, EveryFifthTurnOfALaneIsThatOfTheRepeatThatIsDueForLongest) {
  CancelQueue queue;
  for (const OrderId id : {1, 2, 3, 4, 5}) queue.push(id, {Normal, "a"}, Back);
  for (const OrderId id : {11, 12, 13, 14}) queue.push(id, {Normal, "b"}, Back);
  queue.push(21, repeat(3), Back);
  queue.push(22, repeat(1), Back);
  queue.push(23, repeat(2, Normal, "b"), Back);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{1, 11, 2, 12, 22, 3, 13, 4, 14, 23, 5, 21}));
}

TEST(CancelQueue, ARepeatWhoseTurnItIsNotGoesOnlyWhereOthersLeaveRoom) {
  CancelQueue queue;
  queue.push(1, {Normal, "a"}, Back);
  queue.push(2, repeat(1), Back);
  ASSERT_EQ(queue.next().size(), 2u);
  EXPECT_FALSE(queue.next()[0].spare);
  EXPECT_EQ(queue.next()[1].order, 2);
  EXPECT_TRUE(queue.next()[1].spare);
  for (const OrderId id : {3, 4, 5}) queue.push(id, {Normal, "a"}, Back);
  for (int i = 0; i < 4; ++i) pop(queue);
  queue.push(6, {Normal, "a"}, Back);
  EXPECT_EQ(queue.next()[0].order, 2);
  EXPECT_FALSE(queue.next()[0].spare);
}

TEST(CancelQueue, AnUrgentRepeatGoesBeforeANormalFirstAttempt) {
  CancelQueue queue;
  queue.push(1, {Normal, "a"}, Back);
  queue.push(2, repeat(1, Urgent), Back);
  queue.push(3, {Urgent, "b"}, Back);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{3, 2, 1}));
}

TEST(CancelQueue, KnowsTheRepeatsOfEachSender) {
  CancelQueue queue;
  queue.push(1, repeat(2, Normal, "a"), Back);
  queue.push(2, repeat(1, Normal, "a"), Back);
  queue.push(3, repeat(3, Urgent, "a"), Back);
  queue.push(4, repeat(0, Normal, "b"), Back);
  queue.push(5, {Normal, "a"}, Back);
  EXPECT_EQ(queue.next("a"), (std::vector<OrderId>{3, 5, 2}));
  ASSERT_EQ(queue.status().size(), 2u);
  EXPECT_EQ(queue.status()[0].normal, 3u);
  EXPECT_EQ(queue.status()[0].urgent, 1u);
  queue.pop(2);
  queue.remove(4);
  EXPECT_EQ(queue.next("a"), (std::vector<OrderId>{3, 5, 1}));
  EXPECT_TRUE(queue.next("b").empty());
  queue.check();
}

TEST(CancelQueue, ARepeatCostsItsSenderNoTurn) {
  CancelQueue queue;
  for (const OrderId id : {1, 2}) queue.push(id, {Normal, "a"}, Back);
  queue.push(11, {Normal, "b"}, Back);
  queue.push(3, repeat(1, Normal, "a"), Back);
  queue.pop(3);
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{1, 11, 2}));
}

TEST(CancelQueue, RemoveWithdrawsAnOrder) {
  CancelQueue queue;
  queue.push(1, {Normal, "a"}, Back);
  queue.push(2, {Normal, "a"}, Back);
  queue.push(11, {Urgent, "b"}, Back);
  queue.remove(1);
  queue.remove(1);
  queue.remove(11);
  EXPECT_FALSE(queue.contains(11));
  EXPECT_EQ(pop_all(queue), (std::vector<OrderId>{2}));
}

TEST(CancelQueue, WhereAheadAndStatus) {
  CancelQueue queue;
  queue.push(1, {Normal, "a"}, Back);
  queue.push(2, {Urgent, "a"}, Back);
  queue.push(3, {Urgent, "a"}, Back);
  queue.push(4, {Normal, "b"}, Back);
  queue.push(5, repeat(1, Normal, "b"), Back);
  EXPECT_EQ(queue.where(2), (CancelQueue::Standing{Urgent, "a"}));
  EXPECT_EQ(queue.ahead("a", Urgent), (CancelQueue::Ahead{2, 0}));
  EXPECT_EQ(queue.ahead("a", Normal), (CancelQueue::Ahead{2, 1}));
  EXPECT_EQ(queue.ahead("b", Urgent), CancelQueue::Ahead());
  EXPECT_EQ(queue.ahead("unknown", Normal), CancelQueue::Ahead());
  const auto status = queue.status();
  ASSERT_EQ(status.size(), 2u);
  EXPECT_EQ(status[0].sender, "a");
  EXPECT_EQ(status[0].urgent, 2u);
  EXPECT_EQ(status[0].normal, 1u);
  EXPECT_EQ(status[1].sender, "b");
  EXPECT_EQ(status[1].normal, 2u);
  EXPECT_EQ(queue.ahead("b", Normal), (CancelQueue::Ahead{0, 1}));
  EXPECT_EQ(queue.next("b"), (std::vector<OrderId>{4, 5}));
}

TEST(CancelQueue, WhoAlwaysHasOrdersGetsItsWeightOfThem) {
  CancelQueue queue;
  std::mt19937_64 random(7);
  const std::map<std::string, uint32_t> weights{{"a", 1}, {"b", 1}, {"c", 3}};
  queue.set_weights({{"c", 3}});
  OrderId next = 1;
  std::map<OrderId, std::string> owner;
  const auto push = [&](const std::string& sender) {
    owner[next] = sender;
    queue.push(next++, {Normal, sender}, random() % 4 == 0 ? Front : Back);
  };
  for (const auto& [sender, weight] : weights) {
    for (int i = 0; i < 10; ++i) push(sender);
  }
  std::map<std::string, int> served;
  for (int i = 0; i < 1'000; ++i) {
    const std::string sender = owner.at(pop(queue));
    ++served[sender];
    push(sender);
  }
  EXPECT_EQ(served["a"], 200);
  EXPECT_EQ(served["b"], 200);
  EXPECT_EQ(served["c"], 600);
}

TEST(CancelQueue, NothingIsLostOrServedTwiceUnderRandomUse) {
  CancelQueue queue;
  std::mt19937_64 random(11);
  std::map<OrderId, bool> queued;
  OrderId next = 1;
  for (int i = 0; i < 20'000; ++i) {
    switch (random() % 4) {
      case 0:
      case 1:
        queued[next] = true;
        queue.push(next, random_standing(random), random() % 5 == 0 ? Front : Back);
        ++next;
        break;
      case 2:
        if (queue.empty()) break;
        ASSERT_EQ(queued.erase(pop(queue)), 1u);
        break;
      case 3: {
        const auto id = static_cast<OrderId>(random() % static_cast<uint64_t>(next));
        ASSERT_EQ(queue.contains(id), queued.contains(id));
        queue.remove(id);
        queued.erase(id);
        ASSERT_FALSE(queue.contains(id));
        break;
      }
    }
    ASSERT_EQ(queue.empty(), queued.empty());
  }
}

}  // namespace
}  // namespace cancelbus::core
