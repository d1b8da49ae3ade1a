// The bus's durable store: one transaction per turn of the bus. open_store() gives the one on SQLite, in WAL mode;
// postgres_store.hpp has the one on PostgreSQL.
//
// The seam is asynchronous for reads and commits: every call answers through `done`, in the order of the calls. SQLite
// answers before the call returns; a replicated store answers later, from the bus's loop. Never after the store's
// destruction. Times are nanoseconds since the Unix epoch (the view `commands` shows them as text), ticks nanoseconds
// since boot. Threads: one caller.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "service/core/history.hpp"
#include "service/core/records.hpp"
#include "service/core/types.hpp"

namespace cancelbus::io {

/// A sequenced event as it goes out.
struct EventRow {
  std::string topic;
  uint64_t seq = 0;
  core::WallTime sending_time;
  std::string payload;
  /// Of a CancelFinal; not stored.
  bool is_final = false;
};

using Row = std::variant<core::CommandRecord, core::CommandForgotten, core::PermitRecord, core::PermitForgotten,
                         core::HoldRecord, core::LoweredLimits, core::UnauthorizedCount, core::FactPosition,
                         core::HistoryLine, core::HistoryForgotten, core::BackOnBook, core::MassCancelRecord,
                         core::MassCancelOrder, core::MassCancelOrderForgotten, core::MassCancelForgotten,
                         core::DeadManRecord, core::DeadManDisarmed, EventRow>;
using Batch = std::vector<Row>;

struct StoreOptions {
  std::string path;      ///< of SQLite's file; empty: in memory, gone with the process
  std::string uri = {};  ///< of a database of PostgreSQL; then there is no file
  /// PostgreSQL: a bus that has not renewed its lease for so long leads no more, and another one may.
  core::Duration lease = std::chrono::seconds(2);
  /// Commits survive a power cut. Else only the death of the process, but for what the exchange has asked for; and
  /// another boot means a new epoch.
  bool full_sync = true;
  /// How long open_store() waits while another process writes the file. A commit is refused after 10 ms.
  std::chrono::milliseconds busy_timeout = std::chrono::seconds(5);
  /// Events are kept at least so long.
  core::Duration retention = std::chrono::hours(24);
};

/// Bytes on disk.
struct StoreBytes {
  uint64_t total = 0;
  uint64_t log = 0;  ///< of these, the write-ahead log's
};

/// Of a store that several buses share.
struct Replication {
  struct Standby {
    std::string name;
    core::Duration heard_ago{};
  };
  /// Of the database that every commit has reached before it counts.
  uint32_t servers = 0;
  /// Commits wait for such a server; if there is none, without end.
  bool waits = false;
  /// Buses that follow.
  std::vector<Standby> standbys = {};
  core::Duration renewed_ago{};  ///< the lease
};

class Store {
 public:
  template <typename T>
  using Done = std::function<void(absl::StatusOr<T>)>;

  virtual ~Store() = default;

  /// All rows that a restart needs; once, before the first commit.
  virtual void load(Done<core::Snapshot> done) = 0;

  /// All of the batch or none of it. An error leaves the store as it was: commit the same batch again later. The batch
  /// must live until `done` is called. Waits for another process for 10 ms at most.
  virtual void commit(const Batch& batch, std::function<void(absl::Status)> done) = 0;

  /// Payloads of these seqs in order, from `from_seq` on without a gap; empty if the first is not kept.
  virtual void read_events(const std::string& topic, uint64_t from_seq, uint32_t count,
                           Done<std::vector<std::string>> done) = 0;

  /// The first seq that is kept; 0 if none is.
  virtual void first_kept(const std::string& topic, Done<uint64_t> done) = 0;

  /// A page of the history. Looks at a bounded number of rows.
  virtual void read_history(const core::HistoryQuery& query, Done<core::HistoryPage> done) = 0;

  /// Call it every turn. An error: a commit would not reach the file that a later bus opens, and nothing may be
  /// promised until this is OK again. Looks at the disk once a second, and once a minute records the running time.
  virtual absl::Status check() = 0;

  virtual StoreBytes bytes() = 0;

  /// What this bus leads; `batch` is that of the last commit that is known.
  virtual const core::Term& term() const = 0;

  /// A worker has seen `seen`, and this store lacks what was let out by then: begins a term above it, as after lost
  /// commits. Until the first commit of that term, each start of a bus on this store does the same. Not while a commit
  /// is under way. An error leaves the store as it was: try again later.
  virtual void begin_again(const core::Term& seen, Done<core::Snapshot> done) = 0;

  /// As of a moment ago; absent: the store is this bus's alone.
  virtual std::optional<Replication> replication() const { return std::nullopt; }

  /// The bus ends in order, after its last commit: another one that shares the store may lead at once.
  virtual void close(std::function<void()> done) { done(); }
};

/// Opens or makes the store and brings its schema to this version. Errors: FailedPrecondition when another bus uses it,
/// the file is not ours, has several names, or its schema is of a later version; DataLoss when it is damaged, else what
/// SQLite said; all name the path. Counts one more start of the bus.
absl::StatusOr<std::unique_ptr<Store>> open_store(const StoreOptions& options);

/// Takes the schema of a store that no bus uses back to an earlier version, for a cancel-bus that reads only that.
/// Nothing that the earlier version knows is lost. Errors as open_store(), and InvalidArgument for a version that does
/// not lie between 1 and the store's.
absl::Status downgrade_store(const StoreOptions& options, int64_t version);

}  // namespace cancelbus::io
