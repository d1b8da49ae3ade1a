// A good config of a process, and what is said when one thing in it is changed. For the tests of options.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

namespace cancelbus::backend {

/// Config is of the process under test; what it has in common with the others is set.
template <typename Config>
class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    char made[] = "/tmp/cancelbus-options-XXXXXX";
    EXPECT_NE(::mkdtemp(made), nullptr);
    folder = made;
    config.backend_endpoint = "tcp://127.0.0.1:5552";
    config.curve.insecure_loopback = true;
    config.api_key_file = file("key", "public-key\n");
    config.api_secret_file = file("secret", "c2VjcmV0\n");
  }
  ~ConfigTest() override { std::filesystem::remove_all(folder); }

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

}  // namespace cancelbus::backend
