#include "service/btcturk/signer.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "tests/unit/btcturk/contract_file.hpp"

namespace cancelbus::btcturk {
namespace {

static_assert(!std::is_copy_constructible_v<Signer> && !std::is_copy_assignable_v<Signer>);
static_assert(std::is_nothrow_move_constructible_v<Signer> && std::is_nothrow_move_assignable_v<Signer>);

Signer make(const boost::json::value& vector) {
  absl::StatusOr<Signer> signer =
      Signer::make(vector.at("public_key").as_string().c_str(), vector.at("secret_base64").as_string().c_str());
  EXPECT_TRUE(signer.ok()) << signer.status();
  return *std::move(signer);
}

TEST(Signer, SignsRestAsPublished) {
  const boost::json::value file = contract_file("vectors.json");
  ASSERT_FALSE(file.at("rest").as_array().empty());
  for (const boost::json::value& vector : file.at("rest").as_array()) {
    EXPECT_EQ(make(vector).sign_rest(vector.at("stamp_ms").as_int64()), vector.at("signature").as_string().c_str());
  }
}

TEST(Signer, SignsLoginAsPublished) {
  const boost::json::value file = contract_file("vectors.json");
  ASSERT_FALSE(file.at("stream_login").as_array().empty());
  for (const boost::json::value& vector : file.at("stream_login").as_array()) {
    EXPECT_EQ(make(vector).sign_login(vector.at("nonce").as_int64()), vector.at("signature").as_string().c_str());
  }
}

TEST(Signer, StartsAnewForEachSignature) {
  auto signer = Signer::make("PUB", "c2VjcmV0");
  ASSERT_TRUE(signer.ok());
  const std::string first = signer->sign_rest(1795341679057);
  const std::string second = signer->sign_rest(1795341679058);
  EXPECT_NE(first, second);
  EXPECT_EQ(signer->sign_rest(1795341679057), first);
  Signer moved = *std::move(signer);
  EXPECT_EQ(moved.sign_rest(1795341679058), second);
  EXPECT_EQ(moved.public_key(), "PUB");
}

TEST(Signer, DependsOnEveryByteOfTheSecret) {
  // "secret", then with one byte more, then one less: the padding must not count as a byte.
  auto six = Signer::make("PUB", "c2VjcmV0");
  auto seven = Signer::make("PUB", "c2VjcmV0AA==");
  auto five = Signer::make("PUB", "c2VjcmU=");
  auto eight = Signer::make("PUB", "c2VjcmV0AQI=");
  ASSERT_TRUE(six.ok() && seven.ok() && five.ok() && eight.ok());
  // HMAC fills a short key up with zeros, so a zero byte more is the one change that may not show.
  EXPECT_EQ(six->sign_rest(1), seven->sign_rest(1));
  EXPECT_NE(six->sign_rest(1), five->sign_rest(1));
  EXPECT_NE(six->sign_rest(1), eight->sign_rest(1));
}

TEST(Signer, KnowsItsSame) {
  const auto made = [](const char* key, const char* secret) { return *Signer::make(key, secret); };
  Signer signer = made("PUB", "c2VjcmV0");
  Signer same = made("PUB", "c2VjcmV0");
  Signer other_secret = made("PUB", "c2VjcmU=");
  Signer other_key = made("PUC", "c2VjcmV0");
  EXPECT_TRUE(signer.is_same(same));
  EXPECT_FALSE(signer.is_same(other_secret));
  EXPECT_FALSE(signer.is_same(other_key));
}

struct Bad {
  const char* name;
  std::string key;
  std::string secret;
  std::string error;
};

std::ostream& operator<<(std::ostream& out, const Bad& bad) { return out << bad.name; }

class BadKeys : public testing::TestWithParam<Bad> {};

TEST_P(BadKeys, AreRefusedWithoutBeingQuoted) {
  const auto signer = Signer::make(GetParam().key, GetParam().secret);
  ASSERT_FALSE(signer.ok());
  EXPECT_EQ(signer.status().message(), GetParam().error);
  const std::string said(signer.status().ToString());
  for (const std::string& hidden : {GetParam().key, GetParam().secret}) {
    if (hidden.size() > 3) {
      EXPECT_EQ(said.find(hidden.substr(0, 4)), std::string::npos) << said;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tables, BadKeys,
    testing::Values(
        Bad{"no_key", "", "c2VjcmV0", "API key: empty"},
        Bad{"key_with_newline", "PUBL\r\nX-Evil: 1", "c2VjcmV0",
            "API key: character 5 is a blank or not printable ASCII"},
        Bad{"key_with_blank", "PU BL", "c2VjcmV0", "API key: character 3 is a blank or not printable ASCII"},
        Bad{"key_not_ascii", "PUBL\xC4\xB1", "c2VjcmV0", "API key: character 5 is a blank or not printable ASCII"},
        Bad{"key_too_long", std::string(257, 'K'), "c2VjcmV0", "API key: longer than 256 characters"},
        Bad{"no_secret", "PUB", "", "API secret: empty"},
        Bad{"padding_alone", "PUB", "====", "API secret: character 1 is not of the base64 alphabet"},
        Bad{"secret_cut", "PUB", "c2VjcmV", "API secret: base64 comes in groups of 4 characters, but it has 7"},
        Bad{"secret_without_padding", "PUB", "c2VjcmU",
            "API secret: base64 comes in groups of 4 characters, but it has 7"},
        Bad{"secret_with_newline", "PUB", "c2VjcmV0\n", "API secret: character 9 is not of the base64 alphabet"},
        Bad{"secret_with_leading_blank", "PUB", " c2VjcmV0", "API secret: character 1 is not of the base64 alphabet"},
        Bad{"padding_inside", "PUB", "c2Vj=mV0", "API secret: character 5 is not of the base64 alphabet"},
        Bad{"padding_threefold", "PUB", "c2VjcmV0c===", "API secret: character 10 is not of the base64 alphabet"},
        Bad{"url_alphabet", "PUB", "c2Vj-_V0", "API secret: character 5 is not of the base64 alphabet"},
        Bad{"binary", "PUB", std::string("c2Vj\0\x80\xFFx", 8),
            "API secret: character 5 is not of the base64 alphabet"},
        Bad{"secret_too_long", "PUB", std::string(1028, 'A'), "API secret: longer than 1024 characters"}),
    [](const auto& test) { return test.param.name; });

TEST(SignerDeathTest, StopsTheProcessWhenUsedAfterAMove) {
  auto signer = Signer::make("PUB", "c2VjcmV0");
  ASSERT_TRUE(signer.ok());
  const Signer taken = *std::move(signer);
  EXPECT_DEATH(signer->sign_rest(1), "broken invariant");  // NOLINT(bugprone-use-after-move)
}

}  // namespace
}  // namespace cancelbus::btcturk
