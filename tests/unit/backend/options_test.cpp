#include "service/backend/options.hpp"

#include "tests/unit/backend/config_fixture.hpp"

namespace cancelbus::backend {
namespace {

using OptionsTest = ConfigTest<Config>;

TEST_F(OptionsTest, TakesTheDefaults) {
  const auto options = validated(config);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->signer.public_key(), "public-key");
  EXPECT_FALSE(options->monitor_address);
  EXPECT_FALSE(options->curve);
}

TEST_F(OptionsTest, TakesAMonitorAddress) {
  config.monitor_address = "127.0.0.1:9551";
  EXPECT_EQ(validated(config)->monitor_address->port, 9551);
}

TEST_F(OptionsTest, RefusesByName) {
  EXPECT_EQ(refusal([](Config& c) { c.backend_endpoint = "127.0.0.1:5552"; }),
            "--backend_endpoint=127.0.0.1:5552: expected tcp://host:port, ipc://path or inproc://name");
  EXPECT_EQ(refusal([](Config& c) { c.monitor_address = "9551"; }),
            "--monitor_address=9551: expected host:port with a port from 0 to 65535");
  EXPECT_EQ(refusal([](Config& c) { c.api_key_file = ""; }),
            "--api_key_file is missing: expected the path of a file that holds it");
}

TEST_F(OptionsTest, ACheckNeedsNoKeyForTheBus) {
  config.curve = {};
  EXPECT_NE(refusal([](Config&) {}), "accepted");
  EXPECT_EQ(refusal([](Config& c) { c.check = true; }), "accepted");
}

TEST_F(OptionsTest, RefusesFilesByNameAndKeepsTheirContent) {
  const std::string bad = file("bad", "not*base64*and*secret\n");
  const std::string said = refusal([&](Config& c) { c.api_secret_file = bad; });
  EXPECT_EQ(said.find("--api_secret_file=" + bad + ": "), 0U) << said;
  EXPECT_EQ(said.find("not*base64"), std::string::npos) << said;
  const std::string no_certificate = refusal([&](Config& c) { c.ca_file = bad; });
  EXPECT_EQ(no_certificate.find("--ca_file=" + bad + ": cannot use the certificates: "), 0U) << no_certificate;
}

TEST_F(OptionsTest, AReplacedKeyIsUsedIfItIsAnotherAndGood) {
  auto options = validated(config);
  ASSERT_TRUE(options.ok()) << options.status();
  btcturk::Signer& signer = options->signer;
  const auto replace = [&signer](const io::ApiKeyFiles& files) {
    const auto pair = io::ApiKeyFiles(files).read();
    EXPECT_TRUE(pair.ok()) << pair.status();
    return replace_key(signer, *pair);
  };
  EXPECT_EQ(*replace({config.api_key_file, config.api_secret_file}), false);
  EXPECT_FALSE(replace({config.api_key_file, file("bad", "not*base64\n")}).ok());
  EXPECT_EQ(signer.public_key(), "public-key");
  EXPECT_EQ(*replace({file("new", "new-key\n"), config.api_secret_file}), true);
  EXPECT_EQ(signer.public_key(), "new-key");
}

}  // namespace
}  // namespace cancelbus::backend
