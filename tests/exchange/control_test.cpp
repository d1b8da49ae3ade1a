#include "tests/exchange/control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/exchange/test_driver.hpp"

namespace exchange_sim {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

TEST(Control, PlacesManyOrdersAtOnceWithoutSpendingAnyLimit) {
  Driver sim;
  const auto ids = sim.place(5000);
  EXPECT_EQ(ids.size(), 5000u);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(sim.counters().at("orders").at("Untouched"), 5000);
  EXPECT_THAT(sim.counters().at("requests").as_object(), testing::IsEmpty());
}

TEST(Control, PlacesOrdersUnderClientOrderIds) {
  Driver sim;
  const auto ids_of = [&](const std::string& body) {
    std::vector<std::string> client_ids;
    const auto placed = sim.control("POST", "orders", body);
    for (const auto& id : placed.at("ids").as_array()) {
      const std::string target = "/api/v1/order/" + std::to_string(id.as_int64());
      const auto order = json::parse(sim.answer(sim.send(sim.signed_request("GET", target))).body);
      client_ids.emplace_back(order.at("data").at("orderClientId").as_string());
    }
    return client_ids;
  };
  EXPECT_THAT(ids_of(R"({"newOrderClientId":"dA-1"})"), testing::ElementsAre("dA-1"));
  EXPECT_THAT(ids_of(R"({"count":2,"newOrderClientId":"dA"})"), testing::ElementsAre("dA-1", "dA-2"));
  EXPECT_THAT(ids_of("{}"), testing::ElementsAre(""));
  const auto wrong = sim.control_answer("POST", "orders", R"({"newOrderClientId":")" + std::string(51, 'x') + "\"}");
  EXPECT_EQ(wrong.status, 400u);
  EXPECT_THAT(wrong.body, HasSubstr("newOrderClientId"));
}

TEST(Control, ShowsWhatArrived) {
  Driver sim;
  const auto id = sim.place();
  sim.cancel(id);
  sim.advance(milliseconds{250});
  sim.cancel(id);
  sim.answer(sim.send(sim.signed_request("GET", "/api/v1/order/" + std::to_string(id))));
  const auto reply = sim.control("GET", "arrivals");
  const auto& list = reply.at("arrivals").as_array();
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].at("request"), "DELETE /api/v1/order");
  EXPECT_EQ(list[0].at("order_id"), id);
  EXPECT_EQ(list[0].at("status"), 200);
  EXPECT_EQ(std::string(list[0].at("stamp").as_string()), std::to_string(unix_ms(sim.now) - 250));
  EXPECT_EQ(list[1].at("time_us").as_int64() - list[0].at("time_us").as_int64(), 250'000);
  EXPECT_EQ(list[2].at("request"), "GET /api/v1/order/{id}");
  EXPECT_EQ(sim.control("GET", "arrivals?last=1").at("arrivals").as_array().size(), 1u);
}

TEST(Control, CountsRequestsByEndpointAndStatus) {
  Driver sim;
  const auto id = sim.place();
  sim.cancel(id);
  sim.cancel(7);
  sim.cancel(7);
  const auto counters = sim.counters();
  EXPECT_EQ(counters.at("requests").at("DELETE /api/v1/order"), (json::object{{"200", 1}, {"400", 2}}));
  EXPECT_EQ(counters.at("peak"), (json::object{{"1s", 3}, {"60s", 3}}));
  EXPECT_EQ(counters.at("peak_as_counted"), (json::object{{"1s", 3}, {"60s", 3}}));
  EXPECT_EQ(counters.at("refused_429"), 0);
  EXPECT_EQ(counters.at("repeated_stamps"), 0);
  EXPECT_EQ(counters.at("max_deletes_per_order"), 2);
  EXPECT_EQ(counters.at("max_overlapping_deletes_per_order"), 1);
}

TEST(Control, PeakIsOverAnyStretchAndPeakAsCountedOverTheExchangesWindows) {
  Driver sim;
  sim.cancel(7);
  sim.advance(milliseconds{900});
  for (int i = 0; i < 5; ++i) sim.cancel(7);
  sim.advance(milliseconds{200});
  for (int i = 0; i < 5; ++i) sim.cancel(7);
  EXPECT_EQ(sim.counters().at("peak").at("1s"), 10);
  EXPECT_EQ(sim.counters().at("peak_as_counted").at("1s"), 6);
}

TEST(Control, ForgetsItsCountersWhenTold) {
  Driver sim;
  sim.cancel(7);
  EXPECT_EQ(sim.control_answer("DELETE", "counters").status, 200u);
  EXPECT_THAT(sim.counters().at("requests").as_object(), testing::IsEmpty());
  EXPECT_EQ(sim.counters().at("peak").at("60s"), 0);
  EXPECT_THAT(sim.control("GET", "arrivals").at("arrivals").as_array(), testing::IsEmpty());
}

TEST(Control, ListsOrdersByStatus) {
  Driver sim;
  const auto ids = sim.place(3);
  sim.control("POST", "fill", "{\"id\":" + std::to_string(ids[2]) + "}");
  EXPECT_EQ(sim.control("GET", "orders").at("orders").as_array().size(), 3u);
  const auto closed = sim.control("GET", "orders?status=Closed").at("orders").as_array();
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].at("id"), ids[2]);
}

TEST(Control, ShowsWhenAnOrderChanged) {
  Driver sim;
  const auto id = sim.place();
  const auto placed = unix_us(sim.now);
  const auto order = "{\"id\":" + std::to_string(id);
  sim.advance(milliseconds{100});
  sim.control("POST", "fill", order + ",\"amount\":\"0.004\"}");
  sim.advance(milliseconds{100});
  sim.control("POST", "edit", order + ",\"quantity\":\"0.02\"}");
  sim.advance(milliseconds{100});
  sim.cancel(id);
  sim.advance(milliseconds{30});
  const auto change = [&](int ms, const char* status, const char* left, const char* quantity) {
    return json::object{{"at_us", placed + ms * 1000}, {"status", status}, {"left", left}, {"quantity", quantity}};
  };
  EXPECT_EQ(sim.control("GET", "orders?id=" + std::to_string(id)).at("orders").as_array()[0].at("changes"),
            (json::array{change(0, "Untouched", "0.01", "0.01"), change(100, "Partial", "0.006", "0.01"),
                         change(200, "Partial", "0.016", "0.02"), change(320, "Canceled", "0.016", "0.02")}));
  EXPECT_EQ(sim.control("GET", "time").at("now_us"), unix_us(sim.now));
}

TEST(Control, KeepsTheFirstAndTheLatestChangesOfAnOrder) {
  Driver sim;
  const auto id = sim.place();
  for (int i = 0; i < 100; ++i) sim.control("POST", "edit", "{\"id\":" + std::to_string(id) + ",\"quantity\":\"1\"}");
  sim.control("POST", "cancel", "{\"id\":" + std::to_string(id) + "}");
  const auto orders = sim.control("GET", "orders");
  const auto& changes = orders.at("orders").as_array()[0].at("changes").as_array();
  ASSERT_EQ(changes.size(), 64u);
  EXPECT_EQ(changes.front().at("quantity"), "0.01");
  EXPECT_EQ(changes.back().at("status"), "Canceled");
}

TEST(Control, TakesOtherKeysWhileItRuns) {
  Driver sim;
  const auto id = sim.place();
  sim.control("POST", "keys", R"({"keys":[{"public_key":"OTHER","secret":"c2VjcmV0"}]})");
  EXPECT_EQ(sim.cancel(id).status, 401u);
  EXPECT_EQ(sim.counters().at("unauthorized").as_object().size(), 1u);
  const auto reply =
      sim.control("POST", "keys",
                  R"({"keys":[{"public_key":"OTHER","secret":"c2VjcmV0"},{"public_key":"PUB","secret":"c2VjcmV0"}]})");
  EXPECT_EQ(reply.at("keys"), 2);
  EXPECT_EQ(sim.cancel(id).status, 200u);
}

TEST(Control, NamesTheFieldItCannotRead) {
  Driver sim;
  const auto error = [&](const char* path, const char* body) {
    const auto reply = sim.control_answer("POST", path, body);
    EXPECT_EQ(reply.status, 400u) << path << body;
    return reply.body;
  };
  EXPECT_THAT(error("orders", R"({"count":0})"), HasSubstr("count"));
  EXPECT_THAT(error("orders", R"({"count":20001})"), HasSubstr("count"));
  EXPECT_THAT(error("orders", R"({"pairSymbol":""})"), HasSubstr("pairSymbol"));
  EXPECT_THAT(error("orders", R"({"pair":"BTCTRY"})"), HasSubstr("pair"));
  EXPECT_THAT(error("orders", "50"), HasSubstr("JSON object"));
  EXPECT_THAT(error("fill", R"({"id":7})"), HasSubstr("7"));
  EXPECT_THAT(error("fill", R"({"amount":"1"})"), HasSubstr("id"));
  EXPECT_THAT(error("fill", R"({"id":7,"amount":"-1"})"), HasSubstr("amount"));
  EXPECT_THAT(error("edit", R"({"id":7,"gap_ms":-1})"), HasSubstr("gap_ms"));
  EXPECT_THAT(error("cancel", R"({})"), HasSubstr("id"));
  EXPECT_THAT(error("stream", R"({"close":"door"})"), HasSubstr("close"));
  EXPECT_THAT(error("stream", R"({})"), HasSubstr("exactly one"));
  EXPECT_THAT(error("keys", R"({})"), HasSubstr("keys"));
  EXPECT_THAT(error("keys", R"({"keys":["PUB"]})"), HasSubstr("public key is empty"));
  EXPECT_THAT(error("keys", R"({"keys":[{"public_key":"PUB","secret":"secret-value!"}]})"),
              Not(HasSubstr("secret-value")));
  EXPECT_EQ(sim.control_answer("POST", "nothing", "{}").status, 404u);
  EXPECT_EQ(sim.control_answer("GET", "nothing").status, 404u);
}

}  // namespace
}  // namespace exchange_sim
