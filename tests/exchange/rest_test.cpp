// What a request meets on its way: paths, keys, stamps, limits, blocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/exchange/payloads.hpp"
#include "tests/exchange/test_driver.hpp"

namespace exchange_sim {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Rest, TheIdBelongsInTheQuery) {
  Driver sim;
  const auto id = sim.place();
  const std::string body = "{\"id\":" + std::to_string(id) + "}";
  EXPECT_EQ(sim.answer(sim.send(sim.signed_request("DELETE", "/api/v1/order", body))).status, 400u);
  for (const char* target : {"/api/v1/order?id=", "/api/v1/order?id=x", "/api/v1/order?id=-1", "/api/v1/order?ids=1"}) {
    EXPECT_EQ(sim.answer(sim.send(sim.signed_request("DELETE", target))).status, 400u) << target;
  }
  EXPECT_EQ(sim.status_of(id), "Untouched");
}

TEST(Rest, WrongPathsAndMethodsAreNotFoundAndNotAllowed) {
  Driver sim;
  EXPECT_EQ(sim.answer(sim.send(sim.signed_request("GET", "/api/v1/orders"))).status, 404u);
  EXPECT_EQ(sim.answer(sim.send(sim.signed_request("PUT", "/api/v1/order"))).status, 405u);
  EXPECT_EQ(sim.answer(sim.send(sim.signed_request("DELETE", "/api/v1/order/1"))).status, 405u);
}

TEST(Rest, ServerTimeNeedsNoKey) {
  Driver sim;
  const auto reply = sim.answer(sim.send(HttpRequest{"GET", "/api/v2/server/time", "", "", "", "", "10.0.0.1"}));
  EXPECT_EQ(reply.status, 200u);
  EXPECT_EQ(json::parse(reply.body).at("serverTime"), 1'800'000'000'000);
}

TEST(Rest, OpenOrdersListsOnePairOrAll) {
  Driver sim;
  sim.control("POST", "orders", R"({"count":2,"pairSymbol":"BTCTRY"})");
  sim.control("POST", "orders", R"({"count":1,"pairSymbol":"HNTUSDT","orderType":"sell"})");
  const auto list = [&](const char* target) {
    return json::parse(sim.answer(sim.send(sim.signed_request("GET", target))).body).at("data");
  };
  EXPECT_EQ(list("/api/v1/openOrders?pairSymbol=BTCTRY").at("bids").as_array().size(), 2u);
  EXPECT_EQ(list("/api/v1/openOrders?pairSymbol=BTC_TRY").at("asks").as_array().size(), 0u);
  EXPECT_EQ(list("/api/v1/openOrders").at("asks").at(0).at("pairSymbolNormalized"), "HNT_USDT");
}

TEST(Rest, AnUnknownOrderIsNotFound) {
  Driver sim;
  const auto reply = sim.answer(sim.send(sim.signed_request("GET", "/api/v1/order/5")));
  EXPECT_EQ(reply.status, 400u);
  EXPECT_EQ(reply.body, payload("query_not_found").body);
}

TEST(Rest, RefusesBadKeysSignaturesAndStampsWithTheBodiesSeen) {
  Driver sim;
  const auto id = sim.place();
  const std::string target = Driver::cancel_target(id);
  const std::string stamp = std::to_string(unix_ms(sim.now));
  HttpRequest bad_key = Driver::signed_with(stamp, "DELETE", target);
  bad_key.public_key = "WHO";
  HttpRequest bad_signature = Driver::signed_with(stamp, "DELETE", target);
  bad_signature.signature = "AAAA";
  const HttpRequest stale = Driver::signed_with(std::to_string(unix_ms(sim.now) - 5001), "DELETE", target);
  const HttpRequest good = Driver::signed_with(stamp, "DELETE", target);

  for (const HttpRequest& request : {bad_key, bad_signature}) {
    const auto reply = sim.answer(sim.send(request));
    EXPECT_EQ(reply.status, 401u);
    EXPECT_EQ(reply.body, "");
  }
  EXPECT_EQ(sim.answer(sim.send(stale)).body, payload("cancel_401_success_true").body);
  EXPECT_EQ(sim.answer(sim.send(good)).status, 200u);
  EXPECT_EQ(sim.answer(sim.send(good)).status, 401u);

  const auto counters = sim.counters();
  EXPECT_EQ(counters.at("repeated_stamps"), 1);
  EXPECT_EQ(counters.at("unauthorized").at("key"), 1);
  EXPECT_EQ(counters.at("unauthorized").at("signature"), 1);
  EXPECT_EQ(counters.at("unauthorized").at("stale_stamp"), 1);
  EXPECT_EQ(counters.at("max_unauthorized_in_a_row"), 3);
  EXPECT_EQ(counters.at("peak").at("1s"), 1);  // refused requests do not count against the limits
}

TEST(Rest, FiftyUnauthorizedInARowBlockTheAddress) {
  Driver sim;
  HttpRequest bad = Driver::signed_with("1", "DELETE", Driver::cancel_target(7));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(sim.answer(sim.send(bad)).status, 401u);
  EXPECT_EQ(sim.cancel(7).status, 403u);
  EXPECT_THAT(sim.cancel(7).body, testing::StartsWith("<html>"));
}

TEST(Rest, AGoodRequestEndsTheRowOfUnauthorizedOnes) {
  Driver sim;
  HttpRequest bad = Driver::signed_with("1", "DELETE", Driver::cancel_target(7));
  for (int i = 0; i < 49; ++i) sim.send(bad);
  EXPECT_EQ(sim.cancel(7).status, 400u);
  for (int i = 0; i < 49; ++i) sim.send(bad);
  EXPECT_EQ(sim.cancel(7).status, 400u);
}

TEST(Rest, TheEleventhCancelInASecondIsRefusedAndBlocksForASecond) {
  Driver sim;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(sim.cancel(7).status, 400u);
  const auto refused = sim.cancel(7);
  EXPECT_EQ(refused.status, 429u);
  EXPECT_EQ(refused.retry_after_s, 1);
  const auto body = json::parse(refused.body);
  EXPECT_EQ(body.at("message"), "TOO_MANY_REQUESTS");
  EXPECT_EQ(body.at("limit"), "10");
  EXPECT_EQ(body.at("period"), "1s");
  EXPECT_EQ(body.at("policy"), "account");
  sim.advance(milliseconds{999});
  EXPECT_EQ(sim.cancel(7).status, 429u);
  sim.advance(milliseconds{1});
  EXPECT_EQ(sim.cancel(7).status, 400u);
  EXPECT_EQ(sim.counters().at("refused_429"), 2);
}

TEST(Rest, TheThreeHundredAndFirstInAMinuteBlocksForAMinute) {
  Driver sim;
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(sim.cancel(7).status, 400u) << i;
    sim.advance(milliseconds{110});
  }
  const auto refused = sim.cancel(7);
  EXPECT_EQ(refused.retry_after_s, 60);
  EXPECT_EQ(json::parse(refused.body).at("details"),
            "Quota exceeded. Maximum allowed: 300 per 1m. Please try again in 60 second(s).");
  sim.advance(seconds{59});
  EXPECT_EQ(sim.cancel(7).retry_after_s, 1);
  sim.advance(seconds{1});
  EXPECT_EQ(sim.cancel(7).status, 400u);
}

TEST(Rest, EachEndpointHasItsOwnCounter) {
  Driver sim;
  for (int i = 0; i < 11; ++i) sim.cancel(7);
  EXPECT_EQ(sim.cancel(7).status, 429u);
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(sim.answer(sim.send(sim.signed_request("GET", "/api/v1/order/7"))).status, 400u);
  }
  EXPECT_EQ(sim.answer(sim.send(sim.signed_request("GET", "/api/v1/order/7"))).status, 429u);
  EXPECT_EQ(sim.answer(sim.send(sim.signed_request("POST", "/api/v1/order", "{}"))).status, 400u);
}

TEST(Rest, CountsOverlappingDeletesUntilTheyAreAnsweredOrGone) {
  Driver sim;
  sim.control("POST", "faults", R"({"stall":{}})");
  const auto first = sim.send_cancel(7);
  sim.send_cancel(7);
  sim.send_cancel(8);
  EXPECT_EQ(sim.counters().at("max_overlapping_deletes_per_order"), 2);
  sim.exchange.abandoned(sim.now, first);
  sim.send_cancel(7);
  const auto counters = sim.counters();
  EXPECT_EQ(counters.at("max_overlapping_deletes_per_order"), 2);
  EXPECT_EQ(counters.at("max_deletes_per_order"), 3);
  EXPECT_EQ(counters.at("orders_by_deletes").at("1"), 1);
  EXPECT_EQ(counters.at("orders_by_deletes").at("3"), 1);
  EXPECT_EQ(counters.at("requests").at("DELETE /api/v1/order").at("abandoned"), 1);
}

}  // namespace
}  // namespace exchange_sim
