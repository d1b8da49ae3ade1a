// What one text frame says, be it sound or rubbish. The sample frames are in payloads_test.cpp.
#include "service/btcturk/stream_frame.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

namespace cancelbus::btcturk {
namespace {

using core::FactType;
using core::OrderFact;

TEST(Frame, TakesNumbersAsStringsAndDecimalsAsNumbers) {
  const StreamFrame frame =
      read_frame(R"( ["452",{"id":"25338392433","price":0.04573,"amount":37154,"numLeft":"1.0","symbol":7}] )");
  const OrderFact* fact = std::get_if<OrderFact>(&frame);
  ASSERT_NE(fact, nullptr);
  EXPECT_EQ(fact->type, FactType::Deleted452);
  EXPECT_EQ(fact->order_id, 25338392433);
  EXPECT_EQ(fact->price, "0.04573");
  EXPECT_EQ(fact->amount, "37154");
  EXPECT_EQ(fact->num_left, "1.0");
  EXPECT_EQ(fact->symbol, "");
}

TEST(Frame, NeedsNothingButTheIdOfAnOrder) {
  const StreamFrame frame = read_frame(R"([452,{"id":9223372036854775807,"numLeft":"1e5","price":null}])");
  const OrderFact* fact = std::get_if<OrderFact>(&frame);
  ASSERT_NE(fact, nullptr);
  EXPECT_EQ(fact->order_id, 9223372036854775807);
  EXPECT_EQ(fact->num_left, "");
  EXPECT_EQ(fact->price, "");
}

TEST(Frame, SaysOnWhichSideAnOrderIsAndWhatItsOwnerCallsIt) {
  const auto read = [](const std::string& fields) {
    return std::get<OrderFact>(read_frame(R"([451,{"id":5,)" + fields + "}]"));
  };
  EXPECT_EQ(read(R"("orderType":0,"newOrderClientId":"dA-17")").side, core::Side::Buy);
  EXPECT_EQ(read(R"("orderType":"1")").side, core::Side::Sell);
  for (const char* type : {R"("orderType":2)", R"("orderType":null)", R"("orderType":"buy")", R"("x":0)"}) {
    EXPECT_EQ(read(type).side, std::nullopt) << type;
  }
  EXPECT_EQ(read(R"("orderType":0,"newOrderClientId":"dA-17")").client_order_id, "dA-17");
  EXPECT_EQ(read(R"("newOrderClientId":null)").client_order_id, "");
}

TEST(Frame, TakesATradesOrderIdNotItsOwn) {
  const StreamFrame frame = read_frame(R"([423,{"id":1149163839863900657,"orderId":5}])");
  ASSERT_TRUE(std::holds_alternative<OrderFact>(frame));
  EXPECT_EQ(std::get<OrderFact>(frame).order_id, 5);
}

TEST(Frame, SetsIdZeroApart) {
  for (const char* text : {R"([452,{"id":0,"numLeft":"1"}])", R"([451,{"id":"0"}])", R"([441,{"id":0}])",
                           R"([423,{"id":7,"orderId":0}])"}) {
    EXPECT_TRUE(std::holds_alternative<IdZeroFrame>(read_frame(text))) << text;
  }
}

TEST(Frame, SetsUnknownTypesApart) {
  for (const char* text : {R"([453,{"id":5}])", R"([0,{}])", R"([-452,{"id":5}])", R"([9223372036854775807,{}])"}) {
    EXPECT_TRUE(std::holds_alternative<UnknownFrame>(read_frame(text))) << text;
  }
  EXPECT_TRUE(std::holds_alternative<IgnoredFrame>(read_frame(R"([801,{"id":5}])")));
}

TEST(Frame, ReadsTheLoginsAnswer) {
  const auto result = [](const char* text) { return std::get<LoginResult>(read_frame(text)); };
  EXPECT_TRUE(result(R"([114,{"ok":true}])").ok);
  EXPECT_FALSE(result(R"([114,{"ok":false,"message":null}])").ok);
  EXPECT_EQ(result(R"([114,{"ok":false,"message":"a\nb"}])").message, "a b");
}

void expect_malformed(const std::string& text, const std::string& why) {
  const StreamFrame frame = read_frame(text);
  const MalformedFrame* malformed = std::get_if<MalformedFrame>(&frame);
  ASSERT_NE(malformed, nullptr) << text.substr(0, 80);
  EXPECT_EQ(malformed->why, why) << text.substr(0, 80);
}

TEST(MalformedFrames, AreNoJson) {
  for (const std::string& text : std::vector<std::string>{
           "", " ", "x", "<html>Bad Gateway</html>", R"([452,{"id":5})", R"([452,{"id":5}]])",
           R"([452,{"id":5}] [452,{"id":6}])", "[452,{'id':5}]", R"([452,{"id":05}])", R"([452,{"id":5,}])",
           "[452,{\"id\":5,\"symbol\":\"\xFF\"}]", R"([452,{"id":5,"symbol":"\ud800"}])",
           "\xEF\xBB\xBF[452,{\"id\":5}]", std::string("[452,{\"id\":5}]\0", 15)}) {
    expect_malformed(text, "not legible as JSON");
  }
}

TEST(MalformedFrames, AreTooLargeOrTooDeep) {
  const auto nested = [](std::size_t levels) {
    return "[452,{\"id\":5,\"x\":" + std::string(levels, '[') + std::string(levels, ']') + "}]";
  };
  const auto filled = [](std::size_t bytes) {
    const std::string frame = R"([452,{"id":5,"x":""}])";
    return frame.substr(0, frame.size() - 3) + std::string(bytes - frame.size(), 'x') + "\"}]";
  };
  EXPECT_TRUE(std::holds_alternative<OrderFact>(read_frame(nested(14))));
  expect_malformed(nested(15), "not legible as JSON");
  expect_malformed(std::string(60000, '['), "not legible as JSON");
  EXPECT_TRUE(std::holds_alternative<OrderFact>(read_frame(filled(65536))));
  expect_malformed(filled(65537), "not legible as JSON");
}

TEST(MalformedFrames, AreNoPairOfATypeAndAnObject) {
  for (const char* text : {"null", "452", "{}", "[]", "[452]", "[[]]", R"([{"id":5},452])", "[452,[]]", "[452,null]",
                           R"([452,"id"])", R"([null,{"id":5}])", R"([452.0,{"id":5}])", R"([4.52e2,{"id":5}])",
                           R"(["",{"id":5}])", R"([452,{"id":5},{}])", R"([18446744073709551615,{"id":5}])"}) {
    expect_malformed(text, "not an array of a type and an object");
  }
}

TEST(MalformedFrames, AreAboutNoLegibleOrder) {
  for (const char* id : {"null", "-5", "5.0", "5e3", R"("5 ")", R"("+5")", R"("0x5")", R"("")", "true", "[5]", "{}",
                         "9223372036854775808", R"("9223372036854775808")", "1e400"}) {
    expect_malformed(R"([452,{"id":)" + std::string(id) + "}]", "452 without a legible order id");
  }
  expect_malformed("[441,{}]", "441 without a legible order id");
  expect_malformed(R"([451,{"ID":5}])", "451 without a legible order id");
  expect_malformed(R"([423,{"id":5}])", "423 without a legible order id");
}

TEST(MalformedFrames, AnswerALoginWithoutSayingHow) {
  for (const char* fields : {"{}", R"({"ok":"true"})", R"({"ok":1})", R"({"ok":null})"}) {
    expect_malformed("[114," + std::string(fields) + "]", "114 without a legible 'ok'");
  }
}

TEST(Frame, CutAnywhereIsMalformed) {
  const std::string whole = R"([452,{"type":452,"id":25338392433,"symbol":"ARPAUSDT","numLeft":"37154.70"}])";
  ASSERT_TRUE(std::holds_alternative<OrderFact>(read_frame(whole)));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_TRUE(std::holds_alternative<MalformedFrame>(read_frame(whole.substr(0, length)))) << length;
  }
}

TEST(LoginFrame, HoldsNumbersAndTheSignatureOfTheNonce) {
  auto signer = Signer::make("PUB", "c2VjcmV0");
  ASSERT_TRUE(signer.ok());
  EXPECT_EQ(login_frame(*signer, 1795341679057, 3000),
            R"([114,{"type":114,"publicKey":"PUB","timestamp":1795341679057,"nonce":3000,)"
            R"("signature":"F9RVly8uNZL0TB2aDJiqDjYYsVHDwvK0O6AwUQzL57A="}])");
}

TEST(LoginFrame, EscapesTheKey) {
  auto signer = Signer::make(R"(a"b\c)", "c2VjcmV0");
  ASSERT_TRUE(signer.ok());
  const boost::json::value frame = boost::json::parse(login_frame(*signer, 1, 3000));
  EXPECT_EQ(frame.at(1).at("publicKey").as_string(), R"(a"b\c)");
}

}  // namespace
}  // namespace cancelbus::btcturk
