// Who leads a shared store, and what a reply of the database means.
#include "service/io/lease.hpp"

#include <gtest/gtest.h>

namespace cancelbus::io {
namespace {

using namespace std::chrono_literals;
using core::Tick;
using Ask = LeaseHolder::Ask;
using Reply = LeaseHolder::Reply;

constexpr core::Duration TwoSeconds = 2s;
Tick at(core::Duration since) { return Tick(1h) + since; }

LeaseHolder holder() { return {{7, "bus-a", 40}, TwoSeconds, at(0s)}; }

// ---- next_lease ----

TEST(NextLeaseTest, IsOfATermAboveTheOneBeforeAndAboveWhatAWorkerHasSeen) {
  const Lease read{.term = 7, .leader_id = "bus-a", .batch = 40, .renewals = 9};
  EXPECT_EQ(next_lease(read, {7, 9, false, 0}, "bus-b", {}, true).term, 8U);
  EXPECT_EQ(next_lease(read, {7, 9, false, 12}, "bus-b", {}, true).term, 13U);
  EXPECT_EQ(next_lease(read, {7, 9, false, 0}, "bus-b", {}, true).leader_id, "bus-b");
  EXPECT_EQ(next_lease(read, {7, 9, false, 0}, "bus-b", {}, true).batch, 40U);
}

TEST(NextLeaseTest, TrustsAPromotionOnlyIfCommitsWaitedForIt) {
  Lease read{.term = 7, .leader_id = "bus-a", .server = {1, 1}, .synchronous = true};
  EXPECT_FALSE(next_lease(read, {}, "bus-b", {1, 2}, true).commits_lost);
  read.synchronous = false;
  EXPECT_FALSE(next_lease(read, {}, "bus-b", {1, 1}, true).commits_lost);
  EXPECT_TRUE(next_lease(read, {}, "bus-b", {1, 2}, true).commits_lost) << "another timeline";
  EXPECT_TRUE(next_lease(read, {}, "bus-b", {2, 1}, true).commits_lost) << "another server";
}

TEST(NextLeaseTest, DistrustLastsUntilABatchOfTheTermIsStored) {
  EXPECT_TRUE(next_lease({.term = 7}, {7, 0, true, 0}, "bus-b", {}, true).commits_lost);
  EXPECT_TRUE(next_lease({.term = 7, .commits_lost = true}, {7, 0, false, 0}, "bus-b", {}, true).commits_lost);
}

// ---- LeaseFollower ----

TEST(LeaseFollowerTest, TheLeaseIsFreeWhenItHasNotMovedForALeaseOfItsOwnClock) {
  LeaseFollower follower(TwoSeconds);
  follower.begin(Tick::min());
  LeaseFollower::Look look{.term = 7, .renewals = 1, .leader_id = "bus-a", .released = false};
  follower.take(look, at(0ms), at(10ms));
  EXPECT_FALSE(follower.is_free());
  follower.take(look, at(2009ms), at(2020ms));
  EXPECT_FALSE(follower.is_free());
  ++look.renewals;
  follower.take(look, at(2500ms), at(2510ms));
  EXPECT_FALSE(follower.is_free());
  follower.take(look, at(4510ms), at(4520ms));
  EXPECT_TRUE(follower.is_free());
  EXPECT_EQ(follower.claim().term, 7U);
  EXPECT_EQ(follower.claim().renewals, 2U);
}

TEST(LeaseFollowerTest, AReleasedLeaseIsFreeAtOnceButNotBeforeItMayBe) {
  LeaseFollower follower(TwoSeconds);
  follower.begin(at(1s));
  const LeaseFollower::Look look{.term = 7, .renewals = 1, .leader_id = "bus-a", .released = true};
  follower.take(look, at(500ms), at(510ms));
  EXPECT_FALSE(follower.is_free());
  follower.take(look, at(1s), at(1010ms));
  EXPECT_TRUE(follower.is_free());
}

TEST(LeaseFollowerTest, APermitCountsFromWhenItWasFirstSeenSettled) {
  LeaseFollower follower(TwoSeconds);
  LeaseFollower::Look look{.term = 7, .renewals = 1, .released = false, .settled = {5}};
  follower.take(look, at(0ms), at(10ms));
  look.settled = {5, 6};
  follower.take(look, at(500ms), at(510ms));
  EXPECT_EQ(follower.followed().settled, (std::map<core::TaskId, Tick>{{5, at(10ms)}, {6, at(510ms)}}));
  look.settled = {6};
  follower.take(look, at(1000ms), at(1010ms));
  EXPECT_EQ(follower.followed().settled, (std::map<core::TaskId, Tick>{{6, at(510ms)}}));
}

// ---- LeaseHolder ----

TEST(LeaseHolderTest, ABatchIsCommittedWhenItIsStoredWithoutAWarning) {
  LeaseHolder lease = holder();
  EXPECT_EQ(lease.next_batch(), 41U);
  EXPECT_EQ(lease.commit(at(1s)).send, Ask::Commit);
  EXPECT_EQ(lease.answered(Ask::Commit, Reply::Done, at(1s), at(1010ms)).committed, true);
  EXPECT_EQ(lease.next_batch(), 42U);
  EXPECT_EQ(lease.renewed(), at(1s));
}

TEST(LeaseHolderTest, AfterAWarningOnlyALaterRenewalWithoutOneProvesIt) {
  LeaseHolder lease = holder();
  lease.commit(at(1s));
  const auto warned = lease.answered(Ask::Commit, Reply::Warned, at(1s), at(1010ms));
  EXPECT_EQ(warned.send, Ask::Confirmation);
  EXPECT_FALSE(warned.committed);
  const auto again = lease.answered(Ask::Confirmation, Reply::Warned, at(1010ms), at(1020ms));
  EXPECT_EQ(again.send, Ask::Confirmation);
  EXPECT_FALSE(again.committed);
  EXPECT_EQ(lease.renewed(), at(0s)) << "a warned renewal may be on one server only";
  EXPECT_EQ(lease.answered(Ask::Confirmation, Reply::Done, at(1020ms), at(1030ms)).committed, true);
}

TEST(LeaseHolderTest, ARenewalThatWasSentBeforeTheBatchProvesNothingOfIt) {
  LeaseHolder lease = holder();
  EXPECT_EQ(lease.passed(at(500ms)).send, Ask::Renewal);
  lease.commit(at(510ms));
  EXPECT_FALSE(lease.answered(Ask::Renewal, Reply::Done, at(500ms), at(520ms)).committed);
  EXPECT_TRUE(lease.is_committing());
}

TEST(LeaseHolderTest, ALostConnectionMeansTheSameBatchAgainAndAStoredOneIsConfirmed) {
  LeaseHolder lease = holder();
  lease.commit(at(1s));
  const auto lost = lease.answered(Ask::Commit, Reply::Disconnected, at(1s), at(1010ms));
  EXPECT_TRUE(lost.connect);
  EXPECT_FALSE(lost.committed);
  EXPECT_EQ(lease.health(at(1010ms)), LeaseHolder::Health::Disconnected);
  EXPECT_EQ(lease.connected(at(1200ms)).send, Ask::Commit);
  EXPECT_EQ(lease.next_batch(), 41U);
  EXPECT_EQ(lease.answered(Ask::Commit, Reply::Stored, at(1200ms), at(1210ms)).send, Ask::Confirmation);
  EXPECT_EQ(lease.answered(Ask::Confirmation, Reply::Done, at(1210ms), at(1220ms)).committed, true);
  EXPECT_EQ(lease.next_batch(), 42U);
}

TEST(LeaseHolderTest, ARefusedBatchKeepsItsNumber) {
  LeaseHolder lease = holder();
  lease.commit(at(1s));
  EXPECT_EQ(lease.answered(Ask::Commit, Reply::Refused, at(1s), at(1010ms)).committed, false);
  EXPECT_EQ(lease.next_batch(), 41U);
}

TEST(LeaseHolderTest, LeadsNoMoreWhenItIsFencedByWhateverItSends) {
  for (const Ask ask : {Ask::Commit, Ask::Renewal, Ask::Confirmation}) {
    LeaseHolder lease = holder();
    lease.commit(at(1s));
    EXPECT_EQ(lease.answered(ask, Reply::Fenced, at(1s), at(1010ms)).lost, LeaseHolder::Loss::Fenced);
    EXPECT_FALSE(lease.passed(at(10s)).lost) << "said once";
  }
}

TEST(LeaseHolderTest, LeadsNoMoreWhenABatchOfItsIsMissing) {
  LeaseHolder lease = holder();
  lease.commit(at(1s));
  EXPECT_EQ(lease.answered(Ask::Commit, Reply::Gap, at(1s), at(1010ms)).lost, LeaseHolder::Loss::CommitsLost);
}

TEST(LeaseHolderTest, RenewsFourTimesInALeaseUnlessACommitDoes) {
  LeaseHolder lease = holder();
  EXPECT_FALSE(lease.passed(at(499ms)).send);
  EXPECT_EQ(lease.passed(at(500ms)).send, Ask::Renewal);
  EXPECT_FALSE(lease.passed(at(1100ms)).send) << "one at a time";
  lease.answered(Ask::Renewal, Reply::Done, at(500ms), at(1110ms));
  lease.commit(at(1120ms));
  EXPECT_FALSE(lease.passed(at(1700ms)).send);
  lease.answered(Ask::Commit, Reply::Done, at(1120ms), at(1710ms));
  EXPECT_EQ(lease.passed(at(1710ms)).send, Ask::Renewal);
}

TEST(LeaseHolderTest, LeadsNoMoreWhenNothingHasWorkedForALease) {
  LeaseHolder lease = holder();
  lease.answered(Ask::Renewal, Reply::Disconnected, at(500ms), at(600ms));
  EXPECT_FALSE(lease.passed(at(2s)).lost);
  EXPECT_EQ(lease.passed(at(2001ms)).lost, LeaseHolder::Loss::NotRenewed);
  EXPECT_FALSE(lease.connected(at(2100ms)).send);
}

TEST(LeaseHolderTest, AClaimWithoutAnAnswerDoesNotProlongTheLease) {
  LeaseHolder lease = holder();
  EXPECT_FALSE(lease.passed(at(1s), false).send);
  EXPECT_EQ(lease.passed(at(2001ms), false).lost, LeaseHolder::Loss::NotRenewed);
}

TEST(LeaseHolderTest, ACommitThatIsNotAnsweredForHalfASecondIsATrouble) {
  LeaseHolder lease = holder();
  lease.commit(at(1s));
  EXPECT_EQ(lease.health(at(1499ms)), LeaseHolder::Health::Good);
  EXPECT_EQ(lease.health(at(1500ms)), LeaseHolder::Health::Unanswered);
}

}  // namespace
}  // namespace cancelbus::io
