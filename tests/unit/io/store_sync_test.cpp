// That a commit is on disk when it is called back: between its writes and the call-back the disk is asked to keep them.
//
// This program has its own fsync and fdatasync, which count and then call the system's; SQLite's calls are bound to
// them, as the executable comes first in the order of symbols.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "tests/unit/io/store_fixture.hpp"

namespace {

std::atomic<int> syncs = 0;
std::atomic<bool> unsynced = false;  ///< something was written since the latest sync

int synced(int result) {
  ++syncs;
  unsynced = false;
  return result;
}

}  // namespace

extern "C" int fdatasync(int descriptor) { return synced(static_cast<int>(::syscall(SYS_fdatasync, descriptor))); }
extern "C" int fsync(int descriptor) { return synced(static_cast<int>(::syscall(SYS_fsync, descriptor))); }

namespace cancelbus::io {
namespace {

class StoreSyncTest : public StoreFixture {
 protected:
  StoreSyncTest() {
    on_write([] { unsynced = true; });
  }
  ~StoreSyncTest() override { on_write({}); }

  struct Seen {
    int syncs = 0;
    bool unsynced = false;
  };
  /// What the disk has been asked between the commit and its call-back.
  static Seen commit_and_see(Store& store, const Batch& batch) {
    Seen seen;
    const int before = syncs;
    store.commit(batch, [&](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      seen = {syncs - before, unsynced};
    });
    return seen;
  }

  const core::HoldRecord hold_{
      core::LimiterKind::Cancel, core::Tick(std::chrono::hours(1)), now().wall, "wait", {}, {}};
};

TEST_F(StoreSyncTest, ACommitIsOnDiskWhenItIsCalledBack) {
  auto store = open();
  for (int i = 0; i < 5; ++i) {
    const Seen seen = commit_and_see(*store, {command("a", "c" + std::to_string(i), false, 0)});
    EXPECT_GE(seen.syncs, 1);
    EXPECT_FALSE(seen.unsynced);
  }
}

TEST_F(StoreSyncTest, TheStartOfATermIsOnDisk) {
  for (const bool full : {true, false}) {
    options_.full_sync = full;
    const int before = syncs;
    auto store = open();
    EXPECT_GT(syncs, before);
    EXPECT_FALSE(unsynced);
  }
}

TEST_F(StoreSyncTest, WithoutFullSyncOnlyWhatTheExchangeAskedForIs) {
  options_.full_sync = false;
  auto store = open();
  EXPECT_GE(commit_and_see(*store, {command("a", "first-of-the-boot", false, 0)}).syncs, 1);
  const Seen ordinary = commit_and_see(*store, {command("a", "c1", false, 0)});
  EXPECT_EQ(ordinary.syncs, 0);
  EXPECT_TRUE(ordinary.unsynced) << "the writes are seen";
  for (const Row& row : {Row(hold_), Row(core::UnauthorizedCount{1, 42})}) {
    const Seen seen = commit_and_see(*store, {row});
    EXPECT_GE(seen.syncs, 1);
    EXPECT_FALSE(seen.unsynced);
  }
}

}  // namespace
}  // namespace cancelbus::io
