#include "service/subscriber/options.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

namespace cancelbus::subscriber {
namespace {

class OptionsTest : public testing::Test {
 protected:
  OptionsTest() {
    char made[] = "/tmp/cancelbus-subscriber-options-XXXXXX";
    EXPECT_NE(::mkdtemp(made), nullptr);
    folder = made;
    config.backend_endpoint = "tcp://127.0.0.1:5552";
    config.stream_url = "wss://ws-feed-pro.btcturk.com";
    config.curve.insecure_loopback = true;
    config.api_key_file = file("key", "public-key\n");
    config.api_secret_file = file("secret", "c2VjcmV0\n");
    config.login_nonce = 3000;
    config.silence_timeout = absl::Seconds(15);
  }
  ~OptionsTest() override { std::filesystem::remove_all(folder); }

  std::string file(const std::string& name, const std::string& content) const {
    const std::filesystem::path path = folder / name;
    std::ofstream(path) << content;
    std::filesystem::permissions(path, std::filesystem::perms::owner_read);
    return path;
  }
  /// What is said when the config is changed like this.
  std::string refusal(const std::function<void(Config&)>& change) const {
    Config changed = config;
    change(changed);
    const auto options = validated(changed);
    return options.ok() ? "accepted" : std::string(options.status().message());
  }

  std::filesystem::path folder;
  Config config;
};

TEST_F(OptionsTest, TakesTheDefaults) {
  const auto options = validated(config);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->signer.public_key(), "public-key");
  EXPECT_EQ(options->stream_url.authority, "ws-feed-pro.btcturk.com");
  EXPECT_EQ(options->stream_url.port, 443);
  EXPECT_EQ(options->login_nonce, 3000);
  EXPECT_EQ(options->silence_timeout, std::chrono::seconds(15));
  EXPECT_FALSE(options->monitor_address);
}

TEST_F(OptionsTest, TakesAMonitorAddress) {
  config.monitor_address = "127.0.0.1:9551";
  EXPECT_EQ(validated(config)->monitor_address->port, 9551);
}

TEST_F(OptionsTest, RefusesByName) {
  EXPECT_EQ(refusal([](Config& c) { c.backend_endpoint = "127.0.0.1:5552"; }),
            "--backend_endpoint=127.0.0.1:5552: expected tcp://host:port, ipc://path or inproc://name");
  EXPECT_EQ(refusal([](Config& c) { c.stream_url = "ws://ws-feed-pro.btcturk.com"; }),
            "--stream_url=ws://ws-feed-pro.btcturk.com: expected wss://host[:port][/path]");
  EXPECT_EQ(refusal([](Config& c) { c.login_nonce = 99; }), "--login_nonce=99: expected 100 to 60000");
  EXPECT_EQ(refusal([](Config& c) { c.login_nonce = 60001; }), "--login_nonce=60001: expected 100 to 60000");
  EXPECT_EQ(refusal([](Config& c) { c.silence_timeout = absl::Milliseconds(999); }),
            "--silence_timeout=999ms: expected 1s to 5m");
  EXPECT_EQ(refusal([](Config& c) { c.silence_timeout = absl::InfiniteDuration(); }),
            "--silence_timeout=inf: expected 1s to 5m");
  EXPECT_EQ(refusal([](Config& c) { c.monitor_address = "9551"; }),
            "--monitor_address=9551: expected host:port with a port from 0 to 65535");
  EXPECT_EQ(refusal([](Config& c) { c.api_key_file = ""; }),
            "--api_key_file is missing: expected the path of a file that holds it");
}

TEST_F(OptionsTest, RefusesFilesByNameAndKeepsTheirContent) {
  const std::string bad = file("bad", "not*base64*and*secret\n");
  const std::string said = refusal([&](Config& c) { c.api_secret_file = bad; });
  EXPECT_EQ(said.find("--api_secret_file=" + bad + ": "), 0U) << said;
  EXPECT_EQ(said.find("not*base64"), std::string::npos) << said;
  const std::string no_certificate = refusal([&](Config& c) { c.ca_file = bad; });
  EXPECT_EQ(no_certificate.find("--ca_file=" + bad + ": cannot use the certificates: "), 0U) << no_certificate;
}

}  // namespace
}  // namespace cancelbus::subscriber
