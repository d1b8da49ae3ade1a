// Who leads: what a start of a bus, a batch and an older copy make of it.
#include "service/io/leader_table.hpp"

#include <gtest/gtest.h>

#include "tests/unit/io/store_fixture.hpp"

namespace cancelbus::io {
namespace {

class LeaderTest : public StoreFixture {
 protected:
  static core::Snapshot begin_again(Store& store, const core::Term& seen) {
    absl::StatusOr<core::Snapshot> result = absl::UnknownError("not called back");
    store.begin_again(seen, [&](absl::StatusOr<core::Snapshot> snapshot) { result = std::move(snapshot); });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : core::Snapshot();
  }
  static Batch some(uint64_t order) { return {core::BackOnBook{static_cast<core::OrderId>(order), true}}; }
};

TEST_F(LeaderTest, EachStartIsATermOfALeaderOfItsOwn) {
  const core::Term first = open()->term();
  EXPECT_EQ(first.term, 1U);
  EXPECT_EQ(first.batch, 0U);
  EXPECT_FALSE(first.leader_id.empty());
  EXPECT_LE(first.leader_id.size(), 64U);
  auto store = open();
  EXPECT_EQ(store->term().term, 2U);
  EXPECT_NE(store->term().leader_id, first.leader_id);
  const core::Snapshot snapshot = load(*store);
  EXPECT_EQ(snapshot.term, 2U);
  EXPECT_EQ(snapshot.leader_id, store->term().leader_id);
  EXPECT_EQ(snapshot.stored_term, first);
}

TEST_F(LeaderTest, BatchesAreCountedOverAllTermsAndWithTheirRows) {
  {
    auto store = open();
    ASSERT_TRUE(commit(*store, some(1)).ok());
    ASSERT_TRUE(commit(*store, {}).ok());
    ASSERT_TRUE(commit(*store, some(2)).ok());
    EXPECT_EQ(store->term().batch, 2U) << "an empty one is none";
  }
  EXPECT_EQ(select("SELECT batch FROM leader"), "2");
  run("CREATE TRIGGER full BEFORE INSERT ON back_on_book BEGIN SELECT RAISE(FAIL, 'disk full'); END");
  auto store = open();
  EXPECT_EQ(load(*store).stored_term.batch, 2U);
  EXPECT_FALSE(commit(*store, some(3)).ok());
  EXPECT_EQ(store->term().batch, 2U);
  EXPECT_EQ(select("SELECT batch FROM leader"), "2");
}

TEST_F(LeaderTest, AStoreThatLacksWhatAWorkerHasSeenBeginsAgainAboveIt) {
  auto store = open();
  ASSERT_TRUE(commit(*store, some(1)).ok());
  const core::Snapshot before = load(*store);
  const core::Term seen{41, "bus of another host", 7};
  const core::Snapshot snapshot = begin_again(*store, seen);
  EXPECT_EQ(snapshot.term, 42U);
  EXPECT_EQ(store->term().term, 42U);
  EXPECT_NE(snapshot.epoch, before.epoch);
  EXPECT_TRUE(snapshot.commits_lost);
  EXPECT_EQ(snapshot.behind, seen);
  EXPECT_TRUE(snapshot.same_boot) << "its ticks are of this boot";
  EXPECT_EQ(snapshot.back_on_book, before.back_on_book);
}

TEST_F(LeaderTest, UntilTheFirstBatchEachStartBeginsAgain) {
  auto store = open();
  begin_again(*store, {41, "bus-b", 7});
  store.reset();
  store = open();
  const core::Snapshot snapshot = load(*store);
  EXPECT_EQ(snapshot.term, 43U);
  EXPECT_TRUE(snapshot.commits_lost);
  EXPECT_EQ(snapshot.behind, (core::Term{41, "bus-b", 7}));
  ASSERT_TRUE(commit(*store, some(1)).ok());
  store.reset();
  const core::Snapshot later = load(*open());
  EXPECT_EQ(later.term, 44U);
  EXPECT_FALSE(later.commits_lost);
  EXPECT_FALSE(later.behind);
  EXPECT_EQ(later.epoch, snapshot.epoch);
}

TEST_F(LeaderTest, AStoreThatIsTakenBackAndNotUsedIsStillOfItsLeader) {
  core::Term led;
  {
    auto store = open();
    ASSERT_TRUE(commit(*store, some(1)).ok());
    led = store->term();
  }
  ASSERT_TRUE(downgrade_store(options_, 1).ok());
  EXPECT_EQ(load(*open()).stored_term, led);
}

TEST_F(LeaderTest, AStoreThatAnEarlierBusHasUsedIsOfALeaderThatIsNotKnown) {
  {
    auto store = open();
    ASSERT_TRUE(commit(*store, some(1)).ok());
  }
  ASSERT_TRUE(downgrade_store(options_, 5).ok());
  run("UPDATE meta SET value = '2' WHERE key = 'term'");
  EXPECT_EQ(load(*open()).stored_term, (core::Term{2, "", 0}));
  EXPECT_EQ(select("SELECT COUNT(*) FROM meta WHERE key LIKE 'leader%'"), "0");
}

TEST_F(LeaderTest, AStoreThatIsTakenBackCountsItsTermsOnAndWaitsAsLong) {
  core::Term led;
  {
    auto store = open();
    ASSERT_TRUE(commit(*store, some(1)).ok());
    begin_again(*store, {41, "bus-b", 7});
    led = store->term();
  }
  ASSERT_TRUE(downgrade_store(options_, 5).ok());
  EXPECT_EQ(select("SELECT value FROM meta WHERE key='term'"), "42");
  EXPECT_EQ(select("SELECT value FROM meta WHERE key='sync'"), "normal");
  EXPECT_EQ(select("SELECT COUNT(*) FROM meta WHERE key IN ('boot_id', 'behind')"), "0");
  const core::Snapshot snapshot = load(*open());
  EXPECT_EQ(snapshot.term, 43U);
  EXPECT_EQ(snapshot.stored_term, led);
  EXPECT_TRUE(snapshot.commits_lost);
}

TEST_F(LeaderTest, AMissingRowIsDamage) {
  open();
  run("DELETE FROM leader");
  const auto store = open_store(options_);
  ASSERT_FALSE(store.ok());
  EXPECT_NE(store.status().message().find("damaged: who led is missing"), std::string::npos) << store.status();
}

TEST(LeaderText, ATermIsReadAsItWasWritten) {
  for (const core::Term& term : {core::Term{7, "bus-a", 12}, core::Term{1, "a b  c", 0}, core::Term{3, "", 4}}) {
    EXPECT_EQ(term_of(text_of(term)), term);
  }
}

}  // namespace
}  // namespace cancelbus::io
