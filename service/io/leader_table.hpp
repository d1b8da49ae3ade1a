// Who leads a store on SQLite, and how far it has come: the one row of `leader`.
//
// Used by the store, in its transactions.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sqlite3.h>

#include <string>
#include <string_view>

#include "service/core/term.hpp"
#include "service/io/sqlite.hpp"

namespace cancelbus::io {

/// The name of a bus for one term, or while it follows: the machine's name and a random part, at most 64 characters.
std::string new_leader_id();

/// A term as one text: TERM BATCH LEADER_ID.
std::string text_of(const core::Term& term);
/// Of what text_of() has written.
core::Term term_of(std::string_view text);

class LeaderTable {
 public:
  /// False if the table or a column is missing; the database has the error.
  bool prepare(sqlite3* db);

  /// As the last bus has left it; of a new store term 0.
  absl::StatusOr<core::Term> read();
  absl::Status put(const core::Term& leader);
  /// In the transaction of each batch.
  absl::Status count(uint64_t batch);

 private:
  Statement read_, put_, count_;
};

}  // namespace cancelbus::io
