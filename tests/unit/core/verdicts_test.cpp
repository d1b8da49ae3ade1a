#include "service/core/verdicts.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class VerdictsTest : public ::testing::Test {
 protected:
  using State = Attempt::State;

  VerdictsTest() { begin(); }

  /// The order anew, with the command `a`.
  void begin() {
    order = Order();
    order.id = 7;
    order.begin({});
    add("a");
  }
  static Tick at(Duration d) { return Tick(seconds(1'000)) + d; }
  static WallTime wall(Duration d) { return WallTime(seconds(1'700'000'000)) + d; }

  Command& add(const std::string& cl_ord_id, Duration received = {}) {
    Command command;
    command.record.key = {"alice", cl_ord_id};
    command.record.timeline.received = wall(received);
    command.received = at(received);
    return order.effort->commands.emplace_back(std::move(command));
  }
  Command& command() { return order.effort->commands.front(); }
  Attempts& attempts() { return order.effort->attempts; }
  Schedule& schedule() { return order.effort->schedule; }
  Reads& reads() { return order.effort->reads; }
  Heard& heard() { return order.effort->heard; }

  Attempt& attempt(TaskId task, Duration d, State state) {
    order.dispatched(task, 1, {at(d), wall(d)});
    attempts().find(task)->state = state;
    return *attempts().find(task);
  }
  static Answer answer(Verdict verdict) {
    Answer answer;
    answer.verdict = verdict;
    answer.arrival = Arrival::Answered;
    answer.http_status = 400;
    answer.text = "its text";
    return answer;
  }
  Ruling ended(TaskId task, Verdict verdict, Duration d, bool stream_live = true) {
    return verdicts.delete_ended(order, task, answer(verdict), "w1", stream_live, at(d));
  }
  void proven(OrdStatus status, Evidence evidence) { order.proof = Proof{{status, evidence}}; }

  /// `a:REJECTED/BLOCKED` says that a final follows with a `+`, `=CANCELED` is a final, and the status comes last.
  static std::string said(const Ruling& ruling) {
    static const char* const acks[] = {"ACCEPTED", "REJECTED", "IN_DOUBT"};
    static const char* const reasons[] = {"NONE",  "TOO_LATE", "UNKNOWN_ORDER",  "ALREADY_PENDING", "DUPLICATE",
                                          "OTHER", "EXPIRED",  "NOT_AUTHORIZED", "BLOCKED"};
    static const char* const finals[] = {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "REJECTED"};
    static const char* const stages[] = {"QUEUED", "SENT", "WAITING_FINAL", "IN_DOUBT", "RESENDING", "STUCK"};
    std::string out;
    for (const Decision& decision : ruling.decisions) {
      out += (out.empty() ? "" : " ") + decision.command->record.key.cl_ord_id;
      if (decision.ack) {
        out += std::string(":") + acks[static_cast<int>(decision.ack->status)];
        const RejectReason reason = decision.ack->reason;
        if (reason != RejectReason::None) out += std::string("/") + reasons[static_cast<int>(reason)];
        if (decision.ack->final_follows) out += "+";
      }
      if (decision.final) out += std::string("=") + finals[static_cast<int>(decision.final->status)];
    }
    if (ruling.status) {
      out += (out.empty() ? "" : " ") + std::string(stages[static_cast<int>(ruling.status->first)]);
    }
    return out;
  }

  GatewayOptions options;
  Verdicts verdicts{options};
  Order order;
};

// ---- What happened ----

TEST_F(VerdictsTest, WhatEachOutcomeOfADeleteMeans) {
  static constexpr Duration None = Duration::max();
  const struct {
    Verdict verdict;
    const char* said;
    std::optional<State> left;  ///< absent: the attempt is proven not processed
    Duration next_delete;       ///< from the outcome on, as the query; None: none
    Duration next_query;
    uint32_t answered;
  } table[] = {
      {Verdict::Accepted, "a:ACCEPTED+", State::Accepted, None, seconds(2), 1},
      {Verdict::UnknownOrder, "a:REJECTED/UNKNOWN_ORDER+", State::Denied, None, seconds(0), 1},
      {Verdict::Refused, "a:REJECTED/OTHER+", State::Denied, None, seconds(0), 1},
      {Verdict::Blocked, "a:REJECTED/BLOCKED", std::nullopt, None, None, 1},
      {Verdict::WrongRequest, "a:REJECTED/OTHER+", State::Denied, None, seconds(0), 1},
      {Verdict::Unauthorized, "", std::nullopt, seconds(0), None, 0},
      {Verdict::Throttled, "", std::nullopt, seconds(0), None, 0},
      {Verdict::StaleStamp, "", std::nullopt, seconds(0), None, 0},
      {Verdict::NeverWritten, "", std::nullopt, milliseconds(100), None, 0},
      {Verdict::Read, "IN_DOUBT", State::Doubtful, seconds(1), seconds(0), 0},
      {Verdict::Doubtful, "IN_DOUBT", State::Doubtful, seconds(1), seconds(0), 0},
  };
  const auto tick = [](Duration d) { return d == None ? Never : at(milliseconds(100)) + d; };
  for (const auto& row : table) {
    SCOPED_TRACE(static_cast<int>(row.verdict));
    begin();
    attempt(1, {}, State::InFlight);
    EXPECT_EQ(said(ended(1, row.verdict, milliseconds(100))), row.said);
    const Attempt* left = attempts().find(1);
    EXPECT_EQ(left ? std::optional(left->state) : std::nullopt, row.left);
    EXPECT_EQ(verdicts.delete_due(order), tick(row.next_delete));
    EXPECT_EQ(reads().next, tick(row.next_query));
    EXPECT_EQ(attempts().answered, row.answered);
    EXPECT_EQ(attempts().last_answer, row.answered ? std::optional(row.verdict) : std::nullopt);
    EXPECT_EQ(attempts().last_timeline.worker, "w1");
  }
}

TEST_F(VerdictsTest, AnAckOfTheExchangeSaysWhatItAnswered) {
  attempt(1, {}, State::InFlight);
  const Ruling ruling = ended(1, Verdict::Refused, {});
  ASSERT_EQ(ruling.decisions.size(), 1U);
  EXPECT_EQ(ruling.decisions[0].ack->origin, Origin::Exchange);
  EXPECT_EQ(ruling.decisions[0].ack->http_status, 400);
  EXPECT_EQ(ruling.decisions[0].ack->text, "its text");
}

TEST_F(VerdictsTest, OnlyCommandsWithoutAnAckGetOne) {
  command().record.ack = CancelAck{};
  add("b");
  attempt(1, {}, State::InFlight);
  EXPECT_EQ(said(ended(1, Verdict::Accepted, {})), "b:ACCEPTED+");
}

TEST_F(VerdictsTest, ADenialEndsItsAttemptsTimeAtOnce) {
  attempt(1, {}, State::InFlight);
  ended(1, Verdict::UnknownOrder, milliseconds(100));
  EXPECT_EQ(attempts().quiet_at(), at(milliseconds(100)));
}

TEST_F(VerdictsTest, ASecondUnauthorizedInARowIsARefusal) {
  attempt(1, {}, State::InFlight);
  EXPECT_EQ(said(ended(1, Verdict::Unauthorized, {})), "");
  attempt(2, seconds(1), State::InFlight);
  EXPECT_EQ(said(ended(2, Verdict::Unauthorized, seconds(1))), "a:REJECTED/NOT_AUTHORIZED");
  EXPECT_EQ(verdicts.delete_due(order), at(seconds(3)));
}

TEST_F(VerdictsTest, AnAnswerBetweenBreaksTheRowOfUnauthorized) {
  attempt(1, {}, State::InFlight);
  ended(1, Verdict::Unauthorized, {});
  attempt(2, seconds(1), State::InFlight);
  ended(2, Verdict::Accepted, seconds(1));
  attempt(3, seconds(2), State::InFlight);
  EXPECT_EQ(said(ended(3, Verdict::Unauthorized, seconds(2))), "");
}

TEST_F(VerdictsTest, ABlockedCancelWithAnEarlierRequestUnresolvedIsADoubt) {
  attempt(1, {}, State::Doubtful);
  attempt(2, seconds(1), State::InFlight);
  EXPECT_EQ(said(ended(2, Verdict::Blocked, seconds(1))), "a:IN_DOUBT+");
}

TEST_F(VerdictsTest, AProofSaysMoreThanARefusalOrADoubt) {
  for (const Verdict verdict : {Verdict::Blocked, Verdict::Doubtful}) {
    begin();
    attempt(1, {}, State::InFlight);
    proven(OrdStatus::Filled, Evidence::OrderQuery);
    EXPECT_EQ(said(ended(1, verdict, {})), "");
  }
}

TEST_F(VerdictsTest, AnAcceptedCancelIsAskedAboutAtOnceIfThe452MayNotCome) {
  const auto asked = [this](bool live) {
    ended(1, Verdict::Accepted, seconds(1), live);
    return reads().next;
  };
  attempt(1, {}, State::InFlight);
  EXPECT_EQ(asked(false), at(seconds(1)));
  begin();
  attempt(1, {}, State::InFlight);
  heard().filled_at = at({});
  EXPECT_EQ(asked(true), at(seconds(1)));
  begin();
  attempt(1, {}, State::InFlight);
  heard().filled_at = at({}) - Duration(1);
  EXPECT_EQ(asked(true), at(seconds(3)));
  begin();
  attempt(1, {}, State::InFlight);
  heard().left_book = OrderFact{};
  EXPECT_EQ(asked(true), at(seconds(1)));
}

TEST_F(VerdictsTest, TheOutcomeOfASupersededAttemptPlansNoOther) {
  for (const Verdict verdict : {Verdict::Throttled, Verdict::Doubtful, Verdict::NeverWritten}) {
    begin();
    attempt(1, {}, State::Silent);
    attempt(2, seconds(1), State::InFlight);
    ended(1, verdict, seconds(2));
    EXPECT_EQ(schedule().next_delete, Never);
  }
}

TEST_F(VerdictsTest, ADeleteIsWithheldForAReadIfTheStreamHasSpoken) {
  attempt(1, {}, State::InFlight);
  heard().filled_at = at({});
  ended(1, Verdict::Throttled, seconds(1));
  EXPECT_EQ(reads().next, at(seconds(1)));
  EXPECT_EQ(schedule().withheld_until, at(seconds(1)) + Schedule::ReadPatience);
  EXPECT_FALSE(verdicts.wants_delete(order, at(seconds(2)) - Duration(1)));
  EXPECT_TRUE(verdicts.wants_delete(order, at(seconds(2))));
}

TEST_F(VerdictsTest, TheDeletesOfAnOrderBecomeRarerWhateverTheAnswers) {
  std::string apart;
  const Verdict verdicts_of_seven[] = {Verdict::Doubtful,    Verdict::Unauthorized, Verdict::Unauthorized,
                                       Verdict::Doubtful,    Verdict::Unauthorized, Verdict::Doubtful,
                                       Verdict::Unauthorized};
  attempts().unauthorized = 1;  // no exemption is left
  TaskId task = 1;
  for (const Verdict verdict : verdicts_of_seven) {
    const Duration now = seconds(100 * task);
    attempt(task, now, State::InFlight);
    ended(task++, verdict, now);
    apart += std::to_string(std::chrono::duration_cast<seconds>(verdicts.delete_due(order) - at(now)).count()) + " ";
  }
  EXPECT_EQ(apart, "1 2 4 8 16 30 30 ");
  // A command that joins shortens it.
  schedule().joined = at(seconds(100 * 7 + 1));
  EXPECT_EQ(verdicts.delete_due(order), at(seconds(100 * 7 + 1)));
}

TEST_F(VerdictsTest, WhatWasNeverWrittenIsTriedEverLessOftenAndCountsForNothing) {
  std::string apart;
  for (TaskId task = 1; task <= 10; ++task) {
    const Duration now = seconds(100 * task);
    attempt(task, now, State::InFlight);
    ended(task, Verdict::NeverWritten, now);
    EXPECT_EQ(order.deletes.count, 0u);
    apart += std::to_string((verdicts.delete_due(order) - at(now)) / milliseconds(1)) + " ";
  }
  EXPECT_EQ(apart, "100 200 400 800 1600 3200 6400 12800 25600 30000 ");
  attempt(11, seconds(2'000), State::InFlight);
  ended(11, Verdict::Throttled, seconds(2'000));
  EXPECT_EQ(schedule().unwritten, Schedule::FirstUnwritten);
}

TEST_F(VerdictsTest, EachSilentWorkersDeleteIsHandedOverOnceUntilAnAnswerComes) {
  verdicts.worker_silent(order, attempt(1, {}, State::InFlight), at(seconds(1)));
  EXPECT_EQ(verdicts.delete_due(order), at(seconds(1)));
  verdicts.worker_silent(order, attempt(2, seconds(1), State::InFlight), at(seconds(2)));
  EXPECT_EQ(verdicts.delete_due(order), at(seconds(2) + seconds(2))) << "the same worker again";
  attempt(3, seconds(4), State::InFlight);
  ended(3, Verdict::Doubtful, seconds(5));
  verdicts.worker_silent(order, attempt(4, seconds(9), State::InFlight), at(seconds(10)));
  EXPECT_EQ(verdicts.delete_due(order), at(seconds(10)));
}

TEST_F(VerdictsTest, ARefusalThatProvesNothingIsNotRepeatedWhereACommandWasInDoubt) {
  for (const Verdict verdict : {Verdict::Blocked, Verdict::WrongRequest}) {
    begin();
    attempt(1, {}, State::Silent);
    attempt(2, {}, State::InFlight);
    ended(2, verdict, seconds(1));
    order.attempt_void(1, false);
    EXPECT_FALSE(verdicts.wants_delete(order, at(seconds(100))));
    EXPECT_EQ(reads().next, at(seconds(1)));
  }
}

TEST_F(VerdictsTest, QueriesThatAreRefusedForAMinuteLeaveTheOrderStuck) {
  command().record.ack = CancelAck{};
  const auto asked = [&](Verdict verdict, Duration now) {
    Answer answer;
    answer.verdict = verdict;
    answer.reading = {ReadStatus::Open, "2", "2", "1", "BTCTRY"};
    verdicts.query_ended(order, answer, at(now));
    return said(verdicts.stuck(order, at(now)));
  };
  EXPECT_EQ(asked(Verdict::WrongRequest, {}), "");
  EXPECT_EQ(asked(Verdict::Doubtful, seconds(30)), "");
  EXPECT_EQ(asked(Verdict::WrongRequest, seconds(60)), "STUCK");
  EXPECT_EQ(asked(Verdict::Read, seconds(61)), "");
  EXPECT_EQ(asked(Verdict::WrongRequest, seconds(130)), "");
  EXPECT_EQ(said(verdicts.stuck(order, at(seconds(200)))), "") << "one refusal is not a minute of them";
}

TEST_F(VerdictsTest, ASilentWorkersAttemptIsRepeatedAtOnceAndAskedAbout) {
  verdicts.worker_silent(order, attempt(1, {}, State::InFlight), at(seconds(1)));
  EXPECT_EQ(attempts().find(1)->state, State::Silent);
  EXPECT_EQ(schedule().next_delete, at(seconds(1)));
  EXPECT_EQ(reads().next, at(seconds(1)));
}

TEST_F(VerdictsTest, AWorkerThatIsBackMakesTheRepetitionNeedless) {
  verdicts.worker_silent(order, attempt(1, {}, State::InFlight), at(seconds(1)));
  verdicts.worker_back(order, *attempts().find(1));
  EXPECT_EQ(attempts().find(1)->state, State::InFlight);
  EXPECT_EQ(schedule().next_delete, Never);
}

TEST_F(VerdictsTest, AWorkerThatIsBackChangesNothingThatANewerAttemptHasPlanned) {
  attempt(1, {}, State::Silent);
  attempt(2, seconds(1), State::Doubtful);
  schedule().next_delete = at(seconds(5));
  verdicts.worker_back(order, *attempts().find(1));
  EXPECT_EQ(schedule().next_delete, at(seconds(5)));
}

TEST_F(VerdictsTest, ARequestIsTooOldAfterLostAfterAndIsADoubtThen) {
  EXPECT_FALSE(verdicts.is_too_old(at({}), at(options.lost_after) - Duration(1)));
  EXPECT_TRUE(verdicts.is_too_old(at({}), at(options.lost_after)));
  verdicts.too_old(order, attempt(1, {}, State::InFlight), at(seconds(15)));
  EXPECT_EQ(attempts().find(1)->state, State::Doubtful);
  EXPECT_EQ(reads().next, at(seconds(15)));
  EXPECT_EQ(verdicts.delete_due(order), at(seconds(16)));
}

TEST_F(VerdictsTest, AQueryWithoutAReadingIsAskedAgainAtOnceOnlyIfItDidNotArrive) {
  const auto next = [this](Verdict verdict, Arrival arrival) {
    begin();
    attempt(1, {}, State::Doubtful);
    reads().sent = at({});
    schedule().withheld_until = at(seconds(9));
    Answer ended = answer(verdict);
    ended.arrival = arrival;
    verdicts.query_ended(order, ended, at(seconds(1)));
    EXPECT_EQ(schedule().withheld_until, Tick::min());
    return reads().next;
  };
  EXPECT_EQ(next(Verdict::Doubtful, Arrival::Silent), at(seconds(2)));
  EXPECT_EQ(next(Verdict::Unauthorized, Arrival::Answered), at(seconds(2)));
  EXPECT_EQ(next(Verdict::Read, Arrival::Answered), at(seconds(2)));
  EXPECT_EQ(next(Verdict::Throttled, Arrival::Answered), at(seconds(1)));
  EXPECT_EQ(next(Verdict::NeverWritten, Arrival::NeverSent), at(seconds(1)));
}

TEST_F(VerdictsTest, AnOrderThatWasNeverSentIsQueriedOnce) {
  verdicts.query_ended(order, answer(Verdict::Doubtful), at(seconds(1)));
  EXPECT_EQ(reads().next, Never);
}

// ---- Joining ----

TEST_F(VerdictsTest, ANewCommandWantsADeleteAtOnce) {
  schedule().next_delete = at(seconds(20));
  EXPECT_EQ(said(verdicts.joined(order, false, at({}))), "");
  EXPECT_EQ(schedule().next_delete, at({}));
  EXPECT_EQ(reads().next, Never);
}

TEST_F(VerdictsTest, ANewCommandForAnOrderThatMayBeGoneWaitsForOneQuery) {
  verdicts.joined(order, true, at({}));
  EXPECT_EQ(reads().next, at({}));
  EXPECT_FALSE(verdicts.wants_delete(order, at(seconds(1)) - Duration(1)));
  EXPECT_TRUE(verdicts.wants_delete(order, at(seconds(1))));
}

TEST_F(VerdictsTest, ACommandThatJoinsAFreshlyAcceptedCancelIsAcceptedWithIt) {
  command().record.ack = CancelAck{};
  add("b");
  attempt(1, {}, State::Accepted);
  attempts().last_accepted = at({});
  EXPECT_EQ(said(verdicts.joined(order, false, at(seconds(2)) - Duration(1))), "b:ACCEPTED+");
  EXPECT_EQ(schedule().next_delete, Never);
  EXPECT_EQ(said(verdicts.joined(order, false, at(seconds(2)))), "");
  EXPECT_EQ(schedule().next_delete, at(seconds(2)));
}

TEST_F(VerdictsTest, ACommandThatJoinsARequestInFlightOrAProofSendsNothing) {
  attempt(1, {}, State::InFlight);
  verdicts.joined(order, true, at({}));
  EXPECT_EQ(schedule().next_delete, Never);
  EXPECT_EQ(reads().next, Never);
  attempts() = {};
  proven(OrdStatus::Canceled, Evidence::Channel452);
  verdicts.joined(order, true, at({}));
  EXPECT_EQ(schedule().next_delete, Never);
  EXPECT_EQ(reads().next, Never);
}

TEST_F(VerdictsTest, ANewCommandNeedsAPermitUnlessItJoinsOrTheOrderIsKnownToBeGone) {
  EXPECT_TRUE(verdicts.needs_permit(order, {}, at({})));
  attempt(1, {}, State::InFlight);
  EXPECT_FALSE(verdicts.needs_permit(order, {}, at({})));
  attempts().find(1)->state = State::Accepted;
  attempts().last_accepted = at({});
  EXPECT_FALSE(verdicts.needs_permit(order, {}, at(seconds(2)) - Duration(1)));
  EXPECT_TRUE(verdicts.needs_permit(order, {}, at(seconds(2))));
  proven(OrdStatus::Canceled, Evidence::OrderQuery);
  EXPECT_TRUE(verdicts.needs_permit(order, {}, at(seconds(2)))) << "it is not published yet";
  order.rest();
  EXPECT_FALSE(verdicts.needs_permit(order, {}, at(seconds(2))));
  order.proof.reset();
  EXPECT_TRUE(verdicts.needs_permit(order, {}, at(seconds(2))));
}

// ---- What it means ----

TEST_F(VerdictsTest, AKept452IsAProofWhenItsEditGraceIsOver) {
  options.edit_grace = seconds(1);
  attempt(1, {}, State::InFlight);
  order.fact({FactType::Deleted452, 7, "BTCTRY", "10", "3", "1"}, at(seconds(1)));
  verdicts.prove(order, at(seconds(2)) - Duration(1));
  EXPECT_EQ(order.proof, std::nullopt);
  verdicts.prove(order, at(seconds(2)));
  ASSERT_TRUE(order.proof.has_value());
  EXPECT_EQ(order.proof->fate.status, OrdStatus::Canceled);
  EXPECT_EQ(order.proof->fate.evidence, Evidence::Channel452);
  EXPECT_EQ(order.proof->fate.quantities.leaves_qty, "1");
  EXPECT_FALSE(order.proof->published);
}

TEST_F(VerdictsTest, A452DoesNotReplaceAnEarlierProof) {
  attempt(1, {}, State::InFlight);
  order.fact({FactType::Deleted452, 7, "BTCTRY", "10", "3", "1"}, at(seconds(1)));
  proven(OrdStatus::Filled, Evidence::OrderQuery);
  verdicts.prove(order, at(seconds(9)));
  EXPECT_EQ(order.proof->fate.status, OrdStatus::Filled);
}

TEST_F(VerdictsTest, WhatAProofGivesACommand) {
  enum class Sent : uint8_t { Nothing, Doubtful, Accepted, Denied };
  const struct {
    const char* name;
    OrdStatus status;
    Evidence evidence;
    Sent sent;
    bool acked;
    bool exact_quantities;
    const char* said;
  } table[] = {
      {"gone, before it was sent", OrdStatus::Canceled, Evidence::OrderQuery, Sent::Nothing, false, false,
       "a:REJECTED/TOO_LATE+=CANCELED"},
      {"gone, while in doubt", OrdStatus::Filled, Evidence::OrderQuery, Sent::Doubtful, false, false,
       "a:IN_DOUBT+=FILLED"},
      {"gone, acked", OrdStatus::Canceled, Evidence::Channel452, Sent::Accepted, true, false, "a=CANCELED"},
      {"gone by 452, exact, acked", OrdStatus::Canceled, Evidence::Channel452, Sent::Accepted, true, true, ""},
      {"gone by 452, exact", OrdStatus::Canceled, Evidence::Channel452, Sent::Doubtful, false, true, "a:IN_DOUBT+"},
      {"gone by query, exact", OrdStatus::Canceled, Evidence::OrderQuery, Sent::Accepted, true, true, "a=CANCELED"},
      {"no such order, not answered", OrdStatus::Rejected, Evidence::OrderQuery, Sent::Nothing, false, false, ""},
      {"no such order, in doubt", OrdStatus::Rejected, Evidence::OrderQuery, Sent::Doubtful, false, false,
       "a:IN_DOUBT+=REJECTED"},
      {"no such order, acked", OrdStatus::Rejected, Evidence::OrderQuery, Sent::Denied, true, false, "a=REJECTED"},
      {"open, accepted", OrdStatus::New, Evidence::OrderQuery, Sent::Accepted, true, false, ""},
      {"open, denied", OrdStatus::New, Evidence::OrderQuery, Sent::Denied, true, false, "a=NEW"},
      {"open, denied, not acked", OrdStatus::New, Evidence::OrderQuery, Sent::Denied, false, false, ""},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.name);
    begin();
    if (row.sent == Sent::Doubtful) attempt(1, {}, State::Doubtful);
    if (row.sent == Sent::Accepted) attempts().last_answer = Verdict::Accepted;
    if (row.sent == Sent::Denied) attempts().last_answer = Verdict::Refused;
    if (row.acked) command().record.ack = CancelAck{};
    command().record.order.exact_quantities = row.exact_quantities;
    proven(row.status, row.evidence);
    EXPECT_EQ(said(verdicts.conclude(order, at(seconds(20)))), row.said);
    const bool gone = row.status == OrdStatus::Canceled || row.status == OrdStatus::Filled;
    EXPECT_EQ(order.proof->published, gone);
  }
}

TEST_F(VerdictsTest, ExactQuantitiesAreNotWaitedForWhereQueriesKnowNothing) {
  command().record.ack = CancelAck{};
  command().record.order.exact_quantities = true;
  proven(OrdStatus::Canceled, Evidence::Channel452);
  order.proof->unreadable = true;
  EXPECT_EQ(said(verdicts.conclude(order, at({}))), "a=CANCELED");
}

TEST_F(VerdictsTest, ACommandThatExpiredEndsWithAnOpenOrder) {
  command().record.ack = CancelAck{};
  command().expires = at(seconds(5));
  attempts().last_answer = Verdict::Accepted;
  proven(OrdStatus::New, Evidence::OrderQuery);
  EXPECT_EQ(said(verdicts.conclude(order, at(seconds(5)) - Duration(1))), "");
  EXPECT_EQ(said(verdicts.conclude(order, at(seconds(5)))), "a=NEW");
}

TEST_F(VerdictsTest, AnOrderProvenOpenIsCanceledAgainUpToMaxAttempts) {
  attempts().answered = options.max_attempts - 1;
  reads().first = ReadStatus::Open;
  proven(OrdStatus::New, Evidence::OrderQuery);
  EXPECT_EQ(said(verdicts.still_open(order, at({}))), "RESENDING");
  EXPECT_EQ(order.proof, std::nullopt);
  EXPECT_EQ(reads().first, std::nullopt);
  EXPECT_EQ(schedule().next_delete, at({}));

  schedule() = {};
  attempts().answered = options.max_attempts;
  proven(OrdStatus::New, Evidence::OrderQuery);
  EXPECT_EQ(said(verdicts.still_open(order, at({}))), "");
  EXPECT_EQ(schedule().next_delete, Never);
  EXPECT_EQ(said(verdicts.stuck(order, at({}))), "STUCK");
}

TEST_F(VerdictsTest, AnOrderIsNotCanceledAgainIfItIsUnknownUnwantedOrPlannedAlready) {
  proven(OrdStatus::Rejected, Evidence::OrderQuery);
  EXPECT_EQ(said(verdicts.still_open(order, at({}))), "");
  EXPECT_EQ(schedule().next_delete, Never);
  EXPECT_EQ(order.proof, std::nullopt);
  schedule().next_delete = at(seconds(3));
  proven(OrdStatus::New, Evidence::OrderQuery);
  EXPECT_EQ(said(verdicts.still_open(order, at({}))), "");
  EXPECT_EQ(schedule().next_delete, at(seconds(3)));
  schedule() = {};
  command().expires = at({});
  proven(OrdStatus::New, Evidence::OrderQuery);
  EXPECT_EQ(said(verdicts.still_open(order, at({}))), "");
  EXPECT_EQ(schedule().next_delete, Never);
}

TEST_F(VerdictsTest, AStuckOrderIsReportedEachMinute) {
  EXPECT_EQ(said(verdicts.stuck(order, at({}))), "");
  schedule().next_stuck_report = at({});
  EXPECT_EQ(said(verdicts.stuck(order, at({}) - Duration(1))), "");
  EXPECT_EQ(said(verdicts.stuck(order, at({}))), "STUCK");
  EXPECT_EQ(said(verdicts.stuck(order, at(seconds(60)) - Duration(1))), "");
  EXPECT_EQ(said(verdicts.stuck(order, at(seconds(60)))), "STUCK");
}

TEST_F(VerdictsTest, ACommandThatExpiresBeforeItWasSentIsRejectedAndNothingFollows) {
  command().expires = at(seconds(5));
  EXPECT_EQ(said(verdicts.overdue(order, at(seconds(5)) - Duration(1))), "");
  EXPECT_EQ(said(verdicts.overdue(order, at(seconds(5)))), "a:REJECTED/EXPIRED");
  command().record.ack = CancelAck{};
  EXPECT_EQ(said(verdicts.overdue(order, at(seconds(5)))), "");
}

TEST_F(VerdictsTest, ACommandThatExpiresAfterARequestIsInDoubtOnceNoneIsInFlight) {
  command().expires = at(seconds(5));
  attempt(1, {}, State::InFlight);
  EXPECT_EQ(said(verdicts.overdue(order, at(seconds(5)))), "");
  attempts().find(1)->state = State::Doubtful;
  EXPECT_EQ(said(verdicts.overdue(order, at(seconds(5)) - Duration(1))), "");
  EXPECT_EQ(said(verdicts.overdue(order, at(seconds(5)))), "a:IN_DOUBT+");
}

TEST_F(VerdictsTest, WhatIsUnansweredForDoubtAfterIsInDoubt) {
  attempt(1, seconds(1), State::InFlight);
  const Duration due = seconds(1) + options.doubt_after;
  EXPECT_EQ(said(verdicts.overdue(order, at(due) - Duration(1))), "");
  EXPECT_EQ(said(verdicts.overdue(order, at(due))), "a:IN_DOUBT+");
}

TEST_F(VerdictsTest, WhatAnOverrideGivesACommand) {
  const struct {
    OrdStatus as;
    bool doubt;
    bool acked;
    const char* said;
  } table[] = {
      {OrdStatus::Canceled, false, false, "a:REJECTED/TOO_LATE+=CANCELED"},
      {OrdStatus::Filled, false, false, "a:REJECTED/TOO_LATE+=FILLED"},
      {OrdStatus::Rejected, false, false, "a:REJECTED/UNKNOWN_ORDER+=REJECTED"},
      {OrdStatus::New, false, false, "a:REJECTED/OTHER+=NEW"},
      {OrdStatus::Canceled, true, false, "a:IN_DOUBT+=CANCELED"},
      {OrdStatus::Canceled, true, true, "a=CANCELED"},
  };
  for (const auto& row : table) {
    begin();
    if (row.doubt) attempt(1, {}, State::Doubtful);
    if (row.acked) command().record.ack = CancelAck{};
    command().override_status = row.as;
    add("b");
    const Ruling ruling = verdicts.overridden(order);
    EXPECT_EQ(said(ruling), row.said);
    ASSERT_EQ(ruling.decisions.size(), 1U);
    EXPECT_EQ(ruling.decisions[0].final->evidence, Evidence::Operator);
    EXPECT_EQ(order.override_status, row.as);
    EXPECT_EQ(order.proof, std::nullopt) << "an override is no evidence";
  }
}

TEST_F(VerdictsTest, AProofOutweighsAnOverride) {
  command().override_status = OrdStatus::Canceled;
  proven(OrdStatus::Filled, Evidence::OrderQuery);
  EXPECT_EQ(said(verdicts.overridden(order)), "");
  EXPECT_EQ(command().override_status, std::nullopt);
  EXPECT_EQ(order.override_status, std::nullopt);
}

// ---- What comes next ----

TEST_F(VerdictsTest, ACommandThatNothingWasSentForWantsADelete) {
  EXPECT_TRUE(verdicts.wants_delete(order, at(seconds(3))));
  EXPECT_EQ(schedule().next_delete, at(seconds(3)));
}

TEST_F(VerdictsTest, NoDeleteIsWantedInFlightBeforeItsTimeAfterAProofOrForExpiredCommands) {
  attempt(1, {}, State::InFlight);
  schedule().next_delete = at({});
  EXPECT_FALSE(verdicts.wants_delete(order, at({})));
  attempts().find(1)->state = State::Doubtful;
  EXPECT_TRUE(verdicts.wants_delete(order, at({})));
  EXPECT_FALSE(verdicts.wants_delete(order, at({}) - Duration(1)));
  proven(OrdStatus::Canceled, Evidence::OrderQuery);
  EXPECT_FALSE(verdicts.wants_delete(order, at({})));
  order.proof.reset();
  command().expires = at({});
  EXPECT_FALSE(verdicts.wants_delete(order, at({})));
}

TEST_F(VerdictsTest, AProofNeedsNoQueryUnlessExactQuantitiesAreWaitedFor) {
  attempt(1, {}, State::Accepted);
  command().record.ack = CancelAck{};
  reads().next = at(seconds(5));
  heard().left_book_at = at(seconds(1));
  proven(OrdStatus::Canceled, Evidence::Channel452);
  verdicts.plan_query(order, at(seconds(1)));
  EXPECT_EQ(reads().next, Never);
  command().record.order.exact_quantities = true;
  verdicts.plan_query(order, at(seconds(1)));
  EXPECT_EQ(reads().next, at(seconds(1)));
}

TEST_F(VerdictsTest, AnOrderThatIsOwedAProofIsQueriedWhenAReadCounts) {
  verdicts.plan_query(order, at({}));
  EXPECT_EQ(reads().next, Never) << "nothing is owed";
  attempt(1, {}, State::Doubtful);
  verdicts.plan_query(order, at(seconds(1)));
  EXPECT_EQ(reads().next, at(Attempts::StampDead));
  reads().sent = at(seconds(20));
  reads().next = Never;
  verdicts.plan_query(order, at(seconds(20)));
  EXPECT_EQ(reads().next, at(seconds(20)) + Reads::QueriesApart) << "it never goes without a timer";
}

TEST_F(VerdictsTest, OneQueryOfAnOrderIsUnderWayAtATime) {
  attempt(1, {}, State::Doubtful);
  reads().task = 5;
  verdicts.plan_query(order, at({}));
  EXPECT_EQ(reads().next, Never);
}

TEST_F(VerdictsTest, AnOrderIsJudgedAgainAtTheEarliestOfItsTimes) {
  const auto wake = [this] { return verdicts.times(order, at({})).wake; };
  EXPECT_EQ(wake(), Never);
  schedule().next_stuck_report = at(seconds(60));
  EXPECT_EQ(wake(), at(seconds(60)));
  command().expires = at(seconds(50));
  EXPECT_EQ(wake(), at(seconds(50)));
  reads().task = 5;
  reads().sent = at(seconds(30));
  EXPECT_EQ(wake(), at(seconds(45)));
  attempt(1, seconds(20), State::InFlight);
  EXPECT_EQ(wake(), at(seconds(30))) << "doubt_after";
  command().record.ack = CancelAck{};
  EXPECT_EQ(wake(), at(seconds(35))) << "lost_after";
  options.edit_grace = seconds(5);
  order.fact({FactType::Deleted452, 7, "", "", "3", "1"}, at(seconds(21)));
  EXPECT_EQ(wake(), at(seconds(26)));
  schedule().withheld_until = at(seconds(3));
  schedule().next_delete = at(seconds(2));
  EXPECT_EQ(wake(), at(seconds(3)));
  schedule().withheld_until = at(seconds(1));
  EXPECT_EQ(wake(), at(seconds(2)));
  schedule().next_delete = schedule().withheld_until = at({});
  EXPECT_EQ(wake(), at(seconds(26))) << "what has come already wakes nothing";
}

TEST_F(VerdictsTest, AQueryIsOldIfItsOrderWasAskedAboutForLongOrNeverSent) {
  const auto query = [this] { return verdicts.times(order, at({})).query; };
  EXPECT_EQ(query(), std::nullopt);
  reads().next = at(seconds(1));
  EXPECT_EQ(query(), (OrderTimers::Query{OrderTimers::Tier::Old, at(seconds(1))}));
  attempt(1, {}, State::Doubtful);
  EXPECT_EQ(query(), (OrderTimers::Query{OrderTimers::Tier::Fresh, at(seconds(1))}));
  reads().interval = Reads::LongestInterval;
  EXPECT_EQ(query(), (OrderTimers::Query{OrderTimers::Tier::Old, at(seconds(1))}));
  reads().task = 5;
  EXPECT_EQ(query(), std::nullopt);
}

TEST_F(VerdictsTest, AnOrderInDoubtSaysSinceWhenItsFirstRequestWasSent) {
  command().record.timeline.dispatched = wall(seconds(1));
  attempt(1, seconds(1), State::InFlight);
  EXPECT_EQ(verdicts.times(order, at(seconds(2))).doubt_since, std::nullopt);
  attempts().find(1)->state = State::Silent;
  EXPECT_EQ(verdicts.times(order, at(seconds(2))).doubt_since, wall(seconds(1)));
}

}  // namespace
}  // namespace cancelbus::core
