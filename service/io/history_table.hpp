// The store's history: what happened to each order, and which commands it had. Used by store.cpp alone.
//
// The tables are `history`, `cancels` and `events` (store_schema.hpp). Written with the commit of each turn, read for
// operators and strategies who ask; history_pager.hpp says what is on a page.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <type_traits>
#include <vector>

#include "service/core/history.hpp"
#include "service/core/records.hpp"
#include "service/io/history_pager.hpp"
#include "service/io/sqlite.hpp"

namespace cancelbus::io {

class HistoryTable {
 public:
  /// False if a table or a column is missing; the database has the error.
  bool prepare(sqlite3* db);

  absl::Status put(const core::HistoryLine& line, uint64_t term);
  absl::Status forget(core::OrderId order);

  absl::StatusOr<core::HistoryPage> read(const core::HistoryQuery& query);

 private:
  template <typename Of>
  absl::StatusOr<std::vector<std::invoke_result_t<Of, Statement&>>> all(Statement& statement, Of of);
  absl::Status answer(HistoryPager& pager, const HistoryPager::ReadCommands& read);
  absl::Status answer(HistoryPager& pager, const HistoryPager::ReadEvent& read);
  absl::Status answer(HistoryPager& pager, const HistoryPager::ReadRows& read);

  sqlite3* db_ = nullptr;
  Statement insert_, drop_, forget_, by_order_, by_sender_, all_, rows_, event_;
};

}  // namespace cancelbus::io
