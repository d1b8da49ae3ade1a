// Copies SQLite's write-ahead log into the database, in a thread of its own.
//
// The bus commits on its loop; a checkpoint copies a thousand pages and syncs twice, and would delay a turn by
// milliseconds. SQLite starts the log anew with the first commit that finds all of it copied. Under a load without
// pauses no copy in a thread ever catches up, so once the log is long the loop copies the last few frames itself.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <condition_variable>
#include <functional>
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

  /// Opens `path` a second time. Errors: what SQLite says.
  static absl::StatusOr<std::unique_ptr<Checkpointer>> open(const std::string& path);
  /// Waits for a checkpoint under way.
  ~Checkpointer();

  /// After a commit that left so many frames in the log. Returns at once.
  void committed(int frames);
  /// Between two commits on `db`: copies what the thread could not catch up with, if that is asked for.
  void help(sqlite3* db);

 private:
  explicit Checkpointer(Sqlite db);
  void run();
  void copy(int frames);

  Sqlite db_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  int frames_ = 0;  ///< in the log at the latest commit, if it wants a checkpoint
  bool ends_ = false;
  std::atomic<bool> needs_help_ = false;
  std::thread thread_;
};

}  // namespace cancelbus::io
