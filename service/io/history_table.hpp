// The store's history: what happened to each order, and which commands it had. Used by store.cpp alone.
//
// The tables are `history`, `cancels` and `events` (store_schema.hpp). Written with the commit of each turn, read for
// operators and strategies who ask. Reading uses the keys that the tables have for the bus's own sake, so that asking
// costs a cancel nothing: commands of an order by their index, those of a sender or of all by the primary key, whose
// order is not that of time. A page looks at no more than so many rows, whatever is asked; the rest is on the next.
#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "service/core/history.hpp"
#include "service/core/records.hpp"
#include "service/io/sqlite.hpp"

namespace cancelbus::io {

class HistoryTable {
 public:
  static constexpr uint32_t MostCommandsLookedAt = 1'000;
  static constexpr size_t MostCommands = 100;
  static constexpr uint32_t MostRows = 500;
  /// A page ends when it holds about so many.
  static constexpr size_t PageBytes = 40'000;

  /// False if a table or a column is missing; the database has the error.
  bool prepare(sqlite3* db);

  absl::Status put(const core::HistoryLine& line, uint64_t term);
  absl::Status forget(core::OrderId order);

  /// Commands by sender and cl_ord_id. The lines of an order come with the first of its commands on a page; of one
  /// order alone, with the first of all.
  absl::StatusOr<core::HistoryPage> read(const core::HistoryQuery& query);

 private:
  struct Command {
    core::HistoryCommand shown;
    core::WallTime updated;
    uint64_t ack_seq = 0;
    uint64_t final_seq = 0;
  };
  /// A page on its way.
  struct Reading {
    const core::HistoryQuery& query;
    core::HistoryPage page = {};
    size_t bytes = 0;
    uint32_t rows_looked_at = 0;
    absl::flat_hash_set<core::OrderId> told = {};  ///< orders whose lines are on this page, or on an earlier one
  };

  absl::StatusOr<std::vector<Command>> commands(const core::HistoryQuery& query);
  Statement& walk(const core::HistoryQuery& query);
  /// False if the page ends within the command.
  absl::StatusOr<bool> add(Command command, Reading& reading);
  absl::StatusOr<bool> add_rows(core::HistoryCommand& command, core::HistoryPlace after, Reading& reading);
  absl::StatusOr<std::string> event(const core::CommandKey& key, uint64_t seq);

  sqlite3* db_ = nullptr;
  Statement insert_, drop_, forget_, by_order_, by_sender_, all_, rows_, event_;
};

}  // namespace cancelbus::io
