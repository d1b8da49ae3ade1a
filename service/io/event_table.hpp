// The store's events: kept for retransmission, and pruned by age without leaving gaps. Used by store.cpp alone.
//
// The tables are `events` and `topics` (store_schema.hpp). A topic stands behind its last event; where the last was
// pruned, `topics` says where it stood, and that never goes back.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "service/core/records.hpp"
#include "service/io/sqlite.hpp"
#include "service/io/store.hpp"

namespace cancelbus::io {

class EventTable {
 public:
  /// False if a table or a column is missing; the database has the error.
  bool prepare(sqlite3* db);

  /// `run_time`: how long a bus has run on this store by now.
  absl::Status insert(const EventRow& event, core::Duration run_time);
  /// As Store::read_events and Store::first_kept.
  absl::StatusOr<std::vector<std::string>> read(const std::string& topic, uint64_t from_seq, uint32_t count);
  absl::StatusOr<uint64_t> first_kept(const std::string& topic);
  absl::StatusOr<std::vector<core::TopicPosition>> topics();

  /// In the transaction of each batch: every 10 s, or as long as there is more, forgets up to 1,000 events that were
  /// inserted before a bus had run for `before`. The events of an open command stay, and with them what follows on
  /// their topic.
  absl::Status prune(core::Tick now, core::Duration before);

 private:
  absl::Status prune_topic(const std::string& topic, int64_t last, core::Duration before);
  int64_t first_needed(const std::string& topic);

  sqlite3* db_ = nullptr;
  Statement insert_, read_, first_kept_, oldest_, first_needed_, keep_topic_, prune_;
  core::Tick next_prune_ = core::Tick::min();
};

}  // namespace cancelbus::io
