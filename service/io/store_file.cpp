#include "service/io/store_file.hpp"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace cancelbus::io {
namespace {

/// As SQLite would make it: operators read it with sqlite3.
constexpr mode_t FileMode = 0644;

uint64_t size_of(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? static_cast<uint64_t>(found.st_size) : 0;
}

}  // namespace

StoreFile::StoreFile(StoreFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      lock_file_(std::exchange(other.lock_file_, -1)),
      watched_(std::move(other.watched_)) {}

StoreFile::~StoreFile() {
  if (file_ >= 0) ::close(file_);
  if (lock_file_ >= 0) ::close(lock_file_);
}

absl::StatusOr<StoreFile> StoreFile::lock(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored)) {
    return absl::NotFoundError(absl::StrCat(path, ": its folder is not there"));
  }
  StoreFile file(path);
  if (auto status = file.take(path + ".lock", file.lock_file_); !status.ok()) return status;
  if (auto status = file.take(path, file.file_); !status.ok()) return status;
  struct stat found {};
  if (::fstat(file.file_, &found) != 0) return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
  if (found.st_nlink > 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": the file has ", found.st_nlink,
                     " names (hard links), and SQLite keeps a log for each of them: remove all but one"));
  }
  file.watched_.push_back({path, found.st_dev, found.st_ino});
  // It may have been replaced between opening and locking.
  if (auto status = file.in_place(); !status.ok()) return status;
  return file;
}

absl::Status StoreFile::take(const std::string& path, int& descriptor) {
  descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, FileMode);
  if (descriptor < 0) return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  if (errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": another cancel-bus uses this store"));
  }
  return absl::UnavailableError(absl::StrCat(path, ": cannot be locked: ", std::strerror(errno)));
}

std::optional<StoreFile::Watched> StoreFile::look(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return Watched{path, found.st_dev, found.st_ino};
}

void StoreFile::watch_log() {
  // SQLite names them after the file that a symbolic link leads to.
  std::error_code error;
  const std::string real = std::filesystem::canonical(path_, error).string();
  if (error) return;
  watched_.resize(1);
  for (const char* suffix : {"-wal", "-shm"}) {
    if (auto found = look(real + suffix)) watched_.push_back(*std::move(found));
  }
}

absl::Status StoreFile::in_place() const {
  for (const Watched& watched : watched_) {
    const auto found = look(watched.path);
    if (found && found->device == watched.device && found->inode == watched.inode) continue;
    return absl::UnavailableError(absl::StrCat(watched.path, ": the file was ", found ? "replaced" : "deleted",
                                               " while the bus uses it: put the same file back"));
  }
  return absl::OkStatus();
}

uint64_t StoreFile::bytes() const { return size_of(path_); }

uint64_t StoreFile::log_bytes() const { return watched_.size() > 1 ? size_of(watched_[1].path) : 0; }

}  // namespace cancelbus::io
