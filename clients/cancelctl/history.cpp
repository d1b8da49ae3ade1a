#include "clients/cancelctl/history.hpp"

#include <sqlite3.h>

#include <memory>

namespace cancelbus::ctl {
namespace {

constexpr int64_t ApplicationId = 0x43424C53;  // "CBLS"
constexpr int64_t NewestSchema = 2;
constexpr int BusyTimeoutMs = 2'000;
/// More than the bus keeps of one order.
constexpr int MostLines = 10'000;
constexpr int MostOthers = 100;

struct CloseDb {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using Db = std::unique_ptr<sqlite3, CloseDb>;

/// One statement: bind in order, then rows, with columns in order.
class Query {
 public:
  Query(sqlite3* db, const char* sql) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db, sql, -1, &statement, nullptr);
    statement_.reset(statement);
  }
  Query& bind(const std::string& text) {
    sqlite3_bind_text(statement_.get(), ++bound_, text.c_str(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Query& bind(int64_t number) {
    sqlite3_bind_int64(statement_.get(), ++bound_, number);
    return *this;
  }
  /// False at the end, and on an error: see went_well().
  bool next() {
    column_ = 0;
    return statement_ && sqlite3_step(statement_.get()) == SQLITE_ROW;
  }

  int64_t integer() { return sqlite3_column_int64(statement_.get(), column_++); }
  std::string text() {
    const int column = column_++;
    const void* bytes = sqlite3_column_blob(statement_.get(), column);
    const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
    return bytes ? std::string(static_cast<const char*>(bytes), size) : std::string();
  }
  std::optional<WallTime> time() {
    const bool absent = sqlite3_column_type(statement_.get(), column_) == SQLITE_NULL;
    const int64_t since_epoch = integer();
    if (absent) return std::nullopt;
    return WallTime(std::chrono::nanoseconds(since_epoch));
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
  int column_ = 0;
};

/// The latest statement came to its end.
bool went_well(sqlite3* db) {
  const int result = sqlite3_errcode(db);
  return result == SQLITE_DONE || result == SQLITE_OK;
}

/// What is wrong with the file, or nothing.
std::string why_not_ours(sqlite3* db) {
  Query application(db, "PRAGMA application_id");
  const bool legible = application.next();
  if (!legible) return sqlite3_errmsg(db);
  if (application.integer() != ApplicationId) return "this is a database, but not a store of cancel-bus";
  Query version(db, "PRAGMA user_version");
  const int64_t found = version.next() ? version.integer() : 0;
  if (found < 1 || found > NewestSchema) {
    return "schema version " + std::to_string(found) + ", this cancelctl reads versions 1 to " +
           std::to_string(NewestSchema) + ": use that of the bus";
  }
  Query history(db, "SELECT 1 FROM sqlite_master WHERE name='history'");
  if (!history.next()) return "it has no history: a cancel-bus that writes one has not been started on it yet";
  return {};
}

std::optional<v1::Event> read_event(sqlite3* db, const std::string& topic, int64_t seq) {
  Query query(db, "SELECT payload FROM events WHERE topic=? AND seq=?");
  v1::Event event;
  if (seq == 0 || !query.bind(topic).bind(seq).next() || !event.ParseFromString(query.text())) return std::nullopt;
  return event;
}

bool read_command(sqlite3* db, CommandHistory& history) {
  Query query(db,
              "SELECT order_id, symbol, priority, received, expires, ended, ack_seq, final_seq FROM cancels "
              "WHERE sender_comp_id=? AND cl_ord_id=?");
  if (!query.bind(history.sender).bind(history.cl_ord_id).next()) return false;
  history.order_id = query.integer();
  history.symbol = query.text();
  history.priority = query.text();
  history.received = query.time();
  history.expires = query.time();
  history.ended = query.integer() != 0;
  const std::string topic = "client." + history.sender + ".";
  const int64_t ack_seq = query.integer(), final_seq = query.integer();
  history.ack = read_event(db, topic, ack_seq);
  history.final = read_event(db, topic, final_seq);
  return true;
}

void read_others(sqlite3* db, CommandHistory& history) {
  Query query(db, "SELECT sender_comp_id, cl_ord_id FROM cancels WHERE order_id=? ORDER BY received LIMIT ?");
  query.bind(history.order_id).bind(int64_t{MostOthers});
  while (query.next()) {
    const std::string sender = query.text(), cl_ord_id = query.text();
    if (sender != history.sender || cl_ord_id != history.cl_ord_id) history.others.push_back(sender + "/" + cl_ord_id);
  }
}

void read_lines(sqlite3* db, CommandHistory& history) {
  Query query(
      db,
      "SELECT at, term, what, status, text, task_id, attempt, stamp, worker, http_status, exchange_code, amount, "
      "left_amount FROM history WHERE order_id=? ORDER BY term, line LIMIT ?");
  query.bind(history.order_id).bind(int64_t{MostLines});
  while (query.next()) {
    HistoryLine& line = history.lines.emplace_back();
    line.at = query.time().value_or(WallTime{});
    line.term = query.integer();
    line.what = query.text();
    line.status = query.text();
    line.text = query.text();
    line.task = static_cast<uint64_t>(query.integer());
    line.attempt = query.integer();
    line.stamp_ms = query.integer();
    line.worker = query.text();
    line.http_status = query.integer();
    line.exchange_code = query.integer();
    line.amount = query.text();
    line.left_amount = query.text();
  }
}

}  // namespace

std::optional<CommandHistory> read_history(const std::string& store, const std::string& sender,
                                           const std::string& cl_ord_id, HistoryError& error) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(store.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr);
  const Db db(raw);
  const auto fail = [&](const std::string& why) {
    error.sentence = store + ": " + why;
    return std::nullopt;
  };
  if (opened != SQLITE_OK) return fail(sqlite3_errmsg(raw));
  sqlite3_busy_timeout(raw, BusyTimeoutMs);
  // One moment of the store: the bus may write on.
  sqlite3_exec(raw, "BEGIN", nullptr, nullptr, nullptr);
  if (const std::string why = why_not_ours(raw); !why.empty()) return fail(why);
  CommandHistory history;
  history.sender = sender;
  history.cl_ord_id = cl_ord_id;
  if (!read_command(raw, history)) {
    if (!went_well(raw)) return fail(sqlite3_errmsg(raw));
    error.unknown_command = true;
    return fail("no command " + sender + "/" + cl_ord_id + "; ended ones are forgotten after the bus's --retention");
  }
  read_others(raw, history);
  read_lines(raw, history);
  if (!went_well(raw)) return fail(sqlite3_errmsg(raw));
  return history;
}

}  // namespace cancelbus::ctl
