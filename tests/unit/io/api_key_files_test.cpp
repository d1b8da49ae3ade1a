#include "service/io/api_key_files.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/unit/patience.hpp"

namespace cancelbus::io {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class ApiKeyFilesTest : public testing::Test {
 protected:
  ApiKeyFilesTest() {
    char made[] = "/tmp/cancelbus-api-key-XXXXXX";
    EXPECT_NE(::mkdtemp(made), nullptr);
    folder = made;
    write("key", "old-key");
    write("secret", "old-secret");
  }
  ~ApiKeyFilesTest() override { fs::remove_all(folder); }

  /// Another file under the same name, as editors and secret managers leave it: its time alone could be the same.
  void write(const std::string& name, const std::string& text) const {
    const fs::path fresh = folder / ("fresh-" + name);
    std::ofstream(fresh) << text << '\n';
    fs::permissions(fresh, fs::perms::owner_read | fs::perms::owner_write);
    fs::rename(fresh, folder / name);
  }
  ApiKeyFiles files() const { return {folder / "key", folder / "secret"}; }
  /// What is read after so much time, as `key/secret`; or "nothing", or the error without the folder.
  std::string after(core::Duration time, bool at_once = false) {
    now += time;
    const auto pair = watched.read_if_changed(now, at_once);
    return pair ? told(*pair) : "nothing";
  }
  std::string told(const absl::StatusOr<ApiKeyPair>& pair) const {
    if (pair.ok()) return std::string(pair->key.view()) + "/" + std::string(pair->secret.view());
    std::string text(pair.status().message());
    for (size_t at; (at = text.find(folder.string() + "/")) != std::string::npos;) {
      text.erase(at, folder.string().size() + 1);
    }
    return text;
  }

  fs::path folder;
  core::Tick now{1h};
  ApiKeyFiles watched{"", ""};
};

TEST_F(ApiKeyFilesTest, WhatHasNotChangedIsNotReadAgain) {
  watched = files();
  EXPECT_EQ(told(watched.read()), "old-key/old-secret");
  EXPECT_EQ(after(0s), "nothing");
  EXPECT_EQ(after(1h, true), "nothing");
  EXPECT_EQ(told(watched.read()), "old-key/old-secret") << "unless it is asked for";
}

TEST_F(ApiKeyFilesTest, BothAreTakenTogetherOnceTheyAreLeftAlone) {
  watched = files();
  ASSERT_TRUE(watched.read().ok());
  write("key", "new-key");
  EXPECT_EQ(after(0s), "nothing");
  write("secret", "new-sec");
  EXPECT_EQ(after(10s), "nothing") << "this is still in the making";
  write("secret", "new-secret");
  EXPECT_EQ(after(1s), "nothing");
  EXPECT_EQ(after(1s - 1ns), "nothing");
  EXPECT_EQ(after(1ns), "new-key/new-secret");
  EXPECT_EQ(after(1s), "nothing");
}

TEST_F(ApiKeyFilesTest, TheOneAloneWaitsForItsPartner) {
  watched = files();
  ASSERT_TRUE(watched.read().ok());
  write("secret", "new-secret");
  EXPECT_EQ(after(0s), "nothing");
  EXPECT_EQ(after(30s - 1ns), "nothing");
  EXPECT_EQ(after(1ns), "old-key/new-secret");
}

TEST_F(ApiKeyFilesTest, ARefusedKeyWaitsForNothing) {
  watched = files();
  ASSERT_TRUE(watched.read().ok());
  write("key", "new-key");
  EXPECT_EQ(after(0s, true), "new-key/old-secret");
  EXPECT_EQ(after(0s, true), "nothing");
}

TEST_F(ApiKeyFilesTest, WhatCannotBeReadIsSaidOnce) {
  watched = files();
  ASSERT_TRUE(watched.read().ok());
  fs::remove(folder / "key");
  fs::remove(folder / "secret");
  EXPECT_EQ(after(0s), "nothing");
  EXPECT_EQ(after(1s), "--api_key_file=key: No such file or directory");
  EXPECT_EQ(after(1h), "nothing");
  write("key", "new-key");
  write("secret", "");
  EXPECT_EQ(after(1s), "nothing");
  EXPECT_EQ(after(1s), "--api_secret_file=secret: the file is empty");
  write("secret", "new-secret");
  EXPECT_EQ(after(1s), "nothing");
  EXPECT_EQ(after(30s), "new-key/new-secret");
}

TEST_F(ApiKeyFilesTest, ALinkThatLeadsElsewhereIsAChange) {
  // As Kubernetes mounts a secret: key -> ..data/key, ..data -> a folder, and one rename swaps it.
  const auto release = [&](const std::string& name) {
    fs::create_directory(folder / name);
    std::ofstream(folder / name / "key") << name << "-key\n";
    std::ofstream(folder / name / "secret") << name << "-secret\n";
    for (const char* file : {"key", "secret"}) {
      fs::permissions(folder / name / file, fs::perms::owner_read | fs::perms::owner_write);
    }
    fs::create_directory_symlink(name, folder / "..fresh");
    fs::rename(folder / "..fresh", folder / "..data");
  };
  release("first");
  for (const char* name : {"key", "secret"}) {
    fs::remove(folder / name);
    fs::create_symlink(fs::path("..data") / name, folder / name);
  }
  watched = files();
  EXPECT_EQ(told(watched.read()), "first-key/first-secret");
  release("second");
  EXPECT_EQ(after(0s), "nothing");
  EXPECT_EQ(after(1s), "second-key/second-secret");
}

TEST_F(ApiKeyFilesTest, NamesWhatTheComplaintIsAbout) {
  EXPECT_EQ(told(files().unusable("API key: empty")), "--api_key_file=key: API key: empty");
  EXPECT_EQ(told(files().unusable("API secret: empty")), "--api_secret_file=secret: API secret: empty");
}

class ApiKeyWatchTest : public ApiKeyFilesTest {
 protected:
  void start() {
    watched = files();
    ASSERT_TRUE(watched.read().ok());
    watch.emplace(context, watched, [this](const ApiKeyPair& pair) -> absl::StatusOr<bool> {
      used.push_back(told(ApiKeyPair{Secret(std::string(pair.key.view())), Secret(std::string(pair.secret.view()))}));
      if (stop_at_use) watch->stop();
      return answer;
    });
    watch->start();
  }
  bool run_until_used(size_t count) {
    const auto give_up = std::chrono::steady_clock::now() + Patience;
    while (used.size() < count && std::chrono::steady_clock::now() < give_up) context.run_one_for(50ms);
    return used.size() == count;
  }

  asio::io_context context;
  std::optional<ApiKeyWatch> watch;
  std::vector<std::string> used;
  absl::StatusOr<bool> answer = true;
  bool stop_at_use = false;
};

TEST_F(ApiKeyWatchTest, LooksByItself) {
  start();
  write("key", "new-key");
  write("secret", "new-secret");
  ASSERT_TRUE(run_until_used(1));
  EXPECT_EQ(used[0], "new-key/new-secret");
  watch->stop();
  context.restart();
  EXPECT_LE(context.run(), 2U) << "nothing is left but what was cancelled";
}

// What was due before it was stopped is called all the same: had it armed again, the process would not have ended.
TEST_F(ApiKeyWatchTest, StoppedWhenALookIsDueItDoesNotGoOn) {
  asio::steady_timer first(context, std::chrono::steady_clock::now());
  first.async_wait([this](const boost::system::error_code&) { watch->stop(); });
  start();
  asio::io_context elsewhere;
  asio::steady_timer(elsewhere, 1s).wait();  // so that the look is due as well when `first` stops it
  context.poll();
  EXPECT_TRUE(context.stopped()) << "something still waits";
}

TEST_F(ApiKeyWatchTest, StoppedByWhatAHangupDoesItDoesNotGoOn) {
  start();
  stop_at_use = true;
  write("key", "new-key");
  testing::internal::CaptureStderr();
  ::raise(SIGHUP);
  EXPECT_TRUE(run_until_used(1));
  context.poll();
  testing::internal::GetCapturedStderr();
  EXPECT_TRUE(context.stopped()) << "something still waits";
}

TEST_F(ApiKeyWatchTest, LooksOnHangupWithoutWaiting) {
  start();
  write("key", "new-key");
  testing::internal::CaptureStderr();
  ::raise(SIGHUP);
  EXPECT_TRUE(run_until_used(1));
  answer = absl::InvalidArgumentError("API secret: not for this key");
  ::raise(SIGHUP);
  EXPECT_TRUE(run_until_used(2));
  answer = false;
  ::raise(SIGHUP);
  EXPECT_TRUE(run_until_used(3));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(used, std::vector<std::string>(3, "new-key/old-secret"));
  EXPECT_NE(log.find("api_key_replaced"), std::string::npos) << log;
  EXPECT_NE(log.find("api_key_not_replaced"), std::string::npos) << log;
  EXPECT_NE(log.find("secret: API secret: not for this key"), std::string::npos) << log;
  EXPECT_NE(log.find("api_key_unchanged"), std::string::npos) << log;
  EXPECT_EQ(log.find("new-key"), std::string::npos) << log;
  EXPECT_EQ(log.find("old-secret"), std::string::npos) << log;
}

}  // namespace
}  // namespace cancelbus::io
