#include "service/io/options.hpp"

#include <absl/flags/flag.h>
#include <absl/flags/reflection.h>
#include <absl/time/time.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

ABSL_FLAG(std::string, test_text, "plain", "a text for this test");
ABSL_FLAG(int, test_count, 3, "a number for this test");
ABSL_FLAG(bool, test_switch, false, "a switch for this test");
ABSL_FLAG(absl::Duration, test_wait, absl::Seconds(2), "a duration for this test");

namespace cancelbus::io {
namespace {

constexpr Program TestProgram{"test-program", "Tests flags.", "  test-program --test_count=1"};

class OptionsTest : public testing::Test {
 protected:
  std::optional<int> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "test-program");
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    const auto result = parse_flags(TestProgram, static_cast<int>(arguments.size()), arguments.data());
    out = testing::internal::GetCapturedStdout();
    error = testing::internal::GetCapturedStderr();
    return result;
  }
  /// The first line on stderr, of an error that ends the process with 2.
  std::string refusal(std::vector<const char*> arguments) {
    EXPECT_EQ(parse(std::move(arguments)), 2);
    return error.substr(0, error.find('\n'));
  }
  void TearDown() override {
    for (const char* name : {"CANCELBUS_TEST_COUNT", "CANCELBUS_TEST_TEXT", "CANCELBUS_SERVICE_HOST"}) ::unsetenv(name);
  }

  absl::FlagSaver saver;
  std::string out;
  std::string error;
};

TEST_F(OptionsTest, TakesBothFormsOfAValue) {
  EXPECT_EQ(parse({"--test_count=7", "--test_text", "--odd value", "--test_wait=1m30s"}), std::nullopt);
  EXPECT_EQ(absl::GetFlag(FLAGS_test_count), 7);
  EXPECT_EQ(absl::GetFlag(FLAGS_test_text), "--odd value");
  EXPECT_EQ(absl::GetFlag(FLAGS_test_wait), absl::Seconds(90));
}

TEST_F(OptionsTest, TakesEveryFormOfABool) {
  EXPECT_EQ(parse({"--test_switch"}), std::nullopt);
  EXPECT_TRUE(absl::GetFlag(FLAGS_test_switch));
  EXPECT_EQ(parse({"--notest_switch"}), std::nullopt);
  EXPECT_FALSE(absl::GetFlag(FLAGS_test_switch));
  EXPECT_EQ(parse({"--test_switch=true"}), std::nullopt);
  EXPECT_TRUE(absl::GetFlag(FLAGS_test_switch));
}

TEST_F(OptionsTest, TheEnvironmentFillsWhatTheCommandLineLeaves) {
  ::setenv("CANCELBUS_TEST_COUNT", "11", 1);
  ::setenv("CANCELBUS_TEST_TEXT", "from outside", 1);
  ::setenv("CANCELBUS_SERVICE_HOST", "10.0.0.1", 1);
  EXPECT_EQ(parse({"--test_count=12"}), std::nullopt);
  EXPECT_EQ(absl::GetFlag(FLAGS_test_count), 12);
  EXPECT_EQ(absl::GetFlag(FLAGS_test_text), "from outside");
}

TEST_F(OptionsTest, RefusesByName) {
  EXPECT_EQ(refusal({"--no_such=1"}), "test-program: --no_such: no such flag");
  EXPECT_EQ(refusal({"--notest_count"}), "test-program: --notest_count: no such flag");
  EXPECT_EQ(refusal({"--test_count=many"}), "test-program: --test_count=many: expected a whole number");
  EXPECT_EQ(refusal({"--test_switch=maybe"}), "test-program: --test_switch=maybe: expected true or false");
  EXPECT_EQ(refusal({"--test_wait=5"}), "test-program: --test_wait=5: expected a duration such as 500ms, 2s or 1m30s");
  EXPECT_EQ(refusal({"--test_count"}), "test-program: --test_count: a value is missing, expected a whole number");
  EXPECT_EQ(refusal({"--test_count=1", "--test_count=2"}), "test-program: --test_count: given twice");
  EXPECT_EQ(refusal({"leftover"}), "test-program: unexpected argument 'leftover': expected --flag=value");
  EXPECT_EQ(refusal({"-test_count=1"}), "test-program: unexpected argument '-test_count=1': expected --flag=value");
  EXPECT_EQ(refusal({"--"}), "test-program: unexpected argument '--': expected --flag=value");
}

TEST_F(OptionsTest, RefusesABadEnvironmentByBothNames) {
  ::setenv("CANCELBUS_TEST_COUNT", "many", 1);
  EXPECT_EQ(refusal({}), "test-program: --test_count (from CANCELBUS_TEST_COUNT)=many: expected a whole number");
}

TEST_F(OptionsTest, HelpListsOurFlagsOnly) {
  EXPECT_EQ(parse({"--no_such", "--help"}), 0);
  EXPECT_NE(out.find("--test_wait\n      a duration for this test (default: 2s)"), std::string::npos) << out;
  EXPECT_NE(out.find("test-program --test_count=1"), std::string::npos);
  EXPECT_EQ(out.find("flagfile"), std::string::npos);
  EXPECT_EQ(error, "");
  const std::string said = out;
  EXPECT_EQ(parse({"-h"}), 0);
  EXPECT_EQ(out, said);
}

TEST_F(OptionsTest, VersionIsNameAndNumber) {
  EXPECT_EQ(parse({"--version"}), 0);
  EXPECT_EQ(out, "test-program " CANCELBUS_VERSION "\n");
}

}  // namespace
}  // namespace cancelbus::io
