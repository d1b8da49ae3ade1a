// A copy of the bus's store, as one file, made while the bus runs.
//
// Used by the backup command. The copy is one state of the store: it is read in one read transaction, which does not
// block the bus. The copy is marked as not to be trusted: its `meta` has no `boot_id` and says `sync` = normal, from
// which a bus that is started on it concludes that commits are missing (SqliteStore::begin_term in service/io), and
// `backed_up` is the time of the copied state.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {

struct Backup {
  int64_t bytes = 0;
  int64_t schema_version = 0;
  int64_t commands = 0;
  int64_t events = 0;
  WallTime backed_up;
};

struct BackupError {
  /// Names the store or the file.
  std::string sentence;
  /// The store cannot be read; else the file cannot be written, or it was interrupted.
  bool store_unreadable = false;
};

/// Writes `file`, which must not exist, with mode 0600. It is complete, checked and on disk when this returns a value;
/// else there is no such file. It is written in a folder FILE.XXXXXX beside it, which is removed in either case but
/// survives a process that is killed. `interrupted` may be set by another thread or a signal. Null and `error` if it
/// fails.
std::optional<Backup> back_up(const std::string& store, const std::string& file, const std::atomic<bool>& interrupted,
                              BackupError& error);

}  // namespace cancelbus::ctl
