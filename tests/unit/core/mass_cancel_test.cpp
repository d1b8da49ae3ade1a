#include "service/core/mass_cancel.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace cancelbus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using State = MassCancelOrder::State;

class MassCancelTest : public ::testing::Test {
 protected:
  static Tick at(Duration d) { return Tick(seconds(1'000)) + d; }
  static Instant moment(Duration d) { return {at(d), WallTime(seconds(1'700'000'000)) + d}; }

  static MassCancelRecord record(bool until_empty) {
    MassCancelRecord record;
    record.key = {"alice", "m"};
    record.request.cl_ord_id = "m";
    record.request.scope.whose = Scope::Whose::Owner;
    record.request.scope.owner = "alice";
    record.request.until_empty = until_empty;
    return record;
  }
  static CommandRecord child(OrderId order) {
    CommandRecord child;
    child.key = {"alice", "m/" + std::to_string(order)};
    child.order.order_id = order;
    return child;
  }

  MassCancel& plain() { return mass.emplace(record(false), at({})); }
  MassCancel& until_empty() { return mass.emplace(record(true), at({})); }

  void found(OrderId order, Duration as_of = Duration::zero(), bool appeared = false) {
    mass->found(order, "alice", appeared, at(as_of), at(now));
    mass->check();
  }
  void swept(Duration as_of, bool empty = false) {
    mass->swept(moment(as_of), empty, at(std::max(now, as_of)));
    mass->check();
  }
  void issue(OrderId order) {
    ASSERT_EQ(mass->next_pending(), order);
    mass->issued(order);
    mass->check();
  }
  void sent(OrderId order, bool doubt = false) {
    CommandRecord record = child(order);
    record.timeline.dispatched = moment(now).wall;
    record.doubt = doubt;
    mass->child_changed(record, at(now));
    mass->check();
  }
  void rejected(OrderId order, RejectReason reason, std::string text) {
    CommandRecord record = child(order);
    record.ack = CancelAck{};
    record.ack->reason = reason;
    record.ack->text = std::move(text);
    record.ended = true;
    mass->child_changed(record, at(now));
    mass->check();
  }
  void ended(OrderId order, OrdStatus status) {
    CommandRecord record = child(order);
    record.ack = CancelAck{};
    record.final = CancelFinal{};
    record.final->ord_status = status;
    record.ended = true;
    mass->child_changed(record, at(now));
    mass->check();
  }
  std::string pending() {
    std::string out;
    while (const auto next = mass->next_pending()) {
      out += std::to_string(*next) + " ";
      mass->issued(*next);
    }
    return out;
  }
  /// `total: canceled filled still_open in_doubt unsent, not affected`
  std::string counts() {
    const MassCancelReport r = mass->report("");
    std::string out = std::to_string(r.total_affected) + ":";
    for (const uint32_t count : {r.canceled, r.filled, r.still_open, r.in_doubt, r.unsent}) {
      out += " " + std::to_string(count);
    }
    return out + ", " + std::to_string(r.not_affected_total);
  }

  std::optional<MassCancel> mass;
  Duration now{};
};

TEST_F(MassCancelTest, TheOrdersAreThoseOfTheRegistryAndOfTheFirstSweepThatBeganAfterwards) {
  plain();
  found(1);
  EXPECT_EQ(mass->wants_sweep(), at(Duration(1)));
  swept(-seconds(1));
  EXPECT_FALSE(mass->record().swept) << "it began before";
  found(2);
  swept(seconds(1));
  EXPECT_TRUE(mass->record().swept);
  EXPECT_EQ(mass->wants_sweep(), Never);
  found(3);
  EXPECT_EQ(pending(), "1 2 ");
}

TEST_F(MassCancelTest, AnOrderIsInOneCount) {
  plain();
  for (OrderId order = 1; order <= 7; ++order) found(order);
  swept(seconds(1));
  EXPECT_EQ(counts(), "7: 0 0 0 0 7, 0");
  for (OrderId order = 1; order <= 6; ++order) issue(order);
  EXPECT_EQ(counts(), "7: 0 0 0 0 7, 0") << "nothing was sent";
  sent(1);
  sent(2, true);
  EXPECT_EQ(counts(), "7: 0 0 1 1 5, 0");
  ended(1, OrdStatus::Canceled);
  ended(2, OrdStatus::Filled);
  ended(3, OrdStatus::PartiallyFilled);
  rejected(4, RejectReason::Blocked, "ORDER_CANCEL_BLOCKED");
  ended(5, OrdStatus::Rejected);
  EXPECT_EQ(counts(), "5: 1 1 1 0 2, 2");
  mass->left(7);
  EXPECT_EQ(counts(), "4: 1 1 1 0 1, 2");
  const MassCancelReport report = mass->report("");
  EXPECT_EQ(report.not_affected[0], (MassCancelReport::NotAffected{4, RejectReason::Blocked, "ORDER_CANCEL_BLOCKED"}));
  EXPECT_EQ(report.not_affected[1],
            (MassCancelReport::NotAffected{5, RejectReason::UnknownOrder, "the exchange knows no such order"}));
}

TEST_F(MassCancelTest, ItIsCompleteWhenEveryChildHasEndedAndNoSooner) {
  plain();
  found(1);
  issue(1);
  ended(1, OrdStatus::Canceled);
  EXPECT_FALSE(mass->complete()) << "no sweep has shown that this is all";
  found(2);
  swept(seconds(1));
  EXPECT_FALSE(mass->complete()) << "one is pending";
  issue(2);
  EXPECT_FALSE(mass->complete());
  sent(2);
  EXPECT_FALSE(mass->complete()) << "an ack is no final";
  ended(2, OrdStatus::New);
  EXPECT_TRUE(mass->complete());
  EXPECT_EQ(mass->report("").status, MassCancelStatus::Completed);
}

TEST_F(MassCancelTest, OfAStuckChildNoEndIsWaitedFor) {
  plain();
  found(1);
  swept(seconds(1));
  issue(1);
  sent(1);
  mass->child_stuck(1, "5 cancels were answered");
  mass->check();
  EXPECT_TRUE(mass->complete());
  EXPECT_EQ(counts(), "0: 0 0 0 0 0, 1");
  EXPECT_EQ(mass->report("").not_affected[0].text, "STUCK: 5 cancels were answered");
  ended(1, OrdStatus::Canceled);
  EXPECT_EQ(counts(), "1: 1 0 0 0 0, 0");
}

TEST_F(MassCancelTest, UntilEmptyTwoSweepsApartAfterTheLastEndHaveToShowNothing) {
  until_empty();
  found(1);
  swept(seconds(1));
  EXPECT_EQ(mass->wants_sweep(), Never) << "its children come first";
  issue(1);
  now = seconds(3);
  ended(1, OrdStatus::Canceled);
  EXPECT_EQ(mass->wants_sweep(), at(seconds(3)) + Duration(1));
  swept(seconds(2), true);
  EXPECT_EQ(mass->wants_sweep(), at(seconds(3)) + Duration(1)) << "it began before the end";
  swept(seconds(4), true);
  EXPECT_EQ(mass->wants_sweep(), at(seconds(6)));
  EXPECT_FALSE(mass->complete());
  swept(milliseconds(5'999), true);
  EXPECT_FALSE(mass->complete()) << "too near to the first";
  swept(seconds(6), true);
  EXPECT_TRUE(mass->complete());
  EXPECT_EQ(mass->report("").complete_as_of->tick, at(seconds(6)));
}

TEST_F(MassCancelTest, WithNothingInScopeTwoSweepsProveIt) {
  until_empty();
  swept(seconds(1), true);
  EXPECT_FALSE(mass->complete());
  swept(seconds(3), true);
  EXPECT_TRUE(mass->complete());
}

TEST_F(MassCancelTest, UntilEmptyWhatAppearsIsAddedAndTheProofBeginsAnew) {
  until_empty();
  swept(seconds(1), true);
  now = seconds(2);
  found(5, seconds(2), true);
  EXPECT_EQ(pending(), "5 ");
  swept(seconds(3), true);
  EXPECT_FALSE(mass->complete());
  now = seconds(4);
  ended(5, OrdStatus::Canceled);
  swept(seconds(5), true);
  EXPECT_FALSE(mass->complete()) << "the sweep at 1 s was before the last end";
  swept(seconds(7), true);
  EXPECT_TRUE(mass->complete());
}

TEST_F(MassCancelTest, UntilEmptyWhatASweepStillShowsIsCanceledAgainAndEachTimeLater) {
  until_empty();
  found(1);
  swept(seconds(1));
  EXPECT_EQ(pending(), "1 ");
  now = seconds(2);
  ended(1, OrdStatus::New);
  now = milliseconds(2'900);
  found(1, milliseconds(2'800));
  EXPECT_EQ(pending(), "") << "a second after the end";
  swept(milliseconds(2'800));
  EXPECT_EQ(mass->wants_sweep(), at(milliseconds(12'800)));
  now = seconds(3);
  found(1, milliseconds(1'900));
  EXPECT_EQ(pending(), "") << "the sweep began before the end";
  found(1, milliseconds(2'800));
  EXPECT_EQ(pending(), "1 ");
  now = seconds(4);
  ended(1, OrdStatus::New);
  now = milliseconds(5'900);
  found(1, seconds(5));
  EXPECT_EQ(pending(), "") << "two seconds after the second end";
  found(1, milliseconds(5'900), true);
  EXPECT_EQ(pending(), "1 ") << "it has entered the book again";
}

TEST_F(MassCancelTest, UntilEmptyAStuckOrderKeepsTheScopeFromBeingEmpty) {
  until_empty();
  found(1);
  swept(seconds(1));
  issue(1);
  mass->child_stuck(1, "5 cancels were answered");
  found(1, seconds(2));
  swept(seconds(2));
  EXPECT_FALSE(mass->complete());
  EXPECT_EQ(pending(), "") << "its command goes on";
  EXPECT_EQ(mass->wants_sweep(), at(seconds(12)));
  EXPECT_NE(mass->report("").text, "");
}

TEST_F(MassCancelTest, AnOrderOfTheSetThatComesBackBeforeItsTurnIsCanceledAllTheSame) {
  plain();
  found(1);
  swept(seconds(1));
  mass->left(1);
  EXPECT_TRUE(mass->complete());
  found(1, seconds(2), true);
  EXPECT_FALSE(mass->complete());
  EXPECT_EQ(pending(), "1 ");
}

TEST_F(MassCancelTest, AReportIsNewsIfACountOrItsTextHasChanged) {
  plain();
  EXPECT_TRUE(mass->news(""));
  MassCancelReport report = mass->report("");
  EXPECT_EQ(report.status, MassCancelStatus::Accepted);
  EXPECT_EQ(report.text, "waits for a complete list of the open orders");
  mass->reported(report, 1, at({}));
  EXPECT_FALSE(mass->news(""));
  EXPECT_EQ(mass->next_report(), at(seconds(1)));
  EXPECT_TRUE(mass->news("no worker is connected"));
  EXPECT_EQ(mass->report("no worker is connected").text,
            "waits for a complete list of the open orders: no worker is connected");
  found(1);
  EXPECT_TRUE(mass->news(""));
  report = mass->report("");
  EXPECT_EQ(report.status, MassCancelStatus::Progress);
  mass->reported(report, 2, at(seconds(1)));
  issue(1);
  EXPECT_FALSE(mass->news("")) << "it is as unsent as before";
  sent(1);
  EXPECT_TRUE(mass->news(""));
}

TEST_F(MassCancelTest, TheRestOfThoseNotAffectedIsCounted) {
  plain();
  for (OrderId order = 1; order <= 201; ++order) found(order);
  swept(seconds(1));
  pending();
  for (OrderId order = 1; order <= 201; ++order) rejected(order, RejectReason::Blocked, "blocked");
  const MassCancelReport report = mass->report("");
  EXPECT_EQ(report.not_affected.size(), MassCancel::MostNamed);
  EXPECT_EQ(report.not_affected_total, 201U);
}

TEST_F(MassCancelTest, ItGoesOnAfterARestartAndAddsNothing) {
  plain();
  found(1);
  found(2);
  found(3);
  swept(seconds(1));
  issue(1);
  issue(2);
  now = seconds(2);
  ended(1, OrdStatus::Canceled);
  sent(2);
  mass->reported(mass->report(""), 4, at(seconds(2)));
  const MassCancelRecord record = mass->record();
  const std::vector<MassCancelOrder> orders = mass->take_changes();
  ASSERT_EQ(orders.size(), 3U);
  EXPECT_TRUE(mass->take_changes().empty());

  now = seconds(5);
  mass.emplace(record, at(seconds(5)));
  for (const MassCancelOrder& order : orders) mass->restore(order);
  sent(2);
  mass->restored();
  mass->check();
  EXPECT_EQ(counts(), "3: 1 0 1 0 1, 0");
  found(4, seconds(6), true);
  EXPECT_EQ(pending(), "3 ");
  ended(2, OrdStatus::Canceled);
  ended(3, OrdStatus::Canceled);
  EXPECT_TRUE(mass->complete());
  EXPECT_EQ(mass->report("").complete_as_of->wall, moment(seconds(1)).wall);
}

TEST_F(MassCancelTest, AfterARestartAChildWhoseCommandIsNotKnownIsNotAffected) {
  plain();
  found(1);
  swept(seconds(1));
  issue(1);
  const MassCancelRecord record = mass->record();
  const std::vector<MassCancelOrder> orders = mass->take_changes();
  mass.emplace(record, at(seconds(5)));
  for (const MassCancelOrder& order : orders) mass->restore(order);
  mass->restored();
  EXPECT_TRUE(mass->complete());
  EXPECT_EQ(mass->report("").not_affected[0].text, "its command is not known any more");
}

TEST_F(MassCancelTest, AfterARestartTheProofThatItIsEmptyBeginsAnew) {
  until_empty();
  swept(seconds(1), true);
  mass.emplace(mass->record(), at(seconds(2)));
  swept(seconds(1), true);
  swept(seconds(3), true);
  EXPECT_FALSE(mass->complete());
  swept(seconds(5), true);
  EXPECT_TRUE(mass->complete());
}

TEST_F(MassCancelTest, TheOwnerIsNamedOnlyIfItIsAnother) {
  plain();
  mass->found(1, "alice", false, at({}), at({}));
  mass->found(2, "bob", false, at({}), at({}));
  EXPECT_EQ(mass->owner_of(1), "");
  EXPECT_EQ(mass->owner_of(2), "bob");
  EXPECT_EQ(mass->owner_of(3), "");
}

TEST_F(MassCancelTest, WhenItHasEndedOnlyOrdersWithAnUndecidedChildAreKept) {
  plain();
  found(1);
  found(2);
  swept(seconds(1));
  pending();
  ended(1, OrdStatus::Canceled);
  mass->child_stuck(2, "still open");
  mass->reported(mass->report(""), 3, at(seconds(1)));
  EXPECT_TRUE(mass->ended());
  mass->forget_orders();
  mass->check();
  EXPECT_EQ(mass->size(), 1U);
}

// ---- Those of switches ----

class SwitchTest : public MassCancelTest {
 protected:
  MassCancel& of(MassCancelRequest::Cause cause) {
    MassCancelRecord record = MassCancelTest::record(true);
    record.request.cause = cause;
    record.request.reason = "runaway";
    return mass.emplace(record, at({}));
  }
  MassCancel& kill() { return of(MassCancelRequest::Cause::KillSwitch); }
  static KillSwitchRelease release(bool forced) { return {"ops", "all clear", forced, {}}; }
  void prove_empty() {
    swept(seconds(1), true);
    swept(seconds(3), true);
    ASSERT_TRUE(mass->proven_empty());
  }
};

TEST_F(SwitchTest, AKillSwitchDoesNotEndBeforeItIsReleased) {
  kill();
  prove_empty();
  EXPECT_TRUE(mass->is_engaged());
  EXPECT_FALSE(mass->complete());
  EXPECT_EQ(mass->report("").status, MassCancelStatus::Accepted);
  mass->release(release(false));
  EXPECT_FALSE(mass->is_engaged());
  EXPECT_TRUE(mass->complete());
  EXPECT_EQ(mass->report("").status, MassCancelStatus::Completed);
  EXPECT_EQ(
      mass->report("").text,
      "kill switch released by ops: all clear; no order in scope that was placed 2 s or more before complete_as_of is "
      "open");
}

TEST_F(SwitchTest, AnOrderThatAppearsInItsScopeUndoesTheProof) {
  kill();
  prove_empty();
  found(7, seconds(4), true);
  EXPECT_FALSE(mass->proven_empty());
  EXPECT_EQ(mass->next_pending(), 7);
}

TEST_F(SwitchTest, ReleasedByForceItLeavesAloneWhatItHasNotBegunAndClaimsNothing) {
  kill();
  found(1);
  found(2);
  issue(1);
  mass->release(release(true));
  mass->check();
  EXPECT_FALSE(mass->has_pending());
  EXPECT_FALSE(mass->watches());
  EXPECT_EQ(mass->undecided(), std::vector<OrderId>{1});
  found(3, seconds(1), true);
  EXPECT_FALSE(mass->has_pending());
  EXPECT_FALSE(mass->complete()) << "its child is undecided";
  ended(1, OrdStatus::Canceled);
  EXPECT_TRUE(mass->complete());
  EXPECT_FALSE(mass->request().until_empty) << "and so COMPLETED claims nothing of the scope";
  EXPECT_EQ(mass->report("").text,
            "kill switch released by ops, by force: all clear; it is not proven that no order in scope is open");
}

TEST_F(SwitchTest, ADeadMansSwitchWatchesForAMinuteFromItsFirstList) {
  of(MassCancelRequest::Cause::DeadMan);
  EXPECT_EQ(mass->watch_ends(), Never) << "the sweep that it asked for has not come";
  found(1);
  found(2);
  swept(seconds(70));
  EXPECT_EQ(mass->watch_ends(), at(seconds(130)));
  issue(1);
  mass->look_at_watch(at(seconds(130) - Duration(1)));
  EXPECT_TRUE(mass->watches());
  mass->look_at_watch(at(seconds(130)));
  EXPECT_FALSE(mass->watches());
  EXPECT_EQ(mass->wants_sweep(), Never);
  found(3, seconds(131), true);
  EXPECT_EQ(mass->next_pending(), 2) << "what was in scope is canceled, and no more is added";
  issue(2);
  for (const OrderId order : {1, 2}) ended(order, OrdStatus::Canceled);
  EXPECT_TRUE(mass->complete());
  EXPECT_EQ(mass->report("").text, "dead man's switch: runaway; it is not proven that no order in scope is open");
}

TEST_F(SwitchTest, AWatchThatIsOverStaysSoOverARestart) {
  of(MassCancelRequest::Cause::DeadMan);
  swept(seconds(1));
  mass->look_at_watch(at(seconds(61)));
  mass.emplace(mass->record(), at(seconds(70)));
  EXPECT_FALSE(mass->watches());
}

TEST_F(SwitchTest, ASwitchThatFiresAgainWatchesOnAndProvesAnew) {
  of(MassCancelRequest::Cause::DeadMan);
  swept(seconds(1), true);
  mass->fire_again(at(seconds(2)));
  swept(seconds(3), true);
  EXPECT_FALSE(mass->proven_empty()) << "the first list is from before";
  EXPECT_EQ(mass->watch_ends(), at(seconds(62)));
}

TEST_F(SwitchTest, AnOrderThatIsListedUndoesTheProofAlsoIfItsChildIsStuck) {
  kill();
  found(1);
  swept(seconds(1));
  issue(1);
  mass->child_stuck(1, "still open");
  swept(seconds(2), true);
  swept(seconds(4), true);
  ASSERT_TRUE(mass->proven_empty());
  found(1, seconds(5), true);
  EXPECT_FALSE(mass->proven_empty());
}

TEST_F(SwitchTest, ADeadMansSwitchIsCompleteAsSoonAsItsScopeIsProvenEmpty) {
  of(MassCancelRequest::Cause::DeadMan);
  prove_empty();
  EXPECT_TRUE(mass->complete());
  EXPECT_EQ(mass->report("").status, MassCancelStatus::Completed);
}

TEST_F(SwitchTest, AfterARestartAReleasedOneAddsNothing) {
  kill();
  found(1);
  issue(1);
  mass->release(release(true));
  const MassCancelRecord record = mass->record();
  const std::vector<MassCancelOrder> orders = mass->take_changes();
  mass.emplace(record, at(seconds(5)));
  for (const MassCancelOrder& order : orders) mass->restore(order);
  mass->child_changed(child(1), at(seconds(5)));
  mass->restored();
  found(2, seconds(6), true);
  EXPECT_FALSE(mass->has_pending());
  EXPECT_FALSE(mass->complete());
}

TEST(ScopeText, NamesWhatNarrowsIt) {
  MassCancelRequest request;
  EXPECT_EQ(scope_text(request), "OWN");
  request.scope.owner = "desk-a";
  EXPECT_EQ(scope_text(request), "OWN of desk-a");
  request.whose = MassCancelRequest::Whose::Sender;
  request.scope.symbol = "BTCTRY";
  request.scope.side = Side::Sell;
  request.scope.client_order_id_prefix = "dA-";
  EXPECT_EQ(scope_text(request), "SENDER desk-a, BTCTRY, SELL, client order ids dA-...");
}

}  // namespace
}  // namespace cancelbus::core
