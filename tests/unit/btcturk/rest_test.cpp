// Requests, replies to a cancel, and the clock. Queries have a file of their own.
#include "service/btcturk/rest.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace cancelbus::btcturk {
namespace {

using core::Answer;
using core::Arrival;
using core::Verdict;
using namespace std::chrono_literals;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr int64_t Stamp = 1795341679057;

Signer signer() { return *Signer::make("PUB", "c2VjcmV0"); }

Headers signed_headers() {
  return {{"X-PCK", "PUB"},
          {"X-Stamp", "1795341679057"},
          {"X-Signature", "0x7ep2irzR18joGasnyzJWm3yk78kbgtc1UZA76a8qE="},
          {"Content-Type", "application/json"}};
}

TEST(Requests, CancelNamesTheOrderInTheQuery) {
  Signer keys = signer();
  const HttpRequest request = cancel_request(keys, 25338392433, Stamp);
  EXPECT_EQ(request.method, "DELETE");
  EXPECT_EQ(request.target, "/api/v1/order?id=25338392433");
  EXPECT_EQ(request.headers, signed_headers());
}

TEST(Requests, QueryNamesTheOrderInThePath) {
  Signer keys = signer();
  const HttpRequest request = query_request(keys, 9223372036854775807, Stamp);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/api/v1/order/9223372036854775807");
  EXPECT_EQ(request.headers, signed_headers());
}

TEST(Requests, OpenOrdersNameThePairInTheQueryIfThereIsOne) {
  Signer keys = signer();
  const HttpRequest all = open_orders_request(keys, "", Stamp);
  EXPECT_EQ(all.method, "GET");
  EXPECT_EQ(all.target, "/api/v1/openOrders");
  EXPECT_EQ(all.headers, signed_headers());
  EXPECT_EQ(all.max_response_bytes, 32U * 1024 * 1024);
  EXPECT_EQ(open_orders_request(keys, "BTC_TRY", Stamp).target, "/api/v1/openOrders?pairSymbol=BTC_TRY");
  EXPECT_EQ(query_request(keys, 1, Stamp).max_response_bytes, 64U * 1024) << "every other answer is short";
}

TEST(Requests, ServerTimeNeedsNoKey) {
  const HttpRequest request = server_time_request();
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/api/v2/server/time");
  EXPECT_TRUE(request.headers.empty());
}

// ---- Replies to a cancel ----

struct Case {
  const char* name;
  int status;
  std::string body;
  Verdict verdict;
  Arrival arrival;
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

class CancelReply : public testing::TestWithParam<Case> {};

TEST_P(CancelReply, IsReadAsExpected) {
  const Case& c = GetParam();
  const Answer answer = read_cancel_reply({c.status, {}, c.body});
  EXPECT_EQ(answer.verdict, c.verdict);
  EXPECT_EQ(answer.arrival, c.arrival);
  EXPECT_EQ(answer.http_status, c.status);
  EXPECT_FALSE(answer.text.empty());
  EXPECT_LE(answer.text.size(), 256U);
  EXPECT_FALSE(answer.retry_after);
  if (answer.verdict != Verdict::Doubtful) {
    EXPECT_EQ(answer.arrival, Arrival::Answered);
  }
}

const std::string Html = "<html><body>nothing to see</body></html>";
constexpr Arrival Answered = Arrival::Answered;
constexpr Arrival Page = Arrival::Page;

std::string name_of(const testing::TestParamInfo<Case>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Success, CancelReply,
    testing::Values(Case{"fields_in_any_order", 200, R"( {"code":0,"x":[{}],"message":"SUCCESS","success":true} )",
                         Verdict::Accepted, Answered},
                    Case{"without_message", 200, R"({"success":true,"message":null})", Verdict::Accepted, Answered},
                    Case{"success_false", 200, R"({"success":false,"message":"SUCCESS","code":0})", Verdict::Doubtful,
                         Answered},
                    Case{"success_absent", 200, R"({"message":"SUCCESS","code":0})", Verdict::Doubtful, Answered},
                    Case{"success_a_string", 200, R"({"success":"true"})", Verdict::Doubtful, Answered},
                    Case{"success_a_number", 200, R"({"success":1})", Verdict::Doubtful, Answered},
                    Case{"empty_object", 200, "{}", Verdict::Doubtful, Page},
                    Case{"empty", 200, "", Verdict::Doubtful, Page}, Case{"html", 200, Html, Verdict::Doubtful, Page},
                    Case{"accepted_202", 202, R"({"success":true,"message":"SUCCESS"})", Verdict::Doubtful, Answered},
                    Case{"no_content_204", 204, "", Verdict::Doubtful, Page}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Refusal, CancelReply,
    testing::Values(
        Case{"blocked", 400, R"({"success":false,"message":"ORDER_CANCEL_BLOCKED","code":1})", Verdict::Blocked,
             Answered},
        Case{"blocked_200", 200, R"({"success":false,"message":"ORDER_CANCEL_BLOCKED","code":1})", Verdict::Doubtful,
             Answered},
        Case{"blocked_422", 422, R"({"success":false,"message":"ORDER_CANCEL_BLOCKED","code":1})", Verdict::Doubtful,
             Answered},
        Case{"blocked_503", 503, R"({"success":false,"message":"ORDER_CANCEL_BLOCKED","code":1})", Verdict::Doubtful,
             Page},
        Case{"success_true_all_the_same", 400, R"({"success":true,"message":"NO_ORDER_MATCHES_YOUR_REQUEST"})",
             Verdict::UnknownOrder, Answered},
        Case{"code_says_otherwise", 400, R"({"message":"ORDER_COULD_NOT_BE_CANCELED","code":1052})", Verdict::Refused,
             Answered},
        Case{"message_unknown", 400, R"({"success":false,"message":"NO_ORDER_MATCHES"})", Verdict::Refused, Answered},
        Case{"code_alone", 400, R"({"code":1052})", Verdict::Refused, Answered},
        Case{"message_a_number", 400, R"({"message":7})", Verdict::Refused, Answered},
        Case{"html_400", 400, Html, Verdict::Doubtful, Page}, Case{"empty_400", 400, "", Verdict::Doubtful, Page},
        Case{"other_object", 400, R"({"error":"x"})", Verdict::Doubtful, Page},
        Case{"array", 400, R"([{"message":"NO_ORDER_MATCHES_YOUR_REQUEST"}])", Verdict::Doubtful, Page}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    OtherStatus, CancelReply,
    testing::Values(
        Case{"html_401", 401, Html, Verdict::Unauthorized, Answered},
        Case{"html_403", 403, Html, Verdict::Unauthorized, Answered},
        Case{"success_403", 403, R"({"success":true})", Verdict::Unauthorized, Answered},
        Case{"html_404", 404, Html, Verdict::WrongRequest, Answered},
        Case{"empty_405", 405, "", Verdict::WrongRequest, Answered},
        Case{"html_429", 429, Html, Verdict::Throttled, Answered},
        Case{"moved_302", 302, Html, Verdict::Doubtful, Page}, Case{"timeout_408", 408, "", Verdict::Doubtful, Page},
        Case{"conflict_409", 409, R"({"success":false,"message":"x"})", Verdict::Doubtful, Answered},
        Case{"success_500", 500, R"({"success":true})", Verdict::Doubtful, Answered},
        Case{"no_order_502", 502, R"({"message":"NO_ORDER_MATCHES_YOUR_REQUEST"})", Verdict::Doubtful, Page},
        Case{"empty_504", 504, "", Verdict::Doubtful, Page}, Case{"beyond", 999, "x", Verdict::Doubtful, Page}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Rubbish, CancelReply,
    testing::Values(
        Case{"cut", 200, R"({"success":true,"mess)", Verdict::Doubtful, Page},
        Case{"twice", 200, R"({"success":true}{"success":true})", Verdict::Doubtful, Page},
        Case{"bare_true", 200, "true", Verdict::Doubtful, Page},
        Case{"not_utf8", 200, "{\"success\":true,\"message\":\"\xFF\xFE\"}", Verdict::Doubtful, Page},
        Case{"byte_order_mark", 200, "\xEF\xBB\xBF{\"success\":true}", Verdict::Doubtful, Page},
        Case{"nul", 200, std::string("{\"success\":true}\0", 17), Verdict::Doubtful, Page},
        Case{"deep", 200, R"({"success":true,"x":)" + std::string(100000, '['), Verdict::Doubtful, Page},
        Case{"deep_and_closed", 200, R"({"success":true,"x":)" + std::string(17, '[') + std::string(17, ']') + "}",
             Verdict::Doubtful, Page},
        Case{"huge", 200, R"({"success":true,"x":")" + std::string(70000, 'x') + "\"}", Verdict::Doubtful, Page},
        Case{"key_twice", 200, R"({"success":true,"success":false})", Verdict::Doubtful, Answered},
        Case{"huge_number", 200, R"({"success":true,"code":1e999999})", Verdict::Accepted, Answered}),
    name_of);

TEST(CancelReplyText, IsPrintableAndShort) {
  const Answer answer = read_cancel_reply({400, {}, R"({"message":"a\u0000b\n)" + std::string(300, 'x') + "\"}"});
  EXPECT_EQ(answer.text, "a b " + std::string(252, 'x'));
  EXPECT_EQ(read_cancel_reply({502, {}, "<p>\r\n\xFF</p>"}).text, "HTTP 502: <p>  ?</p>");
}

TEST(CancelReplyCode, IsCarriedIfItFits) {
  const auto code = [](const std::string& raw) {
    return read_cancel_reply({400, {}, R"({"message":"x","code":)" + raw + "}"}).exchange_code;
  };
  EXPECT_EQ(code("1052"), 1052);
  EXPECT_EQ(code("\"1052\""), 1052);
  EXPECT_EQ(code("-1"), -1);
  EXPECT_EQ(code("2147483648"), 0);
  EXPECT_EQ(code("99999999999999999999"), 0);
  EXPECT_EQ(code("10.5"), 0);
  EXPECT_EQ(code("\"10x\""), 0);
  EXPECT_EQ(code("null"), 0);
}

// ---- 429 ----

struct Hold {
  const char* name;
  std::string header;
  std::string period;  // JSON
  std::optional<core::Duration> hold;
};

std::ostream& operator<<(std::ostream& out, const Hold& hold) { return out << hold.name; }

class Throttling : public testing::TestWithParam<Hold> {};

TEST_P(Throttling, SaysHowLongToHold) {
  const std::string body =
      R"({"message":"TOO_MANY_REQUESTS","success":false,"period":)" + GetParam().period + R"(,"policy":"ip"})";
  const HttpReply reply{429, GetParam().header, body, "Wed, 21 Oct 2026 07:28:00 GMT"};
  EXPECT_EQ(read_cancel_reply(reply).retry_after, GetParam().hold);
  EXPECT_EQ(read_query_reply(reply, 1).retry_after, GetParam().hold);
}

INSTANTIATE_TEST_SUITE_P(
    Tables, Throttling,
    testing::Values(
        Hold{"seconds", "53", R"("1m")", 53s}, Hold{"zero", "0", R"("1m")", 0s},
        Hold{"beyond_a_day", "90000", R"("1m")", 24h}, Hold{"negative", "-1", R"("60s")", 60s},
        Hold{"fraction", "0.493", R"("2m")", 493ms}, Hold{"garbage", "soon", R"("60s")", 60s},
        Hold{"date_ahead", "Wed, 21 Oct 2026 07:28:03 GMT", R"("1h")", 3s}, Hold{"blank", "  ", R"("1m")", 60s},
        Hold{"absent", "", R"("1s")", 1s}, Hold{"no_period", "", "null", std::nullopt},
        Hold{"period_a_number", "", "60", std::nullopt}, Hold{"period_empty", "", R"("")", std::nullopt},
        Hold{"period_unit_alone", "", R"("m")", std::nullopt}, Hold{"period_unknown_unit", "", R"("1d")", std::nullopt},
        Hold{"period_negative", "", R"("-1m")", std::nullopt}, Hold{"period_zero", "", R"("0s")", std::nullopt},
        Hold{"period_beyond_a_day", "", R"("25h")", std::nullopt},
        Hold{"period_overflowing", "", R"("9223372036854775807h")", std::nullopt}),
    [](const auto& test) { return test.param.name; });

TEST(ThrottlingByAProxy, HoldsAsItsHeaderSays) {
  EXPECT_EQ(read_cancel_reply({429, "9", Html}).retry_after, 9s);
  EXPECT_EQ(read_cancel_reply({429, "", Html}).retry_after, std::nullopt);
}

TEST(Throttling, NamesTheWindowOfTheBodyWhateverTheHeaderSays) {
  const Answer answer = read_cancel_reply({429, "53", R"({"message":"TOO_MANY_REQUESTS","period":"1m"})"});
  EXPECT_EQ(answer.retry_after, 53s);
  EXPECT_EQ(answer.period, 60s);
  EXPECT_EQ(read_cancel_reply({429, "53", Html}).period, std::nullopt);
}

TEST(DoubtfulWaits, AreReadOfA418AndA503Alone) {
  for (const int status : {418, 503}) {
    const Answer answer = read_cancel_reply({status, "0.5", Html});
    EXPECT_EQ(answer.verdict, Verdict::Doubtful);
    EXPECT_EQ(answer.retry_after, 500ms);
    EXPECT_EQ(read_cancel_reply({status, "", R"({"message":"x","period":"1m"})"}).retry_after, std::nullopt);
  }
  for (const int status : {500, 502, 504}) EXPECT_EQ(read_cancel_reply({status, "5", Html}).retry_after, std::nullopt);
}

// ---- The exchange's clock ----

TEST(ServerTime, IsReadInMilliseconds) {
  const auto time = read_server_time({200, {}, R"({"serverTime":1795341679057,"serverTime2":"2026-11-22"})"});
  ASSERT_TRUE(time.ok());
  EXPECT_EQ(*time, 1795341679057ms);
  EXPECT_EQ(*read_server_time({200, {}, R"({"serverTime":"1795341679057"})"}), 1795341679057ms);
}

TEST(ServerTime, SaysWhatIsWrong) {
  const auto error = [](int status, const std::string& body) {
    return std::string(read_server_time({status, {}, body}).status().message());
  };
  EXPECT_EQ(error(503, Html), "server time: HTTP 503: " + Html);
  EXPECT_EQ(error(401, R"({"message":"no"})"), "server time: no");
  for (const char* body : {"", "{}", "[]", "<html>", R"({"serverTime":null})", R"({"serverTime":1.5})",
                           R"({"serverTime":"x"})", R"({"serverTime":18446744073709551615})"}) {
    EXPECT_EQ(error(200, body), "server time: no whole number in the field serverTime") << body;
  }
  const auto refused = [](const char* time) {
    return std::string("server time: serverTime is ") + time +
           ", which is no time in milliseconds since 1970 of the years 2000 to 2099";
  };
  for (const char* time : {"0", "-5", "1795341679057000", "946684799999", "4102444800000", "9223372036854775807"}) {
    EXPECT_EQ(error(200, (std::string(R"({"serverTime":)") + time + "}").c_str()), refused(time));
  }
  EXPECT_EQ(error(200, R"({"serverTime":1795341679})"), refused("1795341679") + "; it looks like seconds");
  for (const char* time : {"946684800000", "4102444799999"}) {
    EXPECT_EQ(error(200, (std::string(R"({"serverTime":)") + time + "}").c_str()), "");
  }
}

// ---- Without a reply ----

TEST(WithoutReply, SaysHowFarTheRequestCame) {
  const Answer silent = no_response("timed out after 5 s\n");
  EXPECT_EQ(silent.verdict, Verdict::Doubtful);
  EXPECT_EQ(silent.arrival, Arrival::Silent);
  EXPECT_EQ(silent.http_status, 0);
  EXPECT_EQ(silent.text, "timed out after 5 s ");

  const Answer unwritten = never_written("connection refused");
  EXPECT_EQ(unwritten.verdict, Verdict::NeverWritten);
  EXPECT_EQ(unwritten.arrival, Arrival::NeverSent);
  EXPECT_EQ(unwritten.text, "connection refused");

  const Answer stale = stale_stamp(1234ms);
  EXPECT_EQ(stale.verdict, Verdict::StaleStamp);
  EXPECT_EQ(stale.arrival, Arrival::NeverSent);
  EXPECT_EQ(stale.text, "the stamp is 1234 ms behind the exchange's clock");
  EXPECT_EQ(stale_stamp(-1234ms).text, "the stamp is 1234 ms ahead of the exchange's clock");
}

}  // namespace
}  // namespace cancelbus::btcturk
