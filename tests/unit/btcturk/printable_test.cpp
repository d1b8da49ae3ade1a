#include "service/btcturk/printable.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace cancelbus::btcturk {
namespace {

TEST(Printable, LeavesLegibleTextAlone) {
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("Emir bulunamad\xC4\xB1 \xE2\x82\xBA \xF0\x9F\x98\x80"),
            "Emir bulunamad\xC4\xB1 \xE2\x82\xBA \xF0\x9F\x98\x80");
}

TEST(Printable, BlanksControlCharacters) {
  EXPECT_EQ(printable(std::string("a\0b\r\nc\x1B[31m\x7F", 11)), "a b  c [31m");
  EXPECT_EQ(printable("a\xC2\x9B"
                      "b\xC2\xA0"
                      "c"),
            "a b\xC2\xA0"
            "c");
}

struct Bytes {
  const char* what;
  std::string raw;
  std::string shown;
};

std::ostream& operator<<(std::ostream& out, const Bytes& bytes) { return out << bytes.what; }

class NotUtf8 : public testing::TestWithParam<Bytes> {};

TEST_P(NotUtf8, BecomesQuestionMarks) { EXPECT_EQ(printable(GetParam().raw), GetParam().shown); }

INSTANTIATE_TEST_SUITE_P(Bytes, NotUtf8,
                         testing::Values(Bytes{"continuation", "x\x80y", "x?y"}, Bytes{"latin1", "\xFDz", "?z"},
                                         Bytes{"overlong2", "\xC0\xAF", "??"},
                                         Bytes{"overlong3", "\xE0\x80\xAF", "???"},
                                         Bytes{"surrogate", "\xED\xA0\x80", "???"},
                                         Bytes{"overlong4", "\xF0\x80\x80\x80", "????"},
                                         Bytes{"beyond", "\xF4\x90\x80\x80", "????"}, Bytes{"five", "\xF8", "?"},
                                         Bytes{"cut", "a\xE2\x82", "a??"}, Bytes{"interrupted", "\xE2(\xA1", "?(?"}),
                         [](const auto& test) { return test.param.what; });

TEST(Printable, CutsBetweenCharacters) {
  EXPECT_EQ(printable(std::string(300, 'x')), std::string(256, 'x'));
  EXPECT_EQ(printable(std::string(255, 'x') + "\xC4\xB1" + "y"), std::string(255, 'x'));
  EXPECT_EQ(printable(std::string(254, 'x') + "\xC4\xB1" + "y"), std::string(254, 'x') + "\xC4\xB1");
}

}  // namespace
}  // namespace cancelbus::btcturk
