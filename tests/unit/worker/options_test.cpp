#include "service/worker/options.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

namespace cancelbus::worker {
namespace {

class OptionsTest : public testing::Test {
 protected:
  OptionsTest() {
    char made[] = "/tmp/cancelbus-worker-options-XXXXXX";
    EXPECT_NE(::mkdtemp(made), nullptr);
    folder = made;
    config.backend_endpoint = "tcp://127.0.0.1:5552";
    config.rest_url = "https://api.btcturk.com";
    config.curve.insecure_loopback = true;
    config.api_key_file = file("key", "public-key\n");
    config.api_secret_file = file("secret", "c2VjcmV0\n");
    config.connections = 4;
    config.request_timeout = absl::Seconds(5);
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
  EXPECT_EQ(options->rest_url.authority, "api.btcturk.com");
  EXPECT_EQ(options->connections, 4U);
  EXPECT_EQ(options->request_timeout, std::chrono::seconds(5));
  EXPECT_FALSE(options->monitor_address);
}

TEST_F(OptionsTest, TakesAMonitorAddress) {
  config.monitor_address = "127.0.0.1:9551";
  EXPECT_EQ(validated(config)->monitor_address->port, 9551);
}

TEST_F(OptionsTest, RefusesByName) {
  EXPECT_EQ(refusal([](Config& c) { c.backend_endpoint = "127.0.0.1:5552"; }),
            "--backend_endpoint=127.0.0.1:5552: expected tcp://host:port, ipc://path or inproc://name");
  EXPECT_EQ(refusal([](Config& c) { c.rest_url = "http://api.btcturk.com"; }),
            "--rest_url=http://api.btcturk.com: expected https://host[:port][/path]");
  EXPECT_EQ(refusal([](Config& c) { c.rest_url = "https://api.btcturk.com/api"; }),
            "--rest_url=https://api.btcturk.com/api: expected no path, the requests have their own");
  EXPECT_EQ(refusal([](Config& c) { c.connections = 0; }), "--connections=0: expected 1 to 64");
  EXPECT_EQ(refusal([](Config& c) { c.connections = 65; }), "--connections=65: expected 1 to 64");
  EXPECT_EQ(refusal([](Config& c) { c.request_timeout = absl::Milliseconds(99); }),
            "--request_timeout=99ms: expected 100ms to 1m");
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
}  // namespace cancelbus::worker
