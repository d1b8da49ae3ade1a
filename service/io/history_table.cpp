#include "service/io/history_table.hpp"

#include <limits>
#include <tuple>
#include <utility>

#include "service/core/names.hpp"
#include "service/io/store_rows.hpp"

namespace cancelbus::io {
namespace {

// Behind every line of a command.
constexpr uint64_t LastTerm = std::numeric_limits<int64_t>::max();

const std::string SelectCommand =
    "SELECT sender_comp_id, cl_ord_id, order_id, symbol, priority, received, expires, ended, updated, ack_seq, "
    "final_seq FROM cancels ";

const char* const SelectRows =
    "SELECT at, term, line, what, status, text, task_id, attempt, stamp, worker, http_status, exchange_code, amount, "
    "left_amount FROM history WHERE order_id=? AND (term, line) > (?, ?) ORDER BY term, line LIMIT ?";

core::HistoryPlace behind(const core::CommandKey& key) { return {key, LastTerm, 0}; }

core::HistoryRow row_of(Statement& statement) {
  core::HistoryRow row;
  row.at = statement.time().value_or(core::WallTime{});
  row.term = static_cast<uint64_t>(statement.integer());
  row.line = static_cast<uint32_t>(statement.integer());
  row.what = statement.text();
  row.status = statement.text();
  row.text = statement.text();
  row.task = static_cast<uint64_t>(statement.integer());
  row.attempt = static_cast<uint32_t>(statement.integer());
  row.stamp_ms = statement.integer();
  row.worker = statement.text();
  row.http_status = static_cast<int>(statement.integer());
  row.exchange_code = static_cast<int>(statement.integer());
  row.amount = statement.text();
  row.left_amount = statement.text();
  return row;
}

size_t size_of(const core::HistoryRow& row) {
  return 60 + row.what.size() + row.status.size() + row.text.size() + row.worker.size() + row.amount.size() +
         row.left_amount.size();
}

/// The line says what an operator did with a command, which it names.
bool names_anothers(const core::HistoryRow& row, const std::string& sender) {
  using What = core::HistoryLine::What;
  const bool of_operator = row.what == core::name_of(What::Resolve) || row.what == core::name_of(What::Retry);
  return of_operator && !row.text.starts_with("of " + sender + "/");
}

bool wanted(const core::HistoryRow& row, const core::HistoryQuery& query) {
  if (query.own_only && names_anothers(row, query.sender)) return false;
  return (!query.from || row.at >= *query.from) && (!query.to || row.at <= *query.to);
}

bool wanted(const core::HistoryCommand& command, core::WallTime updated, const core::HistoryQuery& query) {
  const core::CommandKey& key = command.key;
  if (!query.sender.empty() && key.sender != query.sender) return false;
  if (!query.cl_ord_id.empty() && key.cl_ord_id != query.cl_ord_id) return false;
  if (query.order_id != 0 && command.order_id != query.order_id) return false;
  if (query.from && command.ended && updated < *query.from) return false;
  return !query.to || !command.received || *command.received <= *query.to;
}

}  // namespace

bool HistoryTable::prepare(sqlite3* db) {
  db_ = db;
  return insert_.prepare(db, insert_history_line()) &&
         drop_.prepare(db, "DELETE FROM history WHERE order_id=? AND term=? AND line=?") &&
         forget_.prepare(db, "DELETE FROM history WHERE order_id=?") &&
         by_order_.prepare(db, SelectCommand +
                                   "WHERE order_id=? AND (sender_comp_id, cl_ord_id) >= (?, ?) "
                                   "ORDER BY sender_comp_id, cl_ord_id LIMIT ?") &&
         by_sender_.prepare(db,
                            SelectCommand + "WHERE sender_comp_id=? AND cl_ord_id >= ? ORDER BY cl_ord_id LIMIT ?") &&
         all_.prepare(db, SelectCommand +
                              "WHERE (sender_comp_id, cl_ord_id) >= (?, ?) "
                              "ORDER BY sender_comp_id, cl_ord_id LIMIT ?") &&
         rows_.prepare(db, SelectRows) && event_.prepare(db, "SELECT payload FROM events WHERE topic=? AND seq=?");
}

absl::Status HistoryTable::put(const core::HistoryLine& line, uint64_t term) {
  bind_history_line(insert_, line, term);
  if (auto status = sqlite_run(insert_); !status.ok() || line.drops == 0) return status;
  return sqlite_run(drop_.bind(line.order_id).bind(term).bind(line.drops));
}

absl::Status HistoryTable::forget(core::OrderId order) { return sqlite_run(forget_.bind(order)); }

absl::StatusOr<core::HistoryPage> HistoryTable::read(const core::HistoryQuery& query) {
  auto looked_at = commands(query);
  if (!looked_at.ok()) return looked_at.status();
  Reading reading{query};
  // The lines of the one order came with its first command.
  const bool begun = !query.after.key.sender.empty() && query.after.term == LastTerm;
  if (query.order_id != 0 && begun) reading.told.insert(query.order_id);
  for (Command& command : *looked_at) {
    const core::CommandKey key = command.shown.key;
    const bool done = key < query.after.key || (key == query.after.key && query.after.term == LastTerm);
    if (done || !wanted(command.shown, command.updated, query)) continue;
    const auto whole = add(std::move(command), reading);
    if (!whole.ok()) return whole.status();
    if (!*whole) return std::move(reading.page);
    const bool full = reading.page.commands.size() >= MostCommands || reading.bytes >= PageBytes ||
                      reading.rows_looked_at >= MostRows;
    if (!full) continue;
    reading.page.next = behind(key);
    return std::move(reading.page);
  }
  if (looked_at->size() == MostCommandsLookedAt) reading.page.next = behind(looked_at->back().shown.key);
  return std::move(reading.page);
}

Statement& HistoryTable::walk(const core::HistoryQuery& query) {
  const core::CommandKey& from = query.after.key;
  if (query.order_id != 0) return by_order_.bind(query.order_id).bind(from.sender).bind(from.cl_ord_id);
  if (query.sender.empty()) return all_.bind(from.sender).bind(from.cl_ord_id);
  const bool one = !query.cl_ord_id.empty();
  return by_sender_.bind(query.sender).bind(one ? query.cl_ord_id : from.cl_ord_id);
}

absl::StatusOr<std::vector<HistoryTable::Command>> HistoryTable::commands(const core::HistoryQuery& query) {
  std::vector<Command> out;
  const bool one = query.order_id == 0 && !query.sender.empty() && !query.cl_ord_id.empty();
  Statement& row = walk(query).bind(one ? 1u : MostCommandsLookedAt);
  int result = SQLITE_OK;
  while ((result = row.step()) == SQLITE_ROW) {
    Command& command = out.emplace_back();
    core::HistoryCommand& shown = command.shown;
    shown.key.sender = row.text();
    shown.key.cl_ord_id = row.text();
    shown.order_id = row.integer();
    shown.symbol = row.text();
    shown.priority = core::enumerator_named<core::Priority>(row.text()).value_or(core::Priority::Normal);
    shown.received = row.time();
    shown.expires = row.time();
    shown.ended = row.flag();
    command.updated = row.time().value_or(core::WallTime{});
    command.ack_seq = static_cast<uint64_t>(row.integer());
    command.final_seq = static_cast<uint64_t>(row.integer());
  }
  const absl::Status status = result == SQLITE_DONE ? absl::OkStatus() : sqlite_error(db_, "store: cancels");
  row.reset();
  if (!status.ok()) return status;
  return out;
}

absl::StatusOr<bool> HistoryTable::add(Command command, Reading& reading) {
  core::HistoryCommand& shown = command.shown;
  for (auto [seq, payload] : {std::pair{command.ack_seq, &shown.ack}, {command.final_seq, &shown.final}}) {
    auto found = event(shown.key, seq);
    if (!found.ok()) return found.status();
    *payload = *std::move(found);
  }
  reading.bytes += 100 + shown.key.sender.size() + shown.key.cl_ord_id.size() + shown.symbol.size() + shown.ack.size() +
                   shown.final.size();
  reading.page.commands.push_back(std::move(shown));
  core::HistoryCommand& added = reading.page.commands.back();
  if (!reading.told.insert(added.order_id).second) return true;
  const bool resumed = added.key == reading.query.after.key;
  return add_rows(added, resumed ? reading.query.after : core::HistoryPlace{added.key, 0, 0}, reading);
}

absl::StatusOr<bool> HistoryTable::add_rows(core::HistoryCommand& command, core::HistoryPlace after, Reading& reading) {
  const uint32_t left = MostRows - reading.rows_looked_at;
  rows_.bind(command.order_id).bind(after.term).bind(after.line).bind(left);
  uint32_t looked_at = 0;
  int result = SQLITE_OK;
  while (reading.bytes < PageBytes && (result = rows_.step()) == SQLITE_ROW) {
    ++looked_at;
    core::HistoryRow row = row_of(rows_);
    after = {command.key, row.term, row.line};
    if (!wanted(row, reading.query)) continue;
    reading.bytes += size_of(row);
    command.rows.push_back(std::move(row));
  }
  const bool whole = result == SQLITE_DONE && looked_at < left;
  const bool failed = result != SQLITE_DONE && result != SQLITE_ROW && result != SQLITE_OK;
  const absl::Status status = failed ? sqlite_error(db_, "store: history") : absl::OkStatus();
  rows_.reset();
  reading.rows_looked_at += looked_at;
  if (!status.ok()) return status;
  if (!whole) reading.page.next = after;
  return whole;
}

absl::StatusOr<std::string> HistoryTable::event(const core::CommandKey& key, uint64_t seq) {
  if (seq == 0) return "";
  const std::string topic = "client." + key.sender + ".";
  event_.bind(topic).bind(seq);
  const int result = event_.step();
  std::string payload = result == SQLITE_ROW ? event_.text() : "";
  const bool ok = result == SQLITE_ROW || result == SQLITE_DONE;
  const absl::Status status = ok ? absl::OkStatus() : sqlite_error(db_, "store: events");
  event_.reset();
  if (!ok) return status;
  return payload;
}

}  // namespace cancelbus::io
