#include "service/io/checkpointer.hpp"

#include <utility>

#include "service/io/blocked_signals.hpp"

namespace cancelbus::io {

absl::StatusOr<std::unique_ptr<Checkpointer>> Checkpointer::open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Sqlite db(raw);
  if (result != SQLITE_OK) return sqlite_error(raw, "checkpoints");
  if (auto status = sqlite_run(raw, "PRAGMA wal_autocheckpoint=0"); !status.ok()) return status;
  // A connection that has read nothing does not know of the log, and checkpoints nothing.
  if (auto status = sqlite_run(raw, "SELECT 1 FROM sqlite_schema"); !status.ok()) return status;
  return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(db)));
}

Checkpointer::Checkpointer(Sqlite db) : db_(std::move(db)) {
  const BlockedSignals blocked;
  thread_ = std::thread([this] { run(); });
}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wish_.notify_one();
  thread_.join();
}

void Checkpointer::committed(int frames) {
  {
    const std::lock_guard lock(mutex_);
    frames_ = frames;
    wanted_ = frames >= Frames;
    if (!wanted_) return;
  }
  wish_.notify_one();
}

void Checkpointer::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      // While the loop's help is awaited, it comes with the next commit.
      wish_.wait(lock, [this] { return ends_ || (wanted_ && !needs_help_); });
      if (ends_) return;
    }
    const std::lock_guard one_at_a_time(checkpoint_);
    if (take_wish()) note(checkpoint(db_.get()));
  }
}

bool Checkpointer::help(sqlite3* db) {
  if (!needs_help_.load(std::memory_order_relaxed)) return false;
  const std::unique_lock one_at_a_time(checkpoint_, std::try_to_lock);
  if (!one_at_a_time || !take_wish()) return false;
  note(checkpoint(db));
  return true;
}

bool Checkpointer::take_wish() {
  const std::lock_guard lock(mutex_);
  return std::exchange(wanted_, false);
}

void Checkpointer::note(const Copied& copied) {
  const std::lock_guard lock(mutex_);
  // A commit that the checkpoint has seen asks for no other. What came later is left to copy.
  const int left = frames_ - copied.frames;
  if (copied.all && left <= 0) wanted_ = false;
  // Where a reader held it up, all is left, which is too much for the loop.
  needs_help_ = wanted_ && copied.all && left <= MostFramesOfHelp && frames_ >= FramesBeforeHelp;
}

Checkpointer::Copied Checkpointer::checkpoint(sqlite3* db) {
  // PASSIVE waits for no reader and keeps none waiting. An error leaves the log as it is: the next commit asks again.
  int in_log = -1, copied = -1;
  const int result = sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
  return {in_log, result == SQLITE_OK && in_log >= 0 && in_log == copied};
}

}  // namespace cancelbus::io
