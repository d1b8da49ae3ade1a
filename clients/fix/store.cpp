#include "clients/fix/store.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "service/io/log.hpp"

namespace cancelbus::fix {
namespace {

constexpr int SchemaVersion = 1;
constexpr const char* Schema = R"sql(
CREATE TABLE sessions(name TEXT PRIMARY KEY, next_out INTEGER NOT NULL, next_in INTEGER NOT NULL,
  created INTEGER NOT NULL, epoch INTEGER NOT NULL, next_seq INTEGER NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE messages(session TEXT NOT NULL, seq INTEGER NOT NULL, frame BLOB NOT NULL,
  PRIMARY KEY(session, seq)) WITHOUT ROWID;
CREATE TABLE waiting(number INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL, type TEXT NOT NULL,
  body BLOB NOT NULL);
CREATE INDEX waiting_of ON waiting(session, number);
CREATE TABLE requests(session TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, stage INTEGER NOT NULL,
  order_id INTEGER NOT NULL, orig TEXT NOT NULL, account TEXT NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL,
  extra TEXT NOT NULL, cl_ord_id TEXT NOT NULL, ord_status TEXT NOT NULL, last_type TEXT NOT NULL,
  last_body BLOB NOT NULL, number INTEGER NOT NULL, changed INTEGER NOT NULL, PRIMARY KEY(session, id)) WITHOUT ROWID;
CREATE INDEX requests_open ON requests(session, number) WHERE stage < 3;
CREATE INDEX requests_ended ON requests(session, changed) WHERE stage = 3;
CREATE INDEX requests_about ON requests(session, order_id, number);
CREATE TABLE orders(session TEXT NOT NULL, order_id INTEGER NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL,
  price TEXT NOT NULL, quantity TEXT NOT NULL, leaves TEXT NOT NULL, client_order_id TEXT NOT NULL,
  changed INTEGER NOT NULL, PRIMARY KEY(session, order_id)) WITHOUT ROWID;
CREATE INDEX orders_by_age ON orders(session, changed);
)sql";
constexpr const char* RequestColumns =
    "id, type, stage, order_id, orig, account, symbol, side, extra, cl_ord_id, ord_status, last_type, last_body";

int64_t now() { return static_cast<int64_t>(std::time(nullptr)); }

/// Values hold no delimiter: what is sent was sanitized, and what came in came between two of them.
std::string packed(const Fields& fields) {
  std::string out;
  for (const auto& [tag, value] : fields) absl::StrAppend(&out, tag, "=", value, "\x01");
  return out;
}

Fields unpacked(const std::string& bytes) {
  Fields fields;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t equals = bytes.find('=', begin);
    const size_t end = std::min(bytes.find('\x01', begin), bytes.size());
    if (equals > end) break;
    fields.emplace_back(std::stoi(bytes.substr(begin, equals - begin)), bytes.substr(equals + 1, end - equals - 1));
    begin = end + 1;
  }
  return fields;
}

/// Without its store the gateway cannot answer for anything: its next start goes on with what is on disk.
[[noreturn]] void give_up(sqlite3* db) {
  const std::string why = sqlite3_errmsg(db);
  io::log_error("store_failed", {{"why", why}, {"what", "nothing can be kept: the process ends"}});
  std::quick_exit(1);
}

Request request_in(io::Statement& row) {
  Request request;
  request.id = row.text();
  request.type = row.text();
  request.stage = static_cast<Stage>(row.integer());
  request.order_id = row.integer();
  for (std::string* text : {&request.orig, &request.account, &request.symbol, &request.side, &request.extra,
                            &request.cl_ord_id, &request.ord_status, &request.last.type}) {
    *text = row.text();
  }
  request.last.body = unpacked(row.text());
  return request;
}

}  // namespace

// ---- Store ----

absl::StatusOr<std::unique_ptr<Store>> Store::open(const std::string& folder) {
  const std::string path = folder + "/cancel-fix.db";
  auto file = io::StoreFile::lock(path);
  if (!file.ok()) return file.status();
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  io::Sqlite db(raw);
  if (result != SQLITE_OK) return io::sqlite_error(db.get(), path);
  auto store = std::unique_ptr<Store>(new Store(*std::move(file), std::move(db)));
  if (auto status = store->prepare(); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
  }
  return store;
}

absl::Status Store::prepare() {
  if (auto status = io::sqlite_run(db_.get(), "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"); !status.ok()) {
    return status;
  }
  io::Statement version(db_.get(), "PRAGMA user_version");
  const int64_t found = version.next() ? version.integer() : -1;
  version.reset();
  if (found > SchemaVersion || found < 0) {
    return absl::FailedPreconditionError("the file is of a later version of cancel-fix, or no store of one");
  }
  if (found == 0) {
    const std::string script = absl::StrCat("BEGIN;", Schema, "PRAGMA user_version=", SchemaVersion, ";COMMIT");
    if (auto status = io::sqlite_run(db_.get(), script.c_str()); !status.ok()) return status;
  }
  file_.watch_log();
  return absl::OkStatus();
}

SessionStore& Store::session(const std::string& name) {
  auto& entry = sessions_[name];
  if (!entry) entry = std::make_unique<SessionStore>(*this, name);
  return *entry;
}

void Store::begin() {
  if (std::exchange(open_, true)) return;
  run(statement("BEGIN IMMEDIATE"));
}

void Store::commit() {
  if (!std::exchange(open_, false)) return;
  run(statement("COMMIT"));
}

io::Statement& Store::statement(const char* sql) const {
  const auto [entry, is_new] = statements_.try_emplace(sql);
  if (is_new && !entry->second.prepare(db_.get(), sql)) give_up(db_.get());
  entry->second.reset();
  return entry->second;
}

void Store::run(io::Statement& prepared) const {
  if (prepared.step() != SQLITE_DONE) give_up(db_.get());
  prepared.reset();
}

// ---- SessionStore ----

SessionStore::SessionStore(Store& store, std::string name) : store_(store), name_(std::move(name)) {
  io::Statement& row =
      store_.statement("SELECT next_out, next_in, created, epoch, next_seq, number FROM sessions WHERE name = ?");
  if (row.bind(name_).next()) {
    next_out_ = static_cast<int>(row.integer());
    next_in_ = static_cast<int>(row.integer());
    created_ = row.integer();
    position_.epoch = static_cast<uint64_t>(row.integer());
    position_.next_seq = static_cast<uint64_t>(row.integer());
    number_ = static_cast<uint64_t>(row.integer());
  } else {
    created_ = now();
  }
  row.reset();
  io::Statement& count = store_.statement("SELECT count(*) FROM waiting WHERE session = ?");
  if (count.bind(name_).next()) waiting_ = count.integer();
  count.reset();
}

void SessionStore::write() {
  store_.run(store_.statement("INSERT OR REPLACE INTO sessions VALUES(?,?,?,?,?,?,?)")
                 .bind(name_)
                 .bind(next_out_)
                 .bind(next_in_)
                 .bind(int64_t{created_})
                 .bind(position_.epoch)
                 .bind(position_.next_seq)
                 .bind(number_));
}

void SessionStore::save(int seq, const std::string& message) {
  store_.run(
      store_.statement("INSERT OR REPLACE INTO messages VALUES(?,?,?)").bind(name_).bind(seq).bind_blob(message));
}

std::vector<std::string> SessionStore::load(int from, int to) const {
  std::vector<std::string> messages;
  io::Statement& row =
      store_.statement("SELECT frame FROM messages WHERE session = ? AND seq BETWEEN ? AND ? ORDER BY seq");
  row.bind(name_).bind(from).bind(to);
  while (row.next()) messages.push_back(row.text());
  row.reset();
  return messages;
}

void SessionStore::set_next_out(int seq) {
  next_out_ = seq;
  write();
}

void SessionStore::set_next_in(int seq) {
  next_in_ = seq;
  write();
}

void SessionStore::reset(long long at) {
  next_out_ = next_in_ = 1;
  created_ = at;
  store_.run(store_.statement("DELETE FROM messages WHERE session = ?").bind(name_));
  write();
}

void SessionStore::set_position(const Position& position) {
  position_ = position;
  write();
}

uint64_t SessionStore::next_number() {
  ++number_;
  write();
  return number_;
}

void SessionStore::put(const Request& request) {
  const std::string last = packed(request.last.body);
  io::Statement& row = store_.statement(
      "INSERT INTO requests VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"
      "(SELECT ifnull(max(number), 0) + 1 FROM requests WHERE session = ?1),?15) ON CONFLICT DO UPDATE SET "
      "stage = ?4, order_id = ?5, symbol = ?8, side = ?9, ord_status = ?12, last_type = ?13, last_body = ?14, "
      "changed = ?15");
  row.bind(name_).bind(request.id).bind(request.type).bind(static_cast<int>(request.stage)).bind(request.order_id);
  for (const std::string* text : {&request.orig, &request.account, &request.symbol, &request.side, &request.extra,
                                  &request.cl_ord_id, &request.ord_status, &request.last.type}) {
    row.bind(std::string_view(*text));
  }
  store_.run(row.bind_blob(last).bind(now()));
}

std::optional<Request> SessionStore::find(const std::string& id) const {
  static const std::string sql = absl::StrCat("SELECT ", RequestColumns, " FROM requests WHERE session = ? AND id = ?");
  io::Statement& row = store_.statement(sql.c_str()).bind(name_).bind(id);
  std::optional<Request> found;
  if (row.next()) found = request_in(row);
  row.reset();
  return found;
}

std::vector<Request> SessionStore::undecided() const {
  static const std::string sql =
      absl::StrCat("SELECT ", RequestColumns, " FROM requests WHERE session = ? AND stage < 3 ORDER BY number");
  io::Statement& row = store_.statement(sql.c_str()).bind(name_);
  std::vector<Request> all;
  while (row.next()) all.push_back(request_in(row));
  row.reset();
  return all;
}

std::optional<Request> SessionStore::about(int64_t order_id) const {
  static const std::string sql = absl::StrCat("SELECT ", RequestColumns,
                                              " FROM requests WHERE session = ? AND order_id = ? AND type = 'F' "
                                              "ORDER BY number DESC LIMIT 1");
  io::Statement& row = store_.statement(sql.c_str()).bind(name_).bind(order_id);
  std::optional<Request> found;
  if (row.next()) found = request_in(row);
  row.reset();
  return found;
}

void SessionStore::put(const OrderFacts& facts) {
  store_.run(store_.statement("INSERT OR REPLACE INTO orders VALUES(?,?,?,?,?,?,?,?,?)")
                 .bind(name_)
                 .bind(facts.order_id)
                 .bind(facts.symbol)
                 .bind(facts.side)
                 .bind(facts.price)
                 .bind(facts.quantity)
                 .bind(facts.leaves)
                 .bind(facts.client_order_id)
                 .bind(now()));
}

std::optional<OrderFacts> SessionStore::facts(int64_t order_id) const {
  io::Statement& row = store_.statement(
      "SELECT order_id, symbol, side, price, quantity, leaves, client_order_id FROM orders WHERE session = ? AND "
      "order_id = ?");
  std::optional<OrderFacts> found;
  if (row.bind(name_).bind(order_id).next()) {
    found.emplace().order_id = row.integer();
    for (std::string* text :
         {&found->symbol, &found->side, &found->price, &found->quantity, &found->leaves, &found->client_order_id}) {
      *text = row.text();
    }
  }
  row.reset();
  return found;
}

void SessionStore::put_aside(const Outgoing& message) {
  const std::string body = packed(message.body);
  store_.run(store_.statement("INSERT INTO waiting(session, type, body) VALUES(?,?,?)")
                 .bind(name_)
                 .bind(message.type)
                 .bind_blob(body));
  ++waiting_;
}

std::vector<Outgoing> SessionStore::take_waiting(int count) {
  std::vector<Outgoing> messages;
  int64_t last = 0;
  io::Statement& row =
      store_.statement("SELECT number, type, body FROM waiting WHERE session = ? ORDER BY number LIMIT ?");
  row.bind(name_).bind(count);
  while (row.next()) {
    last = row.integer();
    Outgoing& message = messages.emplace_back();
    message.type = row.text();
    message.body = unpacked(row.text());
  }
  row.reset();
  store_.run(store_.statement("DELETE FROM waiting WHERE session = ? AND number <= ?").bind(name_).bind(last));
  waiting_ -= static_cast<int64_t>(messages.size());
  return messages;
}

void SessionStore::forget(long long before) {
  store_.run(store_.statement("DELETE FROM requests WHERE session = ? AND stage = 3 AND changed < ?")
                 .bind(name_)
                 .bind(int64_t{before}));
  store_.run(
      store_
          .statement("DELETE FROM orders WHERE session = ?1 AND changed < ?2 AND order_id NOT IN (SELECT order_id "
                     "FROM requests WHERE session = ?1)")
          .bind(name_)
          .bind(int64_t{before}));
}

}  // namespace cancelbus::fix
