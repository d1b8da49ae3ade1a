#include "tests/exchange/windows.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace exchange_sim {
namespace {

using std::chrono::seconds;

constexpr Limit kTenPerSecond{10, seconds{1}};
const Instant kStart{seconds{1'800'000'000}};

Instant at_ms(std::int64_t ms) { return kStart + Millis{ms}; }

// How many of `count` requests at one moment are inside the limit.
int accepted(RateRule& rule, Instant now, int count) {
  int inside = 0;
  for (int i = 0; i < count; ++i) inside += rule.arrive(now) ? 1 : 0;
  return inside;
}

TEST(RateRule, FirstRequestWindowBeginsWithItsFirstRequest) {
  RateRule rule(kTenPerSecond, WindowKind::First);
  EXPECT_EQ(accepted(rule, at_ms(700), 5), 5);
  EXPECT_EQ(accepted(rule, at_ms(1699), 5), 5);
  EXPECT_EQ(accepted(rule, at_ms(1700), 10), 10);  // a new window, though 5 are a millisecond old
}

TEST(RateRule, ClockWindowBeginsAtTheFullPeriod) {
  RateRule rule(kTenPerSecond, WindowKind::Clock);
  EXPECT_EQ(accepted(rule, at_ms(999), 10), 10);
  EXPECT_EQ(accepted(rule, at_ms(1000), 10), 10);
  EXPECT_EQ(accepted(rule, at_ms(1999), 1), 0);
}

TEST(RateRule, SlidingWindowCountsTheLastPeriodAtEveryMoment) {
  RateRule rule(kTenPerSecond, WindowKind::Sliding);
  EXPECT_EQ(accepted(rule, at_ms(0), 5), 5);
  EXPECT_EQ(accepted(rule, at_ms(600), 5), 5);
  EXPECT_EQ(accepted(rule, at_ms(1000), 5), 5);
  EXPECT_EQ(accepted(rule, at_ms(1001), 1), 0);
}

TEST(RateRule, AnExcessBlocksForOnePeriodFromTheExcess) {
  RateRule rule(kTenPerSecond, WindowKind::First);
  EXPECT_EQ(accepted(rule, at_ms(0), 10), 10);
  EXPECT_FALSE(rule.arrive(at_ms(900)));
  EXPECT_FALSE(rule.arrive(at_ms(1100)));  // the window is over, the block is not
  EXPECT_FALSE(rule.arrive(at_ms(1899)));
  EXPECT_TRUE(rule.arrive(at_ms(1900)));
}

TEST(RateRule, RequestsDuringABlockNeitherCountNorProlongIt) {
  RateRule rule(kTenPerSecond, WindowKind::First);
  EXPECT_EQ(accepted(rule, at_ms(0), 11), 10);
  EXPECT_EQ(accepted(rule, at_ms(999), 50), 0);
  EXPECT_EQ(rule.count(), 11);
  EXPECT_EQ(accepted(rule, at_ms(1000), 10), 10);
}

TEST(Quota, CountsAccountAndAddressApart) {
  Quota quota({kTenPerSecond}, WindowKind::First, {.account = true, .ip = true});
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(quota.arrive(at_ms(0), "a", "ip1"));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(quota.arrive(at_ms(0), "a", "ip2"));
  const auto refusal = quota.arrive(at_ms(0), "a", "ip2");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->policy, Policy::Account);
  EXPECT_EQ(refusal->limit.most, 10);
  EXPECT_EQ(refusal->wait, seconds{1});
  EXPECT_FALSE(quota.arrive(at_ms(0), "b", "ip1"));
}

TEST(Quota, AnAddressCanBeOverItsLimitWhileNoAccountIs) {
  Quota quota({kTenPerSecond}, WindowKind::First, {.account = true, .ip = true});
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(quota.arrive(at_ms(0), i % 2 == 0 ? "a" : "b", "ip"));
  const auto refusal = quota.arrive(at_ms(0), "a", "ip");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->policy, Policy::Ip);
}

TEST(Quota, NamesTheRefusalThatLastsLongest) {
  Quota quota({kTenPerSecond, Limit{10, seconds{60}}}, WindowKind::First, {.account = true});
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(quota.arrive(at_ms(0), "a", "ip"));
  const auto refusal = quota.arrive(at_ms(0), "a", "ip");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->limit.period, seconds{60});
  EXPECT_EQ(quota.peaks().at("1s"), 11);
  EXPECT_EQ(quota.peaks().at("60s"), 11);
}

TEST(Quota, WithoutLimitsRefusesNothing) {
  Quota quota({}, WindowKind::First, {.account = true, .ip = true});
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(quota.arrive(at_ms(0), "a", "ip"));
}

TEST(SlidingPeak, FindsTheBusiestStretchAcrossAnyWindow) {
  SlidingPeak peak(seconds{1});
  for (int i = 0; i < 6; ++i) peak.add(at_ms(900));
  for (int i = 0; i < 6; ++i) peak.add(at_ms(1100));
  peak.add(at_ms(1900));
  EXPECT_EQ(peak.peak(), 12);
}

TEST(Limits, AreReadFromText) {
  const auto limits = parse_limits("10/1s,300/60s");
  ASSERT_TRUE(limits.ok());
  ASSERT_EQ(limits->size(), 2u);
  EXPECT_EQ((*limits)[1].most, 300);
  EXPECT_EQ((*limits)[1].period, seconds{60});
  EXPECT_TRUE(parse_limits("off")->empty());
  EXPECT_EQ(period_name(seconds{60}), "1m");
  EXPECT_EQ(period_name(seconds{1}), "1s");
}

TEST(Limits, RefuseWhatIsNoLimit) {
  for (const char* text : {"", "10", "10/", "10/1", "/1s", "0/1s", "10/0s", "-1/1s", "10/1s,", "ten/1s", "10/1m"}) {
    EXPECT_FALSE(parse_limits(text).ok()) << text;
  }
  EXPECT_FALSE(parse_window_kind("fixed"));
  EXPECT_EQ(parse_window_kind("sliding"), WindowKind::Sliding);
}

}  // namespace
}  // namespace exchange_sim
