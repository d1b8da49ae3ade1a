#include "clients/cancelctl/recorded_lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cancelbus::ctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class RecordedLinesTest : public testing::Test {
 protected:
  RecordedLines::Heard hear(uint64_t number, const std::string& kind = "frame", uint64_t source = 7) {
    v1::Recorded recorded;
    recorded.set_source("subscriber host/1");
    recorded.set_source_id(source);
    recorded.set_number(number);
    recorded.set_kind(kind);
    recorded.set_text("[452,{\"id\":25338392433}]");
    return lines.hear(recorded, {});
  }

  RecordedLines lines;
};

TEST_F(RecordedLinesTest, ALineForEach) {
  EXPECT_THAT(hear(1).lines, AllOf(StartsWith(R"({"type":"recorded","heard":)"), HasSubstr(R"("number":"1")"),
                                   HasSubstr(R"("kind":"frame")"), HasSubstr(R"("text":"[452,{\"id\":25338392433}]")"),
                                   testing::EndsWith("}\n"), Not(HasSubstr("lost"))));
  EXPECT_EQ(lines.recorded(), 1u);
  EXPECT_EQ(lines.missing(), 0u);
}

TEST_F(RecordedLinesTest, ASourceIsNamedOnceWithWhereItBegan) {
  EXPECT_EQ(hear(1).sentence, "recording subscriber host/1 from its start");
  EXPECT_EQ(hear(2).sentence, "");
  EXPECT_EQ(hear(43, "frame", 8).sentence, "recording subscriber host/1, which had received 42 before");
  EXPECT_EQ(hear(0, "", 9).sentence, "recording subscriber host/1 from its start");
  EXPECT_EQ(hear(42, "", 10).sentence, "recording subscriber host/1, which had received 42 before");
  EXPECT_EQ(lines.missing(), 0u);
}

TEST_F(RecordedLinesTest, AGapIsALineAndCounted) {
  hear(5);
  const std::string after = hear(9).lines;
  EXPECT_THAT(after, AllOf(StartsWith(R"({"type":"lost",)"), HasSubstr(R"("from_number":"6","count":"3"})"),
                           HasSubstr(R"({"type":"recorded",)")));
  EXPECT_EQ(lines.missing(), 3u);
  EXPECT_EQ(lines.recorded(), 2u);
}

TEST_F(RecordedLinesTest, WhatHoldsNothingTellsOfWhatWasLostLast) {
  hear(5);
  EXPECT_EQ(hear(5, "").lines, "");
  EXPECT_THAT(hear(7, "").lines, HasSubstr(R"("from_number":"6","count":"2"})"));
  EXPECT_THAT(hear(8).lines, Not(HasSubstr("lost")));
  EXPECT_EQ(lines.missing(), 2u);
}

TEST_F(RecordedLinesTest, SourcesAreApart) {
  hear(5);
  hear(100, "frame", 8);
  EXPECT_THAT(hear(6).lines, Not(HasSubstr("lost")));
  EXPECT_THAT(hear(101, "frame", 8).lines, Not(HasSubstr("lost")));
}

}  // namespace
}  // namespace cancelbus::ctl
