// Replies to an order query: the only proof of an order's fate beside the stream.
#include <gtest/gtest.h>

#include <string>

#include "service/btcturk/rest.hpp"

namespace cancelbus::btcturk {
namespace {

using core::Answer;
using core::Arrival;
using core::ReadStatus;
using core::Verdict;

constexpr core::OrderId Asked = 25338392433;

Answer read(int status, const std::string& body) { return read_query_reply({status, {}, body}, Asked); }

std::string order(const std::string& fields) { return R"({"success":true,"data":{)" + fields + "}}"; }

std::string with_status(const std::string& status) { return order(R"("id":25338392433,"status":)" + status); }

void expect_read(const Answer& answer, ReadStatus status) {
  EXPECT_EQ(answer.verdict, Verdict::Read) << answer.text;
  EXPECT_EQ(answer.arrival, Arrival::Answered);
  EXPECT_EQ(answer.reading.status, status);
}

void expect_doubtful(const Answer& answer, Arrival arrival, const std::string& text) {
  EXPECT_EQ(answer.verdict, Verdict::Doubtful);
  EXPECT_EQ(answer.arrival, arrival);
  EXPECT_EQ(answer.text, text);
}

TEST(QueryReply, KnowsFourStatuses) {
  expect_read(read(200, with_status(R"("Untouched")")), ReadStatus::Open);
  expect_read(read(200, with_status(R"("Partial")")), ReadStatus::Open);
  expect_read(read(200, with_status(R"("Canceled")")), ReadStatus::Canceled);
  expect_read(read(200, with_status(R"("Closed")")), ReadStatus::Closed);
}

TEST(QueryReply, TakesAnyOtherStatusAsDoubt) {
  const auto doubt = [](const std::string& status, const std::string& text) {
    expect_doubtful(read(200, with_status(status)), Arrival::Answered, text);
  };
  doubt(R"("Cancelled")", "not a known order status: 'Cancelled'");
  doubt(R"("canceled")", "not a known order status: 'canceled'");
  doubt(R"("PendingCancel")", "not a known order status: 'PendingCancel'");
  doubt(R"("")", "not a known order status: ''");
  doubt("3", "not a known order status: ''");
  doubt("null", "not a known order status: ''");
}

TEST(QueryReply, CarriesDecimalsAsWritten) {
  const Answer answer = read(200, order(R"("status":"Canceled","leftAmount":"1.50","id":"25338392433",
      "quantity":"0002.000","price":"-0","pairSymbol":"HNTUSDT")"));
  expect_read(answer, ReadStatus::Canceled);
  EXPECT_EQ(answer.reading.quantity, "0002.000");
  EXPECT_EQ(answer.reading.left_amount, "1.50");
  EXPECT_EQ(answer.reading.price, "-0");
  EXPECT_EQ(answer.reading.symbol, "HNTUSDT");
}

TEST(QueryReply, WritesNumbersOutAndLeavesTheIllegibleEmpty) {
  const auto left = [](const std::string& raw) {
    const Answer answer = read(200, order(R"("id":25338392433,"status":"Canceled","leftAmount":)" + raw));
    expect_read(answer, ReadStatus::Canceled);
    return answer.reading.left_amount;
  };
  EXPECT_EQ(left("0.1234567800000000"), "0.12345678");
  EXPECT_EQ(left("12"), "12");
  EXPECT_EQ(left("1.2E2"), "120");
  EXPECT_EQ(left("1e-9"), "0.000000001");
  EXPECT_EQ(left("18446744073709551615"), "18446744073709551615");
  for (const char* raw : {R"("")", R"("-")", R"(".5")", R"("5.")", R"("1e5")", R"("1,5")", R"(" 1")", R"("+1")",
                          R"("NaN")", R"("1.2.3")", "1e300", "1e-300", "null", "true", "[]", "{}"}) {
    EXPECT_EQ(left(raw), "") << raw;
  }
  EXPECT_EQ(left("\"" + std::string(64, '9') + "\""), std::string(64, '9'));
  EXPECT_EQ(left("\"" + std::string(65, '9') + "\""), "");
}

TEST(QueryReply, MustBeAboutTheOrderAskedFor) {
  const auto doubt = [](const std::string& id, const std::string& told) {
    expect_doubtful(read(200, order(R"("status":"Canceled","id":)" + id)), Arrival::Answered,
                    "asked for order 25338392433, the answer is about " + told);
  };
  doubt("25338392434", "order 25338392434");
  doubt("0", "order 0");
  doubt("25338392433.0", "none that is legible");
  doubt("2.5338392433e10", "none that is legible");
  doubt("18446744073709551615", "none that is legible");
  doubt(R"("25338392433 ")", "none that is legible");
  doubt("null", "none that is legible");
  expect_doubtful(read(200, order(R"("status":"Canceled")")), Arrival::Answered,
                  "asked for order 25338392433, the answer is about none that is legible");
}

TEST(QueryReply, MustHoldAnOrder) {
  for (const char* body : {R"({"success":true})", R"({"success":true,"data":null})", R"({"success":true,"data":[]})",
                           R"({"success":true,"message":"Order not found","data":"x"})"}) {
    expect_doubtful(read(200, body), Arrival::Answered, "the answer holds no order");
  }
}

TEST(QueryReply, NotFoundIsSaidInWordsAtAnyOfThreeStatuses) {
  const std::string body = R"({"code":1152,"success":false,"message":"Order not found"})";
  for (const int status : {200, 400, 404}) {
    expect_read(read(status, body), ReadStatus::NotFound);
    EXPECT_EQ(read(status, body).exchange_code, 1152);
  }
  expect_doubtful(read(500, body), Arrival::Answered, "Order not found");
  EXPECT_EQ(read(403, body).verdict, Verdict::Unauthorized);
}

TEST(QueryReply, NothingElseProvesNotFound) {
  EXPECT_EQ(read(404, "").verdict, Verdict::WrongRequest);
  EXPECT_EQ(read(404, "<html>Order not found</html>").verdict, Verdict::WrongRequest);
  EXPECT_EQ(read(404, R"({"success":false,"message":"Not Found"})").verdict, Verdict::WrongRequest);
  EXPECT_EQ(read(404, R"({"message":"Order not found"})").verdict, Verdict::WrongRequest);
  expect_doubtful(read(400, R"({"success":true,"message":"Order not found"})"), Arrival::Answered, "Order not found");
  expect_doubtful(read(400, R"({"success":false,"code":1152})"), Arrival::Answered,
                  R"(HTTP 400: {"success":false,"code":1152})");
  expect_doubtful(read(400, R"({"success":false,"message":"NO_ORDER_MATCHES_YOUR_REQUEST"})"), Arrival::Answered,
                  "NO_ORDER_MATCHES_YOUR_REQUEST");
}

TEST(QueryReply, TakesRubbishAsDoubt) {
  expect_doubtful(read(200, ""), Arrival::Page, "HTTP 200, empty");
  expect_doubtful(read(200, "[]"), Arrival::Page, "HTTP 200: []");
  expect_doubtful(read(200, "<html>"), Arrival::Page, "HTTP 200: <html>");
  expect_doubtful(read(504, "<html>"), Arrival::Page, "HTTP 504: <html>");
  expect_doubtful(read(200, R"({"data":{"id":25338392433,"status":"Canceled"}})"), Arrival::Page,
                  R"(HTTP 200: {"data":{"id":25338392433,"status":"Canceled"}})");
  expect_doubtful(read(200, R"({"success":false,"data":{"id":25338392433,"status":"Canceled"}})"), Arrival::Answered,
                  R"(HTTP 200: {"success":false,"data":{"id":25338392433,"status":"Canceled"}})");
  EXPECT_EQ(read(500, with_status(R"("Canceled")")).verdict, Verdict::Doubtful);
  EXPECT_EQ(read(401, with_status(R"("Canceled")")).verdict, Verdict::Unauthorized);
}

// Whatever part of a good answer comes, it is never read as something else.
TEST(QueryReply, CutAnywhereIsDoubt) {
  const std::string whole = with_status(R"("Canceled")");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(read(200, whole.substr(0, length)).verdict, Verdict::Doubtful) << length;
  }
}

}  // namespace
}  // namespace cancelbus::btcturk
