// Replies to a request for all open orders: what they leave out is taken for gone, so they are read in full or not at
// all.
#include <gtest/gtest.h>

#include <string>

#include "service/btcturk/rest.hpp"

namespace cancelbus::btcturk {
namespace {

using core::Answer;
using core::Arrival;
using core::Verdict;

Answer listed(int status, const std::string& body, const std::string& symbol = "") {
  return read_open_orders_reply({status, {}, body}, symbol);
}

std::string lists(const std::string& bids, const std::string& asks) {
  return R"({"success":true,"message":null,"code":0,"data":{"bids":[)" + bids + R"(],"asks":[)" + asks + "]}}";
}

const std::string Bid = R"({"id":25338392433,"price":"0.0457300000000000","amount":"37154.7","quantity":"37154.7082",
    "stopPrice":"0","pairSymbol":"ARPAUSDT","pairSymbolNormalized":"ARPA_USDT","type":"buy","method":"limit",
    "orderClientId":"dA-17","time":0,"updateTime":1700000000000,"status":"Partial","leftAmount":"139.90"})";

TEST(OpenOrdersReply, BothSidesAreRead) {
  const Answer answer =
      listed(200, lists(Bid, R"({"id":"7","type":"sell","status":"Untouched","amount":"2"})"), "HNTUSDT");
  ASSERT_EQ(answer.verdict, Verdict::Read) << answer.text;
  EXPECT_EQ(answer.arrival, Arrival::Answered);
  EXPECT_EQ(answer.text, "2 open orders");
  ASSERT_TRUE(answer.listing);
  EXPECT_EQ(answer.listing->part, 1U);
  EXPECT_EQ(answer.listing->parts, 1U);
  core::OpenOrder bid;
  bid.order_id = 25338392433;
  bid.symbol = "ARPAUSDT";
  bid.side = core::Side::Buy;
  bid.price = "0.0457300000000000";
  bid.quantity = "37154.7082";
  bid.leaves_qty = "139.90";
  bid.client_order_id = "dA-17";
  core::OpenOrder ask;
  ask.order_id = 7;
  ask.symbol = "HNTUSDT";
  ask.side = core::Side::Sell;
  ask.quantity = "2";
  EXPECT_EQ(answer.listing->orders, (std::vector{bid, ask}));
}

TEST(OpenOrdersReply, NoneAreOpen) {
  const Answer answer = listed(200, lists("", ""));
  ASSERT_EQ(answer.verdict, Verdict::Read) << answer.text;
  EXPECT_TRUE(answer.listing->orders.empty());
}

TEST(OpenOrdersReply, AnOrderThatIsNotOpenAnyMoreIsLeftOut) {
  const Answer answer = listed(
      200, lists(R"({"id":1,"status":"Canceled"},{"id":2,"status":"Closed"},{"id":3,"status":"?"})", R"({"id":4})"));
  ASSERT_EQ(answer.verdict, Verdict::Read) << answer.text;
  ASSERT_EQ(answer.listing->orders.size(), 2U);
  EXPECT_EQ(answer.listing->orders[0].order_id, 3) << "a status that is not known says nothing";
  EXPECT_EQ(answer.listing->orders[1].order_id, 4);
}

TEST(OpenOrdersReply, OfAnOrderThatIsListedOnOneSideAndNamesTheOtherTheSideIsNotKnown) {
  const Answer answer = listed(200, lists(R"({"id":1,"type":"sell"})", ""));
  ASSERT_EQ(answer.verdict, Verdict::Read) << answer.text;
  EXPECT_EQ(answer.listing->orders[0].side, std::nullopt);
}

TEST(OpenOrdersReply, WhatIsNotLegibleInFullIsNotReadAtAll) {
  for (const std::string& body :
       {lists(R"({"id":0})", ""), lists(R"({"status":"Untouched"})", ""), lists("", R"({"id":"x"})"), lists("7", ""),
        std::string(R"({"success":true,"data":{"bids":[]}})"), std::string(R"({"success":true,"data":{"asks":[]}})"),
        std::string(R"({"success":true,"data":{"bids":null,"asks":[]}})"), std::string(R"({"success":true,"data":[]})"),
        std::string(R"({"success":true})")}) {
    const Answer answer = listed(200, body);
    EXPECT_EQ(answer.verdict, Verdict::Doubtful) << body;
    EXPECT_EQ(answer.text, "the list of open orders is not legible, or too long") << body;
    EXPECT_FALSE(answer.listing) << body;
  }
  for (const std::string& body : {std::string("rubbish"), lists(Bid, "").substr(0, 300),
                                  std::string(R"({"success":false,"data":{"bids":[],"asks":[]}})")}) {
    EXPECT_EQ(listed(200, body).verdict, Verdict::Doubtful) << body;
  }
}

TEST(OpenOrdersReply, MoreThanOtherAnswersMayBeLong) {
  std::string bids = R"({"id":1})";
  for (int id = 2; id <= 20'000; ++id) bids += ",{\"id\":" + std::to_string(id) + "}";
  const std::string body = lists(bids, "");
  ASSERT_GT(body.size(), 200'000U);
  const Answer answer = listed(200, body);
  ASSERT_EQ(answer.verdict, Verdict::Read) << answer.text;
  EXPECT_EQ(answer.listing->orders.size(), 20'000U);
}

TEST(OpenOrdersReply, A400IsARefusalIfTheExchangeSaysSo) {
  const Answer answer = listed(400, R"({"success":false,"message":"pairSymbol is missing","code":400})");
  EXPECT_EQ(answer.verdict, Verdict::Refused);
  EXPECT_EQ(answer.text, "pairSymbol is missing");
  EXPECT_EQ(listed(400, "<html>").verdict, Verdict::Doubtful);
}

TEST(OpenOrdersReply, OtherStatusesMeanWhatTheyMeanElsewhere) {
  EXPECT_EQ(listed(401, "").verdict, Verdict::Unauthorized);
  EXPECT_EQ(listed(404, "").verdict, Verdict::WrongRequest);
  EXPECT_EQ(listed(503, "<html>").verdict, Verdict::Doubtful);
  const Answer throttled = listed(429, R"({"message":"TOO_MANY_REQUESTS","success":false,"code":429,"period":"1m"})");
  EXPECT_EQ(throttled.verdict, Verdict::Throttled);
  EXPECT_EQ(throttled.retry_after, std::chrono::minutes(1));
}

}  // namespace
}  // namespace cancelbus::btcturk
