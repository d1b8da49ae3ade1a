// Where the bus writes down what it has taken on: SQLite in WAL mode, one transaction per turn.
//
// Used by the bus's shell. The seam is asynchronous: commit() calls back when the batch is on disk, in the order of the
// calls; SQLite calls back before it returns, a replicated store would later. Times are nanoseconds since the Unix
// epoch (the view `commands` shows them as text), ticks nanoseconds since boot.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "service/core/records.hpp"
#include "service/core/types.hpp"

namespace cancelbus::io {

/// A sequenced event as it goes out.
struct EventRow {
  std::string topic;
  uint64_t seq = 0;
  core::WallTime sending_time;
  std::string payload;
};

using Row = std::variant<core::CommandRecord, core::CommandForgotten, core::PermitRecord, core::PermitForgotten,
                         core::HoldRecord, core::UnauthorizedCount, core::FactPosition, core::HistoryLine,
                         core::HistoryForgotten, EventRow>;
using Batch = std::vector<Row>;

struct StoreOptions {
  std::string path;  ///< empty: in memory, gone with the process
  /// Commits survive a power cut. Else only the death of the process, but for what the exchange has asked for; and
  /// another boot means a new epoch.
  bool full_sync = true;
  /// So long a commit waits for somebody else who writes the file, by hand.
  std::chrono::milliseconds busy_timeout = std::chrono::seconds(5);
  /// Events are kept at least so long.
  core::Duration retention = std::chrono::hours(24);
};

class Store {
 public:
  virtual ~Store() = default;

  /// What is there; once, before the first commit.
  virtual absl::StatusOr<core::Snapshot> load() = 0;

  /// All of the batch or none of it. An error leaves the store as it was: commit the same batch again later.
  virtual void commit(const Batch& batch, std::function<void(absl::Status)> done) = 0;

  /// Payloads of these seqs in order, from `from_seq` on without a gap; empty if the first is not kept.
  virtual absl::StatusOr<std::vector<std::string>> read_events(const std::string& topic, uint64_t from_seq,
                                                               uint32_t count) = 0;

  /// The first seq that is kept; 0 if none is.
  virtual absl::StatusOr<uint64_t> first_kept(const std::string& topic) = 0;

  /// Bytes on disk.
  virtual uint64_t size() = 0;
};

/// Opens or makes the store. Errors: FailedPrecondition when another bus uses it or the file is not ours, DataLoss when
/// it is damaged, else what SQLite said; all name the path. Counts one more start of the bus.
absl::StatusOr<std::unique_ptr<Store>> open_store(const StoreOptions& options);

}  // namespace cancelbus::io
