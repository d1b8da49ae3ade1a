// Every sample payload of the exchange, with what it must be read as. A payload without an expectation fails.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "service/btcturk/rest.hpp"
#include "service/btcturk/stream_frame.hpp"
#include "tests/unit/btcturk/contract_file.hpp"

namespace cancelbus::btcturk {
namespace {

using core::Answer;
using core::Arrival;
using core::FactType;
using core::OrderFact;
using core::ReadStatus;
using core::Verdict;
using namespace std::chrono_literals;

struct Payload {
  std::string name;
  boost::json::value content;
};

std::ostream& operator<<(std::ostream& out, const Payload& payload) { return out << payload.name; }

std::vector<Payload> payloads(const std::string& kind) {
  std::vector<Payload> result;
  const boost::json::value file = contract_file("payloads.json");
  for (const auto& [name, content] : file.at(kind).as_object()) result.push_back({name, content});
  return result;
}

std::string name_of(const testing::TestParamInfo<Payload>& info) { return info.param.name; }

// ---- REST ----

struct Expected {
  Verdict verdict;
  Arrival arrival;
  int code;
  std::string text;
  std::function<void(const Answer&)> also = [](const Answer&) {};
};

const std::map<std::string, Expected>& rest_expectations() {
  static const std::map<std::string, Expected> expectations = {
      {"cancel_200", {Verdict::Accepted, Arrival::Answered, 0, "SUCCESS"}},
      {"cancel_400_no_order", {Verdict::UnknownOrder, Arrival::Answered, 1052, "NO_ORDER_MATCHES_YOUR_REQUEST"}},
      {"cancel_400_could_not", {Verdict::Refused, Arrival::Answered, 1051, "ORDER_COULD_NOT_BE_CANCELED"}},
      {"cancel_400_extra_fields", {Verdict::Refused, Arrival::Answered, 1051, "ORDER_COULD_NOT_BE_CANCELED"}},
      {"cancel_401_success_true", {Verdict::Unauthorized, Arrival::Answered, 1037, "Unauthorized - Invalid Nonce"}},
      {"cancel_401_empty", {Verdict::Unauthorized, Arrival::Answered, 0, "HTTP 401, empty"}},
      {"cancel_429_account",
       {Verdict::Throttled, Arrival::Answered, 429,
        "TOO_MANY_REQUESTS (account): Quota exceeded. Maximum allowed: 300 per 1m. Please try again in 53 second(s).",
        [](const Answer& answer) { EXPECT_EQ(answer.retry_after, 53s); }}},
      {"cancel_429_ip",
       {Verdict::Throttled, Arrival::Answered, 429,
        "TOO_MANY_REQUESTS (ip): Quota exceeded. Maximum allowed: 10 per 1s.",
        [](const Answer& answer) { EXPECT_EQ(answer.retry_after, 1s); }}},
      {"cancel_500", {Verdict::Doubtful, Arrival::Answered, 500, "INTERNAL_ERROR"}},
      {"cancel_503_html",
       {Verdict::Doubtful, Arrival::Page, 0,
        "HTTP 503: <html><head><title>503</title></head><body>Service Temporarily Unavailable</body></html>"}},
      {"query_200_untouched",
       {Verdict::Read, Arrival::Answered, 0, "Untouched",
        [](const Answer& answer) {
          EXPECT_EQ(answer.reading.status, ReadStatus::Open);
          EXPECT_EQ(answer.reading.quantity, "0.12345678");
          EXPECT_EQ(answer.reading.left_amount, "0.1234567800000000");
          EXPECT_EQ(answer.reading.price, "20000.00");
          EXPECT_EQ(answer.reading.symbol, "BTCTRY");
        }}},
      {"query_not_found",
       {Verdict::Read, Arrival::Answered, 1152, "Order not found",
        [](const Answer& answer) { EXPECT_EQ(answer.reading.status, ReadStatus::NotFound); }}},
  };
  return expectations;
}

class RestPayload : public testing::TestWithParam<Payload> {};

TEST_P(RestPayload, IsReadAsExpected) {
  const auto found = rest_expectations().find(GetParam().name);
  ASSERT_NE(found, rest_expectations().end()) << "a new payload: say above what it must be read as";
  const boost::json::object& content = GetParam().content.as_object();
  const boost::json::value& body = content.at("body");
  const std::string raw = body.is_string() ? std::string(body.as_string().c_str()) : boost::json::serialize(body);
  std::string retry_after;
  if (const auto* headers = content.if_contains("headers"))
    retry_after = headers->at("Retry-After").as_string().c_str();
  const int status = boost::json::value_to<int>(content.at("status"));

  const HttpReply reply{status, retry_after, raw};
  const bool query = GetParam().name.starts_with("query");
  const Answer answer = query ? read_query_reply(reply, 61912740) : read_cancel_reply(reply);
  const Expected& expected = found->second;
  EXPECT_EQ(answer.verdict, expected.verdict);
  EXPECT_EQ(answer.arrival, expected.arrival);
  EXPECT_EQ(answer.http_status, status);
  EXPECT_EQ(answer.exchange_code, expected.code);
  EXPECT_EQ(answer.text, expected.text);
  expected.also(answer);
}

INSTANTIATE_TEST_SUITE_P(Payloads, RestPayload, testing::ValuesIn(payloads("rest")), name_of);

// ---- Stream ----

void expect_fact(const StreamFrame& frame, const OrderFact& expected) {
  const OrderFact* fact = std::get_if<OrderFact>(&frame);
  ASSERT_NE(fact, nullptr);
  EXPECT_EQ(fact->type, expected.type);
  EXPECT_EQ(fact->order_id, expected.order_id);
  EXPECT_EQ(fact->symbol, expected.symbol);
  EXPECT_EQ(fact->price, expected.price);
  EXPECT_EQ(fact->amount, expected.amount);
  EXPECT_EQ(fact->num_left, expected.num_left);
}

std::function<void(const StreamFrame&)> is_fact(OrderFact expected) {
  return [expected](const StreamFrame& frame) { expect_fact(frame, expected); };
}

std::function<void(const StreamFrame&)> is_login(bool ok, std::string message) {
  return [ok, message](const StreamFrame& frame) {
    const LoginResult* result = std::get_if<LoginResult>(&frame);
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(result->ok, ok);
    EXPECT_EQ(result->message, message);
  };
}

std::function<void(const StreamFrame&)> is_ignored(int64_t type) {
  return [type](const StreamFrame& frame) {
    const IgnoredFrame* ignored = std::get_if<IgnoredFrame>(&frame);
    ASSERT_NE(ignored, nullptr);
    EXPECT_EQ(ignored->type, type);
  };
}

void is_banner(const StreamFrame& frame) {
  const BannerFrame* banner = std::get_if<BannerFrame>(&frame);
  ASSERT_NE(banner, nullptr);
  EXPECT_EQ(banner->current, "6.0.0");
  EXPECT_EQ(banner->min, "2.3.0");
}

const std::map<std::string, std::function<void(const StreamFrame&)>>& stream_expectations() {
  static const std::map<std::string, std::function<void(const StreamFrame&)>> expectations = {
      {"banner_991", is_banner},
      {"login_ok_114", is_login(true, "")},
      {"login_bad_key_114", is_login(false, "Unauthorized - Invalid Public key")},
      {"order_deleted_452_full", is_fact({FactType::Deleted452, 25338392433, "ARPAUSDT", "0.0457300000000000",
                                          "37154.7082000000000000", "37154.7082000000000000"})},
      {"order_deleted_452_after_partial_fill",
       is_fact({FactType::Deleted452, 26947521557, "HNTUSDT", "5.7192000000000000", "174.8400000000000000",
                "139.9000000000000000"})},
      {"order_inserted_451", is_fact({FactType::Inserted451, 26947521557, "HNTUSDT", "5.7192", "174.84", "174.84"})},
      {"fill_441", is_fact({FactType::Matched441, 26849465965, "MEMEUSDT", "0.0110820000", "41040.0000000000", ""})},
      {"trade_423", is_fact({FactType::Trade423, 25327923517, "", "1.020", "-205.24", ""})},
      {"balance_201", is_ignored(201)},
      {"subscribe_result_100", is_ignored(100)},
  };
  return expectations;
}

class StreamPayload : public testing::TestWithParam<Payload> {};

TEST_P(StreamPayload, IsReadAsExpected) {
  const auto found = stream_expectations().find(GetParam().name);
  ASSERT_NE(found, stream_expectations().end()) << "a new payload: say above what it must be read as";
  found->second(read_frame(boost::json::serialize(GetParam().content)));
}

INSTANTIATE_TEST_SUITE_P(Payloads, StreamPayload, testing::ValuesIn(payloads("stream")), name_of);

// ---- Both ----

template <typename Expectations>
void expect_all_used(const std::string& kind, const Expectations& expectations) {
  const std::vector<Payload> known = payloads(kind);
  for (const auto& [name, expected] : expectations) {
    const auto has_name = [&name = name](const Payload& payload) { return payload.name == name; };
    EXPECT_TRUE(std::any_of(known.begin(), known.end(), has_name)) << name << " is expected but no longer a payload";
  }
}

TEST(Payloads, EveryExpectationHasItsPayload) {
  expect_all_used("rest", rest_expectations());
  expect_all_used("stream", stream_expectations());
}

}  // namespace
}  // namespace cancelbus::btcturk
