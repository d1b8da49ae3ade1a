// What must not leave the process that received it, and what must stay as it came.
#include "service/btcturk/redaction.hpp"

#include <gtest/gtest.h>

#include <map>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "service/btcturk/stream_frame.hpp"
#include "tests/unit/btcturk/contract_file.hpp"

namespace cancelbus::btcturk {
namespace {

namespace json = boost::json;

constexpr std::size_t Plenty = 48 * 1024;

std::string shown(std::string_view text) { return redacted(text, "PUBLIC-KEY", Plenty); }

// ---- Every payload of the exchange ----

struct Sample {
  std::string name;
  json::value content;
};
std::ostream& operator<<(std::ostream& out, const Sample& payload) { return out << payload.name; }

std::vector<Sample> samples() {
  std::vector<Sample> all;
  const json::value file = contract_file("payloads.json");
  for (const auto& [name, content] : file.at("stream").as_object())
    all.push_back({"stream_" + std::string(name), content});
  for (const auto& [name, content] : file.at("rest").as_object()) {
    all.push_back({"rest_" + std::string(name), content.at("body")});
  }
  return all;
}

/// Named here and not taken from the product: what is personal in the payloads, by the type of the frame (0: any).
bool is_personal(int64_t frame, const std::string& name) {
  static const std::multimap<int64_t, std::string> Personal = {
      {0, "userId"}, {0, "user"}, {114, "id"}, {201, "payload"}};
  for (const auto& [type, personal] : Personal) {
    if (name == personal && (type == 0 || type == frame)) return true;
  }
  return false;
}

/// Each value that is no array or object, as text, by its path; those that are personal apart.
struct Leaves {
  std::map<std::string, std::string> plain;
  std::map<std::string, std::string> personal;
  int64_t frame = 0;

  void add(const json::value& value, const std::string& path, const std::string& name) {
    if (const auto* object = value.if_object()) {
      for (const auto& [key, of_key] : *object) add(of_key, path + "." + std::string(key), std::string(key));
    } else if (const auto* array = value.if_array()) {
      for (std::size_t i = 0; i < array->size(); ++i) add((*array)[i], path + "[" + std::to_string(i) + "]", name);
    } else {
      (is_personal(frame, name) ? personal : plain)[path] = json::serialize(value);
    }
  }
};

Leaves leaves_of(const json::value& value) {
  Leaves leaves;
  if (value.is_array()) leaves.frame = value.as_array().front().to_number<int64_t>();
  leaves.add(value, "", "");
  return leaves;
}

class EveryPayload : public testing::TestWithParam<Sample> {};

TEST_P(EveryPayload, KeepsAllThatIsNotPersonalAndNothingElse) {
  const json::value& content = GetParam().content;
  if (const auto* page = content.if_string()) {  // not JSON: a proxy's page, or nothing
    EXPECT_EQ(shown({page->data(), page->size()}), std::string_view(page->data(), page->size()));
    return;
  }
  const std::string text = shown(json::serialize(content));
  const Leaves before = leaves_of(content), after = leaves_of(json::parse(text));
  EXPECT_EQ(after.plain, before.plain);
  for (const auto& [path, value] : before.personal) {
    EXPECT_TRUE(value == "0" || text.find(value) == std::string::npos) << path << " in " << text;
    EXPECT_TRUE(after.personal.at(path) == "0" || after.personal.at(path) == "\"***\"") << path;
  }
}

INSTANTIATE_TEST_SUITE_P(Payloads, EveryPayload, testing::ValuesIn(samples()),
                         [](const auto& test) { return test.param.name; });

TEST(Redaction, SomePayloadsArePersonal) {
  std::size_t personal = 0;
  for (const Sample& payload : samples()) personal += leaves_of(payload.content).personal.size();
  EXPECT_GE(personal, 7u) << "else the test above proves nothing";
}

TEST(Redaction, AnIdOfAnOrderOrATradeStays) {
  for (const char* text : {R"([452,{"type":452,"id":25338392433,"newOrderClientId":"d-1"}])",
                           R"([423,{"id":1149163839863900657,"orderId":25327923517,"orderClientId":"d-1"}])",
                           R"({"data":{"id":61912740,"orderClientId":"x","leftAmount":"0.1234567800000000"}})"}) {
    EXPECT_EQ(shown(text), text);
  }
}

TEST(Redaction, OurLoginLosesKeyAndSignature) {
  auto signer = Signer::make("0f14d0ab-9605-4a62-a9e4-5ed26688389b", "c2VjcmV0LXNlY3JldA==");
  ASSERT_TRUE(signer.ok());
  EXPECT_EQ(shown(login_frame(*signer, 1'700'000'000'000, 3000)),
            R"([114,{"type":114,"publicKey":"***","timestamp":1700000000000,"nonce":3000,"signature":"***"}])");
}

// ---- Names and values ----

struct Case {
  const char* what;
  std::string text;
  std::string expected;
};
std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.what; }

class Names : public testing::TestWithParam<Case> {};

TEST_P(Names, Decide) { EXPECT_EQ(shown(GetParam().text), GetParam().expected); }

INSTANTIATE_TEST_SUITE_P(
    Cases, Names,
    testing::Values(
        Case{"any_case", R"({"USERID":5,"X-Api-Key":"k","new_user_id":"7"})",
             R"({"USERID":0,"X-Api-Key":"***","new_user_id":"***"})"},
        Case{"as_they_were_written", "{ \"user\" :\t907818 ,\n \"price\": 1.0e5 }",
             "{ \"user\" :\t0 ,\n \"price\": 1.0e5 }"},
        Case{"escaped_quotes", R"({"token":"a\"b\\","price":"1"})", R"({"token":"***","price":"1"})"},
        Case{"words_that_say_nothing", R"({"user":null,"token":true,"balance":-1.5e3})",
             R"({"user":null,"token":true,"balance":0})"},
        Case{"containers", R"({"balances":[{"asset":"TRY","x":"1]"},{"y":[2]}],"user":{"a":"}"},"id":3})",
             R"({"balances":[],"user":{},"id":3})"},
        Case{"parts_of_a_balance", R"({"asset":"TRY","locked":"1","free":"2","orderFund":"3","precision":2})",
             R"({"asset":"TRY","locked":"***","free":"***","orderFund":"***","precision":2})"},
        Case{"json_in_a_string", R"({"payload":"{\"userId\":5,\"token\":\"a\\\"b\",\"id\":7}","id":8})",
             R"({"payload":"{\"userId\":0,\"token\":\"***\",\"id\":7}","id":8})"},
        Case{"json_in_json_in_a_string", R"("{\"a\":\"{\\\"token\\\":\\\"x\\\"}\",\"b\":1}")",
             R"("{\"a\":\"{\\\"token\\\":\\\"***\\\"}\",\"b\":1}")"},
        Case{"cut_off_in_a_string", R"({"id":1,"token":"abc)", R"({"id":1,"token":"***")"},
        Case{"cut_off_in_a_container", R"({"id":1,"user":{"a":"b",)", R"({"id":1,"user":{})"},
        Case{"cut_off_before_the_value", R"({"id":1,"token":)", R"({"id":1,"token":)"},
        Case{"not_json", "X-PCK: abc\nX-Signature: Zm9v+/=\nRetry-After: 53\n",
             "X-PCK: ***\nX-Signature: ***\nRetry-After: 53\n"},
        Case{"a_cookie", "Set-Cookie: __cf_bm=secret; path=/\nServer: cloudflare\n",
             "Set-Cookie: ***; path=/\nServer: cloudflare\n"},
        Case{"query", "/api?userId=5&pairSymbol=BTCTRY", "/api?userId=0&pairSymbol=BTCTRY"},
        Case{"a_name_is_no_value", R"({"policy":"account","message":"ORDER_CANCEL_BLOCKED"})",
             R"({"policy":"account","message":"ORDER_CANCEL_BLOCKED"})"},
        Case{"addresses", "Your IP: 203.0.113.77, not 1.2.3 nor 2026.11", "Your IP: 0.0.0.0, not 1.2.3 nor 2026.11"},
        Case{"ipv6_addresses",
             "Your IP: 2001:db8::5, id:2001:db8::5, [2001:DB8:0:0:1:2:3:4]:443, "
             "::1. fe80::1%eth0 ::ffff:203.0.113.77: refused",
             "Your IP: ::, id:::, [::]:443, ::. :: ::: refused"},
        Case{"ipv6_in_json", R"({"message":"from 2001:db8::5","ip":"::1","id":3})",
             R"({"message":"from ::","ip":"::","id":3})"},
        Case{"no_ipv6_addresses",
             "12:34:56.789 aa:bb:cc:dd:ee:ff std::string a::before 1:2 x::1 {\"a\":1} 2026-11-30T10:00:00Z "
             "12345::1 1:2:3:4:5:6:7: 9 g::h 1:2:3:4",
             "12:34:56.789 aa:bb:cc:dd:ee:ff std::string a::before 1:2 x::1 {\"a\":1} 2026-11-30T10:00:00Z "
             "12345::1 1:2:3:4:5:6:7: 9 g::h 1:2:3:4"},
        Case{"a_word_within_a_word",
             R"({"liquidity":1,"monkey":"2","assignee":"3","blocked":4,"unavailable":"5","design":6,"bus_error":7})",
             R"({"liquidity":1,"monkey":"2","assignee":"3","blocked":4,"unavailable":"5","design":6,"bus_error":7})"},
        Case{"words_of_a_name",
             R"({"uid":1,"UserUID":2,"uid2":3,"APIKey":"4","api_key":"5",)"
             R"("first_name":"6","lastName":"7","apikey":"8","keys":[9],"bus_error":1})",
             R"({"uid":0,"UserUID":0,"uid2":0,"APIKey":"***","api_key":"***",)"
             R"("first_name":"***","lastName":"***","apikey":"***","keys":[],"bus_error":1})"},
        Case{
            "words_that_run_together",
            R"({"USERID":1,"accesstoken":"2","sessionid":"3","emailAddress":"4","memberid":5,"useremail":"6"})",
            R"({"USERID":0,"accesstoken":"***","sessionid":"***","emailAddress":"***","memberid":0,"useremail":"***"})"},
        Case{"the_public_key_anywhere", R"({"message":"Invalid PUBLIC-KEY.","PUBLIC-KEY":"x"})",
             R"({"message":"Invalid ***.","***":"x"})"},
        Case{"balance_frame", R"([201,{"type":201,"userId":1234567,"payload":"16,5,1","whatever":12.5}])",
             R"([201,{"type":201,"userId":0,"payload":"***","whatever":0}])"},
        Case{"login_answer_with_blanks", R"( [ 114 , {"type":114,"id":907818,"ok":true}])",
             R"( [ 114 , {"type":114,"id":0,"ok":true}])"},
        Case{"bytes_that_are_no_text", std::string("\xff\0{\"user\":\"\xff\"}", 14),
             std::string("\xff\0{\"user\":\"***\"}", 16)},
        Case{"nothing", "", ""}),
    [](const auto& test) { return test.param.what; });

TEST(Redaction, WhatIsCutOffIsGone) {
  const std::string filler(100, '.');
  EXPECT_EQ(redacted(filler + R"({"id":1})", "KEY", 100), filler);
  EXPECT_EQ(redacted(filler + R"("token":"abcdef")", "KEY", 112), filler + R"("token":"***")")
      << "a value cut in its middle";
  for (std::size_t cut = 90; cut < 120; ++cut) {
    const std::string text = redacted(filler + "the-public-key" + filler, "the-public-key", cut);
    EXPECT_EQ(text.find("the"), std::string::npos) << "cut within the key, at " << cut;
  }
}

TEST(Redaction, IsDoneWithWhatNoOneWouldSend) {
  for (const char* piece : {R"("user":[)", R"("user":{")", R"(\\\")", R"(user)", R"("token":"\)", R"(1.1.1.)"}) {
    std::string text;
    while (text.size() < Plenty) text += piece;
    EXPECT_LE(shown(text).size(), 2 * Plenty) << piece;
  }
}

TEST(Redaction, DoneTwiceChangesNothing) {
  for (const Sample& payload : samples()) {
    const std::string once = shown(json::serialize(payload.content));
    EXPECT_EQ(shown(once), once) << payload;
  }
}

}  // namespace
}  // namespace cancelbus::btcturk
