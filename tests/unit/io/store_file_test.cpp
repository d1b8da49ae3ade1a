// The store's file under other hands: a second bus, another program that reads or writes it, one that removes it.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/unit/io/store_fixture.hpp"

namespace cancelbus::io {
namespace {

class StoreFileTest : public StoreFixture {
 protected:
  /// Why a second bus, which reaches the store by this path, is refused.
  std::string why_refused(const std::string& path) {
    StoreOptions second = options_;
    second.path = path;
    const auto opened = open_store(second);
    EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition) << opened.status();
    return std::string(opened.status().message());
  }

  /// The disk is looked at once a second.
  static bool comes_to(Store& store, absl::StatusCode wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (store.check().code() != wanted) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  static Batch one_event() { return {EventRow{"venue.", ++seq_, now().wall, "x"}}; }
  static inline uint64_t seq_ = 0;
};

TEST_F(StoreFileTest, ASecondBusIsRefusedThoughTheLockFileWasRemoved) {
  auto store = open();
  std::filesystem::remove(options_.path + ".lock");
  EXPECT_EQ(why_refused(options_.path), options_.path + ": another cancel-bus uses this store");
}

TEST_F(StoreFileTest, ASecondBusIsRefusedThroughASymbolicLink) {
  auto store = open();
  const std::string link = folder_ / "link.db";
  std::filesystem::create_symlink(options_.path, link);
  EXPECT_EQ(why_refused(link), link + ": another cancel-bus uses this store");
}

TEST_F(StoreFileTest, AFileWithTwoNamesIsRefused) {
  open();
  const std::string other = folder_ / "other.db";
  std::filesystem::create_hard_link(options_.path, other);
  EXPECT_NE(why_refused(options_.path).find("2 names (hard links)"), std::string::npos);
  EXPECT_NE(why_refused(other).find("remove all but one"), std::string::npos);
  std::filesystem::remove(other);
  EXPECT_TRUE(open());
}

TEST_F(StoreFileTest, IsOpenedThroughASymbolicLinkAsWell) {
  open();
  const std::string real = options_.path;
  options_.path = folder_ / "link.db";
  std::filesystem::create_symlink(real, options_.path);
  auto store = open();
  EXPECT_TRUE(commit(*store, one_event()).ok());
  EXPECT_TRUE(store->check().ok());
  std::filesystem::remove(options_.path);
  EXPECT_TRUE(comes_to(*store, absl::StatusCode::kUnavailable)) << "the path leads to nothing";
}

TEST_F(StoreFileTest, ADeletedFileIsNamedUntilItIsPutBack) {
  auto store = open();
  const std::string aside = folder_ / "aside";
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const std::string file = options_.path + suffix;
    ASSERT_TRUE(comes_to(*store, absl::StatusCode::kOk));
    std::filesystem::rename(file, aside);
    ASSERT_TRUE(comes_to(*store, absl::StatusCode::kUnavailable)) << file;
    EXPECT_NE(store->check().message().find(file + ": the file was deleted"), std::string::npos) << store->check();
    std::ofstream(file) << "another";
    EXPECT_FALSE(store->check().ok());
    std::filesystem::rename(aside, file);
    ASSERT_TRUE(comes_to(*store, absl::StatusCode::kOk)) << file;
  }
  EXPECT_TRUE(commit(*store, one_event()).ok());
}

TEST_F(StoreFileTest, ACopyInItsPlaceIsNotTheFile) {
  auto store = open();
  std::filesystem::copy_file(options_.path, folder_ / "copy");
  std::filesystem::rename(folder_ / "copy", options_.path);
  ASSERT_TRUE(comes_to(*store, absl::StatusCode::kUnavailable));
  EXPECT_NE(store->check().message().find("was replaced"), std::string::npos) << store->check();
}

TEST_F(StoreFileTest, ACommitDoesNotWaitForAnotherProcessThatWrites) {
  options_.busy_timeout = std::chrono::hours(1);  // who waited would wait here
  auto store = open();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const Batch batch = one_event();
  EXPECT_EQ(commit(*store, batch).code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_TRUE(commit(*store, batch).ok());
  sqlite3_close(other);
}

TEST_F(StoreFileTest, AStoreThatAnotherProgramHoldsIsNotCalledDamaged) {
  open();
  options_.busy_timeout = std::chrono::milliseconds(1);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT", nullptr, nullptr, nullptr),
            SQLITE_OK);
  const absl::Status status = open_store(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_NE(status.message().find("database is locked"), std::string::npos) << status;
  sqlite3_close(other);
}

TEST_F(StoreFileTest, ALogThatAReaderHeldUpIsCountedAndCutOnceItHasGone) {
  auto store = open();
  ASSERT_TRUE(commit(*store, one_event()).ok());
  sqlite3* reader = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &reader), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(reader, "BEGIN; SELECT COUNT(*) FROM events", nullptr, nullptr, nullptr), SQLITE_OK);
  const std::string large(1'000'000, 'x');
  constexpr uint64_t CutTo = 16 * 1024 * 1024;
  while (store->bytes().log <= 2 * CutTo) {
    ASSERT_TRUE(commit(*store, {EventRow{"venue.", ++seq_, now().wall, large}}).ok());
  }
  const StoreBytes bytes = store->bytes();
  EXPECT_EQ(bytes.log, std::filesystem::file_size(options_.path + "-wal"));
  EXPECT_EQ(bytes.total, bytes.log + std::filesystem::file_size(options_.path));
  ASSERT_EQ(sqlite3_exec(reader, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(reader);
  // Each commit asks for a checkpoint, and the first one after it has caught up starts the log anew.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (store->bytes().log > CutTo) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    ASSERT_TRUE(commit(*store, one_event()).ok());
  }
  EXPECT_EQ(load(*store).topics.at(0).next_seq, seq_ + 1);
}

TEST_F(StoreFileTest, UnderALoadWithoutPausesTheLogStartsAnewAgainAndAgain) {
  auto store = open();
  // The fourth number of the log's header counts its beginnings.
  const auto beginnings = [this] {
    std::ifstream log(options_.path + "-wal", std::ios::binary);
    std::string header(16, '\0');
    log.read(header.data(), 16);
    return header.substr(12);
  };
  const std::string large(40'000, 'x');
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  for (int i = 0; i < 3; ++i) {
    for (const std::string before = beginnings(); beginnings() == before;) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      ASSERT_TRUE(commit(*store, {EventRow{"venue.", ++seq_, now().wall, large}}).ok());
    }
  }
}

}  // namespace
}  // namespace cancelbus::io
