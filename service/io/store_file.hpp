// The file of a SQLite store: one bus at a time, and only as long as its path leads to it.
//
// SQLite itself notices neither. A lock file beside the store protects nothing once it is removed, or once the store is
// reached by another path; and a file that was deleted under an open database takes commits that no later bus finds.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace cancelbus::io {

class StoreFile {
 public:
  /// Locks the file, which is made if it is not there, until this object dies or the process does. Open it before
  /// SQLite opens the same file and close it afterwards: closing any descriptor of a file drops the POSIX locks that
  /// SQLite holds on it. So the lock is an flock(2), which SQLite does not use. Errors: FailedPrecondition if another
  /// process has locked it or it has several hard links, NotFound without its folder, else what the system says; all
  /// name the path.
  static absl::StatusOr<StoreFile> lock(const std::string& path);

  StoreFile(StoreFile&& other) noexcept;
  StoreFile& operator=(StoreFile&&) = delete;
  ~StoreFile();

  /// Watch SQLite's files beside it too: `-wal`, and `-shm` by which readers find it. Call it while SQLite has them
  /// open.
  void watch_log();

  /// An error names the file that was deleted or replaced since.
  absl::Status in_place() const;

  /// Bytes of the file, and of the write-ahead log once that is watched.
  uint64_t bytes() const;
  uint64_t log_bytes() const;

 private:
  struct Watched {
    std::string path;
    dev_t device;
    ino_t inode;
  };
  static std::optional<Watched> look(const std::string& path);

  explicit StoreFile(std::string path) : path_(std::move(path)) {}
  absl::Status take(const std::string& path, int& descriptor);

  std::string path_;  ///< as the operator wrote it
  int file_ = -1;
  int lock_file_ = -1;  ///< PATH.lock, the only file that earlier versions lock
  std::vector<Watched> watched_;
};

}  // namespace cancelbus::io
