#include "service/io/checkpointer.hpp"

#include "tests/unit/io/store_fixture.hpp"

namespace cancelbus::io {
namespace {

class CheckpointerTest : public StoreFixture {
 protected:
  void SetUp() override {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(options_.path.c_str(), &raw), SQLITE_OK);
    db_.reset(raw);
    execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE t(x)");
    checkpointer_ = *Checkpointer::open(options_.path);
    const auto hook = [](void* to, sqlite3*, const char*, int frames) {
      auto& test = *static_cast<CheckpointerTest*>(to);
      test.frames_ = frames;
      test.checkpointer_->committed(frames);
      return SQLITE_OK;
    };
    sqlite3_wal_hook(raw, hook, this);
  }
  void TearDown() override { checkpointer_.reset(); }

  void execute(const char* sql) {
    ASSERT_EQ(sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
  }
  void commit() { execute("INSERT INTO t VALUES(randomblob(20000))"); }

  Sqlite db_;
  int frames_ = 0;  ///< in the log
  std::unique_ptr<Checkpointer> checkpointer_;
};

TEST_F(CheckpointerTest, TheLoopNeverCopiesWhatAReaderHasHeldUp) {
  sqlite3* reader = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &reader), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(reader, "BEGIN; SELECT COUNT(*) FROM t", nullptr, nullptr, nullptr), SQLITE_OK);
  while (frames_ < 2 * Checkpointer::FramesBeforeHelp) {
    EXPECT_FALSE(checkpointer_->help(db_.get()));
    commit();
  }
  sqlite3_close(reader);
  EXPECT_FALSE(checkpointer_->help(db_.get())) << "16,000 frames on the loop";
  // The next commits have the thread copy them; only what came meanwhile may be left to the loop.
  execute("PRAGMA synchronous=FULL");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  int before = 0;
  do {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    before = frames_;
    checkpointer_->help(db_.get());
    commit();
  } while (frames_ > before);
}

}  // namespace
}  // namespace cancelbus::io
