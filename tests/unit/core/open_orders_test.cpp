#include "service/core/open_orders.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class OpenOrdersTest : public ::testing::Test {
 protected:
  static Instant at(Duration since) {
    return {Tick(std::chrono::hours(1)) + since, WallTime(std::chrono::hours(1'000)) + since};
  }
  static OrderFact fact_of(FactType type, OrderId id, std::string symbol = "BTCTRY", std::string client_order_id = "",
                           Side side = Side::Buy) {
    OrderFact fact;
    fact.type = type;
    fact.order_id = id;
    fact.symbol = std::move(symbol);
    fact.price = "10";
    fact.amount = "2.0";
    fact.num_left = "2.0";
    fact.side = side;
    fact.client_order_id = std::move(client_order_id);
    return fact;
  }
  static OpenOrder order_of(OrderId id, std::string symbol = "BTCTRY", std::string client_order_id = "") {
    OpenOrder order;
    order.order_id = id;
    order.symbol = std::move(symbol);
    order.side = Side::Sell;
    order.price = "11";
    order.quantity = "3";
    order.leaves_qty = "1";
    order.client_order_id = std::move(client_order_id);
    return order;
  }

  void inserted(OrderId id, Duration when, std::string symbol = "BTCTRY", std::string client_order_id = "") {
    orders.fact(fact_of(FactType::Inserted451, id, std::move(symbol), std::move(client_order_id)), at(when));
  }
  void deleted(OrderId id, Duration when) { orders.fact(fact_of(FactType::Deleted452, id), at(when)); }
  bool filled(OrderId id, std::string amount, Duration when, FactType type = FactType::Matched441) {
    OrderFact fact = fact_of(type, id);
    fact.amount = std::move(amount);
    fact.num_left = "";
    return orders.fact(fact, at(when));
  }
  /// A sweep of one request, sent and answered at once.
  void sweep(Duration sent, const std::vector<OrderId>& ids, const std::string& pair = "") {
    for (const OrderId id : ids) EXPECT_TRUE(orders.listed(order_of(id, pair.empty() ? "BTCTRY" : pair), at(sent)));
    orders.request_complete(pair, at(sent));
    orders.sweep_complete(at(sent));
    orders.check();
  }
  std::vector<OrderId> all() const { return orders.matching({}); }
  std::string leaves(OrderId id) const { return orders.find(id) ? orders.find(id)->leaves_qty : "gone"; }

  OpenOrders orders;
};

using Ids = std::vector<OrderId>;
using Prefixes = std::vector<OwnerPrefix>;

// ---- The stream ----

TEST_F(OpenOrdersTest, A451EntersAndA452Leaves) {
  inserted(7, seconds(1), "ETHUSDT", "dA-1");
  OpenOrder expected;
  expected.order_id = 7;
  expected.symbol = "ETHUSDT";
  expected.side = Side::Buy;
  expected.price = "10";
  expected.quantity = "2.0";
  expected.leaves_qty = "2.0";
  expected.client_order_id = "dA-1";
  expected.as_of = at(seconds(1)).wall;
  ASSERT_TRUE(orders.find(7));
  EXPECT_EQ(*orders.find(7), expected);
  EXPECT_EQ(all(), Ids{7});
  deleted(7, seconds(2));
  EXPECT_FALSE(orders.find(7));
  EXPECT_EQ(orders.size(), 0u);
  orders.check();
}

TEST_F(OpenOrdersTest, OfAFrameWithoutNumLeftTheAmountIsLeft) {
  OrderFact fact = fact_of(FactType::Inserted451, 7);
  fact.num_left = "";
  orders.fact(fact, at(seconds(1)));
  EXPECT_EQ(leaves(7), "2.0");
}

TEST_F(OpenOrdersTest, AnotherInsertIsTheOrderAsItIsNow) {
  inserted(7, seconds(1), "BTCTRY", "dA-1");
  OrderFact edited = fact_of(FactType::Inserted451, 7, "BTCTRY", "", Side::Sell);
  edited.price = "12";
  orders.fact(edited, at(seconds(2)));
  EXPECT_EQ(orders.find(7)->price, "12");
  EXPECT_EQ(orders.find(7)->side, Side::Sell);
  EXPECT_EQ(orders.find(7)->client_order_id, "");
  EXPECT_EQ(orders.size(), 1u);
}

TEST_F(OpenOrdersTest, AFillReducesWhatIsLeft) {
  inserted(7, seconds(1));
  EXPECT_FALSE(filled(7, "0.5", seconds(2)));
  EXPECT_EQ(leaves(7), "1.5");
  EXPECT_EQ(orders.find(7)->as_of, at(seconds(2)).wall);
}

TEST_F(OpenOrdersTest, OfTheTwoFramesOfAFillOneReduces) {
  inserted(7, seconds(1));
  filled(7, "0.5", seconds(2));
  EXPECT_FALSE(filled(7, "0.5", seconds(3), FactType::Trade423));
  EXPECT_EQ(leaves(7), "1.5");
  EXPECT_EQ(orders.find(7)->as_of, at(seconds(3)).wall) << "it is a fact all the same";
}

TEST_F(OpenOrdersTest, AnOrderThatSeemsFilledStaysUntilThatIsConfirmed) {
  inserted(7, seconds(1));
  EXPECT_FALSE(filled(7, "1.5", seconds(2)));
  EXPECT_TRUE(filled(7, "0.5", seconds(3))) << "a sweep is wanted";
  EXPECT_EQ(leaves(7), "0");
  EXPECT_TRUE(filled(7, "0.5", seconds(3))) << "told twice, or counted by a sweep before";
  EXPECT_EQ(leaves(7), "0");
  sweep(seconds(5), {});
  EXPECT_EQ(leaves(7), "gone");
}

TEST_F(OpenOrdersTest, AFillWithoutALegibleAmountChangesNothingThatIsLeft) {
  inserted(7, seconds(1));
  EXPECT_FALSE(filled(7, "", seconds(2)));
  EXPECT_FALSE(filled(7, "?", seconds(2)));
  EXPECT_EQ(leaves(7), "2.0");
}

TEST_F(OpenOrdersTest, AFillOfAnUnknownOrderMakesNone) {
  EXPECT_FALSE(filled(7, "1", seconds(1)));
  EXPECT_FALSE(filled(7, "1", seconds(1), FactType::Trade423));
  EXPECT_EQ(orders.size(), 0u);
}

TEST_F(OpenOrdersTest, AnOrderThatIsProvenGoneLeaves) {
  inserted(7, seconds(1));
  orders.gone(7, at(seconds(9)));
  EXPECT_EQ(all(), Ids{});
  sweep(seconds(10), {7});
  EXPECT_EQ(all(), Ids{}) << "REST may lag behind the query that has read it";
}

// ---- Sweeps ----

TEST_F(OpenOrdersTest, ASweepEntersWhatTheStreamDidNotTell) {
  sweep(seconds(5), {7, 3});
  EXPECT_EQ(all(), (Ids{3, 7}));
  OpenOrder expected = order_of(7);
  expected.evidence = OpenOrder::Evidence::Sweep;
  expected.as_of = at(seconds(5)).wall;
  EXPECT_EQ(*orders.find(7), expected);
}

TEST_F(OpenOrdersTest, AnOrderThatASweepDoesNotListLeavesIfItsLastFactIsOldEnough) {
  inserted(1, seconds(3));
  inserted(2, seconds(3) + Duration(1));
  sweep(seconds(5), {});
  EXPECT_EQ(all(), Ids{2}) << "of order 2 the fact is a nanosecond too young";
  sweep(seconds(8), {});
  EXPECT_EQ(all(), Ids{});
}

TEST_F(OpenOrdersTest, AFillIsAFactToo) {
  inserted(1, seconds(1));
  filled(1, "0.5", seconds(4));
  sweep(seconds(5), {});
  EXPECT_EQ(all(), Ids{1});
  sweep(seconds(6), {});
  EXPECT_EQ(all(), Ids{});
}

TEST_F(OpenOrdersTest, AnOrderThatLeftByAFactThatIsYoungEnoughStaysGone) {
  inserted(1, seconds(1));
  deleted(1, seconds(3) + Duration(1));
  deleted(2, seconds(3));  // never seen
  sweep(seconds(5), {1, 2});
  EXPECT_EQ(all(), Ids{2});
  sweep(seconds(8), {1, 2});
  EXPECT_EQ(all(), (Ids{1, 2})) << "an edit whose 451 was lost";
}

TEST_F(OpenOrdersTest, A452ThatCameAfterTheRequestWasSentCounts) {
  inserted(1, seconds(1));
  deleted(1, seconds(9));
  sweep(seconds(8), {1});
  EXPECT_EQ(all(), Ids{});
}

TEST_F(OpenOrdersTest, A451After452IsBackAtOnce) {
  deleted(1, seconds(4));
  inserted(1, seconds(4) + milliseconds(1));
  sweep(seconds(5), {});
  EXPECT_EQ(all(), Ids{1});
}

TEST_F(OpenOrdersTest, ASweepOverridesWhatAnOldFactSaid) {
  inserted(1, seconds(3));
  inserted(2, seconds(4));
  sweep(seconds(5), {1, 2});
  EXPECT_EQ(orders.find(1)->price, "11");
  EXPECT_EQ(orders.find(1)->evidence, OpenOrder::Evidence::Sweep);
  EXPECT_EQ(orders.find(1)->as_of, at(seconds(5)).wall);
  EXPECT_EQ(orders.find(2)->price, "10");
  EXPECT_EQ(orders.find(2)->evidence, OpenOrder::Evidence::Stream);
  EXPECT_EQ(orders.find(2)->as_of, at(seconds(4)).wall);
}

TEST_F(OpenOrdersTest, ARequestForAPairSaysNothingOfOthers) {
  inserted(1, seconds(1), "BTCTRY");
  inserted(2, seconds(1), "ETHUSDT");
  orders.request_complete("BTCTRY", at(seconds(5)));
  EXPECT_EQ(all(), Ids{2});
  orders.request_complete("ETHUSDT", at(seconds(5)));
  EXPECT_EQ(all(), Ids{});
}

TEST_F(OpenOrdersTest, TheRequestsOfASweepAreJudgedByTheirOwnTimes) {
  inserted(1, seconds(4), "BTCTRY");
  inserted(2, seconds(4), "ETHUSDT");
  orders.request_complete("BTCTRY", at(seconds(5)));
  orders.request_complete("ETHUSDT", at(seconds(6)));
  orders.sweep_complete(at(seconds(5)));
  EXPECT_EQ(all(), Ids{1});
}

TEST_F(OpenOrdersTest, AnOrderWhosePairIsNotKnownLeavesWithTheWholeSweep) {
  inserted(1, seconds(1), "");
  inserted(2, seconds(4), "");
  inserted(3, seconds(1), "");
  orders.listed(order_of(3, "ETHUSDT"), at(seconds(6)));
  orders.request_complete("BTCTRY", at(seconds(5)));
  orders.request_complete("ETHUSDT", at(seconds(6)));
  EXPECT_EQ(all(), (Ids{1, 2, 3}));
  orders.sweep_complete(at(seconds(5)));
  EXPECT_EQ(all(), (Ids{2, 3}));
  EXPECT_EQ(orders.find(3)->symbol, "ETHUSDT");
  orders.check();
}

TEST_F(OpenOrdersTest, WhatARequestListsIsHereBeforeItIsComplete) {
  inserted(1, seconds(1));
  orders.listed(order_of(2), at(seconds(5)));
  EXPECT_EQ(all(), (Ids{1, 2})) << "and what it does not list is not gone before";
  orders.listed(order_of(1), at(seconds(5)));
  orders.request_complete("", at(seconds(5)));
  EXPECT_EQ(all(), (Ids{1, 2}));
}

TEST_F(OpenOrdersTest, CompleteAsOfIsTheSendingOfTheOldestRequestOfTheLastCompleteSweep) {
  EXPECT_FALSE(orders.complete_as_of());
  orders.request_complete("BTCTRY", at(seconds(5)));
  EXPECT_FALSE(orders.complete_as_of());
  orders.sweep_complete(at(seconds(5)));
  ASSERT_TRUE(orders.complete_as_of());
  EXPECT_EQ(orders.complete_as_of()->tick, at(seconds(5)).tick);
  inserted(1, seconds(6));
  deleted(1, seconds(7));
  EXPECT_EQ(orders.complete_as_of()->wall, at(seconds(5)).wall);
}

// ---- Departures that are remembered ----

TEST_F(OpenOrdersTest, ADepartureIsForgottenWhenNoRequestAsksForItAnyMore) {
  deleted(1, seconds(3));
  deleted(2, seconds(4));
  EXPECT_EQ(orders.departures(), 2u);
  orders.forget_departures(at(seconds(5) - Duration(1)).tick);
  EXPECT_EQ(orders.departures(), 2u);
  orders.forget_departures(at(seconds(5)).tick);
  EXPECT_EQ(orders.departures(), 1u);
  sweep(seconds(5), {1, 2});
  EXPECT_EQ(all(), Ids{1});
}

TEST_F(OpenOrdersTest, OfAnOrderThatLeftTwiceTheLaterCounts) {
  deleted(1, seconds(1));
  inserted(1, seconds(2));
  deleted(1, seconds(4));
  orders.forget_departures(at(seconds(5)).tick);
  EXPECT_EQ(orders.departures(), 1u);
  sweep(seconds(5), {1});
  EXPECT_EQ(all(), Ids{});
  orders.forget_departures(at(seconds(6)).tick);
  EXPECT_EQ(orders.departures(), 0u);
}

TEST_F(OpenOrdersTest, BeyondMostDeparturesARequestThatIsOlderIsNotTaken) {
  deleted(1, seconds(1));
  for (size_t i = 0; i < OpenOrders::MostDepartures; ++i) deleted(static_cast<OrderId>(i) + 2, seconds(2));
  EXPECT_EQ(orders.departures(), OpenOrders::MostDepartures);
  orders.check();
  EXPECT_FALSE(orders.listed(order_of(1), at(seconds(3) - Duration(1)))) << "whether it has left is not known any more";
  EXPECT_TRUE(orders.listed(order_of(1), at(seconds(3))));
  EXPECT_EQ(all(), Ids{1});
}

// ---- Limits ----

TEST_F(OpenOrdersTest, BeyondMostNoneIsTaken) {
  constexpr auto Full = static_cast<OrderId>(OpenOrders::Most);
  for (OrderId id = 1; id <= Full; ++id) inserted(id, seconds(1));
  inserted(Full + 1, seconds(1));
  EXPECT_EQ(orders.size(), OpenOrders::Most);
  EXPECT_FALSE(orders.listed(order_of(Full + 1), at(seconds(5))));
  EXPECT_TRUE(orders.listed(order_of(Full), at(seconds(5))));
  inserted(1, seconds(6));  // known already
  deleted(1, seconds(6));
  EXPECT_TRUE(orders.listed(order_of(Full + 1), at(seconds(5))));
  EXPECT_EQ(orders.size(), OpenOrders::Most);
  orders.check();
}

TEST_F(OpenOrdersTest, PairsAreRememberedWhenTheirOrdersAreGone) {
  inserted(1, seconds(1), "BTCTRY");
  deleted(1, seconds(2));
  orders.listed(order_of(2, "ETHUSDT"), at(seconds(5)));
  inserted(3, seconds(6), "");
  EXPECT_EQ(orders.pairs(), (absl::btree_set<std::string>{"BTCTRY", "ETHUSDT"}));
  for (int i = 0; i < 300; ++i) inserted(4, seconds(6), "P" + std::to_string(i));
  EXPECT_EQ(orders.pairs().size(), OpenOrders::MostPairs);
}

// ---- Owners ----

TEST_F(OpenOrdersTest, TheOwnerIsTheSenderOfThePrefix) {
  orders.set_owners(Owners(Prefixes{{"dA-", "alice"}, {"dB-", "bob"}}));
  inserted(1, seconds(1), "BTCTRY", "dA-1");
  inserted(2, seconds(1), "BTCTRY", "other");
  orders.listed(order_of(3, "BTCTRY", "dB-1"), at(seconds(5)));
  EXPECT_EQ(orders.find(1)->owner, "alice");
  EXPECT_EQ(orders.find(2)->owner, "");
  EXPECT_EQ(orders.find(3)->owner, "bob");
  EXPECT_EQ(orders.counts(), (std::vector<std::pair<std::string, size_t>>{{"", 1}, {"alice", 1}, {"bob", 1}}));
  orders.check();
}

TEST_F(OpenOrdersTest, OtherPrefixesAreOtherOwners) {
  inserted(1, seconds(1), "BTCTRY", "dA-1");
  inserted(2, seconds(1), "BTCTRY", "dB-1");
  EXPECT_EQ(orders.counts(), (std::vector<std::pair<std::string, size_t>>{{"", 2}}));
  orders.set_owners(Owners(Prefixes{{"dA-", "alice"}, {"dB-", "bob"}}));
  EXPECT_EQ(orders.matching({.whose = Scope::Whose::Owner, .owner = "alice"}), Ids{1});
  orders.set_owners(Owners(Prefixes{{"d", "carol"}}));
  EXPECT_EQ(orders.matching({.whose = Scope::Whose::Owner, .owner = "alice"}), Ids{});
  EXPECT_EQ(orders.matching({.whose = Scope::Whose::Owner, .owner = "carol"}), (Ids{1, 2}));
  EXPECT_EQ(orders.find(1)->as_of, at(seconds(1)).wall);
  orders.check();
  sweep(seconds(3), {});
  EXPECT_EQ(all(), Ids{}) << "the facts are as old as before";
}

TEST_F(OpenOrdersTest, ASweepThatListsAnotherClientOrderIdChangesTheOwner) {
  orders.set_owners(Owners(Prefixes{{"dA-", "alice"}}));
  inserted(1, seconds(1), "BTCTRY", "dA-1");
  sweep(seconds(5), {1});
  EXPECT_EQ(orders.find(1)->owner, "") << "it was edited, and the stream did not tell";
}

TEST_F(OpenOrdersTest, WhatEnteredIsTakenOnce) {
  orders.set_owners(Owners(Prefixes{{"dA-", "alice"}}));
  inserted(1, seconds(1), "BTCTRY", "dA-1");
  orders.listed(order_of(2), at(seconds(5)));
  EXPECT_EQ(orders.take_entered(), (Ids{1, 2}));
  EXPECT_EQ(orders.take_entered(), Ids{});
  orders.listed(order_of(2), at(seconds(8)));
  filled(1, "1", seconds(8));
  EXPECT_EQ(orders.take_entered(), Ids{}) << "nothing that a scope asks for has changed";
  orders.listed(order_of(1, "ETHUSDT", "dA-1"), at(seconds(10)));
  orders.set_owners(Owners());
  EXPECT_EQ(orders.take_entered(), (Ids{1, 1}));
}

// ---- Queries ----

class OpenOrdersInScopeTest : public OpenOrdersTest {
 protected:
  void SetUp() override {
    orders.set_owners(Owners(Prefixes{{"dA-", "alice"}, {"dB-", "bob"}}));
    add(1, "BTCTRY", "dA-1", Side::Buy);
    add(2, "BTCTRY", "dA-2", Side::Sell);
    add(3, "ETHUSDT", "dA-3", Side::Buy);
    add(4, "BTCTRY", "dB-1", Side::Buy);
    add(5, "ETHUSDT", "dB-2", std::nullopt);
    add(6, "BTCTRY", "x", Side::Sell);
    add(7, "BTCTRY", "", Side::Buy);
  }
  void add(OrderId id, std::string symbol, std::string client_order_id, std::optional<Side> side) {
    OrderFact fact = fact_of(FactType::Inserted451, id, std::move(symbol), std::move(client_order_id));
    fact.side = side;
    orders.fact(fact, at(seconds(1)));
  }
  /// Also by pages of every size.
  Ids in(const Scope& scope) const {
    const Ids ids = orders.matching(scope);
    EXPECT_EQ(orders.count(scope), ids.size());
    for (size_t most = 1; most <= 8; ++most) {
      Ids paged;
      OrderId from = 0;
      do {
        const OpenOrders::Page page = orders.page(scope, from, most);
        for (const OpenOrder& order : page.orders) paged.push_back(order.order_id);
        EXPECT_LE(page.orders.size(), most);
        from = page.next;
      } while (from != 0);
      EXPECT_EQ(paged, ids) << most;
    }
    for (OrderId id = 1; id <= 7; ++id) {
      EXPECT_EQ(scope.contains(*orders.find(id)), std::ranges::count(ids, id) == 1) << id;
    }
    return ids;
  }
};

TEST_F(OpenOrdersInScopeTest, AScopeAsMadeIsAllOfThem) { EXPECT_EQ(in({}), (Ids{1, 2, 3, 4, 5, 6, 7})); }

TEST_F(OpenOrdersInScopeTest, EachFieldNarrowsIt) {
  using enum Scope::Whose;
  EXPECT_EQ(in({.whose = Owner, .owner = "alice"}), (Ids{1, 2, 3}));
  EXPECT_EQ(in({.whose = Owner, .owner = "carol"}), Ids{});
  EXPECT_EQ(in({.whose = Unowned}), (Ids{6, 7}));
  EXPECT_EQ(in({.symbol = "BTCTRY"}), (Ids{1, 2, 4, 6, 7}));
  EXPECT_EQ(in({.symbol = "XRPTRY"}), Ids{});
  EXPECT_EQ(in({.side = Side::Buy}), (Ids{1, 3, 4, 7}));
  EXPECT_EQ(in({.side = Side::Sell}), (Ids{2, 6}));
  EXPECT_EQ(in({.client_order_id_prefix = "dA-"}), (Ids{1, 2, 3}));
  EXPECT_EQ(in({.client_order_id_prefix = "d"}), (Ids{1, 2, 3, 4, 5}));
  EXPECT_EQ(in({.whose = Owner, .owner = "alice", .symbol = "BTCTRY", .side = Side::Buy}), Ids{1});
  EXPECT_EQ(in({.whose = Unowned, .symbol = "BTCTRY", .client_order_id_prefix = "x"}), Ids{6});
}

TEST_F(OpenOrdersTest, APageLooksAtNoMoreThanItMay) {
  const auto most = static_cast<OrderId>(OpenOrders::PageLooksAt);
  for (OrderId id = 1; id <= most; ++id) inserted(id, seconds(1), "BTCTRY");
  inserted(most + 1, seconds(1), "ETHUSDT", "dA-1");
  const OpenOrders::Page first = orders.page({.client_order_id_prefix = "dA-"}, 0);
  EXPECT_TRUE(first.orders.empty());
  EXPECT_EQ(first.next, most + 1);
  const OpenOrders::Page second = orders.page({.client_order_id_prefix = "dA-"}, first.next);
  EXPECT_EQ(second.orders.size(), 1u);
  EXPECT_EQ(second.next, 0);
}

}  // namespace
}  // namespace cancelbus::core
