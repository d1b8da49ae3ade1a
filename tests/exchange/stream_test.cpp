#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/exchange/test_driver.hpp"

namespace exchange_sim {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class StreamTest : public testing::Test {
 protected:
  json::object login_answer(const std::string& message) {
    sim_.frames[stream_].clear();
    sim_.exchange.stream_text(sim_.now, stream_, message);
    sim_.collect();
    return sim_.bodies(stream_, 114).at(0);
  }

  Driver sim_;
  StreamId stream_ = sim_.open_stream();
};

TEST_F(StreamTest, BeginsWithABanner) {
  EXPECT_EQ(sim_.frames[stream_].at(0), json::parse(R"([991,{"type":991,"current":"6.0.0","min":"2.3.0"}])"));
}

TEST_F(StreamTest, SaysNothingOfOrdersBeforeLogin) {
  sim_.place();
  EXPECT_THAT(sim_.bodies(stream_, 451), IsEmpty());
  EXPECT_EQ(login_answer(Driver::login_message(sim_.now)).at("ok"), true);
  sim_.place();
  EXPECT_EQ(sim_.bodies(stream_, 451).size(), 1u);
}

TEST_F(StreamTest, RefusesLoginsThatAreWrong) {
  EXPECT_EQ(login_answer(Driver::login_message(sim_.now, 3000, "OTHER")).at("message"),
            "Unauthorized - Invalid Public key");
  for (const std::int64_t nonce : {std::int64_t{99}, std::int64_t{60'001}, unix_ms(sim_.now)}) {
    EXPECT_EQ(login_answer(Driver::login_message(sim_.now, nonce)).at("ok"), false) << nonce;
  }
  json::value message = json::parse(Driver::login_message(sim_.now));
  message.at(1).at("signature") = "AAAA";
  EXPECT_EQ(login_answer(json::serialize(message)).at("ok"), false);
  message = json::parse(Driver::login_message(sim_.now));
  message.at(1).at("nonce") = "3000";  // a string, where a number is due
  EXPECT_EQ(login_answer(json::serialize(message)).at("ok"), false);
  sim_.place();
  EXPECT_THAT(sim_.bodies(stream_, 451), IsEmpty());
}

TEST_F(StreamTest, TakesTheNonceAsTheReceiveWindowOfTheTimestamp) {
  EXPECT_EQ(login_answer(Driver::login_message(sim_.now - milliseconds{3000})).at("ok"), true);
  EXPECT_EQ(login_answer(Driver::login_message(sim_.now - milliseconds{3001})).at("ok"), false);
  EXPECT_EQ(login_answer(Driver::login_message(sim_.now - milliseconds{3001}, 15'000)).at("ok"), true);
}

TEST_F(StreamTest, SurvivesMessagesThatAreNoLogin) {
  sim_.frames[stream_].clear();
  for (const char* text : {"", "garbage", "[]", "[114]", "[114,5]", R"(["114",{}])", R"([151,{"type":151}])"}) {
    sim_.exchange.stream_text(sim_.now, stream_, text);
  }
  sim_.collect();
  EXPECT_THAT(sim_.frames[stream_], IsEmpty());
  EXPECT_EQ(sim_.counters().at("stream").at("other_messages"), 7);
  EXPECT_EQ(login_answer(Driver::login_message(sim_.now)).at("ok"), true);
  sim_.place();
  EXPECT_EQ(sim_.bodies(stream_, 451).size(), 1u);
}

TEST_F(StreamTest, PingsEveryFiveSeconds) {
  sim_.advance(seconds{26});
  EXPECT_EQ(sim_.pings[stream_], 5);
}

TEST_F(StreamTest, ForgetsAClosedStream) {
  sim_.exchange.stream_closed(sim_.now, stream_);
  sim_.advance(seconds{10});
  EXPECT_EQ(sim_.pings[stream_], 0);
  EXPECT_EQ(sim_.counters().at("stream").at("open"), 0);
}

TEST_F(StreamTest, RefusesTheSixteenthHandshakeInAMinute) {
  for (int i = 0; i < 15; ++i) EXPECT_FALSE(sim_.exchange.handshake(sim_.now, "10.0.0.1"));
  const auto refusal = sim_.exchange.handshake(sim_.now, "10.0.0.1");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 429u);
  EXPECT_EQ(refusal->retry_after_s, 60);
  EXPECT_FALSE(sim_.exchange.handshake(sim_.now, "10.0.0.2"));
  sim_.advance(seconds{60});
  EXPECT_FALSE(sim_.exchange.handshake(sim_.now, "10.0.0.1"));
}

TEST_F(StreamTest, EveryLoggedInStreamGetsEveryMessage) {
  const StreamId first = sim_.log_in();
  const StreamId second = sim_.log_in();
  sim_.place();
  EXPECT_THAT(sim_.types(first), ElementsAre(451));
  EXPECT_THAT(sim_.types(second), ElementsAre(451));
}

TEST_F(StreamTest, CanBeMutedInjectedSilencedAndEndedByControl) {
  const StreamId stream = sim_.log_in();
  EXPECT_EQ(sim_.control("POST", "stream", R"({"mute":true})").at("streams"), 2);
  sim_.place();
  EXPECT_THAT(sim_.types(stream), IsEmpty());
  EXPECT_EQ(sim_.frames[stream].size(), 1u);  // the balance still comes
  sim_.control("POST", "stream", R"({"mute":false})");
  sim_.place();
  EXPECT_THAT(sim_.types(stream), ElementsAre(451));

  sim_.control("POST", "stream", R"({"frame":[999,{"id":0}]})");
  EXPECT_EQ(sim_.frames[stream].back(), json::parse(R"([999,{"id":0}])"));
  sim_.control("POST", "stream", R"({"text":"not json"})");
  EXPECT_EQ(sim_.frames[stream].back(), "not json");

  sim_.control("POST", "stream", R"({"close":"no_frame"})");
  ASSERT_EQ(sim_.ended.size(), 2u);
  EXPECT_EQ(sim_.ended[0].how, Ending::NoFrame);
  const auto frames_before = sim_.frames[stream].size();
  sim_.control("POST", "stream", R"({"silence":true})");
  EXPECT_EQ(sim_.silenced.size(), 2u);
  sim_.place();
  sim_.advance(seconds{20});
  EXPECT_EQ(sim_.frames[stream].size(), frames_before);
  EXPECT_EQ(sim_.pings[stream], 0);
}

}  // namespace
}  // namespace exchange_sim
