#include "service/worker/exchange_clock.hpp"

#include <gtest/gtest.h>

#include <array>

namespace cancelbus::worker {
namespace {

using namespace std::chrono_literals;

constexpr core::Tick Boot{};
constexpr core::WallTime Epoch{};

TEST(ExchangeClock, BelievesTheReadingWithTheSmallestRoundTrip) {
  ExchangeClock clock;
  EXPECT_FALSE(clock.known());
  EXPECT_FALSE(clock.sample({Boot + 100s, Epoch + 1000s}));
  clock.take(std::array{ClockReading{Boot + 100s, Boot + 101s, 1000'000ms},
                        ClockReading{Boot + 102s, Boot + 102s + 20ms, 1002'510ms},
                        ClockReading{Boot + 103s, Boot + 103s + 30ms, 1009'000ms}});
  ASSERT_TRUE(clock.known());
  const auto sample = clock.sample({Boot + 110s, Epoch + 1010s});
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->series, 1U);
  EXPECT_EQ(sample->round_trip, 20ms);
  EXPECT_EQ(sample->uncertainty, 10ms);
  EXPECT_EQ(sample->exchange_time, Epoch + 1010'500ms);
  EXPECT_EQ(sample->offset, 500ms);
  EXPECT_EQ(clock.time(Boot + 110s), 1010'500ms);
}

TEST(ExchangeClock, CarriesTheReadingForwardOnTheSteadyClockWhateverTheWallClockShows) {
  ExchangeClock clock;
  clock.take(std::array{ClockReading{Boot + 100s, Boot + 100s, 1000'000ms}});
  EXPECT_EQ(clock.sample({Boot + 101s, Epoch + 1001s})->exchange_time, Epoch + 1001s);
  EXPECT_EQ(clock.sample({Boot + 102s, Epoch + 902s})->exchange_time, Epoch + 1002s);
  EXPECT_EQ(clock.sample({Boot + 102s, Epoch + 902s})->offset, 100s) << "which is only shown";
  EXPECT_EQ(clock.time(Boot + 102s), 1002'000ms);
}

TEST(ExchangeClock, CountsItsSeries) {
  ExchangeClock clock;
  const std::array series{ClockReading{Boot + 100s, Boot + 100s, 1000'000ms}};
  clock.take(series);
  clock.take(series);
  EXPECT_EQ(clock.sample({Boot, Epoch})->series, 2U);
}

TEST(ExchangeClock, SaysWhetherASeriesAgreesWithTheOneBefore) {
  ExchangeClock clock;
  const auto reading = [](core::Duration off, core::Duration round_trip = {}) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(1000s + off + round_trip / 2);
    return std::array{ClockReading{Boot + 100s, Boot + 100s + round_trip, ms}};
  };
  EXPECT_FALSE(clock.take(reading(0s))) << "there is none before";
  EXPECT_TRUE(clock.take(reading(1s)));
  EXPECT_FALSE(clock.take(reading(2001ms)));
  EXPECT_FALSE(clock.take(reading(1000ms)));
  EXPECT_TRUE(clock.take(reading(1000ms, 1000ms)));
  EXPECT_FALSE(clock.take(reading(1000ms, 1002ms))) << "the bus does not count it";
}

TEST(ExchangeClock, JudgesStamps) {
  ExchangeClock clock;
  clock.take(std::array{ClockReading{Boot + 100s, Boot + 100s, 1000'000ms}});
  const core::Tick now = Boot + 101s;
  EXPECT_EQ(clock.behind(1000'900, now), 100ms);
  EXPECT_EQ(clock.behind(1001'400, now), -400ms);
  EXPECT_EQ(clock.stale_at(1000'900, now), now + 900ms);
  EXPECT_EQ(clock.stale_at(999'000, now), now - 1s);
}

TEST(ExchangeClock, AStampIsVoidOverASecondBehindOrAhead) {
  ExchangeClock clock;
  clock.take(std::array{ClockReading{Boot + 100s, Boot + 100s, 1000'000ms}});
  const core::Tick now = Boot + 101s;
  EXPECT_FALSE(clock.is_void(1001'000 - 1'000, now));
  EXPECT_TRUE(clock.is_void(1001'000 - 1'001, now));
  EXPECT_FALSE(clock.is_void(1001'000 + 1'000, now));
  EXPECT_TRUE(clock.is_void(1001'000 + 1'001, now));
}

}  // namespace
}  // namespace cancelbus::worker
