#include "service/core/stream_watch.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Instant at(Duration d) { return {Tick(std::chrono::hours(1) + d), WallTime(seconds(1'700'000'000) + d)}; }

StreamReport report(uint64_t logins, bool logged_in = true, uint64_t subscriber = 1) {
  return {"feed", subscriber, 0, true, logged_in, logins, ""};
}

TEST(StreamWatch, OnlyAChangeMeansThatEventsMayBeMissing) {
  StreamWatch watch(seconds(2));
  EXPECT_TRUE(watch.report(report(1), at({})));
  EXPECT_FALSE(watch.report(report(1), at(seconds(1))));
  EXPECT_TRUE(watch.report(report(2), at(seconds(2)))) << "a new login";
  EXPECT_TRUE(watch.report(report(2, false), at(seconds(3)))) << "logged out";
  EXPECT_TRUE(watch.report(report(2, true, 9), at(seconds(4)))) << "another subscriber";
}

TEST(StreamWatch, LiveIsWhatHasSpokenSinceTheLogin) {
  StreamWatch watch(seconds(2));
  watch.report(report(1), at({}));
  EXPECT_FALSE(watch.live());
  watch.proof("feed", at(seconds(1)));
  EXPECT_TRUE(watch.live());
  watch.report(report(1), at(seconds(2)));
  EXPECT_TRUE(watch.live());
  watch.report(report(2), at(seconds(3)));
  EXPECT_FALSE(watch.live());
}

TEST(StreamWatch, SaysWhyItDoesNotTellOfOrders) {
  StreamWatch watch(seconds(2));
  EXPECT_EQ(watch.trouble(), "no subscriber is connected");
  StreamReport told = report(0, false);
  told.connected = false;
  told.text = "connection refused";
  watch.report(told, at({}));
  EXPECT_EQ(watch.trouble(), "the stream is not connected: connection refused");
  told.connected = true;
  told.text = "connected";
  watch.report(told, at({}));
  EXPECT_EQ(watch.trouble(), "the stream is connected, and not logged in");
  watch.report(report(1), at({}));
  EXPECT_EQ(watch.trouble(), "") << "it may be quiet";
  EXPECT_TRUE(watch.lost(at(seconds(6)).tick));
  EXPECT_EQ(watch.trouble(), "the subscriber is silent");
}

TEST(StreamWatch, IsMutedFromAMissingFrameOnThroughEveryLoginUntilAFrameComes) {
  StreamWatch watch(seconds(2));
  watch.report(report(1), at({}));
  watch.owes_frame(at({}).tick);
  EXPECT_FALSE(watch.seems_muted(at(seconds(1)).tick));
  EXPECT_FALSE(watch.muted());
  EXPECT_TRUE(watch.seems_muted(at(seconds(2)).tick));
  EXPECT_TRUE(watch.muted());
  watch.report(report(2), at(seconds(3)));
  EXPECT_EQ(watch.trouble(), "the stream is muted: queries show cancels that it has not reported");
  watch.proof("feed", at(seconds(4)));
  EXPECT_FALSE(watch.muted());
  EXPECT_EQ(watch.trouble(), "");
}

TEST(StreamWatch, LostOnceAfterTheLease) {
  StreamWatch watch(seconds(2));
  EXPECT_FALSE(watch.lost(at(seconds(100)).tick)) << "never heard is not lost";
  EXPECT_EQ(watch.next_deadline(at({}).tick), Never);
  watch.report(report(1), at({}));
  watch.proof("feed", at({}));
  EXPECT_FALSE(watch.lost(at(StreamWatch::Lease).tick));
  const Tick deadline = watch.next_deadline(at({}).tick);
  EXPECT_EQ(deadline, at(StreamWatch::Lease + Duration(1)).tick);
  EXPECT_TRUE(watch.lost(deadline));
  EXPECT_FALSE(watch.lost(deadline));
  EXPECT_FALSE(watch.live());
  EXPECT_TRUE(watch.report(report(1), at(seconds(9)))) << "heard again";
}

TEST(StreamWatch, WhatIsHeardOfALostSubscriberIsOfTheLoginThatItReportedLast) {
  StreamWatch watch(seconds(2));
  watch.report(report(1), at({}));
  EXPECT_TRUE(watch.lost(at(seconds(6)).tick));
  EXPECT_FALSE(watch.status().logged_in);
  watch.proof("feed", at(seconds(7)));
  EXPECT_TRUE(watch.live());
  EXPECT_TRUE(watch.status().logged_in);
  EXPECT_FALSE(watch.report(report(1), at(seconds(8)))) << "nothing was missed since";
  EXPECT_TRUE(watch.report(report(2), at(seconds(9)))) << "a new login";
}

/// Owes a frame at `accepted` and returns when the subscriber is told to log in again, by following the deadlines.
std::optional<Tick> told(StreamWatch& watch, Duration accepted, Duration until) {
  watch.owes_frame(at(accepted).tick);
  Tick now = at(accepted).tick;
  while (now <= at(until).tick) {
    if (watch.seems_muted(now)) return now;
    const Tick next = watch.next_deadline(now);
    if (next <= now) {
      ADD_FAILURE() << "a deadline that never passes";
      return std::nullopt;
    }
    now = next;
    watch.report(report(1), {now, {}});
  }
  return std::nullopt;
}

TEST(StreamWatch, AFrameThatIsMissingForLongMeansMutedWithBackoff) {
  StreamWatch watch(seconds(2));
  watch.report(report(1), at({}));
  EXPECT_EQ(told(watch, seconds(0), seconds(5)), at(seconds(2)).tick);
  EXPECT_EQ(told(watch, seconds(3), seconds(60)), at(seconds(12)).tick) << "10 s after the first";
  EXPECT_EQ(told(watch, seconds(13), seconds(60)), at(seconds(32)).tick) << "20 s after the second";
  Duration interval = seconds(40);
  Tick last = at(seconds(32)).tick;
  for (int i = 0; i < 6; ++i) {
    const auto next = told(watch, last - at({}).tick, std::chrono::hours(2));
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(*next - last, interval);
    interval = std::min<Duration>(interval * 2, StreamWatch::LongestRelogin);
    last = *next;
  }
  EXPECT_EQ(interval, StreamWatch::LongestRelogin);
}

TEST(StreamWatch, AnyFrameSinceTheCancelProvesThatItIsNotMuted) {
  StreamWatch watch(seconds(2));
  watch.report(report(1), at({}));
  watch.proof("feed", at(seconds(1)));
  EXPECT_EQ(told(watch, seconds(1), seconds(4)), std::nullopt) << "a frame as young as the cancel";
  watch.owes_frame(at(seconds(4)).tick);
  watch.proof("feed", at(seconds(5)));
  EXPECT_FALSE(watch.seems_muted(at(seconds(7)).tick));
}

TEST(StreamWatch, AFrameResetsTheBackoff) {
  StreamWatch watch(seconds(2));
  watch.report(report(1), at({}));
  ASSERT_TRUE(told(watch, seconds(0), seconds(60)));
  ASSERT_TRUE(told(watch, seconds(3), seconds(60)));
  watch.proof("feed", at(seconds(13)));
  EXPECT_EQ(told(watch, seconds(14), seconds(60)), at(seconds(16)).tick);
}

TEST(StreamWatch, WithoutALoginNothingIsOwed) {
  StreamWatch watch(seconds(2));
  watch.report(report(1, false), at({}));
  EXPECT_EQ(told(watch, seconds(0), seconds(4)), std::nullopt);
  watch.report(report(1), at(seconds(4)));
  watch.owes_frame(at(seconds(4)).tick);
  watch.report(report(2), at(seconds(5)));
  EXPECT_FALSE(watch.seems_muted(at(seconds(9)).tick)) << "what was missed before a login says nothing of it";
}

}  // namespace
}  // namespace cancelbus::core
