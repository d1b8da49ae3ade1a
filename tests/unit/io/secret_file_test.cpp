#include "service/io/secret_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

namespace cancelbus::io {
namespace {

class SecretFileTest : public testing::Test {
 protected:
  SecretFileTest() {
    char path_template[] = "/tmp/cancelbus-secret-XXXXXX";
    const int fd = ::mkstemp(path_template);
    EXPECT_GE(fd, 0);
    ::close(fd);
    path = path_template;
  }
  ~SecretFileTest() override { std::filesystem::remove(path); }

  absl::StatusOr<Secret> read(const std::string& content, OpenToOthers others = OpenToOthers::Refused) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    std::fwrite(content.data(), 1, content.size(), file);
    std::fclose(file);
    return read_secret_file("api_secret_file", path, others);
  }
  std::string refusal(const std::string& content) {
    const auto secret = read(content);
    EXPECT_FALSE(secret.ok());
    const std::string text(secret.status().message());
    const std::string prefix = "--api_secret_file=" + path + ": ";
    EXPECT_EQ(text.find(prefix), 0U) << text;
    EXPECT_EQ(text.find("secret-value"), std::string::npos) << "the content leaks into the error";
    return text.substr(prefix.size());
  }

  std::string path;
};

TEST_F(SecretFileTest, TrimsOneNewline) {
  EXPECT_EQ(read("c2VjcmV0\n")->view(), "c2VjcmV0");
  EXPECT_EQ(read("c2VjcmV0")->view(), "c2VjcmV0");
  EXPECT_EQ(read(std::string(4096, 'x') + "\n")->view().size(), 4096U);
}

TEST_F(SecretFileTest, RefusesWhatCannotBeASecret) {
  EXPECT_EQ(refusal(""), "the file is empty");
  EXPECT_EQ(refusal("\n"), "the file is empty");
  EXPECT_EQ(refusal(std::string(4097, 'x')), "the file is larger than 4096 bytes");
  const std::string bad_text = "the file holds a space, a second line or a character that is not printable ASCII";
  EXPECT_EQ(refusal("secret-value\n\n"), bad_text);
  EXPECT_EQ(refusal("secret-value\r\n"), bad_text);
  EXPECT_EQ(refusal("secret-value \n"), bad_text);
  EXPECT_EQ(refusal("secret-value\xc3\xa9"), bad_text);
}

TEST_F(SecretFileTest, RefusesWhatIsNoFile) {
  EXPECT_EQ(read_secret_file("api_key_file", "", OpenToOthers::Refused).status().message(),
            "--api_key_file is missing: expected the path of a file that holds it");
  EXPECT_EQ(read_secret_file("api_key_file", "/nonexistent/key", OpenToOthers::Refused).status().message(),
            "--api_key_file=/nonexistent/key: No such file or directory");
  EXPECT_EQ(read_secret_file("api_key_file", "/", OpenToOthers::Refused).status().message(),
            "--api_key_file=/: not a regular file");
}

TEST_F(SecretFileTest, RefusesAFileThatIsOpenToOthers) {
  for (const mode_t mode : {0604, 0602, 0666, 0620, 0644}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    const std::string why = refusal("secret-value");
    EXPECT_NE(why.find("open to others than its owner (mode 0"), std::string::npos) << why;
    EXPECT_EQ(why.find("secret-value"), std::string::npos);
  }
}

TEST_F(SecretFileTest, UsesOneOfAnothersMakingWithAWarning) {
  for (const mode_t mode : {0602, 0666}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_FALSE(read("secret-value", OpenToOthers::Warned).ok());
  }
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  testing::internal::CaptureStderr();
  EXPECT_TRUE(read("secret-value", OpenToOthers::Warned).ok());
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("secret_file_open_to_others"), std::string::npos) << log;
  EXPECT_NE(log.find(path), std::string::npos);
  EXPECT_EQ(log.find("secret-value"), std::string::npos);
}

TEST_F(SecretFileTest, SaysNothingOfAMountedSecretThatItsGroupMayRead) {
  for (const mode_t mode : {0600, 0400, 0440, 0640}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    testing::internal::CaptureStderr();
    EXPECT_TRUE(read("secret-value").ok());
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  }
}

TEST_F(SecretFileTest, IsWipedWhereItMovedFrom) {
  Secret secret("0123456789abcdef0123456789abcdef");
  Secret moved = std::move(secret);
  EXPECT_EQ(moved.view(), "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(secret.view(), "");  // NOLINT(bugprone-use-after-move): that is the point
}

TEST_F(SecretFileTest, IsWipedWhereItWasCut) {
  Secret secret("0123456789abcdef0123456789abcdef");
  const std::span<char> room = secret.room();
  secret.cut(4);
  EXPECT_EQ(secret.view(), "0123");
  EXPECT_EQ(std::string(room.data() + 4, room.size() - 4), std::string(28, '\0'));
}

}  // namespace
}  // namespace cancelbus::io
