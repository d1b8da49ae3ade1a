#include "service/worker/options.hpp"

#include "tests/unit/backend/config_fixture.hpp"

namespace cancelbus::worker {
namespace {

class OptionsTest : public backend::ConfigTest<Config> {
 protected:
  OptionsTest() {
    config.rest_url = "https://api.btcturk.com";
    config.connections = 4;
    config.request_timeout = absl::Seconds(5);
  }
};

TEST_F(OptionsTest, TakesTheDefaults) {
  const auto options = validated(config);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->signer.public_key(), "public-key");
  EXPECT_EQ(options->rest_url.authority, "api.btcturk.com");
  EXPECT_EQ(options->connections, 4U);
  EXPECT_EQ(options->request_timeout, std::chrono::seconds(5));
}

TEST_F(OptionsTest, RefusesByName) {
  EXPECT_EQ(refusal([](Config& c) { c.rest_url = "http://api.btcturk.com"; }),
            "--rest_url=http://api.btcturk.com: expected https://host[:port][/path]");
  EXPECT_EQ(refusal([](Config& c) { c.rest_url = "https://api.btcturk.com/api"; }),
            "--rest_url=https://api.btcturk.com/api: expected no path, the requests have their own");
  EXPECT_EQ(refusal([](Config& c) { c.connections = 0; }), "--connections=0: expected 1 to 64");
  EXPECT_EQ(refusal([](Config& c) { c.connections = 65; }), "--connections=65: expected 1 to 64");
  EXPECT_EQ(refusal([](Config& c) { c.request_timeout = absl::Milliseconds(99); }),
            "--request_timeout=99ms: expected 100ms to 1m");
  EXPECT_EQ(refusal([](Config& c) { c.api_key_file = ""; }),
            "--api_key_file is missing: expected the path of a file that holds it");
}

}  // namespace
}  // namespace cancelbus::worker
