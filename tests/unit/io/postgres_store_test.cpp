// What only the store on PostgreSQL does: the lease, the fence, batches that are numbered.
#include "service/io/postgres_store.hpp"

#include <gtest/gtest.h>

#include "tests/unit/io/postgres_server.hpp"
#include "tests/unit/io/store_fixture.hpp"

namespace cancelbus::io {
namespace {

class PostgresStoreTest : public EachStore {
 protected:
  absl::StatusOr<std::unique_ptr<Store>> claimed(const LeaseClaim& claim) {
    return answered<absl::StatusOr<std::unique_ptr<Store>>>([&](auto done) {
      open_postgres_store(
          context_, options_, claim, [this](const absl::Status& why) { lost_ = why; }, std::move(done));
    });
  }
  /// The lease as it is now.
  LeaseClaim seen() {
    return {std::stoull(select("SELECT term FROM lease")), std::stoull(select("SELECT renewals FROM lease"))};
  }
  void run_until(const std::function<bool()>& done) {
    while (!done() && context_.run_one() > 0) {
    }
    context_.restart();
  }

  absl::Status lost_;
};
INSTANTIATE_TEST_SUITE_P(On, PostgresStoreTest, ::testing::ValuesIn(engines()), engine_name);

TEST_P(PostgresStoreTest, ALeaseThatHasMovedSinceItWasSeenIsNotToBeHad) {
  auto first = claimed({});
  ASSERT_TRUE(first.ok()) << first.status();
  const LeaseClaim before = seen();
  ASSERT_TRUE(commit(**first, {core::PermitForgotten{1}}).ok());
  EXPECT_EQ(claimed(before).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(select("SELECT term FROM lease"), "1");
}

TEST_P(PostgresStoreTest, ABusWhoseLeaseAnotherHasCommitsNothingAndLeadsNoMore) {
  auto first = claimed({});
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(commit(**first, {command("a", "c1", false, 0)}).ok());
  auto second = claimed(seen());
  ASSERT_TRUE(second.ok()) << second.status();
  lost_ = absl::OkStatus();
  bool answered = false;
  const Batch batch{command("a", "c2", false, 0)};
  (*first)->commit(batch, [&](const absl::Status&) { answered = true; });
  run_until([this] { return !lost_.ok(); });
  EXPECT_EQ(lost_.code(), absl::StatusCode::kAborted) << lost_;
  EXPECT_FALSE(answered);
  EXPECT_EQ(load(**second).commands.size(), 1U);
  EXPECT_EQ(load(**second).term, 2U);
}

TEST_P(PostgresStoreTest, SaysWhoLedBeforeAndHowFar) {
  auto first = claimed({});
  ASSERT_TRUE(first.ok()) << first.status();
  const core::Snapshot new_store = load(**first);
  EXPECT_EQ(new_store.stored_term, core::Term{});
  EXPECT_FALSE(new_store.leader_id.empty());
  ASSERT_TRUE(commit(**first, {core::PermitForgotten{1}}).ok());
  ASSERT_TRUE(commit(**first, {core::PermitForgotten{2}}).ok());
  auto second = claimed(seen());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(load(**second).stored_term, (core::Term{1, new_store.leader_id, 2}));
  EXPECT_NE(load(**second).leader_id, new_store.leader_id);
}

TEST_P(PostgresStoreTest, ABatchThatDoesNotFollowEndsTheTerm) {
  auto store = claimed({});
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(commit(**store, {core::PermitForgotten{1}}).ok());
  run("UPDATE lease SET batch = 0");  // as a copy that commits did not wait for
  const Batch batch{core::PermitForgotten{2}};
  (*store)->commit(batch, [](const absl::Status&) {});
  run_until([this] { return !lost_.ok(); });
  EXPECT_EQ(lost_.code(), absl::StatusCode::kDataLoss) << lost_;
}

TEST_P(PostgresStoreTest, ABatchThatIsStoredAlreadyIsNotStoredTwice) {
  auto store = claimed({});
  ASSERT_TRUE(store.ok()) << store.status();
  const EventRow event{"venue.", 1, now().wall, "x"};
  ASSERT_TRUE(commit(**store, {event}).ok());
  // Its answer got lost: the same batch comes again.
  run("UPDATE lease SET batch = 2");
  ASSERT_TRUE(commit(**store, {EventRow{"venue.", 2, now().wall, "y"}}).ok()) << "stored by another connection";
  ASSERT_TRUE(commit(**store, {EventRow{"venue.", 3, now().wall, "z"}}).ok());
  EXPECT_EQ(kept(**store, "venue.", 1, 10), std::vector<std::string>{"x"});
  EXPECT_EQ(kept(**store, "venue.", 3, 10), std::vector<std::string>{"z"});
}

TEST_P(PostgresStoreTest, ALostConnectionIsMadeAnewAndNothingIsCommittedTwice) {
  auto store = claimed({});
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(commit(**store, {EventRow{"venue.", 1, now().wall, "x"}}).ok());
  run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cancel-bus'");
  ASSERT_TRUE(commit(**store, {EventRow{"venue.", 2, now().wall, "y"}}).ok());
  EXPECT_EQ(kept(**store, "venue.", 1, 10), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(select("SELECT batch FROM lease"), "2");
}

TEST_P(PostgresStoreTest, WithoutAStandbyItIsRefusedUnlessTheOperatorSaysSo) {
  options_.full_sync = true;
  const auto store = claimed({});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(store.status().message().find("synchronous_standby_names"), std::string::npos) << store.status();
}

TEST_P(PostgresStoreTest, AnotherTimelineIsTrustedOnlyIfCommitsWaitedForIt) {
  const auto epoch_after = [this](const std::string& change) {
    run(change);
    auto store = claimed(seen());
    EXPECT_TRUE(store.ok()) << store.status();
    const core::Snapshot snapshot = load(**store);
    return std::pair(snapshot.epoch, snapshot.commits_lost);
  };
  ASSERT_TRUE(claimed({}).ok());
  const auto [epoch, lost] = epoch_after("UPDATE lease SET synchronous = true, timeline = timeline + 1");
  EXPECT_FALSE(lost);
  const auto [other, distrusted] = epoch_after("UPDATE lease SET synchronous = false, timeline = timeline + 1");
  EXPECT_TRUE(distrusted);
  EXPECT_NE(other, epoch);
  auto store = claimed(seen());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(load(**store).commits_lost) << "the one before ended before it could write what follows from it";
  ASSERT_TRUE(commit(**store, {core::PermitForgotten{1}}).ok());
  auto last = claimed(seen());
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_FALSE(load(**last).commits_lost);
}

TEST_P(PostgresStoreTest, ASchemaOfALaterVersionIsRefused) {
  ASSERT_TRUE(claimed({}).ok());
  run("UPDATE meta SET value = '99' WHERE key = 'version'");
  const auto store = claimed(seen());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition) << store.status();
  EXPECT_NE(store.status().message().find("of version 99"), std::string::npos) << store.status();
}

}  // namespace
}  // namespace cancelbus::io

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (cancelbus::io::postgres_uri().empty()) {
    std::puts("skipped: PostgreSQL is not installed");
    return 77;
  }
  return RUN_ALL_TESTS();
}
