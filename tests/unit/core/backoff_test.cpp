#include "service/core/backoff.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Tick T0{seconds(100)};
constexpr Duration Longest = minutes(10);

TEST(Backoff, NothingIsGrantedBeforeItsEndAndALaterEndWins) {
  Backoff backoff;
  EXPECT_TRUE(backoff.lets(T0));
  backoff.begin(T0 + seconds(5), "429");
  backoff.begin(T0 + seconds(3), "sooner");
  EXPECT_FALSE(backoff.lets(T0 + seconds(5) - Duration(1)));
  EXPECT_TRUE(backoff.lets(T0 + seconds(5)));
  EXPECT_EQ(backoff.next(T0), T0 + seconds(5));
  EXPECT_EQ(backoff.next(T0 + seconds(9)), T0 + seconds(9));
  EXPECT_EQ(backoff.why(), "429");
}

TEST(Backoff, BeforeTheFirstNoneGoesAlone) {
  Backoff backoff;
  backoff.granted(1, T0);
  EXPECT_TRUE(backoff.lets(T0));
}

TEST(Backoff, OneGoesAndTheRestFollowItsAnswer) {
  Backoff backoff;
  backoff.begin(T0, "429");
  backoff.granted(1, T0);
  EXPECT_FALSE(backoff.lets(T0 + milliseconds(999)));
  backoff.answered(9);
  EXPECT_FALSE(backoff.lets(T0 + milliseconds(1))) << "another's answer";
  backoff.answered(1);
  EXPECT_TRUE(backoff.lets(T0 + milliseconds(1)));
  EXPECT_EQ(backoff.next(T0), T0);
}

TEST(Backoff, TheRestFollowAfterASecond) {
  Backoff backoff;
  backoff.begin(T0, "429");
  backoff.granted(1, T0);
  EXPECT_EQ(backoff.next(T0), T0 + seconds(1));
  EXPECT_TRUE(backoff.lets(T0 + seconds(1)));
  backoff.granted(2, T0 + seconds(1));
  EXPECT_TRUE(backoff.lets(T0 + seconds(1))) << "they do not go alone";
}

TEST(Backoff, OneThatWasNeverWrittenIsReplaced) {
  Backoff backoff;
  backoff.begin(T0, "429");
  backoff.granted(1, T0);
  backoff.given_back(1);
  EXPECT_TRUE(backoff.lets(T0));
  backoff.granted(2, T0);
  EXPECT_FALSE(backoff.lets(T0));
  backoff.given_back(1);
  EXPECT_FALSE(backoff.lets(T0)) << "it is not the one any more";
}

TEST(Backoff, AfterTheNextOneOneGoesAlone) {
  Backoff backoff;
  backoff.begin(T0, "429");
  backoff.granted(1, T0);
  backoff.begin(T0 + seconds(5), "429 again");
  backoff.granted(2, T0 + seconds(5));
  EXPECT_FALSE(backoff.lets(T0 + seconds(5)));
  backoff.answered(1);
  EXPECT_FALSE(backoff.lets(T0 + seconds(5)));
}

TEST(Backoff, AWaitIsAsLongAsAskedWithinItsBounds) {
  Backoff backoff;
  EXPECT_EQ(backoff.length(seconds(1), Longest, true), seconds(1));
  EXPECT_EQ(backoff.length(milliseconds(1'493), Longest, true), milliseconds(1'493));
  EXPECT_EQ(backoff.length(Longest, Longest, true), Longest);
  EXPECT_EQ(backoff.length(hours(25), Longest, true), Longest);
}

TEST(Backoff, UnderASecondCountsAsASecondAndAsTwiceThatWhileNothingSucceeds) {
  Backoff backoff;
  EXPECT_EQ(backoff.length(seconds(0), Longest, true), seconds(1));
  EXPECT_EQ(backoff.length(milliseconds(493), Longest, true), seconds(2));
  EXPECT_EQ(backoff.length(seconds(-3), Longest, false), seconds(2)) << "it met the same refusal";
  EXPECT_EQ(backoff.length(seconds(7), Longest, true), seconds(7));
  EXPECT_EQ(backoff.length(seconds(0), Longest, true), seconds(4));
  backoff.succeeded();
  EXPECT_EQ(backoff.length(seconds(0), Longest, true), seconds(1));
  for (int i = 0; i < 100; ++i) backoff.length(seconds(0), Longest, true);
  EXPECT_EQ(backoff.length(seconds(0), Longest, true), Longest);
  EXPECT_EQ(backoff.length(seconds(0), seconds(30), true), seconds(30));
}

Answer answer(Verdict verdict, int status, std::optional<Duration> retry_after) {
  Answer answer;
  answer.verdict = verdict;
  answer.http_status = status;
  answer.retry_after = retry_after;
  return answer;
}

TEST(AskedWait, OnlyA429AsksWithoutSayingHowLong) {
  EXPECT_EQ(asked_wait(answer(Verdict::Throttled, 429, {}))->asked, seconds(60));
  EXPECT_EQ(asked_wait(answer(Verdict::Throttled, 429, seconds(3)))->asked, seconds(3));
  EXPECT_FALSE(asked_wait(answer(Verdict::Doubtful, 503, {})));
  EXPECT_FALSE(asked_wait(answer(Verdict::Doubtful, 500, seconds(3))));
  EXPECT_FALSE(asked_wait(answer(Verdict::Accepted, 200, seconds(3))));
}

TEST(AskedWait, IsHeededForSoLongAtMost) {
  EXPECT_EQ(asked_wait(answer(Verdict::Throttled, 429, hours(1)))->longest, minutes(10));
  EXPECT_EQ(asked_wait(answer(Verdict::Doubtful, 418, hours(1)))->longest, minutes(10));
  EXPECT_EQ(asked_wait(answer(Verdict::Doubtful, 503, hours(1)))->longest, seconds(30));
}

}  // namespace
}  // namespace cancelbus::core
