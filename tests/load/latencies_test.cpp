// What cancel-load counts.
#include "tests/load/latencies.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cancelbus::load {
namespace {

using std::chrono::microseconds;

TEST(Latencies, PercentilesAreValuesThatWereMeasured) {
  Latencies latencies;
  EXPECT_EQ(latencies.percentile_us(50), 0);
  for (int us = 100; us >= 1; --us) latencies.add(microseconds(us * 10));
  EXPECT_EQ(latencies.percentile_us(50), 500);
  EXPECT_EQ(latencies.percentile_us(90), 900);
  EXPECT_EQ(latencies.percentile_us(99), 990);
  EXPECT_EQ(latencies.percentile_us(100), 1000);
  Latencies one;
  one.add(microseconds(7));
  EXPECT_EQ(one.percentile_us(1), 7);
  EXPECT_EQ(one.percentile_us(100), 7);
}

TEST(Latencies, TheHistogramHoldsEachOnce) {
  Latencies latencies;
  EXPECT_EQ(latencies.histogram_text(), "");
  for (const int us : {0, 1, 4, 7, 7, 63}) latencies.add(microseconds(us));
  std::vector<size_t> counts;
  for (const Latencies::Bucket& bucket : latencies.histogram()) counts.push_back(bucket.count);
  EXPECT_THAT(counts, testing::ElementsAre(2, 0, 3, 0, 0, 1));
  EXPECT_EQ(latencies.histogram().front().from_us, 0);
  EXPECT_EQ(latencies.histogram().back().to_us, 64);
  EXPECT_THAT(latencies.histogram_text(), testing::HasSubstr(" 4 to          8 us       3 ####"));
}

}  // namespace
}  // namespace cancelbus::load
