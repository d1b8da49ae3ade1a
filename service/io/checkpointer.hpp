// Copies SQLite's write-ahead log into the database, in a thread of its own.
//
// The bus commits on its loop; a checkpoint copies a thousand pages and syncs twice, and would delay a turn by
// milliseconds. SQLite starts the log anew with the first commit that finds all of it copied. Under a load without
// pauses no copy in a thread ever catches up, so once the log is long the loop copies the last few frames itself.
//
// No checkpoint begins on a log that is copied already. Until 3.51.3 SQLite has a race ("WAL-reset bug",
// https://sqlite.org/wal.html): if a commit starts the log anew while another connection begins such a checkpoint,
// committed frames may never be copied. So one checkpoint runs at a time, and only where a commit has added frames
// since the one before.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "service/io/sqlite.hpp"

namespace cancelbus::io {

class Checkpointer {
 public:
  /// Frames (pages) in the log from which on a checkpoint is worth it, and from which on the loop helps.
  static constexpr int Frames = 1'000;
  static constexpr int FramesBeforeHelp = 8'000;
  /// The loop copies no more than about so many.
  static constexpr int MostFramesOfHelp = 2'000;

  /// Opens `path` a second time. Errors: what SQLite says.
  static absl::StatusOr<std::unique_ptr<Checkpointer>> open(const std::string& path);
  /// Waits for a checkpoint under way.
  ~Checkpointer();

  /// After every commit: so many frames are in the log. Returns at once.
  void committed(int frames);
  /// Between two commits on `db`: copies the few frames that the thread could not catch up with, if there are such.
  /// True if it did.
  bool help(sqlite3* db);

 private:
  /// What one checkpoint found: the frames in the log when it began, and whether all of them are copied.
  struct Copied {
    int frames = 0;
    bool all = false;
  };
  static Copied checkpoint(sqlite3* db);

  explicit Checkpointer(Sqlite db);
  void run();
  bool take_wish();
  void note(const Copied& copied);

  Sqlite db_;
  std::mutex checkpoint_;  ///< held during one, and while it is decided whether it is needed
  std::mutex mutex_;       ///< guards what follows
  std::condition_variable wish_;
  int frames_ = 0;  ///< in the log at the latest commit
  bool wanted_ = false;
  bool ends_ = false;
  std::atomic<bool> needs_help_ = false;
  std::thread thread_;
};

}  // namespace cancelbus::io
