#include "service/io/checkpointer.hpp"

#include <signal.h>

#include <utility>

namespace cancelbus::io {
namespace {

/// Each finds fewer frames than the one before, as long as nobody reads an old state of the database.
constexpr int CopiesAtOnce = 3;

/// True if all of the log has been copied.
bool copy_log(sqlite3* db) {
  // PASSIVE waits for no reader and keeps none waiting. An error leaves the log as it is: the next commit asks again.
  int in_log = -1, copied = -1;
  const int result = sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
  return result == SQLITE_OK && in_log >= 0 && in_log == copied;
}

/// A thread inherits the mask: signals are for the loop.
std::thread without_signals(std::function<void()> work) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(work));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

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

Checkpointer::Checkpointer(Sqlite db) : db_(std::move(db)), thread_(without_signals([this] { run(); })) {}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wanted_.notify_one();
  thread_.join();
}

void Checkpointer::committed(int frames) {
  if (frames < Frames) return;
  {
    const std::lock_guard lock(mutex_);
    frames_ = frames;
  }
  wanted_.notify_one();
}

void Checkpointer::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    wanted_.wait(lock, [this] { return ends_ || frames_ > 0; });
    if (ends_) return;
    const int frames = std::exchange(frames_, 0);
    lock.unlock();
    copy(frames);
  }
}

void Checkpointer::copy(int frames) {
  for (int i = 0; i < CopiesAtOnce; ++i) {
    if (copy_log(db_.get())) return;
  }
  needs_help_ = frames >= FramesBeforeHelp;
}

void Checkpointer::help(sqlite3* db) {
  if (needs_help_.load(std::memory_order_relaxed) && needs_help_.exchange(false)) copy_log(db);
}

}  // namespace cancelbus::io
