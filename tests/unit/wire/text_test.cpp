#include "service/wire/text.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "cancelbus/v1/cancel.pb.h"
#include "service/wire/frame.hpp"

namespace cancelbus::wire {
namespace {

TEST(Text, ValidTextStaysAsItIs) {
  for (const char* text : {"", "SUCCESS", "emir bulunamadı", "\xF0\x9F\x98\x80", "\xEF\xBF\xBD", "\xED\x9F\xBF"}) {
    EXPECT_EQ(legible(text), text);
  }
}

TEST(Text, EachByteThatIsNoCharacterBecomesAQuestionMark) {
  EXPECT_EQ(legible("a\xFFz"), "a?z");
  EXPECT_EQ(legible("\x80"), "?");
  EXPECT_EQ(legible("\xC0\xAF"), "??") << "overlong";
  EXPECT_EQ(legible("\xE0\x80\xAF"), "???") << "overlong";
  EXPECT_EQ(legible("\xF0\x80\x80\xAF"), "????") << "overlong";
  EXPECT_EQ(legible("\xED\xA0\x80"), "???") << "surrogate";
  EXPECT_EQ(legible("\xF4\x90\x80\x80"), "????") << "beyond U+10FFFF";
  EXPECT_EQ(legible("\xC4"), "?") << "cut off";
  EXPECT_EQ(legible("\xC4z"), "?z");
}

TEST(Text, IsCutBetweenCharacters) {
  EXPECT_EQ(legible(std::string(300, 'a')), std::string(256, 'a'));
  EXPECT_EQ(legible("aa\xC4\xB1", 3), "aa");
  EXPECT_EQ(legible("aa\xC4\xB1", 4), "aa\xC4\xB1");
  EXPECT_EQ(legible("aa\xFF", 3), "aa?");
}

TEST(Text, WhateverComesOutIsAProtobufString) {
  std::mt19937 random(7);
  for (int run = 0; run < 20000; ++run) {
    std::string bytes(random() % 12, '\0');
    // Mostly bytes that begin or continue a character, so that near misses are met.
    for (char& c : bytes) c = static_cast<char>(random() % 4 == 0 ? random() : 0x80 + random() % 0x80);
    v1::CancelAck ack;
    ack.set_text(legible(bytes));
    v1::CancelAck read;
    ASSERT_TRUE(parse_frame(ack.SerializeAsString(), read)) << testing::PrintToString(bytes);
  }
}

TEST(Text, PrintableIsSpaceToTilde) {
  EXPECT_TRUE(is_printable_ascii(" ~azAZ09"));
  EXPECT_TRUE(is_printable_ascii(""));
  EXPECT_FALSE(is_printable_ascii("a\n"));
  EXPECT_FALSE(is_printable_ascii("a\x7F"));
  EXPECT_FALSE(is_printable_ascii(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_printable_ascii("\xC4\xB1"));
}

}  // namespace
}  // namespace cancelbus::wire
