// The life of an order: what REST answers and what the stream says, without faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/exchange/payloads.hpp"
#include "tests/exchange/test_driver.hpp"

namespace exchange_sim {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Cancel, IsAReceiptFirstAndA452AfterTheDelay) {
  Driver sim;
  const StreamId stream = sim.log_in();
  const auto id = sim.place();
  EXPECT_GT(id, std::int64_t{1} << 32);
  EXPECT_EQ(sim.cancel(id).body, R"({"success":true,"message":"SUCCESS","code":0})");
  sim.advance(milliseconds{19});
  EXPECT_THAT(sim.types(stream), ElementsAre(451));
  EXPECT_EQ(sim.status_of(id), "Untouched");
  sim.advance(milliseconds{1});
  EXPECT_THAT(sim.types(stream), ElementsAre(451, 452));
  EXPECT_EQ(sim.bodies(stream, 452)[0].at("id"), id);
}

TEST(Cancel, ReadsAsOpenForAMomentAfterThe452) {
  Driver sim;
  const auto id = sim.place();
  sim.cancel(id);
  sim.advance(milliseconds{24});
  EXPECT_EQ(sim.status_of(id), "Untouched");
  sim.advance(milliseconds{1});
  EXPECT_EQ(sim.status_of(id), "Canceled");
}

TEST(Cancel, OfACanceledOrderIsSuccessWithoutA452) {
  Driver sim;
  const StreamId stream = sim.log_in();
  const auto id = sim.place();
  sim.cancel(id);
  EXPECT_EQ(sim.cancel(id).status, 200u);  // still pending
  sim.advance(milliseconds{100});
  EXPECT_EQ(sim.cancel(id).status, 200u);
  sim.advance(milliseconds{100});
  EXPECT_THAT(sim.types(stream), ElementsAre(451, 452));
}

TEST(Cancel, OfAFilledOrUnknownOrderMatchesNothing) {
  Driver sim;
  const auto id = sim.place();
  sim.control("POST", "fill", "{\"id\":" + std::to_string(id) + "}");
  EXPECT_EQ(sim.cancel(id).body, payload("cancel_400_no_order").body);
  EXPECT_EQ(sim.cancel(5).status, 400u);
  EXPECT_EQ(sim.cancel(5).body, payload("cancel_400_no_order").body);
}

TEST(Cancel, LosesToAFillOnItsWay) {
  Driver sim;
  const StreamId stream = sim.log_in();
  const auto id = sim.place();
  EXPECT_EQ(sim.cancel(id).status, 200u);
  sim.advance(milliseconds{10});
  sim.control("POST", "fill", "{\"id\":" + std::to_string(id) + "}");
  sim.advance(milliseconds{100});
  EXPECT_THAT(sim.types(stream), ElementsAre(451, 441, 423));
  EXPECT_EQ(sim.status_of(id), "Closed");
}

TEST(Cancel, ReportsNumLeftAsItWasWhenTheCancelWasQueued) {
  Driver sim;
  const StreamId stream = sim.log_in();
  const auto id = sim.place();
  sim.cancel(id);
  sim.advance(milliseconds{10});
  sim.control("POST", "fill", "{\"id\":" + std::to_string(id) + R"(,"amount":"0.004"})");
  sim.advance(milliseconds{100});
  EXPECT_EQ(sim.bodies(stream, 452)[0].at("numLeft"), "0.0100000000000000");
  const auto order = sim.control("GET", "orders?id=" + std::to_string(id)).at("orders").at(0);
  EXPECT_EQ(order.at("status"), "Canceled");
  EXPECT_EQ(order.at("left"), "0.006");
}

TEST(Fill, InPartsReadsPartialThenClosed) {
  Driver sim;
  const StreamId stream = sim.log_in();
  const auto id = sim.place();
  sim.control("POST", "fill", "{\"id\":" + std::to_string(id) + R"(,"amount":"0.004"})");
  sim.advance(milliseconds{5});
  EXPECT_EQ(sim.status_of(id), "Partial");
  sim.control("POST", "fill", "{\"id\":" + std::to_string(id) + R"(,"amount":"7"})");  // as much as is left
  sim.advance(milliseconds{5});
  EXPECT_EQ(sim.status_of(id), "Closed");
  EXPECT_THAT(sim.types(stream), ElementsAre(451, 441, 423, 441, 423));
  EXPECT_EQ(sim.bodies(stream, 441)[1].at("amount"), "0.0060000000");
  EXPECT_EQ(sim.bodies(stream, 423)[1].at("orderId"), id);
}

TEST(Edit, KeepsTheIdAndMakes452Then451) {
  Driver sim;
  const StreamId stream = sim.log_in();
  const auto id = sim.place();
  sim.control("POST", "edit", "{\"id\":" + std::to_string(id) + R"(,"quantity":"0.02","gap_ms":10})");
  EXPECT_THAT(sim.types(stream), ElementsAre(451, 452));
  sim.advance(milliseconds{10});
  EXPECT_THAT(sim.types(stream), ElementsAre(451, 452, 451));
  EXPECT_EQ(sim.bodies(stream, 451)[1].at("id"), id);
  EXPECT_EQ(sim.bodies(stream, 451)[1].at("numLeft"), "0.02");
  EXPECT_EQ(sim.cancel(id).status, 200u);
}

TEST(CancelByHand, MakesA452WithoutARequest) {
  Driver sim;
  const StreamId stream = sim.log_in();
  const auto id = sim.place();
  sim.control("POST", "cancel", "{\"id\":" + std::to_string(id) + "}");
  EXPECT_THAT(sim.types(stream), ElementsAre(451, 452));
  EXPECT_EQ(sim.counters().at("max_deletes_per_order"), 0);
}

TEST(Place, ThroughRestMakesA451AndCanBeCanceled) {
  Driver sim;
  const StreamId stream = sim.log_in();
  const auto reply = sim.answer(sim.send(sim.signed_request(
      "POST", "/api/v1/order",
      R"({"quantity":"0.5","price":"100.25","orderMethod":"limit","orderType":"sell","pairSymbol":"BTC_TRY","newOrderClientId":"mine"})")));
  ASSERT_EQ(reply.status, 200u);
  const auto id = boost::json::parse(reply.body).at("data").at("id").as_int64();
  const auto inserted = sim.bodies(stream, 451).at(0);
  EXPECT_EQ(inserted.at("id"), id);
  EXPECT_EQ(inserted.at("orderType"), 1);
  EXPECT_EQ(inserted.at("price"), "100.25");
  EXPECT_EQ(inserted.at("newOrderClientId"), "mine");
  EXPECT_EQ(sim.cancel(id).status, 200u);
  sim.advance(milliseconds{20});
  EXPECT_EQ(sim.bodies(stream, 452).at(0).at("price"), "100.2500000000000000");
}

TEST(Place, NamesTheFieldItCannotRead) {
  Driver sim;
  const std::string good =
      R"("quantity":"1","price":"1","orderMethod":"limit","orderType":"buy","pairSymbol":"BTCTRY")";
  const auto message = [&](const std::string& body) {
    return sim.answer(sim.send(sim.signed_request("POST", "/api/v1/order", body))).body;
  };
  EXPECT_THAT(message("{" + good + "}"), testing::HasSubstr("\"id\""));
  EXPECT_THAT(message("[]"), testing::HasSubstr("not a JSON object"));
  EXPECT_THAT(message("{" + good + R"(,"quantity":"-1"})"), testing::HasSubstr("quantity"));
  EXPECT_THAT(message("{" + good + R"(,"price":"x"})"), testing::HasSubstr("price"));
  EXPECT_THAT(message("{" + good + R"(,"orderMethod":"iceberg"})"), testing::HasSubstr("orderMethod"));
  EXPECT_THAT(message("{" + good + R"(,"orderType":"hold"})"), testing::HasSubstr("orderType"));
  EXPECT_THAT(message("{" + good + R"(,"pairSymbol":"btc try"})"), testing::HasSubstr("pairSymbol"));
  EXPECT_THAT(message("{" + good + R"(,"newOrderClientId":")" + std::string(51, 'x') + "\"}"),
              testing::HasSubstr("newOrderClientId"));
}

TEST(Book, DropsTheOldestFinishedOrdersToMakeRoomAndNoOpenOne) {
  Settings settings;
  settings.max_orders = 3;
  Driver sim(settings);
  const auto ids = sim.place(3);
  EXPECT_EQ(sim.control_answer("POST", "orders", "{}").status, 400u);
  sim.control("POST", "fill", "{\"id\":" + std::to_string(ids[1]) + "}");
  sim.place();
  EXPECT_EQ(sim.control_answer("GET", "orders?id=" + std::to_string(ids[1])).status, 400u);
  EXPECT_EQ(sim.control_answer("GET", "orders?id=" + std::to_string(ids[0])).status, 200u);
  EXPECT_EQ(sim.counters().at("orders").at("Untouched"), 3);
  EXPECT_EQ(sim.counters().at("orders").at("Closed"), 0);
}

}  // namespace
}  // namespace exchange_sim
