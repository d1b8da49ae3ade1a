// Each fault does what its name says, and applies as often and to whom it was told.
#include "tests/exchange/faults.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/exchange/payloads.hpp"
#include "tests/exchange/test_driver.hpp"

namespace exchange_sim {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FaultTest : public testing::Test {
 protected:
  void set(const std::string& faults) {
    const auto reply = sim_.control_answer("POST", "faults", faults);
    ASSERT_EQ(reply.status, 200u) << reply.body;
  }
  // The types on the stream after one cancel and a second, the 451 of placing left out.
  std::vector<std::int64_t> after_cancel() {
    id_ = sim_.place();
    sim_.frames[stream_].clear();
    sim_.order_of_events.clear();
    request_ = sim_.send_cancel(id_);
    sim_.advance(seconds{1});
    return sim_.types(stream_);
  }
  std::string truth() {
    const auto reply = sim_.control("GET", "orders?id=" + std::to_string(id_));
    return std::string(reply.at("orders").at(0).at("status").as_string());
  }

  Driver sim_;
  StreamId stream_ = sim_.log_in();
  std::int64_t id_ = 0;
  RequestId request_ = 0;
};

TEST_F(FaultTest, No452) {
  set(R"({"no_452":{}})");
  EXPECT_THAT(after_cancel(), IsEmpty());
  EXPECT_EQ(sim_.answer(request_).status, 200u);
  EXPECT_EQ(truth(), "Canceled");
}

TEST_F(FaultTest, Early452ComesBeforeTheAnswer) {
  set(R"({"early_452":{"delay_ms":30}})");
  after_cancel();
  EXPECT_THAT(sim_.order_of_events, ElementsAre("452", "201", "200"));
}

TEST_F(FaultTest, Duplicate452) {
  set(R"({"duplicate_452":{}})");
  EXPECT_THAT(after_cancel(), ElementsAre(452, 452));
}

TEST_F(FaultTest, ZeroId452ComesBesideTheTrueOne) {
  set(R"({"zero_id_452":{}})");
  EXPECT_THAT(after_cancel(), ElementsAre(452, 452));
  EXPECT_EQ(sim_.bodies(stream_, 452)[0].at("id"), 0);
  EXPECT_EQ(sim_.bodies(stream_, 452)[1].at("id"), id_);
}

TEST_F(FaultTest, Foreign452NamesAnOrderThatWasNotPlaced) {
  set(R"({"foreign_452":{}})");
  EXPECT_THAT(after_cancel(), ElementsAre(452, 452));
  const auto foreign = sim_.bodies(stream_, 452)[0].at("id").as_int64();
  EXPECT_EQ(sim_.control_answer("GET", "orders?id=" + std::to_string(foreign)).status, 400u);
}

TEST_F(FaultTest, FillInsteadClosesTheOrder) {
  set(R"({"fill_instead":{}})");
  EXPECT_THAT(after_cancel(), ElementsAre(441, 423));
  EXPECT_EQ(sim_.answer(request_).status, 200u);
  EXPECT_EQ(truth(), "Closed");
}

TEST_F(FaultTest, StaleNumLeftFillsAPartThatThe452DoesNotKnow) {
  set(R"({"stale_num_left":{"fraction":0.25}})");
  EXPECT_THAT(after_cancel(), ElementsAre(441, 423, 452));
  EXPECT_EQ(sim_.bodies(stream_, 452)[0].at("numLeft"), "0.0100000000000000");
  EXPECT_EQ(truth(), "Canceled");
  const auto reply = sim_.answer(sim_.send(sim_.signed_request("GET", "/api/v1/order/" + std::to_string(id_))));
  EXPECT_EQ(json::parse(reply.body).at("data").at("leftAmount"), "0.0075000000000000");
}

TEST_F(FaultTest, EditDuringCancelLeavesTheOrderOpenUnderItsId) {
  set(R"({"edit_during_cancel":{"count":1}})");
  EXPECT_THAT(after_cancel(), ElementsAre(452, 451));
  EXPECT_EQ(truth(), "Untouched");
  EXPECT_EQ(sim_.cancel(id_).status, 200u);
  sim_.advance(seconds{1});
  EXPECT_EQ(truth(), "Canceled");
}

TEST_F(FaultTest, StaleOpenOrdersListsWhatWasOpenThen) {
  const auto listed = [&] {
    const auto reply = sim_.answer(sim_.send(sim_.signed_request("GET", "/api/v1/openOrders")));
    std::vector<std::int64_t> ids;
    const json::value body = json::parse(reply.body);
    for (const auto& order : body.at("data").at("bids").as_array()) ids.push_back(order.at("id").as_int64());
    return ids;
  };
  id_ = sim_.place();
  set(R"({"stale_open_orders":{"delay_ms":2000}})");
  sim_.advance(seconds{3});
  EXPECT_EQ(sim_.cancel(id_).status, 200u);
  const std::int64_t later = sim_.place();
  sim_.advance(std::chrono::milliseconds{1900});
  EXPECT_THAT(listed(), ElementsAre(id_)) << "the cancel and the new order are younger than 2 s";
  sim_.advance(std::chrono::milliseconds{200});
  EXPECT_THAT(listed(), ElementsAre(later));
}

TEST_F(FaultTest, EveryPayloadCanBeTheAnswer) {
  for (const std::string& name : payload_names()) {
    Driver sim;
    const auto id = sim.place();
    const bool query = name.starts_with("query_");
    const auto set = sim.control_answer("POST", "faults", R"({"answer":{"payload":")" + name + "\"}}");
    ASSERT_EQ(set.status, 200u) << set.body;
    const HttpAnswer reply =
        query ? sim.answer(sim.send(sim.signed_request("GET", "/api/v1/order/" + std::to_string(id)))) : sim.cancel(id);
    EXPECT_EQ(reply.status, payload(name).status) << name;
    EXPECT_EQ(reply.body, payload(name).body) << name;
    EXPECT_EQ(reply.retry_after_s, payload(name).retry_after_s) << name;
    sim.advance(seconds{1});
    EXPECT_EQ(sim.counters().at("orders").at("Canceled"), 0) << name;
    EXPECT_EQ(sim.counters().at("refused_429"), 0) << name;
  }
}

TEST_F(FaultTest, AnAnswerCanHideThatTheOriginDidItsWork) {
  set(R"({"answer":{"status":502,"body":"rubbish","processed":true}})");
  EXPECT_THAT(after_cancel(), ElementsAre(452));
  EXPECT_EQ(sim_.answer(request_).status, 502u);
  EXPECT_EQ(sim_.answer(request_).body, "rubbish");
}

TEST_F(FaultTest, ProxyPageComesAfterTheOriginDidItsWork) {
  set(R"({"proxy_page":{}})");
  EXPECT_THAT(after_cancel(), ElementsAre(452));
  EXPECT_EQ(sim_.answer(request_).status, 503u);
  EXPECT_EQ(content_type(sim_.answer(request_)), "text/html");
}

TEST_F(FaultTest, StallNeverAnswersAndDoesTheWorkOnlyIfToldTo) {
  set(R"({"stall":{}})");
  EXPECT_THAT(after_cancel(), IsEmpty());
  EXPECT_EQ(sim_.answer(request_).status, 0u);
  EXPECT_EQ(truth(), "Untouched");
  set(R"({"stall":{"processed":true}})");
  EXPECT_THAT(after_cancel(), ElementsAre(452));
  EXPECT_EQ(sim_.answer(request_).status, 0u);
}

TEST_F(FaultTest, ResetBeforeDoesNothingAndResetAfterDoesTheWork) {
  set(R"({"reset_before":{}})");
  EXPECT_THAT(after_cancel(), IsEmpty());
  EXPECT_THAT(sim_.resets, ElementsAre(request_));
  EXPECT_EQ(truth(), "Untouched");
  set(R"({"reset_before":null,"reset_after":{}})");
  EXPECT_THAT(after_cancel(), ElementsAre(452));
  EXPECT_EQ(sim_.resets.back(), request_);
  EXPECT_EQ(sim_.counters().at("requests").at("DELETE /api/v1/order").at("reset"), 2);
}

TEST_F(FaultTest, CloseAfterAnswer) {
  set(R"({"close_after_answer":{"count":1}})");
  EXPECT_TRUE(sim_.cancel(7).close);
  EXPECT_FALSE(sim_.cancel(7).close);
}

TEST_F(FaultTest, LatencyDelaysTheWorkAndTheAnswer) {
  set(R"({"latency":{"request_ms":100,"answer_ms":50}})");
  const auto id = sim_.place();
  sim_.frames[stream_].clear();
  const auto request = sim_.send_cancel(id);
  sim_.advance(milliseconds{119});
  EXPECT_THAT(sim_.types(stream_), IsEmpty());
  sim_.advance(milliseconds{1});
  EXPECT_THAT(sim_.types(stream_), ElementsAre(452));
  sim_.advance(milliseconds{29});
  EXPECT_EQ(sim_.answer(request).status, 0u);
  sim_.advance(milliseconds{1});
  EXPECT_EQ(sim_.answer(request).status, 200u);
  const auto arrivals = sim_.control("GET", "arrivals").at("arrivals").as_array();
  EXPECT_EQ(arrivals.at(0).at("read_us").as_int64() + 100'000, arrivals.at(0).at("time_us").as_int64());
  EXPECT_EQ(arrivals.at(0).at("time_us").as_int64() + 50'000, arrivals.at(0).at("ended_us").as_int64());
}

TEST_F(FaultTest, ARequestWhoseClientLeftIsStillProcessed) {
  set(R"({"latency":{"request_ms":100}})");
  const auto id = sim_.place();
  sim_.frames[stream_].clear();
  const auto request = sim_.send_cancel(id);
  sim_.exchange.abandoned(sim_.now, request);
  sim_.advance(seconds{1});
  EXPECT_THAT(sim_.types(stream_), ElementsAre(452));
  EXPECT_EQ(sim_.answer(request).status, 0u);
  EXPECT_EQ(sim_.counters().at("requests").at("DELETE /api/v1/order"), (json::object{{"abandoned", 1}}));
  const auto arrival = sim_.control("GET", "arrivals").at("arrivals").at(0);
  EXPECT_EQ(arrival.at("ended_us"), arrival.at("read_us"));
  EXPECT_EQ(arrival.at("read_us").as_int64() + 100'000, arrival.at("time_us").as_int64());
}

TEST_F(FaultTest, JitterStaysInItsBounds) {
  set(R"({"latency":{"request_ms":10,"request_jitter_ms":40}})");
  std::vector<std::int64_t> delays;
  for (int i = 0; i < 100; ++i) {
    sim_.send(sim_.signed_request("GET", "/api/v1/order/7"));
    const std::int64_t sent = unix_us(sim_.now);
    sim_.advance(milliseconds{100});
    const auto last = sim_.control("GET", "arrivals?last=1").at("arrivals").at(0);
    delays.push_back(last.at("time_us").as_int64() - sent);
  }
  EXPECT_GE(*std::min_element(delays.begin(), delays.end()), 10'000);
  EXPECT_LE(*std::max_element(delays.begin(), delays.end()), 50'000);
  EXPECT_GT(*std::max_element(delays.begin(), delays.end()), *std::min_element(delays.begin(), delays.end()) + 20'000);
}

TEST_F(FaultTest, StreamLatencyKeepsTheFramesInOrder) {
  set(R"({"stream_latency":{"delay_ms":10,"jitter_ms":100}})");
  const auto ids = sim_.place(50);
  sim_.advance(seconds{1});
  std::vector<std::int64_t> seen;
  for (const auto& body : sim_.bodies(stream_, 451)) seen.push_back(body.at("id").as_int64());
  EXPECT_EQ(seen, ids);
}

TEST_F(FaultTest, ClockOffMovesStampsAndServerTime) {
  set(R"({"clock_off":{"seconds":7}})");
  EXPECT_EQ(sim_.cancel(7).status, 401u);
  sim_.last_stamp = unix_ms(sim_.now) + 7000;
  EXPECT_EQ(sim_.cancel(7).status, 400u);
  const auto reply = sim_.answer(sim_.send(HttpRequest{"GET", "/api/v2/server/time", "", "", "", "", "10.0.0.1"}));
  EXPECT_EQ(json::parse(reply.body).at("serverTime"), unix_ms(sim_.now) + 7000);
}

TEST_F(FaultTest, AWrongStatusWordIsThatOfTheOtherEnd) {
  const auto ids = sim_.place(3);
  sim_.cancel(ids[0]);
  sim_.control("POST", "fill", "{\"id\":" + std::to_string(ids[1]) + "}");
  sim_.advance(seconds{1});
  set(R"({"wrong_status_word":{}})");
  EXPECT_EQ(sim_.status_of(ids[0]), "Closed");
  EXPECT_EQ(sim_.status_of(ids[1]), "Canceled");
  EXPECT_EQ(sim_.status_of(ids[2]), "Untouched");
  set(R"({"wrong_status_word":null})");
  EXPECT_EQ(sim_.status_of(ids[0]), "Canceled");
}

TEST_F(FaultTest, WrongServerTimeMovesServerTimeAlone) {
  set(R"({"wrong_server_time":{"seconds":-2.5,"count":1}})");
  const auto time = [&] {
    const auto reply = sim_.answer(sim_.send(HttpRequest{"GET", "/api/v2/server/time", "", "", "", "", "10.0.0.1"}));
    return json::parse(reply.body).at("serverTime").as_int64();
  };
  EXPECT_EQ(time(), unix_ms(sim_.now) - 2500);
  EXPECT_EQ(time(), unix_ms(sim_.now));
  EXPECT_EQ(sim_.cancel(7).status, 400u) << "the stamp is right";
}

TEST_F(FaultTest, LoginCanBeRefused) {
  set(R"({"refuse_login":{"message":"Not today"}})");
  const StreamId stream = sim_.open_stream();
  sim_.exchange.stream_text(sim_.now, stream, Driver::login_message(sim_.now));
  sim_.collect();
  EXPECT_EQ(sim_.bodies(stream, 114).at(0).at("ok"), false);
  EXPECT_EQ(sim_.bodies(stream, 114).at(0).at("message"), "Not today");
}

TEST_F(FaultTest, AMutedLoginHearsBalancesAndTradesOnly) {
  set(R"({"mute_45x":{"count":1}})");
  const StreamId muted = sim_.log_in();
  const auto id = sim_.place();
  sim_.control("POST", "fill", "{\"id\":" + std::to_string(id) + "}");
  EXPECT_THAT(sim_.types(muted), ElementsAre(423));
  const StreamId again = sim_.log_in();
  sim_.place();
  EXPECT_THAT(sim_.types(again), ElementsAre(451));
}

TEST_F(FaultTest, ASilentSocketStaysOpenAndSaysNothing) {
  set(R"({"silent_socket":{"delay_ms":100}})");
  const StreamId stream = sim_.log_in();
  sim_.advance(milliseconds{99});
  sim_.place();
  EXPECT_THAT(sim_.types(stream), ElementsAre(451));
  sim_.advance(milliseconds{1});
  sim_.place();
  sim_.advance(seconds{20});
  EXPECT_THAT(sim_.types(stream), ElementsAre(451));
  EXPECT_EQ(sim_.pings[stream], 0);
  EXPECT_EQ(sim_.silenced.size(), 1u);
  EXPECT_THAT(sim_.ended, IsEmpty());
}

TEST_F(FaultTest, AStreamCanEndWithoutACloseFrame) {
  set(R"({"close_without_frame":{"delay_ms":5}})");
  const StreamId stream = sim_.log_in();
  sim_.advance(milliseconds{5});
  ASSERT_EQ(sim_.ended.size(), 1u);
  EXPECT_EQ(sim_.ended[0].stream, stream);
  EXPECT_EQ(sim_.ended[0].how, Ending::NoFrame);
}

TEST_F(FaultTest, AHandshakeCanBeRefused) {
  set(R"({"refuse_handshake":{"count":1,"retry_after_s":7}})");
  const auto refusal = sim_.exchange.handshake(sim_.now, "10.0.0.1");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 429u);
  EXPECT_EQ(refusal->retry_after_s, 7);
  EXPECT_FALSE(sim_.exchange.handshake(sim_.now, "10.0.0.1"));
}

TEST_F(FaultTest, ARefusalAsksToWaitInAnyForm) {
  set(R"({"answer":[{"status":503,"retry_after":"0.493","count":1},{"status":418,"retry_after_date_s":3,"count":1}]})");
  EXPECT_EQ(retry_after_header(sim_.cancel(1)), "0.493");
  const HttpAnswer dated = sim_.cancel(2);
  EXPECT_THAT(dated.date, testing::EndsWith(" GMT"));
  EXPECT_THAT(retry_after_header(dated), testing::EndsWith(" GMT"));
  EXPECT_NE(retry_after_header(dated), dated.date);
  set(R"({"refuse_handshake":{"retry_after":"soon"}})");
  EXPECT_EQ(retry_after_header(*sim_.exchange.handshake(sim_.now, "10.0.0.1")), "soon");
}

TEST_F(FaultTest, AnotherProgramSpendsTheAccountsBudget) {
  const auto ids = sim_.place(12);
  set(R"({"other_program":{"per_second":4}})");
  EXPECT_EQ(sim_.cancel(ids[0]).status, 200u);
  sim_.advance(milliseconds{900});
  for (int i = 1; i < 6; ++i) EXPECT_EQ(sim_.cancel(ids[i]).status, 200u) << "with four of the other program it is ten";
  EXPECT_EQ(sim_.cancel(ids[6]).status, 429u);
  const auto& counters = sim_.exchange.seen().counters;
  EXPECT_EQ(counters.other_program, 4);
  EXPECT_EQ(counters.other_program_refused, 0);
  EXPECT_EQ(counters.deletes_1s.peak(), 7);
  set(R"({"other_program":null})");
  sim_.advance(milliseconds{2'000});
  EXPECT_EQ(sim_.cancel(ids[7]).status, 200u);
  EXPECT_EQ(counters.other_program, 4);
}

TEST_F(FaultTest, AppliesToTheNamedOrdersAndEndpointsOnly) {
  const auto ids = sim_.place(2);
  set(R"({"answer":{"status":500,"order_ids":[)" + std::to_string(ids[1]) + R"(],"endpoint":"any"}})");
  EXPECT_EQ(sim_.cancel(ids[0]).status, 200u);
  EXPECT_EQ(sim_.cancel(ids[1]).status, 500u);
  EXPECT_EQ(sim_.answer(sim_.send(sim_.signed_request("GET", "/api/v1/order/" + std::to_string(ids[1])))).status, 500u);
  set(R"({"answer":{"status":502,"count":1,"ids":[)" + std::to_string(ids[0]) + "]}}");
  EXPECT_EQ(sim_.cancel(ids[1]).status, 200u);
  EXPECT_EQ(sim_.cancel(ids[0]).status, 502u);
  set(R"({"answer":{"status":500,"endpoint":"GET /api/v1/order/{id}"}})");
  EXPECT_EQ(sim_.cancel(ids[1]).status, 200u);
}

TEST_F(FaultTest, TakesTheFirstRuleThatFits) {
  set(R"({"answer":[{"status":500,"count":1},{"status":502,"count":2}]})");
  EXPECT_EQ(sim_.cancel(7).status, 500u);
  EXPECT_EQ(sim_.cancel(7).status, 502u);
  EXPECT_EQ(sim_.cancel(7).status, 502u);
  EXPECT_EQ(sim_.cancel(7).status, 400u);
  EXPECT_EQ(sim_.counters().at("faults_applied").at("answer"), 3);
}

TEST_F(FaultTest, ShareOfZeroAndNullRemove) {
  set(R"({"no_452":{},"stall":{},"answer":{"status":500}})");
  set(R"({"no_452":{"share":0},"stall":null,"answer":{"share":0}})");
  EXPECT_THAT(sim_.control("GET", "faults").as_object(), IsEmpty());
}

TEST(Faults, AShareIsKeptAndTheSameForTheSameSeed) {
  const auto run = [](std::uint64_t seed) {
    Random random(seed);
    FaultSet faults;
    EXPECT_TRUE(faults.set(json::parse(R"({"no_452":{"share":0.1}})")).ok());
    std::string pattern;
    for (int i = 0; i < 2000; ++i) pattern += faults.draw(Fault::No452, random) != nullptr ? '1' : '0';
    return pattern;
  };
  const std::string pattern = run(1);
  EXPECT_NEAR(static_cast<double>(std::count(pattern.begin(), pattern.end(), '1')), 200, 50);
  EXPECT_EQ(pattern, run(1));
  EXPECT_NE(pattern, run(2));
}

TEST(Faults, NameWhatTheyCannotReadAndChangeNothing) {
  Driver sim;
  const auto error = [&](const std::string& text) {
    const auto reply = sim.control_answer("POST", "faults", text);
    EXPECT_EQ(reply.status, 400u) << text;
    return reply.body;
  };
  EXPECT_THAT(error(R"({"stall":{},"no_such":{}})"), HasSubstr("no_such"));
  EXPECT_THAT(sim.control("GET", "faults").as_object(), IsEmpty());
  EXPECT_THAT(error(R"({"no_452":{"shares":1}})"), HasSubstr("shares"));
  EXPECT_THAT(error(R"({"no_452":{"share":1.5}})"), HasSubstr("share"));
  EXPECT_THAT(error(R"({"no_452":{"count":-1}})"), HasSubstr("count"));
  EXPECT_THAT(error(R"({"no_452":{"order_ids":[]}})"), HasSubstr("order_ids"));
  EXPECT_THAT(error(R"({"mute_45x":{"order_ids":[1]}})"), HasSubstr("order_ids"));
  EXPECT_THAT(error(R"({"no_452":{"ids":[1],"order_ids":[1]}})"), HasSubstr("ids"));
  EXPECT_THAT(error(R"({"answer":{"payload":"nope"}})"), HasSubstr("payload"));
  EXPECT_THAT(error(R"({"answer":{}})"), HasSubstr("payload"));
  EXPECT_THAT(error(R"({"stall":{"endpoint":"GET /"}})"), HasSubstr("endpoint"));
  EXPECT_THAT(error(R"({"latency":{"request_ms":-1}})"), HasSubstr("request_ms"));
  EXPECT_THAT(error(R"({"no_452":7})"), HasSubstr("no_452"));
  EXPECT_THAT(error("[]"), HasSubstr("JSON object"));
}

}  // namespace
}  // namespace exchange_sim
