#include "service/core/causes.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace cancelbus::core {
namespace {

using std::chrono::seconds;

class CausesTest : public ::testing::Test {
 protected:
  static constexpr Tick T0{std::chrono::hours(1)};
  static constexpr WallTime Wall{seconds(1'700'000'000)};

  CausesTest() {
    conditions.workers.available = 2;
    conditions.workers.heard = 2;
  }

  void look(Duration at) {
    changes.clear();
    causes.look(conditions, T0 + at, changes);
    now = {T0 + at, Wall + at};
  }
  std::string kinds() const {
    std::string text;
    for (const Cause& cause : causes.list(now)) text += std::to_string(static_cast<int>(cause.kind));
    return text;
  }
  Cause only() const {
    const std::vector<Cause> list = causes.list(now);
    EXPECT_EQ(list.size(), 1U);
    return list.empty() ? Cause{} : list[0];
  }
  bool holds(CauseKind kind) const {
    const std::vector<Cause> list = causes.list(now);
    return std::ranges::any_of(list, [kind](const Cause& cause) { return cause.kind == kind; });
  }
  Availability none() {
    Availability workers;
    workers.heard = 1;
    return workers;
  }
  static Answer answer(Verdict verdict, int http_status = 0, int code = 0, std::string text = "") {
    Answer answer;
    answer.verdict = verdict;
    answer.http_status = http_status;
    answer.exchange_code = code;
    answer.text = std::move(text);
    return answer;
  }

  Causes causes{seconds(1), T0};
  Causes::Conditions conditions;
  std::vector<CauseChange> changes;
  Instant now{T0, Wall};
};

TEST_F(CausesTest, NothingIsWrongOfABusThatWorks) {
  look(seconds(5));
  EXPECT_EQ(kinds(), "");
  EXPECT_TRUE(changes.empty());
}

TEST_F(CausesTest, ACauseBeginsOnceEndsOnceAndKeepsItsBeginning) {
  conditions.workers = {};
  look(seconds(5));
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_TRUE(changes[0].began);
  EXPECT_EQ(changes[0].cause.kind, CauseKind::NoWorker);
  conditions.workers.other = "w1: silent";
  look(seconds(9));
  EXPECT_TRUE(changes.empty());
  EXPECT_EQ(only().text, "w1: silent");
  EXPECT_EQ(only().since, Wall + seconds(5));
  conditions.workers.available = 1;
  look(seconds(10));
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_FALSE(changes[0].began);
  EXPECT_EQ(kinds(), "");
}

TEST_F(CausesTest, WorkersAreNotMissedBeforeTheyCanHaveFoundTheBus) {
  conditions.workers = {};
  look(seconds(0));
  EXPECT_EQ(kinds(), "");
  look(seconds(1));
  EXPECT_EQ(only().kind, CauseKind::NoWorker);
  EXPECT_EQ(only().text, "no worker is connected");
  EXPECT_EQ(only().stops, "cancels and queries");
}

TEST_F(CausesTest, WhereNoWorkerCanSendItsReasonIsNamed) {
  conditions.workers = none();
  conditions.workers.unauthorized = "w1: refused";
  causes.ended(LimiterKind::Cancel, answer(Verdict::Unauthorized, 401, 7, "Unauthorized"), T0 + seconds(5));
  look(seconds(5));
  EXPECT_EQ(only().kind, CauseKind::KeysRefused);
  EXPECT_EQ(only().http_status, 401);
  EXPECT_EQ(only().exchange_code, 7);
  conditions.workers = none();
  conditions.workers.clock = "w1: clock";
  look(seconds(6));
  EXPECT_EQ(only().kind, CauseKind::Clock);
  conditions.workers = none();
  conditions.workers.other = "w1: has no connection to the exchange";
  look(seconds(7));
  EXPECT_EQ(only().kind, CauseKind::NoWorker);
}

TEST_F(CausesTest, NearTheBlockOfTheAddressKeysAreRefusedWhateverWorkerIsAvailable) {
  conditions.workers.near_block = true;
  look(seconds(5));
  EXPECT_EQ(only().kind, CauseKind::KeysRefused);
}

TEST_F(CausesTest, ABackoffSaysOfWhichLimiterForHowLongAndByWhichAnswer) {
  causes.ended(LimiterKind::Cancel, answer(Verdict::Throttled, 429, 429, "TOO_MANY_REQUESTS"), T0 + seconds(5));
  conditions.backoffs[1] = {T0 + seconds(11), "TOO_MANY_REQUESTS"};
  look(seconds(5));
  EXPECT_EQ(only().kind, CauseKind::Backoff);
  EXPECT_EQ(only().limiter, LimiterKind::Query);
  EXPECT_EQ(only().stops, "queries");
  EXPECT_EQ(only().remaining, seconds(6));
  EXPECT_EQ(only().http_status, 429);
  look(seconds(10));
  EXPECT_EQ(only().remaining, seconds(1));
  EXPECT_EQ(only().since, Wall + seconds(5));
  EXPECT_EQ(only().http_status, 429);
  look(seconds(11));
  EXPECT_EQ(kinds(), "");
}

TEST_F(CausesTest, OfABackoffFromBeforeARestartTheAnswerIsNotKnown) {
  conditions.backoffs[0] = {T0 + seconds(11), "TOO_MANY_REQUESTS"};
  look(seconds(0));
  EXPECT_EQ(only().http_status, 0);
  EXPECT_EQ(only().text, "TOO_MANY_REQUESTS");
}

TEST_F(CausesTest, TheExchangeFailsFromTheSecondRequestOnUntilOneIsLetIn) {
  causes.ended(LimiterKind::Cancel, answer(Verdict::Doubtful, 502, 0, "HTTP 502, empty"), T0 + seconds(5));
  look(seconds(5));
  EXPECT_EQ(kinds(), "");
  causes.ended(LimiterKind::Cancel, answer(Verdict::NeverWritten), T0 + seconds(5));
  causes.ended(LimiterKind::Cancel, answer(Verdict::WrongRequest, 404, 3, "Not Found"), T0 + seconds(5));
  look(seconds(6));
  EXPECT_EQ(only().kind, CauseKind::ExchangeFailing);
  EXPECT_EQ(only().http_status, 404);
  EXPECT_EQ(only().exchange_code, 3);
  EXPECT_EQ(only().stops, "");
  for (const Verdict verdict : {Verdict::Throttled, Verdict::Unauthorized, Verdict::StaleStamp}) {
    causes.ended(LimiterKind::Cancel, answer(verdict), T0 + seconds(5));
    look(seconds(7));
    EXPECT_TRUE(holds(CauseKind::ExchangeFailing));
  }
  causes.ended(LimiterKind::Cancel, answer(Verdict::UnknownOrder), T0 + seconds(5));
  look(seconds(8));
  EXPECT_EQ(kinds(), "");
}

TEST_F(CausesTest, OneThatIsLetInBetweenTwoThatFailBeginsTheCountAnew) {
  for (int i = 0; i < 3; ++i) {
    causes.ended(LimiterKind::Query, answer(Verdict::Doubtful), T0 + seconds(5));
    causes.ended(LimiterKind::Cancel, answer(Verdict::Refused), T0 + seconds(5));
  }
  look(seconds(5));
  EXPECT_EQ(kinds(), "");
}

TEST_F(CausesTest, CancelsThatFailAreACauseWhateverTheQueriesBetweenThemRead) {
  for (int i = 0; i < 3; ++i) {
    causes.ended(LimiterKind::Cancel, answer(Verdict::Doubtful, 503, 0, "HTTP 503, empty"), T0 + seconds(5));
    causes.ended(LimiterKind::Query, answer(Verdict::Read), T0 + seconds(5));
  }
  look(seconds(5));
  EXPECT_EQ(only().text, "the last 3 cancels got no usable answer: HTTP 503, empty");
  EXPECT_EQ(only().http_status, 503);
  causes.ended(std::nullopt, answer(Verdict::Accepted), T0 + seconds(5));
  look(seconds(6));
  EXPECT_TRUE(holds(CauseKind::ExchangeFailing)) << "it is not known that this was a cancel";
  look(seconds(5) + Causes::CancelsFailFor);
  EXPECT_EQ(kinds(), "") << "none has failed of late";
  for (int i = 0; i < 2; ++i) causes.ended(LimiterKind::Cancel, answer(Verdict::Doubtful), T0 + seconds(70));
  causes.ended(LimiterKind::Query, answer(Verdict::Read), T0 + seconds(70));
  look(seconds(70));
  EXPECT_TRUE(holds(CauseKind::ExchangeFailing));
  causes.ended(LimiterKind::Cancel, answer(Verdict::Accepted), T0 + seconds(70));
  look(seconds(71));
  EXPECT_EQ(kinds(), "");
}

TEST_F(CausesTest, ALoweredLimitStopsNothingAndNamesItsLimiter) {
  conditions.lowered[1] = "900/60s, lowered to 450";
  look(seconds(1));
  const Cause cause = only();
  EXPECT_EQ(cause.kind, CauseKind::LimitLowered);
  EXPECT_EQ(cause.limiter, LimiterKind::Query);
  EXPECT_EQ(cause.stops, "");
  EXPECT_EQ(cause.text, "900/60s, lowered to 450: another program spends this budget");
  conditions.lowered[1].clear();
  look(seconds(2));
  EXPECT_EQ(kinds(), "");
}

TEST_F(CausesTest, ABackoffByA503IsItsAnswersToo) {
  Answer wait = answer(Verdict::Doubtful, 503, 0, "busy");
  wait.retry_after = seconds(9);
  causes.ended(LimiterKind::Cancel, wait, T0);
  conditions.backoffs[0] = {T0 + seconds(10), "busy"};
  look(seconds(1));
  EXPECT_EQ(only().http_status, 503);
}

TEST_F(CausesTest, TheMostSeriousComesFirst) {
  conditions.store = "disk is full";
  conditions.draining = true;
  conditions.backoffs[0] = {T0 + seconds(90), "wait"};
  conditions.workers = {};
  causes.ended(LimiterKind::Cancel, answer(Verdict::Doubtful), T0 + seconds(5));
  causes.ended(LimiterKind::Cancel, answer(Verdict::Doubtful), T0 + seconds(5));
  look(seconds(5));
  std::vector<CauseKind> found;
  for (const Cause& cause : causes.list(now)) found.push_back(cause.kind);
  EXPECT_EQ(found, (std::vector{CauseKind::Store, CauseKind::Draining, CauseKind::NoWorker, CauseKind::Backoff,
                                CauseKind::ExchangeFailing}));
  EXPECT_EQ(causes.list(now)[0].text, "disk is full");
  EXPECT_EQ(causes.list(now)[0].stops, "commands, cancels and queries");
}

TEST_F(CausesTest, AStreamThatDoesNotTellOfOrdersStopsNoCommand) {
  conditions.stream = "the stream is not connected";
  look(Causes::Connecting - Duration(1));
  EXPECT_EQ(kinds(), "") << "the subscriber has a moment to connect";
  look(Causes::Connecting);
  EXPECT_EQ(only().kind, CauseKind::Stream);
  EXPECT_EQ(only().stops, "finals by the stream");
  EXPECT_EQ(only().text, "the stream is not connected; finals come by query");
  EXPECT_EQ(only().runbook, "CancelbusStreamDown");
  EXPECT_TRUE(causes.holding_up(now).empty());
  conditions.muted = true;
  look(seconds(6));
  EXPECT_EQ(only().runbook, "CancelbusStreamMuted");
}

TEST_F(CausesTest, FewerWorkersThanExpected) {
  conditions.expected = 3;
  look(Causes::Connecting - Duration(1));
  EXPECT_EQ(kinds(), "") << "workers have a moment to connect";
  look(Causes::Connecting);
  EXPECT_EQ(only().text, "2 of 3 expected workers may work");
  EXPECT_EQ(only().kind, CauseKind::FewerWorkers);
  EXPECT_TRUE(causes.holding_up(now).empty());
  conditions.workers.missing = "w3: silent";
  look(seconds(6));
  EXPECT_EQ(only().text, "2 of 3 expected workers may work; w3: silent");
  conditions.workers.available = 3;
  look(seconds(7));
  EXPECT_EQ(kinds(), "");
  conditions.workers = {};
  look(seconds(8));
  EXPECT_EQ(only().kind, CauseKind::NoWorker) << "which says it";
}

TEST_F(CausesTest, WithoutANumberAsManyWorkersAreExpectedAsCouldWorkWithinTheHour) {
  look(seconds(1));
  conditions.workers.available = 1;
  look(seconds(2));
  EXPECT_EQ(kinds(), "") << "the other has ended in order";
  conditions.workers.missing = "w2: silent";
  look(seconds(3));
  EXPECT_EQ(only().text, "1 of 2 workers may work; w2: silent");
  look(seconds(1) + Causes::WorkersRemembered);
  EXPECT_EQ(only().kind, CauseKind::FewerWorkers);
  look(seconds(1) + Causes::WorkersRemembered + Duration(1));
  EXPECT_EQ(kinds(), "");
}

TEST_F(CausesTest, BarredKeysAreOneCauseThatEndsWithTheLast) {
  EventBar first, second;
  first.name = "desk-a";
  first.text = "subscribed to \"client.\"";
  first.remaining = seconds(60);
  conditions.bars = {first};
  look(seconds(1));
  EXPECT_EQ(only().kind, CauseKind::KeyBarred);
  EXPECT_EQ(only().text, "the key of desk-a is barred from events: subscribed to \"client.\"");
  EXPECT_EQ(only().remaining, seconds(60));
  EXPECT_TRUE(causes.holding_up(now).empty());
  second.name = "desk-b";
  second.remaining = seconds(90);
  conditions.bars.push_back(second);
  look(seconds(2));
  EXPECT_EQ(only().text, "the key of desk-a is barred from events: subscribed to \"client.\"; and 1 more key");
  EXPECT_EQ(only().remaining, seconds(90));
  EXPECT_EQ(only().since, Wall + seconds(1));
  conditions.bars.clear();
  look(seconds(3));
  EXPECT_EQ(kinds(), "");
}

TEST_F(CausesTest, AQueueIsShownFromWhereItIsLongUntilItIsShort) {
  conditions.queued = 49;
  conditions.empty_in = Causes::LongQueue - Duration(1);
  look(seconds(1));
  EXPECT_EQ(kinds(), "");
  conditions.empty_in = Causes::LongQueue;
  look(seconds(2));
  EXPECT_EQ(only().kind, CauseKind::Queue);
  EXPECT_EQ(only().text, "49 orders wait for budget; empty in 5 s at the earliest");
  EXPECT_EQ(only().stops, "");
  EXPECT_TRUE(causes.holding_up(now).empty());
  conditions.empty_in = Causes::ShortQueue;
  look(seconds(3));
  EXPECT_TRUE(holds(CauseKind::Queue));
  conditions.empty_in = Causes::ShortQueue - Duration(1);
  look(seconds(4));
  EXPECT_EQ(kinds(), "");
}

TEST_F(CausesTest, WhatStopsNoRequestComesAfterWhatDoes) {
  conditions.stream = "the stream is not connected";
  conditions.queued = 200;
  conditions.empty_in = seconds(20);
  conditions.backoffs[0] = {T0 + seconds(90), "wait"};
  look(seconds(6));
  ASSERT_EQ(causes.list(now).size(), 2U) << "why the queue is long, the backoff says";
  EXPECT_EQ(causes.list(now)[0].kind, CauseKind::Backoff);
  EXPECT_EQ(causes.list(now)[1].kind, CauseKind::Stream);
  ASSERT_EQ(causes.holding_up(now).size(), 1U);
  EXPECT_EQ(causes.holding_up(now)[0].kind, CauseKind::Backoff);
  conditions.backoffs[1] = std::exchange(conditions.backoffs[0], {});
  look(seconds(7));
  EXPECT_TRUE(holds(CauseKind::Queue)) << "a backoff of queries does not";
}

TEST_F(CausesTest, AWallClockThatIsSetMovesTheBeginningWithIt) {
  conditions.draining = true;
  look(seconds(5));
  now.wall += std::chrono::hours(26);
  EXPECT_EQ(only().since, now.wall);
}

}  // namespace
}  // namespace cancelbus::core
