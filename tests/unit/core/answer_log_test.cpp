#include "service/core/answer_log.hpp"

#include <gtest/gtest.h>

#include <tuple>

namespace cancelbus::core {
namespace {

using std::chrono::seconds;

class AnswerLogTest : public ::testing::Test {
 protected:
  static Tick at(int64_t second) { return Tick(std::chrono::hours(1) + seconds(second)); }
  void ended(int http_status, int64_t second, int times = 1) {
    Answer answer;
    answer.http_status = http_status;
    for (int i = 0; i < times; ++i) log.ended(answer, at(second));
  }
  using Line = std::tuple<int, uint32_t, uint32_t, uint64_t>;
  std::vector<Line> list(int64_t second) const {
    std::vector<Line> out;
    for (const AnswerCount& count : log.list(at(second))) {
      out.emplace_back(count.http_status, count.last_minute, count.last_10_minutes, count.total);
    }
    return out;
  }

  AnswerLog log;
};

TEST_F(AnswerLogTest, NothingIsCountedAtFirst) { EXPECT_TRUE(list(0).empty()); }

TEST_F(AnswerLogTest, CountsByStatusTheMostFrequentOfTheLastMinuteFirst) {
  ended(200, 0, 50);
  ended(503, 70, 40);
  ended(200, 71, 3);
  ended(0, 72);
  EXPECT_EQ(list(75), (std::vector<Line>{{503, 40, 40, 40}, {200, 3, 53, 53}, {0, 1, 1, 1}}));
}

TEST_F(AnswerLogTest, AMinuteAndTenMinutesAreFullToFiveSeconds) {
  ended(503, 0);
  EXPECT_EQ(list(59), (std::vector<Line>{{503, 1, 1, 1}}));
  EXPECT_EQ(list(60), (std::vector<Line>{{503, 0, 1, 1}}));
  EXPECT_EQ(list(599), (std::vector<Line>{{503, 0, 1, 1}}));
  EXPECT_EQ(list(600), (std::vector<Line>{{503, 0, 0, 1}})) << "the total remains";
  ended(503, 604);
  EXPECT_EQ(list(659), (std::vector<Line>{{503, 1, 1, 2}}));
}

TEST_F(AnswerLogTest, WhatWasNeverWrittenHasNoAnswer) {
  Answer answer;
  answer.verdict = Verdict::NeverWritten;
  answer.arrival = Arrival::NeverSent;
  log.ended(answer, at(0));
  EXPECT_TRUE(list(0).empty());
}

TEST_F(AnswerLogTest, FurtherStatusesThanAreToldApartCountAsTheirHundred) {
  const int most = static_cast<int>(AnswerLog::MostStatuses);
  for (int status = 0; status < most; ++status) ended(501 + status, 0);
  ended(599, 1);
  ended(598, 1);
  ended(1'000'000, 1);
  ended(-1, 1);
  EXPECT_EQ(list(1).size(), AnswerLog::MostStatuses + 3);
  EXPECT_EQ(list(1)[0], (Line{500, 2, 2, 2}));
}

TEST_F(AnswerLogTest, ASecondOfEachMinuteForAnHourIsAsGoodAsTheLastTenMinutes) {
  for (int64_t second = 0; second < 3'600; ++second) ended(200, second);
  EXPECT_EQ(list(3'599), (std::vector<Line>{{200, 60, 600, 3'600}}));
}

}  // namespace
}  // namespace cancelbus::core
