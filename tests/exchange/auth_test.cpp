#include "tests/exchange/auth.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/exchange/signature.hpp"
#include "tests/exchange/test_driver.hpp"

namespace exchange_sim {
namespace {

namespace json = boost::json;

json::value vectors() {
  std::ifstream file(EXCHANGE_VECTORS);
  return json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
}

TEST(Signature, MatchesEveryPublishedVector) {
  const json::value all = vectors();
  for (const auto& vector : all.at("rest").as_array()) {
    const auto pair =
        make_key_pair(vector.at("public_key").as_string().c_str(), vector.at("secret_base64").as_string().c_str());
    ASSERT_TRUE(pair.ok());
    const std::string stamp = std::to_string(vector.at("stamp_ms").as_int64());
    EXPECT_EQ(sign(pair->secret, pair->public_key + stamp), vector.at("signature").as_string().c_str());
  }
  for (const auto& vector : all.at("stream_login").as_array()) {
    const auto pair =
        make_key_pair(vector.at("public_key").as_string().c_str(), vector.at("secret_base64").as_string().c_str());
    ASSERT_TRUE(pair.ok());
    const std::string nonce = std::to_string(vector.at("nonce").as_int64());
    EXPECT_EQ(sign(pair->secret, pair->public_key + nonce), vector.at("signature").as_string().c_str());
  }
}

TEST(KeyPair, IsReadFromFilesWithLineEnds) {
  const auto pair = make_key_pair("PUB\n", " c2VjcmV0\r\n");
  ASSERT_TRUE(pair.ok());
  EXPECT_EQ(pair->public_key, "PUB");
  EXPECT_EQ(pair->secret, "secret");
  EXPECT_FALSE(make_key_pair("", "c2VjcmV0").ok());
  EXPECT_FALSE(make_key_pair("PUB", "not base64!").ok());
  EXPECT_FALSE(make_key_pair("PUB", "").ok());
}

class AuthTest : public testing::Test {
 protected:
  AuthVerdict check(std::int64_t stamp_offset_ms) {
    const std::string stamp = std::to_string(unix_ms(now_) + stamp_offset_ms);
    return auth_.check(Driver::signed_with(stamp, "DELETE", "/"), now_);
  }

  Auth auth_{{KeyPair{"PUB", "secret"}}};
  Instant now_{std::chrono::seconds{1'800'000'000}};
};

TEST_F(AuthTest, TakesStampsUpToFiveSecondsOff) {
  EXPECT_EQ(check(0), AuthVerdict::Good);
  EXPECT_EQ(check(5000), AuthVerdict::Good);
  EXPECT_EQ(check(-5000), AuthVerdict::Good);
  EXPECT_EQ(check(5001), AuthVerdict::StaleStamp);
  EXPECT_EQ(check(-5001), AuthVerdict::StaleStamp);
}

TEST_F(AuthTest, RefusesAStampUsedBefore) {
  EXPECT_EQ(check(0), AuthVerdict::Good);
  EXPECT_EQ(check(1), AuthVerdict::Good);
  EXPECT_EQ(check(0), AuthVerdict::RepeatedStamp);
  now_ += std::chrono::seconds{4};
  EXPECT_EQ(check(-4000), AuthVerdict::RepeatedStamp);
}

TEST_F(AuthTest, RefusesStampsThatAreNoNumber) {
  for (const char* stamp : {"", "now", "12x", "-5"}) {
    EXPECT_EQ(auth_.check(Driver::signed_with(stamp, "DELETE", "/"), now_), AuthVerdict::StaleStamp) << stamp;
  }
}

TEST_F(AuthTest, RefusesAnotherKeyAndAnotherSignature) {
  HttpRequest request = Driver::signed_with(std::to_string(unix_ms(now_)), "DELETE", "/");
  HttpRequest other_key = request;
  other_key.public_key = "OTHER";
  EXPECT_EQ(auth_.check(other_key, now_), AuthVerdict::UnknownKey);
  HttpRequest other_signature = request;
  other_signature.signature[0] = other_signature.signature[0] == 'A' ? 'B' : 'A';
  EXPECT_EQ(auth_.check(other_signature, now_), AuthVerdict::BadSignature);
  EXPECT_EQ(auth_.check(request, now_), AuthVerdict::Good);  // the refused ones did not use the stamp up
}

}  // namespace
}  // namespace exchange_sim
