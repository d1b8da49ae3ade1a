#include "clients/fix/frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace cancelbus::fix {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// With | for the delimiter.
std::string bytes(std::string text) {
  std::ranges::replace(text, '|', '\x01');
  return text;
}

/// A whole message of this body, as `35=0|34=1|`.
std::string message(const std::string& body) {
  std::string out = bytes("8=FIX.4.4|9=" + std::to_string(body.size()) + "|" + body);
  unsigned sum = 0;
  for (const char c : out) sum += static_cast<unsigned char>(c);
  char trailer[16];
  std::snprintf(trailer, sizeof trailer, "10=%03u\x01", sum % 256);
  return out + trailer;
}

std::vector<std::string> all(FrameReader& reader) {
  std::vector<std::string> frames;
  while (auto frame = reader.next()) frames.push_back(*frame);
  return frames;
}

TEST(FrameReader, TakesMessagesHoweverTheyArrive) {
  const std::string one = message("35=0|34=1|");
  const std::string two = message("35=1|34=2|112=x|");
  FrameReader reader;
  for (const char c : one + two) {
    reader.add({&c, 1});
    for (const std::string& frame : all(reader)) EXPECT_TRUE(frame == one || frame == two);
  }
  reader.add(one + two);
  EXPECT_THAT(all(reader), ElementsAre(one, two));
  EXPECT_EQ(reader.garbled(), 0U);
}

TEST(FrameReader, PassesOverWhatIsGarbledUpToTheNextMessage) {
  const std::string good = message("35=0|34=1|");
  std::string wrong_sum = message("35=0|34=2|");
  wrong_sum[wrong_sum.size() - 2] ^= 1;
  for (const std::string& garbage :
       {wrong_sum, bytes("8=FIX.4.4|9=x|35=0|"), bytes("8=FIX.4.4|35=0|34=1|49=a|56=b|"),
        std::string("GET / HTTP/1.1\r\n"), bytes("8=FIX.4.4|9=3|35=0|10=000|"), std::string(100, '8')}) {
    FrameReader reader;
    reader.add(garbage + good);
    EXPECT_THAT(all(reader), ElementsAre(good)) << garbage;
    EXPECT_GT(reader.garbled(), 0U);
  }
}

TEST(FrameReader, GivesUpOnAMessageThatIsTooLong) {
  FrameReader reader;
  reader.add(bytes("8=FIX.4.4|9=70000|35=0|"));
  EXPECT_THAT(all(reader), IsEmpty());
  EXPECT_TRUE(reader.is_hopeless());
}

TEST(Frames, TypeIsTheThirdField) {
  EXPECT_EQ(type_of(message("35=AB|34=1|")), "AB");
  EXPECT_EQ(type_of(message("34=1|35=F|")), "");
  EXPECT_EQ(type_of(""), "");
}

TEST(Frames, WithoutItsBodyAMessageHasItsHeaderAndAgreesWithItself) {
  const std::string stripped = without_body(message("35=D|34=7|49=A|56=B|97=Y|52=20261130-10:00:00|11=a|453=1|448=x|"));
  EXPECT_EQ(stripped, message("35=D|34=7|49=A|56=B|97=Y|52=20261130-10:00:00|"));
}

TEST(Frames, DangerousNumbersAndDataLengthsAreFound) {
  EXPECT_EQ(danger_in(message("35=0|34=1|")), "");
  EXPECT_EQ(danger_in(message("35=0|34=9999999999|")), "absurd_number");
  EXPECT_EQ(danger_in(message("35=4|34=1|36=2147483648|")), "absurd_number");
  EXPECT_EQ(danger_in(message("35=A|34=1|95=3|96=abc|108=30|")), "");
  EXPECT_EQ(danger_in(message("35=A|34=1|95=5|96=a|b=c|108=30|")), "");
  EXPECT_EQ(danger_in(message("35=A|34=1|95=4|96=abc|108=30|")), "bad_data");
  EXPECT_EQ(danger_in(message("35=A|34=1|95=9999|96=abc|")), "bad_data");
  EXPECT_EQ(danger_in(message("35=A|34=1|95=-1|96=abc|")), "bad_data");
  EXPECT_EQ(danger_in(message("35=A|34=1|96=abc|95=3|")), "bad_data");
  EXPECT_EQ(danger_in(message("35=A|34=1|95=3|108=30|96=abc|")), "bad_data");
}

}  // namespace
}  // namespace cancelbus::fix
