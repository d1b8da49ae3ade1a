#include "service/core/sweeps.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SweepsTest : public ::testing::Test {
 protected:
  static Tick tick(Duration since) { return Tick(std::chrono::hours(1)) + since; }
  static Instant at(Duration since) { return {tick(since), WallTime(std::chrono::hours(1'000)) + since}; }

  void make(std::vector<std::string> pairs) { made.emplace(std::move(pairs), seconds(60), seconds(15), tick({})); }
  std::string next(Duration when) const {
    const auto pair = sweeps.next(tick(when), seen);
    return !pair ? "nothing" : pair->empty() ? "all" : *pair;
  }
  void send(Duration when) { sweeps.sent(++task, *sweeps.next(tick(when), seen), at(when)); }
  /// In one part; how the sweep ended, if it has.
  std::string answer(Duration when, size_t orders = 1) {
    EXPECT_TRUE(sweeps.take({1, 1, std::vector<OpenOrder>(orders)}, tick(when)));
    sweeps.answered();
    return end(when);
  }
  std::string fail(Duration when, bool of_this_pair = false) {
    sweeps.failed("HTTP 500", of_this_pair);
    return end(when);
  }
  std::string end(Duration when) {
    sweeps.check();
    const auto end = sweeps.finish(tick(when), seen);
    if (!end) return "goes on";
    return end->complete ? "complete, " + std::to_string(end->orders) + " orders" : end->why;
  }
  /// When the next one begins.
  Duration begins() const { return sweeps.next_deadline(Tick::min()) - tick({}); }

  std::optional<Sweeps> made{std::in_place, std::vector<std::string>(), seconds(60), seconds(15), tick({})};
  Sweeps& sweeps = *made;
  Sweeps::Pairs seen;
  TaskId task = 0;
};

TEST_F(SweepsTest, OneBeginsAtOnceAndTheNextAnIntervalAfterItsBeginning) {
  EXPECT_EQ(next({}), "all");
  send(seconds(1));
  EXPECT_EQ(next(seconds(1)), "nothing") << "one is under way";
  EXPECT_EQ(sweeps.oldest_request(), tick(seconds(1)));
  EXPECT_EQ(answer(seconds(4), 7), "complete, 7 orders");
  EXPECT_EQ(begins(), seconds(61));
  EXPECT_EQ(next(seconds(61) - Duration(1)), "nothing");
  EXPECT_EQ(next(seconds(61)), "all");
  EXPECT_FALSE(sweeps.oldest_request());
}

TEST_F(SweepsTest, ItEndsWithItsOldestRequest) {
  make({"BTCTRY", "ETHUSDT"});
  send(seconds(1));
  EXPECT_EQ(answer(seconds(2)), "goes on");
  send(seconds(3));
  EXPECT_TRUE(sweeps.take({1, 1, {}}, tick(seconds(4))));
  sweeps.answered();
  const auto end = sweeps.finish(tick(seconds(4)), seen);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->oldest.tick, tick(seconds(1)));
  EXPECT_EQ(end->requests, 2u);
  EXPECT_EQ(end->took, Duration(seconds(3)));
}

TEST_F(SweepsTest, WithPairsEachOfThemAndThoseThatAreSeenAreAskedFor) {
  make({"BTCTRY", "ETHUSDT"});
  seen = {"ETHUSDT", "XRPTRY"};
  EXPECT_EQ(next({}), "BTCTRY");
  send({});
  EXPECT_EQ(answer(seconds(1)), "goes on");
  EXPECT_EQ(next(seconds(1)), "ETHUSDT");
  send(seconds(1));
  EXPECT_EQ(answer(seconds(2)), "goes on");
  EXPECT_EQ(next(seconds(2)), "XRPTRY");
  send(seconds(2));
  seen.insert("ADATRY");
  EXPECT_EQ(answer(seconds(3)), "goes on") << "a pair that is first seen during the sweep";
  EXPECT_EQ(next(seconds(3)), "ADATRY");
  send(seconds(3));
  EXPECT_EQ(answer(seconds(4)), "complete, 4 orders");
}

TEST_F(SweepsTest, WithoutPairsOneRequestIsEnough) {
  seen = {"ETHUSDT", "XRPTRY"};
  send({});
  EXPECT_EQ(answer(seconds(1)), "complete, 1 orders");
}

TEST_F(SweepsTest, IfAPairIsRequiredThoseThatAreSeenAreAskedForAndItIsNotComplete) {
  seen = {"ETHUSDT"};
  send({});
  EXPECT_EQ(fail(seconds(1), true), "goes on");
  EXPECT_EQ(next(seconds(1)), "ETHUSDT");
  send(seconds(1));
  EXPECT_EQ(answer(seconds(2)), "all pairs: HTTP 500; if the exchange wants a pair in each request, give --pairs");
  EXPECT_EQ(sweeps.trouble(), "all pairs: HTTP 500; if the exchange wants a pair in each request, give --pairs");
}

TEST_F(SweepsTest, ARefusalOfOnePairLeavesTheOthers) {
  make({"BTCTRY", "ETHUSDT"});
  send({});
  EXPECT_EQ(fail(seconds(1), true), "goes on");
  EXPECT_EQ(next(seconds(1)), "ETHUSDT");
  send(seconds(1));
  EXPECT_EQ(answer(seconds(2)), "BTCTRY: HTTP 500");
}

TEST_F(SweepsTest, AnyOtherFailureEndsItAndItIsTriedAgainAfterLongerAndLongerWaits) {
  make({"BTCTRY", "ETHUSDT"});
  Duration when{};
  for (const int wait : {2, 4, 8, 16, 32, 60, 60}) {
    send(when);
    EXPECT_EQ(fail(when), "BTCTRY: HTTP 500");
    sweeps.ask(tick(when));
    EXPECT_EQ(begins(), when + seconds(wait)) << "also if one is wanted";
    when += seconds(wait);
  }
  send(when);
  EXPECT_EQ(answer(when), "goes on");
  send(when);
  EXPECT_EQ(answer(when), "complete, 2 orders");
  EXPECT_EQ(sweeps.trouble(), "");
  send(when + seconds(60));
  fail(when + seconds(60));
  EXPECT_EQ(begins(), when + seconds(62)) << "the waits begin anew";
}

TEST_F(SweepsTest, OneThatIsWantedBeginsAtOnceButNotBeforeTwoSecondsAfterTheLastEnd) {
  send({});
  answer(seconds(5));
  sweeps.ask(tick(seconds(6)));
  EXPECT_EQ(begins(), seconds(7));
  send(seconds(7));
  answer(seconds(8));
  EXPECT_EQ(begins(), seconds(67));
  sweeps.ask(tick(seconds(30)));
  EXPECT_EQ(begins(), seconds(30));
}

TEST_F(SweepsTest, OneThatBeganBeforeTheWishDoesNotMeetIt) {
  send({});
  sweeps.ask(tick(Duration(1)));
  answer(seconds(1));
  EXPECT_EQ(begins(), seconds(3));
  send(seconds(3));
  answer(seconds(4));
  EXPECT_EQ(begins(), seconds(63));
}

TEST_F(SweepsTest, OneThatFailsMeetsNoWish) {
  send({});
  answer({});
  sweeps.ask(tick(seconds(10)));
  send(seconds(10));
  fail(seconds(11));
  EXPECT_EQ(begins(), seconds(13));
  send(seconds(13));
  answer(seconds(14));
  EXPECT_EQ(begins(), seconds(73));
}

TEST_F(SweepsTest, AfterAGapItWaitsUntilItCanOverrideWhatCameBefore) {
  send({});
  answer(seconds(1));
  sweeps.gap(tick(seconds(20)));
  EXPECT_EQ(begins(), seconds(22));
  sweeps.ask(tick(seconds(21)));
  EXPECT_EQ(begins(), seconds(21));
  send(seconds(21));
  answer(seconds(21));
  EXPECT_EQ(begins(), seconds(23)) << "that one was too early for the gap";
  send(seconds(23));
  answer(seconds(23));
  EXPECT_EQ(begins(), seconds(83));
}

TEST_F(SweepsTest, FillsAreConfirmedEveryTenSecondsAtMost) {
  sweeps.filled(tick({}));
  send({});
  answer(seconds(1));
  EXPECT_EQ(begins(), seconds(3)) << "the first one began before it could confirm the fill";
  send(seconds(3));
  answer(seconds(3));
  sweeps.filled(tick(seconds(4)));
  sweeps.filled(tick(seconds(5)));
  EXPECT_EQ(begins(), seconds(13));
  sweeps.filled(tick(seconds(12)));
  send(seconds(13));
  answer(seconds(13));
  EXPECT_EQ(begins(), seconds(15)) << "for the one at 12 s";
}

TEST_F(SweepsTest, AnAnswerIsCompleteWithAllOfItsParts) {
  send({});
  EXPECT_TRUE(sweeps.take({2, 3, std::vector<OpenOrder>(200)}, tick(seconds(1))));
  EXPECT_FALSE(sweeps.take({2, 3, std::vector<OpenOrder>(200)}, tick(seconds(1)))) << "again";
  EXPECT_FALSE(sweeps.take({1, 2, {}}, tick(seconds(1)))) << "of another answer";
  EXPECT_TRUE(sweeps.take({1, 3, std::vector<OpenOrder>(200)}, tick(seconds(1))));
  EXPECT_FALSE(sweeps.all_parts());
  EXPECT_TRUE(sweeps.take({3, 3, std::vector<OpenOrder>(5)}, tick(seconds(1))));
  EXPECT_TRUE(sweeps.all_parts());
  sweeps.answered();
  EXPECT_EQ(end(seconds(1)), "complete, 405 orders");
}

TEST_F(SweepsTest, IfAnOrderCannotBeTakenItIsNotComplete) {
  send({});
  sweeps.not_taken();
  EXPECT_EQ(answer(seconds(1)), "all pairs: more orders are open than the bus can take");
}

TEST_F(SweepsTest, ARequestIsGivenUpAfterALongSilence) {
  EXPECT_FALSE(sweeps.overdue(tick(seconds(100))));
  send({});
  EXPECT_EQ(sweeps.next_deadline(tick(seconds(1))), tick(seconds(15) + Duration(1)));
  EXPECT_FALSE(sweeps.overdue(tick(seconds(15))));
  EXPECT_TRUE(sweeps.overdue(tick(seconds(15) + Duration(1))));
  sweeps.take({1, 2, {}}, tick(seconds(10)));
  EXPECT_FALSE(sweeps.overdue(tick(seconds(25)))) << "a part is news";
  EXPECT_TRUE(sweeps.overdue(tick(seconds(25) + Duration(1))));
}

TEST_F(SweepsTest, SinceWhenOneIsDue) {
  EXPECT_EQ(sweeps.due_since(tick(seconds(3))), tick({}));
  EXPECT_EQ(sweeps.next_deadline(tick(seconds(3))), Never) << "it waits for a worker";
  send(seconds(4));
  EXPECT_FALSE(sweeps.due_since(tick(seconds(5))));
  answer(seconds(6));
  EXPECT_FALSE(sweeps.due_since(tick(seconds(63))));
  EXPECT_EQ(sweeps.due_since(tick(seconds(70))), tick(seconds(64)));
}

TEST_F(SweepsTest, OneTaskIsAwaited) {
  EXPECT_FALSE(sweeps.awaits(1));
  send({});
  EXPECT_TRUE(sweeps.awaits(1));
  EXPECT_FALSE(sweeps.awaits(2));
  answer(seconds(1));
  EXPECT_FALSE(sweeps.awaits(1));
}

}  // namespace
}  // namespace cancelbus::core
