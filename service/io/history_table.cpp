#include "service/io/history_table.hpp"

#include <utility>

#include "service/io/history_pager.hpp"
#include "service/io/store_rows.hpp"

namespace cancelbus::io {

bool HistoryTable::prepare(sqlite3* db) {
  db_ = db;
  const HistoryPager::ReadCommands all, of_order{.order_id = 1}, of_sender{.sender = "s"};
  return insert_.prepare(db, insert(History, Dialect::OfSqlite)) &&
         drop_.prepare(db, erase(History, Dialect::OfSqlite)) &&
         forget_.prepare(db, "DELETE FROM history WHERE order_id=?") && all_.prepare(db, history_sql(all)) &&
         by_order_.prepare(db, history_sql(of_order)) && by_sender_.prepare(db, history_sql(of_sender)) &&
         rows_.prepare(db, history_sql(HistoryPager::ReadRows())) &&
         event_.prepare(db, history_sql(HistoryPager::ReadEvent()));
}

absl::Status HistoryTable::put(const core::HistoryLine& line, uint64_t term) {
  bind_history_line(insert_, line, term);
  if (auto status = sqlite_run(insert_); !status.ok() || line.drops == 0) return status;
  return sqlite_run(drop_.bind(line.order_id).bind(term).bind(line.drops));
}

absl::Status HistoryTable::forget(core::OrderId order) { return sqlite_run(forget_.bind(order)); }

absl::StatusOr<core::HistoryPage> HistoryTable::read(const core::HistoryQuery& query) {
  HistoryPager pager(query);
  while (const auto read = pager.next()) {
    if (auto status = std::visit([&](const auto& what) { return answer(pager, what); }, *read); !status.ok()) {
      return status;
    }
  }
  return std::move(pager).page();
}

/// All rows of the statement, each as `of` reads it.
template <typename Of>
absl::StatusOr<std::vector<std::invoke_result_t<Of, Statement&>>> HistoryTable::all(Statement& statement, Of of) {
  std::vector<std::invoke_result_t<Of, Statement&>> rows;
  int result = SQLITE_OK;
  while ((result = statement.step()) == SQLITE_ROW) rows.push_back(of(statement));
  const absl::Status status = result == SQLITE_DONE ? absl::OkStatus() : sqlite_error(db_, "store: history");
  statement.reset();
  if (!status.ok()) return status;
  return rows;
}

absl::Status HistoryTable::answer(HistoryPager& pager, const HistoryPager::ReadCommands& read) {
  Statement& statement = read.order_id != 0 ? by_order_ : read.sender.empty() ? all_ : by_sender_;
  bind_read(statement, read);
  auto rows = all(statement, [](Statement& row) { return read_history_command(row); });
  if (rows.ok()) pager.take(*std::move(rows));
  return rows.status();
}

absl::Status HistoryTable::answer(HistoryPager& pager, const HistoryPager::ReadRows& read) {
  bind_read(rows_, read);
  auto rows = all(rows_, [](Statement& row) { return read_history_row(row); });
  if (rows.ok()) pager.take(*std::move(rows));
  return rows.status();
}

absl::Status HistoryTable::answer(HistoryPager& pager, const HistoryPager::ReadEvent& read) {
  bind_read(event_, read);
  auto rows = all(event_, [](Statement& row) { return row.text(); });
  if (rows.ok()) pager.take(rows->empty() ? std::string() : std::move(rows->front()));
  return rows.status();
}

}  // namespace cancelbus::io
