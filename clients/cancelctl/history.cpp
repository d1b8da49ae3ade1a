#include "clients/cancelctl/history.hpp"

#include "clients/cancelctl/store_reader.hpp"

namespace cancelbus::ctl {
namespace {

/// More than the bus keeps of one order.
constexpr int MostLines = 10'000;
constexpr int MostOthers = 100;

std::optional<v1::Event> read_event(sqlite3* db, const std::string& topic, int64_t seq) {
  base::Statement query(db, "SELECT payload FROM events WHERE topic=? AND seq=?");
  v1::Event event;
  if (seq == 0 || !query.bind(topic).bind(seq).next() || !event.ParseFromString(query.text())) return std::nullopt;
  return event;
}

bool read_command(sqlite3* db, CommandHistory& history) {
  base::Statement query(db,
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
  base::Statement query(db, "SELECT sender_comp_id, cl_ord_id FROM cancels WHERE order_id=? ORDER BY received LIMIT ?");
  query.bind(history.order_id).bind(int64_t{MostOthers});
  while (query.next()) {
    const std::string sender = query.text(), cl_ord_id = query.text();
    if (sender != history.sender || cl_ord_id != history.cl_ord_id) history.others.push_back(sender + "/" + cl_ord_id);
  }
}

void read_lines(sqlite3* db, CommandHistory& history) {
  base::Statement query(
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
  const auto fail = [&](const std::string& why) {
    error.sentence = store + ": " + why;
    return std::nullopt;
  };
  std::string why;
  const base::Sqlite db = open_to_read(store, why);
  if (!db) return fail(why);
  sqlite3* raw = db.get();
  base::Statement table(raw, "SELECT 1 FROM sqlite_master WHERE name='history'");
  if (!table.next()) return fail("it has no history: a cancel-bus that writes one has not been started on it yet");
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
