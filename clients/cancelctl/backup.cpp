#include "clients/cancelctl/backup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "clients/cancelctl/store_reader.hpp"

namespace cancelbus::ctl {
namespace {

/// Between two looks at whether it is interrupted: 4 MB.
constexpr int PagesPerStep = 1'000;
constexpr int InstructionsPerLook = 100'000;

/// Empty if all went well, else what did not.
using Failure = std::string;

Failure system_failure(const std::string& path) { return path + ": " + std::strerror(errno); }

/// SQLite says "disk I/O error"; what the system last said of the file tells which.
Failure sqlite_failure(sqlite3* db, int result) {
  int error = 0;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
  return sqlite3_errstr(result) + (error != 0 ? std::string(" (") + std::strerror(error) + ")" : "");
}
Failure sqlite_failure(sqlite3* db) { return sqlite_failure(db, sqlite3_errcode(db)); }

Failure sync_path(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return system_failure(path);
  const Failure failure = ::fsync(descriptor) == 0 ? "" : system_failure(path);
  ::close(descriptor);
  return failure;
}

/// A folder beside the file, for the copy and what SQLite writes beside that. It goes with all that is in it.
class Workshop {
 public:
  explicit Workshop(const std::string& file) : file_(file), path_(file + ".XXXXXX") {}
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  ~Workshop() {
    std::error_code ignored;
    if (made_) std::filesystem::remove_all(path_, ignored);
  }

  Failure make() {
    made_ = ::mkdtemp(path_.data()) != nullptr;
    if (!made_) return system_failure(file_);
    // SQLite would make it legible to all, and gives what it writes beside it the same mode.
    const int descriptor = ::open(copy().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return system_failure(file_);
    ::close(descriptor);
    return {};
  }
  std::string copy() const { return path_ + "/copy"; }

 private:
  const std::string& file_;
  std::string path_;
  bool made_ = false;
};

class Copying {
 public:
  Copying(sqlite3* source, const std::atomic<bool>& interrupted) : source_(source), interrupted_(interrupted) {}

  Failure run(const std::string& path, Backup& backup) {
    sqlite3* raw = nullptr;
    const int opened = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
    copy_.reset(raw);
    if (opened != SQLITE_OK) return sqlite_failure(raw);
    const auto look = [](void* flag) { return static_cast<const std::atomic<bool>*>(flag)->load() ? 1 : 0; };
    sqlite3_progress_handler(raw, InstructionsPerLook, look, const_cast<std::atomic<bool>*>(&interrupted_));
    Failure failure = copy_pages();
    if (failure.empty()) failure = make_one_file();
    if (failure.empty()) failure = mark(backup.backed_up);
    if (failure.empty()) failure = check();
    if (failure.empty()) failure = count(backup);
    return failure;
  }

 private:
  // The source's transaction keeps all steps at one state.
  Failure copy_pages() {
    sqlite3_backup* backup = sqlite3_backup_init(copy_.get(), "main", source_, "main");
    if (backup == nullptr) return sqlite_failure(copy_.get());
    int result = SQLITE_OK;
    while (result == SQLITE_OK && !interrupted_) result = sqlite3_backup_step(backup, PagesPerStep);
    sqlite3_backup_finish(backup);
    if (result == SQLITE_OK) return "interrupted";
    if (result == SQLITE_DONE) return {};
    return sqlite_failure(copy_.get(), result);
  }

  // The copied header says that there is a write-ahead log, and such a file is not readable in a read-only folder.
  Failure make_one_file() {
    base::Statement mode(copy_.get(), "PRAGMA journal_mode=DELETE");
    const bool answered = mode.next();
    if (answered && mode.text() == "delete") return {};
    return answered ? "its journal mode cannot be changed" : sqlite_failure(copy_.get());
  }

  Failure mark(WallTime backed_up) {
    const std::string sql =
        "BEGIN; DELETE FROM meta WHERE key='boot_id';"
        "INSERT OR REPLACE INTO meta(key, value) VALUES('sync', 'normal'), ('backed_up', '" +
        time_text(backed_up) + "'); COMMIT";
    if (sqlite3_exec(copy_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
    return sqlite_failure(copy_.get());
  }

  Failure check() {
    base::Statement query(copy_.get(), "PRAGMA quick_check(1)");
    if (!query.next()) return sqlite_failure(copy_.get());
    const std::string found = query.text();
    return found == "ok" ? "" : "the store is damaged, so is its copy: quick_check says " + found;
  }

  Failure count(Backup& backup) {
    base::Statement query(copy_.get(), "SELECT (SELECT COUNT(*) FROM cancels), (SELECT COUNT(*) FROM events)");
    if (!query.next()) return sqlite_failure(copy_.get());
    backup.commands = query.integer();
    backup.events = query.integer();
    backup.schema_version = schema_version(copy_.get());
    return {};
  }

  sqlite3* source_;
  const std::atomic<bool>& interrupted_;
  base::Sqlite copy_;
};

/// Gives the copy its name, and never that of another file.
Failure give_name(const std::string& copy, const std::string& file) {
  if (Failure failure = sync_path(copy); !failure.empty()) return failure;
  if (::renameat2(AT_FDCWD, copy.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno != EINVAL) return system_failure(file);
    return file + ": this file system cannot rename without replacing; write to another one, and copy it from there";
  }
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  Failure failure = sync_path(folder.empty() ? "." : folder.string());
  if (!failure.empty()) ::unlink(file.c_str());
  return failure;
}

Failure write_file(sqlite3* source, const std::string& file, const std::atomic<bool>& interrupted, Backup& backup) {
  struct stat found {};
  // A link counts, wherever it leads.
  if (::lstat(file.c_str(), &found) == 0) return file + ": it exists, and nothing is overwritten; give another name";
  Workshop workshop(file);
  if (Failure failure = workshop.make(); !failure.empty()) return failure;
  {
    Copying copying(source, interrupted);
    if (Failure failure = copying.run(workshop.copy(), backup); !failure.empty()) return file + ": " + failure;
  }
  if (::stat(workshop.copy().c_str(), &found) != 0) return system_failure(workshop.copy());
  backup.bytes = found.st_size;
  if (interrupted) return file + ": interrupted";
  return give_name(workshop.copy(), file);
}

}  // namespace

std::optional<Backup> back_up(const std::string& store, const std::string& file, const std::atomic<bool>& interrupted,
                              BackupError& error) {
  std::string why;
  const base::Sqlite source = open_to_read(store, why);
  if (!source) {
    error = {store + ": " + why, true};
    return std::nullopt;
  }
  Backup backup;
  backup.backed_up = wall_now();
  if (Failure failure = write_file(source.get(), file, interrupted, backup); !failure.empty()) {
    error.sentence = failure;
    return std::nullopt;
  }
  return backup;
}

}  // namespace cancelbus::ctl
