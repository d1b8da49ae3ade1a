#include "service/io/log.hpp"

#include <absl/flags/declare.h>
#include <absl/flags/flag.h>
#include <absl/flags/reflection.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

ABSL_DECLARE_FLAG(std::string, log_level);

namespace cancelbus::io {
namespace {

TEST(Log, EscapesWhatJsonAsksFor) {
  EXPECT_EQ(json_quoted("plain"), R"("plain")");
  EXPECT_EQ(json_quoted("a\"b\\c\nd\x01"), R"("a\"b\\c\u000ad\u0001")");
  EXPECT_EQ(json_quoted("\xc4\xb0stanbul"), "\"\xc4\xb0stanbul\"");
}

TEST(Log, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(json_quoted("\xff"), "\"\uFFFD\"");
  EXPECT_EQ(json_quoted("\xc4"), "\"\uFFFD\"");
  EXPECT_EQ(json_quoted("\xc0\xaf"), "\"\uFFFD\uFFFD\"");
  EXPECT_EQ(json_quoted("\xed\xa0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");
}

TEST(Log, WritesOneObjectALine) {
  testing::internal::CaptureStderr();
  ASSERT_TRUE(set_up_log("log-test").ok());
  log_info("something_happened", {{"text", "a\nb"},
                                  {"count", 3},
                                  {"big", uint64_t{18446744073709551615U}},
                                  {"ms", 1.5},
                                  {"odd", NAN},
                                  {"yes", true}});
  log_debug("not_shown");
  const std::string line = testing::internal::GetCapturedStderr();
  // Without std::regex: g++ 12 warns inside it when it compiles for a sanitizer.
  EXPECT_THAT(
      line,
      testing::MatchesRegex(
          R"re(\{"time":"[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}\.[0-9]{6}Z","level":"info","process":"log-test",)re"
          R"re("event":"something_happened","text":"a\\u000ab","count":3,"big":18446744073709551615,)re"
          R"re("ms":1\.5,"odd":null,"yes":true\})re"
          "\n"));
}

TEST(Log, LevelIsAFlag) {
  absl::FlagSaver saver;
  absl::SetFlag(&FLAGS_log_level, "error");
  testing::internal::CaptureStderr();
  ASSERT_TRUE(set_up_log("log-test").ok());
  log_warn("not_shown");
  log_error("shown");
  EXPECT_NE(testing::internal::GetCapturedStderr().find(R"("level":"error","process":"log-test","event":"shown")"),
            std::string::npos);
  absl::SetFlag(&FLAGS_log_level, "loud");
  EXPECT_EQ(set_up_log("log-test").message(), "--log_level=loud: expected debug, info, warn or error");
  absl::SetFlag(&FLAGS_log_level, "info");
  EXPECT_TRUE(set_up_log("log-test").ok());
}

}  // namespace
}  // namespace cancelbus::io
