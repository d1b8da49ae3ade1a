#include "service/core/order.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class OrderTest : public ::testing::Test {
 protected:
  using State = Attempt::State;

  OrderTest() {
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
    return effort().commands.emplace_back(std::move(command));
  }
  Effort& effort() { return *order.effort; }
  Attempts& attempts() { return effort().attempts; }
  Reads& reads() { return effort().reads; }
  /// A DELETE that was given to a worker at `d` and has come to `state` since.
  Attempt& attempt(TaskId task, Duration d, State state) {
    order.dispatched(task, 1, {at(d), wall(d)});
    Attempt& made = *attempts().find(task);
    made.state = state;
    if (state == State::Denied) made.denied = at(d);
    return made;
  }
  void fact(FactType type, Duration d, const std::string& left = "1") {
    order.fact({type, 7, "BTCTRY", "10", "3", left}, at(d));
  }
  /// A closed order has nothing left, if it does not say so.
  void read(ReadStatus status, Duration sent, Duration came, std::string left = "") {
    if (left.empty()) left = status == ReadStatus::Closed ? "0" : "1";
    reads().sent = at(sent);
    order.read({status, "3", left, "10", "BTCTRY"}, at(came));
  }
  void prove_by_452() { order.proof = Proof{{OrdStatus::Canceled, Evidence::Channel452}}; }

  Order order;
};

// ---- Attempts ----

TEST_F(OrderTest, AnAttemptCanActUntilItsStampIsDeadOrItIsDenied) {
  EXPECT_EQ(attempts().quiet_at(), Tick::min());
  for (const State state : {State::Silent, State::Doubtful, State::Accepted}) {
    attempts() = {};
    attempt(1, {}, state);
    EXPECT_EQ(attempts().quiet_at(), at(Attempts::StampDead));
  }
  attempts() = {};
  attempt(1, {}, State::InFlight);
  EXPECT_EQ(attempts().quiet_at(), Never);
  attempts().denied(1, at(seconds(2)));
  EXPECT_EQ(attempts().quiet_at(), at(seconds(2)));
  attempt(2, seconds(3), State::Doubtful);
  EXPECT_EQ(attempts().quiet_at(), at(seconds(13)));
}

TEST_F(OrderTest, OnlyWhatHasNoAnswerIsInDoubtAndInFlightIsNot) {
  EXPECT_TRUE(attempts().none_acted());
  for (const State state : {State::Silent, State::Doubtful}) {
    attempts() = {};
    attempt(1, {}, state);
    EXPECT_TRUE(attempts().in_doubt());
    EXPECT_FALSE(attempts().in_flight());
  }
  for (const State state : {State::InFlight, State::Accepted, State::Denied}) {
    attempts() = {};
    attempt(1, {}, state);
    EXPECT_FALSE(attempts().in_doubt());
    EXPECT_EQ(attempts().in_flight(), state == State::InFlight);
    EXPECT_FALSE(attempts().none_acted());
  }
  attempts() = {};
  attempts().fold({1, 0, at({}), State::Doubtful});
  EXPECT_TRUE(attempts().in_doubt());
  EXPECT_FALSE(attempts().none_acted());
}

TEST_F(OrderTest, ANewerAttemptOrAnAnswerSinceSupersedesAnAttempt) {
  const Attempt first = attempt(1, {}, State::Doubtful);
  EXPECT_FALSE(attempts().superseded(first));
  const Attempt second = attempt(2, seconds(1), State::Doubtful);
  EXPECT_TRUE(attempts().superseded(first));
  EXPECT_FALSE(attempts().superseded(second));
  attempts().answered_at = at(seconds(1)) - Duration(1);
  EXPECT_FALSE(attempts().superseded(second));
  attempts().answered_at = at(seconds(1));
  EXPECT_TRUE(attempts().superseded(second));
}

TEST_F(OrderTest, AnAttemptThatIsFoldedSupersedesNothing) {
  const Attempt open = attempt(1, {}, State::Doubtful);
  attempts().fold({2, 0, at(seconds(1)), State::Accepted});
  EXPECT_FALSE(attempts().superseded(open));
}

TEST_F(OrderTest, BeyondSixteenTheOldestThatEndedIsFoldedIntoTheEarlierDoubt) {
  attempt(1, {}, State::InFlight);
  attempt(2, seconds(1), State::Doubtful);
  for (TaskId task = 3; task <= Attempts::Most; ++task) attempt(task, seconds(2), State::Denied);
  EXPECT_EQ(attempts().list.size(), Attempts::Most);
  EXPECT_FALSE(attempts().earlier_doubt);
  attempt(99, seconds(3), State::InFlight);
  EXPECT_EQ(attempts().list.size(), Attempts::Most);
  EXPECT_NE(attempts().find(1), nullptr) << "in flight, it has still to be answered";
  EXPECT_EQ(attempts().find(2), nullptr);
  EXPECT_TRUE(attempts().earlier_doubt);
  EXPECT_EQ(attempts().earlier_quiet, at(seconds(1)) + Attempts::StampDead);
  EXPECT_EQ(attempts().dispatched, Attempts::Most + 1);
  EXPECT_EQ(attempts().first_dispatch, at({}));
}

TEST_F(OrderTest, AnAnswerThatIsFoldedIsNoDoubt) {
  for (TaskId task = 1; task <= Attempts::Most + 1; ++task) attempt(task, {}, State::Accepted);
  EXPECT_FALSE(attempts().earlier_doubt);
  EXPECT_EQ(attempts().earlier_quiet, at(Attempts::StampDead));
}

TEST_F(OrderTest, AnAttemptThatIsFoldedMayHaveActedWhateverBecomesOfTheOthers) {
  for (const State state : {State::Accepted, State::Denied, State::Doubtful}) {
    SCOPED_TRACE(static_cast<int>(state));
    attempts() = {};
    attempt(1, {}, state);
    for (TaskId task = 2; task <= Attempts::Most + 1; ++task) attempt(task, seconds(1), State::Doubtful);
    ASSERT_EQ(attempts().find(1), nullptr);
    for (TaskId task = 2; task <= Attempts::Most + 1; ++task) attempts().erase(task);
    EXPECT_FALSE(attempts().none_acted());
    EXPECT_EQ(attempts().in_doubt(), state == State::Doubtful);
    EXPECT_EQ(attempts().first_dispatch, at({}));
  }
}

TEST_F(OrderTest, WithTheLastAttemptThatMayHaveActedGoesTheFirstDispatch) {
  attempt(1, {}, State::InFlight);
  attempt(2, seconds(1), State::InFlight);
  attempts().erase(2);
  EXPECT_EQ(attempts().first_dispatch, at({}));
  attempts().erase(1);
  EXPECT_EQ(attempts().first_dispatch, Never);
  EXPECT_TRUE(attempts().none_acted());
  EXPECT_EQ(attempts().dispatched, 2U);
}

TEST_F(OrderTest, AnAcceptedCancelIsFreshUntilFinalWaitIsOver) {
  EXPECT_FALSE(attempts().freshly_accepted(at({}), seconds(2)));
  attempts().last_accepted = at({});
  EXPECT_TRUE(attempts().freshly_accepted(at(seconds(2)) - Duration(1), seconds(2)));
  EXPECT_FALSE(attempts().freshly_accepted(at(seconds(2)), seconds(2)));
}

// ---- Effort ----

TEST_F(OrderTest, ADoubtBeginsWithTheFirstRequestThatMayHaveDecidedTheCommand) {
  Command& early = effort().commands.front();
  EXPECT_EQ(effort().doubt_since(early), Never);
  attempt(1, seconds(1), State::Denied);
  EXPECT_EQ(effort().doubt_since(early), Never);
  attempt(2, seconds(2), State::InFlight);
  attempt(3, seconds(4), State::Doubtful);
  EXPECT_EQ(effort().doubt_since(early), at(seconds(2)));
  const Command& late = add("b", seconds(3));
  EXPECT_EQ(effort().doubt_since(late), at(seconds(3)));
  attempts() = {};
  attempts().earlier_doubt = true;
  EXPECT_EQ(effort().doubt_since(late), at(seconds(3)));
}

TEST_F(OrderTest, FirstSentIsTheEarliestDispatchAndNotBeforeReceipt) {
  add("b", -seconds(1));
  EXPECT_EQ(effort().first_sent(), wall(-seconds(1)));
  effort().commands[0].record.timeline.dispatched = wall(seconds(1));
  effort().commands[1].record.timeline.dispatched = wall(seconds(2));
  EXPECT_EQ(effort().first_sent(), wall(seconds(1)));
}

TEST_F(OrderTest, AKept452ProvesOnlyWithOurRequestBeforeItNoFillSinceAndSomethingLeft) {
  const auto proves = [this](Duration left, std::optional<Duration> filled, const std::string& num_left) {
    effort().heard = {};
    if (filled) fact(FactType::Matched441, *filled);
    fact(FactType::Deleted452, left, num_left);
    return effort().left_book_proves();
  };
  EXPECT_FALSE(proves(seconds(9), std::nullopt, "1")) << "nothing was sent";
  attempt(1, seconds(1), State::InFlight);
  EXPECT_FALSE(proves(seconds(1), std::nullopt, "1"));
  EXPECT_TRUE(proves(seconds(1) + Duration(1), std::nullopt, "1"));
  EXPECT_TRUE(proves(seconds(2), seconds(1) - Duration(1), "1"));
  EXPECT_FALSE(proves(seconds(2), seconds(1), "1"));
  EXPECT_FALSE(proves(seconds(2), std::nullopt, "0.00"));
  EXPECT_FALSE(proves(seconds(2), std::nullopt, ""));
}

TEST_F(OrderTest, ACommandWantsRequestsUntilItExpires) {
  effort().commands[0].expires = at(seconds(1));
  add("b");
  EXPECT_EQ(effort().first_wanting(at(seconds(1)) - Duration(1)), &effort().commands[0]);
  EXPECT_EQ(effort().first_wanting(at(seconds(1))), &effort().commands[1]);
  effort().commands[1].expires = at(seconds(2));
  EXPECT_EQ(effort().first_wanting(at(seconds(2))), nullptr);
  EXPECT_EQ(effort().leader(at(seconds(2))), nullptr);
}

TEST_F(OrderTest, TheOldestOfTheHighestPriorityThatStillWantsLeads) {
  add("b");
  add("c").record.order.priority = Priority::Urgent;
  add("d").record.order.priority = Priority::Urgent;
  EXPECT_EQ(effort().leader(at({})), &effort().commands[2]);
  effort().commands[2].expires = at({});
  EXPECT_EQ(effort().leader(at({})), &effort().commands[3]);
  effort().commands[3].expires = at({});
  EXPECT_EQ(effort().leader(at({})), &effort().commands[0]);
}

TEST_F(OrderTest, TheNextReadThatCountsIsAfterTheQuietAndThenTwoSecondsAfterTheFirst) {
  EXPECT_EQ(effort().next_counting_read(), Never);
  attempt(1, {}, State::Doubtful);
  EXPECT_EQ(effort().next_counting_read(), at(seconds(10)));
  reads().sent = at(seconds(10));
  EXPECT_EQ(effort().next_counting_read(), Never);
  reads().first = ReadStatus::Open;
  reads().first_at = at(milliseconds(10'100));
  EXPECT_EQ(effort().next_counting_read(), at(milliseconds(12'100)));
  reads().sent = at(milliseconds(12'100));
  EXPECT_EQ(effort().next_counting_read(), Never);
}

TEST_F(OrderTest, TheStageIsThatOfTheLatestRequestUnlessItIsStuck) {
  EXPECT_EQ(effort().stage(), Stage::Queued);
  attempt(1, {}, State::Doubtful);
  EXPECT_EQ(effort().stage(), Stage::InDoubt);
  attempt(2, {}, State::InFlight);
  EXPECT_EQ(effort().stage(), Stage::Sent);
  attempts() = {};
  attempt(1, {}, State::Accepted);
  attempts().answered = 1;
  EXPECT_EQ(effort().stage(), Stage::WaitingFinal);
  effort().schedule.next_delete = at(seconds(1));
  EXPECT_EQ(effort().stage(), Stage::Queued);
  effort().schedule.next_stuck_report = at(seconds(60));
  EXPECT_EQ(effort().stage(), Stage::Stuck);
}

// ---- Reads ----

TEST_F(OrderTest, QueriesBecomeRarerUntilThereIsNews) {
  std::string apart;
  for (int i = 0; i < 7; ++i) {
    reads().later(at({}));
    apart += std::to_string(std::chrono::duration_cast<seconds>(reads().next - at({})).count()) + " ";
  }
  EXPECT_EQ(apart, "1 2 4 8 16 30 30 ");
  reads().news(at(seconds(40)));
  EXPECT_EQ(reads().next, at(seconds(30))) << "news make no query later";
  EXPECT_EQ(reads().interval, Reads::FirstInterval);
  reads().news(at(seconds(20)));
  EXPECT_EQ(reads().next, at(seconds(20)));
}

TEST_F(OrderTest, AQueryWithoutAnAnswerIsAskedAgainAtOnceAndNoMoreOftenThanBefore) {
  reads().later(at({}));
  reads().later(at(seconds(1)));
  reads().task = 3;
  reads().next = Never;
  reads().unanswered(at(seconds(4)));
  EXPECT_EQ(reads().task, 0U);
  EXPECT_EQ(reads().next, at(seconds(4)));
  reads().later(at(seconds(4)));
  EXPECT_EQ(reads().next, at(seconds(8))) << "1 s and 2 s before it, and 4 s after";
}

TEST_F(OrderTest, TwoReadsTwoSecondsApartProve) {
  attempt(1, {}, State::Doubtful);
  read(ReadStatus::Open, seconds(10), milliseconds(10'500));
  EXPECT_EQ(order.proof, std::nullopt);
  read(ReadStatus::Open, milliseconds(12'500) - Duration(1), seconds(13));
  EXPECT_EQ(order.proof, std::nullopt);
  read(ReadStatus::Open, milliseconds(12'500), seconds(13));
  ASSERT_TRUE(order.proof.has_value());
  EXPECT_EQ(order.proof->fate.status, OrdStatus::PartiallyFilled);
  EXPECT_EQ(order.proof->fate.evidence, Evidence::OrderQuery);
  EXPECT_EQ(order.proof->fate.quantities.cum_qty, "2");
  EXPECT_TRUE(order.proof->fate.quantities.exact);
}

TEST_F(OrderTest, TwoReadsThatDisagreeProveNothingAndTheLaterIsTheFirstAgain) {
  attempt(1, {}, State::Doubtful);
  read(ReadStatus::Open, seconds(10), seconds(10));
  read(ReadStatus::NotFound, seconds(13), seconds(13));
  EXPECT_EQ(order.proof, std::nullopt);
  read(ReadStatus::Open, seconds(16), seconds(16));
  EXPECT_EQ(order.proof, std::nullopt);
  read(ReadStatus::NotFound, seconds(19), seconds(19));
  read(ReadStatus::NotFound, seconds(21), seconds(21));
  ASSERT_TRUE(order.proof.has_value());
  EXPECT_EQ(order.proof->fate.status, OrdStatus::Rejected);
}

TEST_F(OrderTest, AReadCountsIfItWasSentWhenNoAttemptCouldActAnyMore) {
  attempt(1, {}, State::Doubtful);
  read(ReadStatus::Open, seconds(10) - Duration(1), seconds(11));
  EXPECT_EQ(reads().first, std::nullopt);
  read(ReadStatus::Open, seconds(10), seconds(11));
  EXPECT_EQ(reads().first, ReadStatus::Open);
  EXPECT_EQ(reads().first_at, at(seconds(11)));
}

TEST_F(OrderTest, AReadCountsIfTheStreamHasSaidNothingSinceItWasSent) {
  attempt(1, {}, State::Doubtful);
  fact(FactType::Matched441, seconds(12));
  read(ReadStatus::Open, seconds(12), seconds(13));
  EXPECT_EQ(reads().first, std::nullopt);
  read(ReadStatus::Open, seconds(12) + Duration(1), seconds(13));
  EXPECT_EQ(reads().first, ReadStatus::Open);
  fact(FactType::Trade423, seconds(14));
  EXPECT_EQ(reads().first, std::nullopt);
}

TEST_F(OrderTest, AReadCountsIfAProofIsOwed) {
  read(ReadStatus::Open, seconds(10), seconds(10));
  EXPECT_EQ(reads().first, std::nullopt);
  effort().commands[0].record.ack = CancelAck{};
  read(ReadStatus::Open, seconds(10), seconds(10));
  EXPECT_EQ(reads().first, ReadStatus::Open);
}

TEST_F(OrderTest, OneReadProvesThatTheOrderIsGone) {
  attempt(1, {}, State::InFlight);
  read(ReadStatus::Canceled, seconds(1), seconds(1));
  ASSERT_TRUE(order.proof.has_value());
  EXPECT_EQ(order.proof->fate.status, OrdStatus::Canceled);
  order.proof.reset();
  read(ReadStatus::Closed, seconds(2), seconds(2));
  EXPECT_EQ(order.proof->fate.status, OrdStatus::Filled);
}

TEST_F(OrderTest, AReadThatContradictsItselfIsBelievedWhenItStandsForTwoSeconds) {
  const struct {
    ReadStatus status;
    const char* left;
    OrdStatus fate;
  } table[] = {{ReadStatus::Closed, "1", OrdStatus::Canceled}, {ReadStatus::Canceled, "0.0", OrdStatus::Filled}};
  for (const auto& row : table) {
    order = {};
    order.begin({});
    add("a");
    attempt(1, {}, State::InFlight);
    read(row.status, seconds(1), seconds(2), row.left);
    EXPECT_EQ(order.proof, std::nullopt);
    EXPECT_EQ(effort().next_counting_read(), at(seconds(4))) << "whatever is in flight";
    read(row.status, seconds(4) - Duration(1), seconds(4), row.left);
    EXPECT_EQ(order.proof, std::nullopt);
    EXPECT_EQ(effort().next_counting_read(), at(seconds(4)));
    read(row.status, seconds(4), seconds(5), row.left);
    ASSERT_TRUE(order.proof.has_value());
    EXPECT_EQ(order.proof->fate.status, row.fate);
    EXPECT_EQ(order.proof->fate.quantities.leaves_qty, row.left);
    EXPECT_FALSE(order.proof->fate.quantities.exact);
  }
}

TEST_F(OrderTest, AReadThatAgreesWithItselfIsBelievedWhateverWasReadBefore) {
  attempt(1, {}, State::InFlight);
  read(ReadStatus::Closed, seconds(1), seconds(2), "1");
  read(ReadStatus::Closed, seconds(2), seconds(3), "0");
  ASSERT_TRUE(order.proof.has_value());
  EXPECT_EQ(order.proof->fate.status, OrdStatus::Filled);
  EXPECT_TRUE(order.proof->fate.quantities.exact);
}

TEST_F(OrderTest, AnEndKnownFromTheStreamAloneMayBePastAfterAGap) {
  order.proof = Proof{{OrdStatus::Canceled, Evidence::Channel452}, at(seconds(5))};
  EXPECT_FALSE(order.may_be_back({1, at(seconds(5)) - Duration(1)}));
  EXPECT_TRUE(order.may_be_back({1, at(seconds(5))}));
  order.proof->fate.evidence = Evidence::OrderQuery;
  EXPECT_FALSE(order.may_be_back({1, at(seconds(5))}));
}

TEST_F(OrderTest, AReadThatWasSentBeforeA451SaysNothingOfTheOrderThatIsThereNow) {
  attempt(1, {}, State::Doubtful);
  fact(FactType::Inserted451, seconds(12));
  reads().next = Never;
  read(ReadStatus::Canceled, seconds(12), seconds(13));
  EXPECT_EQ(order.proof, std::nullopt);
  EXPECT_EQ(reads().next, at(seconds(13)));
  read(ReadStatus::Canceled, seconds(12) + Duration(1), seconds(13));
  EXPECT_TRUE(order.proof.has_value());
}

TEST_F(OrderTest, ReadsDoNotUndoWhatA452HasProvenAndSayThatNoneWillTellMore) {
  attempt(1, {}, State::Doubtful);
  prove_by_452();
  read(ReadStatus::NotFound, seconds(10), seconds(10));
  EXPECT_FALSE(order.proof->unreadable);
  read(ReadStatus::NotFound, seconds(12), seconds(12));
  EXPECT_TRUE(order.proof->unreadable);
  EXPECT_EQ(order.proof->fate.status, OrdStatus::Canceled);
  EXPECT_EQ(order.proof->fate.evidence, Evidence::Channel452);
}

// ---- The one proof ----

TEST_F(OrderTest, WithoutARequestAnUnpublished452ProvesNothing) {
  attempt(1, {}, State::InFlight);
  attempt(2, {}, State::InFlight);
  prove_by_452();
  order.attempt_void(1, true);
  EXPECT_TRUE(order.proof.has_value()) << "the other may have acted";
  order.attempt_void(2, true);
  EXPECT_EQ(order.proof, std::nullopt);
}

TEST_F(OrderTest, AProofThatIsPublishedOrReadOutlivesItsAttempts) {
  attempt(1, {}, State::InFlight);
  prove_by_452();
  order.proof->published = true;
  order.attempt_void(1, true);
  EXPECT_TRUE(order.proof.has_value());
  attempt(2, {}, State::InFlight);
  order.proof = Proof{{OrdStatus::Canceled, Evidence::OrderQuery}};
  order.attempt_void(2, true);
  EXPECT_TRUE(order.proof.has_value());
}

TEST_F(OrderTest, AFillRetractsAnUnpublished452AndNeverAPublishedOne) {
  for (const FactType fill : {FactType::Matched441, FactType::Trade423}) {
    attempt(1, {}, State::InFlight);
    prove_by_452();
    fact(fill, seconds(1));
    EXPECT_EQ(order.proof, std::nullopt);
    prove_by_452();
    order.proof->published = true;
    fact(fill, seconds(1));
    EXPECT_TRUE(order.known_gone());
    EXPECT_EQ(effort().heard.filled_at, at(seconds(1)));
  }
}

TEST_F(OrderTest, A451RetractsEveryProofAndTheKept452) {
  attempt(1, {}, State::Doubtful);
  fact(FactType::Deleted452, seconds(1));
  prove_by_452();
  order.proof->published = true;
  reads().first = ReadStatus::Open;
  reads().next = Never;
  fact(FactType::Inserted451, seconds(2));
  EXPECT_EQ(order.proof, std::nullopt);
  EXPECT_FALSE(effort().heard.left_book.has_value());
  EXPECT_EQ(reads().first, std::nullopt);
  EXPECT_EQ(order.inserted_at, at(seconds(2)));
  EXPECT_EQ(reads().next, at(seconds(2)));
}

TEST_F(OrderTest, A451WithACancelInFlightAsksNothingYet) {
  attempt(1, {}, State::InFlight);
  fact(FactType::Inserted451, seconds(2));
  EXPECT_EQ(reads().next, Never);
}

TEST_F(OrderTest, OnlyAFactThatProvesNothingAsksAQuery) {
  attempt(1, {}, State::InFlight);
  fact(FactType::Deleted452, seconds(1));
  EXPECT_EQ(reads().next, Never);
  fact(FactType::Matched441, seconds(2));
  EXPECT_EQ(reads().next, at(seconds(2)));
}

TEST_F(OrderTest, ADispatchBeginsTheReadsAnewAndIsRemembered) {
  reads().first = ReadStatus::Open;
  effort().schedule.next_delete = at({});
  effort().schedule.exempt = true;
  attempt(1, seconds(1), State::InFlight);
  EXPECT_EQ(reads().first, std::nullopt);
  EXPECT_EQ(effort().schedule.next_delete, Never);
  EXPECT_FALSE(effort().schedule.exempt);
  EXPECT_EQ(order.deletes.count, 1u);
  EXPECT_EQ(order.last_dispatch->tick, at(seconds(1)));
  EXPECT_EQ(order.last_dispatch->wall, wall(seconds(1)));
}

TEST_F(OrderTest, AGapOfTheStreamIsTakenIntoAccountOnce) {
  EXPECT_TRUE(order.gap({1, at(seconds(1))}));
  EXPECT_EQ(effort().heard.filled_at, at(seconds(1)));
  EXPECT_EQ(reads().next, at(seconds(1)));
  reads().next = Never;
  EXPECT_FALSE(order.gap({1, at(seconds(1))}));
  EXPECT_EQ(reads().next, Never);
  EXPECT_TRUE(order.gap({2, at(seconds(2))}));
}

TEST_F(OrderTest, AGapOfBeforeTheEffortBeganIsNone) {
  order.rest();
  EXPECT_FALSE(order.gap({1, at({})}));
  Effort& begun = order.begin({1, at({})});
  EXPECT_FALSE(order.gap({1, at({})}));
  EXPECT_EQ(&order.begin({2, at({})}), &begun);
  EXPECT_TRUE(order.gap({2, at({})})) << "the effort had begun before that one";
}

TEST_F(OrderTest, AtRestOnlyAProofThatTheOrderIsGoneIsKept) {
  prove_by_452();
  order.rest();
  EXPECT_EQ(order.effort, nullptr);
  EXPECT_TRUE(order.known_gone());
  for (const OrdStatus status : {OrdStatus::New, OrdStatus::PartiallyFilled, OrdStatus::Rejected}) {
    order.proof = Proof{{status, Evidence::OrderQuery}};
    order.rest();
    EXPECT_EQ(order.proof, std::nullopt);
  }
}

TEST_F(OrderTest, TheLatestEightThatWereToldCanceledAreRemembered) {
  for (int i = 0; i < 9; ++i) order.remember_canceled({"alice", std::to_string(i)});
  EXPECT_EQ(order.canceled_finals.size(), Order::MaxCanceledFinals);
  EXPECT_EQ(order.canceled_finals.front().cl_ord_id, "1");
  EXPECT_EQ(order.canceled_finals.back().cl_ord_id, "8");
}

// ---- Overrides ----

TEST_F(OrderTest, AnOverrideIsOfEveryCommandUnlessItIsThatTheOrderIsOpen) {
  add("b");
  EXPECT_TRUE(order.take_override({"alice", "b"}, OrdStatus::New));
  EXPECT_EQ(effort().commands[0].override_status, std::nullopt);
  EXPECT_EQ(effort().commands[1].override_status, OrdStatus::New);
  EXPECT_FALSE(order.take_override({"alice", "b"}, OrdStatus::New)) << "nothing is new in it";
  EXPECT_TRUE(order.take_override({"alice", "b"}, OrdStatus::Filled));
  EXPECT_EQ(effort().commands[0].override_status, OrdStatus::Filled);
  EXPECT_EQ(effort().commands[1].override_status, OrdStatus::Filled);
}

TEST_F(OrderTest, A452AgreesWithAnOverrideAccordingToWhatWasLeft) {
  const auto agrees = [this](OrdStatus as, const std::string& left) {
    order.override_status = as;
    return order.override_agrees({FactType::Deleted452, 7, "", "", "3", left});
  };
  EXPECT_TRUE(agrees(OrdStatus::Canceled, "1"));
  EXPECT_FALSE(agrees(OrdStatus::Canceled, "0"));
  EXPECT_TRUE(agrees(OrdStatus::Filled, "0"));
  EXPECT_FALSE(agrees(OrdStatus::Filled, "1"));
  EXPECT_TRUE(agrees(OrdStatus::New, "1"));
  EXPECT_TRUE(agrees(OrdStatus::New, "0"));
  EXPECT_FALSE(agrees(OrdStatus::Rejected, "1"));
  EXPECT_FALSE(agrees(OrdStatus::Rejected, "0"));
}

}  // namespace
}  // namespace cancelbus::core
