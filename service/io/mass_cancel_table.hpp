// The store's mass cancels, their orders, and the dead man's switches that make some of them. Used by store.cpp alone;
// the columns are a contract, as those of `cancels`.
//
// The tables are `mass_cancels`, `mass_cancel_orders` and `dead_man_switches` (store_schema.hpp). An order's row says
// what became of it; the rows go with that of their mass cancel.
#pragma once

#include <absl/status/status.h>

#include "service/core/records.hpp"
#include "service/io/sqlite.hpp"

namespace cancelbus::io {

class MassCancelTable {
 public:
  /// False if a table or a column is missing; the database has the error.
  bool prepare(sqlite3* db);

  /// `run_time`: how long a bus has run on this store by now.
  absl::Status put(const core::MassCancelRecord& record, core::Duration run_time);
  absl::Status put(const core::MassCancelOrder& order);
  absl::Status put(const core::MassCancelOrderForgotten& forgotten);
  absl::Status put(const core::MassCancelForgotten& forgotten);
  absl::Status put(const core::DeadManRecord& record);
  absl::Status put(const core::DeadManDisarmed& disarmed);

  /// Into `mass_cancels`, `mass_cancel_orders` and `dead_men`; of one that has ended only the orders whose command is
  /// undecided.
  absl::Status read(core::Snapshot& snapshot);

 private:
  sqlite3* db_ = nullptr;
  Statement upsert_, upsert_order_, delete_, delete_order_, delete_orders_, upsert_dead_man_, delete_dead_man_;
};

}  // namespace cancelbus::io
