#include "service/subscriber/options.hpp"

#include "tests/unit/backend/config_fixture.hpp"

namespace cancelbus::subscriber {
namespace {

class OptionsTest : public backend::ConfigTest<Config> {
 protected:
  OptionsTest() {
    config.stream_url = "wss://ws-feed-pro.btcturk.com";
    config.login_nonce = 3000;
    config.silence_timeout = absl::Seconds(15);
  }
};

TEST_F(OptionsTest, TakesTheDefaults) {
  const auto options = validated(config);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->signer.public_key(), "public-key");
  EXPECT_EQ(options->stream_url.authority, "ws-feed-pro.btcturk.com");
  EXPECT_EQ(options->stream_url.port, 443);
  EXPECT_EQ(options->login_nonce, 3000);
  EXPECT_EQ(options->silence_timeout, std::chrono::seconds(15));
}

TEST_F(OptionsTest, RefusesByName) {
  EXPECT_EQ(refusal([](Config& c) { c.stream_url = "ws://ws-feed-pro.btcturk.com"; }),
            "--stream_url=ws://ws-feed-pro.btcturk.com: expected wss://host[:port][/path]");
  EXPECT_EQ(refusal([](Config& c) { c.login_nonce = 99; }), "--login_nonce=99: expected 100 to 60000");
  EXPECT_EQ(refusal([](Config& c) { c.login_nonce = 60001; }), "--login_nonce=60001: expected 100 to 60000");
  EXPECT_EQ(refusal([](Config& c) { c.silence_timeout = absl::Milliseconds(999); }),
            "--silence_timeout=999ms: expected 1s to 5m");
  EXPECT_EQ(refusal([](Config& c) { c.silence_timeout = absl::InfiniteDuration(); }),
            "--silence_timeout=inf: expected 1s to 5m");
  EXPECT_EQ(refusal([](Config& c) { c.api_key_file = ""; }),
            "--api_key_file is missing: expected the path of a file that holds it");
}

}  // namespace
}  // namespace cancelbus::subscriber
