#include "service/io/store_schema.hpp"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <iterator>
#include <memory>
#include <string>

#include "service/io/sqlite.hpp"

namespace cancelbus::io {
namespace {

constexpr int64_t ApplicationId = 0x43424C53;  // "CBLS", in the file's header

struct Migration {
  const char* up;
  const char* back;
};

// Version 1 was made table by table, and a bus that died in between left some out.
const char* const Version1 = R"sql(
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cancels(
  sender_comp_id TEXT NOT NULL, cl_ord_id TEXT NOT NULL, order_id INTEGER NOT NULL, account TEXT, symbol TEXT,
  transact_time INTEGER, time_to_live INTEGER, priority TEXT, exact_quantities INTEGER, traceparent TEXT,
  expires INTEGER, received INTEGER, dispatched INTEGER, sent INTEGER, answered INTEGER, finalized INTEGER,
  attempts INTEGER, worker TEXT, doubt INTEGER, answers INTEGER, last_answer TEXT,
  ack_status TEXT, cxl_rej_reason TEXT, origin TEXT, text TEXT, http_status INTEGER, exchange_code INTEGER,
  final_follows INTEGER, ack_seq INTEGER,
  ord_status TEXT, evidence TEXT, final_symbol TEXT, price TEXT, order_qty TEXT, leaves_qty TEXT, cum_qty TEXT,
  qty_exact INTEGER, final_seq INTEGER,
  ended INTEGER NOT NULL, updated INTEGER NOT NULL,
  PRIMARY KEY(sender_comp_id, cl_ord_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cancels_by_order ON cancels(order_id);
CREATE INDEX IF NOT EXISTS cancels_open ON cancels(sender_comp_id, ack_seq) WHERE NOT ended;
CREATE TABLE IF NOT EXISTS events(
  topic TEXT NOT NULL, seq INTEGER NOT NULL, sending_time INTEGER NOT NULL, payload BLOB NOT NULL,
  PRIMARY KEY(topic, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_by_time ON events(sending_time);
CREATE TABLE IF NOT EXISTS topics(topic TEXT PRIMARY KEY, next_seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS permits(
  task_id INTEGER PRIMARY KEY, limiter TEXT NOT NULL, order_id INTEGER NOT NULL, stamp INTEGER NOT NULL,
  open INTEGER NOT NULL, settles_tick INTEGER NOT NULL, settles INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS holds(
  limiter TEXT PRIMARY KEY, until_tick INTEGER NOT NULL, until INTEGER NOT NULL, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history(
  order_id INTEGER NOT NULL, term INTEGER NOT NULL, line INTEGER NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL,
  status TEXT, text TEXT, task_id INTEGER, attempt INTEGER, stamp INTEGER, worker TEXT, http_status INTEGER,
  exchange_code INTEGER, amount TEXT, left_amount TEXT, PRIMARY KEY(order_id, term, line)) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS commands AS SELECT
  sender_comp_id, cl_ord_id, order_id, priority,
  strftime('%Y-%m-%dT%H:%M:%f', received / 1e9, 'unixepoch') AS received,
  strftime('%Y-%m-%dT%H:%M:%f', dispatched / 1e9, 'unixepoch') AS dispatched,
  strftime('%Y-%m-%dT%H:%M:%f', answered / 1e9, 'unixepoch') AS answered,
  strftime('%Y-%m-%dT%H:%M:%f', finalized / 1e9, 'unixepoch') AS finalized,
  attempts, worker, ack_status, cxl_rej_reason, text, ord_status, evidence, leaves_qty, cum_qty, qty_exact, ended
FROM cancels;
)sql";

// run_time, in nanoseconds: how long a bus had run on this store when the row was last written; rows of version 1 ended
// at 0. last_dispatched: when the latest DELETE of the order was given to a worker; its tick is of the boot in which
// the row was written. `attempts` is their number. A topic stands where its last event does; `topics` knows only what
// was pruned, so that an event is one write. The position in the subscriber's facts is one row, `SUBSCRIBER SEQ`, so
// that a fact is one write.
const char* const Version2 = R"sql(
ALTER TABLE cancels ADD COLUMN last_dispatched INTEGER;
ALTER TABLE cancels ADD COLUMN last_dispatched_tick INTEGER;
ALTER TABLE cancels ADD COLUMN run_time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN run_time INTEGER NOT NULL DEFAULT 0;
INSERT INTO meta(key, value) VALUES('run_time', '0');
INSERT INTO meta(key, value) SELECT 'facts', s.value || ' ' || n.value FROM meta s, meta n
  WHERE s.key = 'fact_subscriber' AND n.key = 'fact_seq';
DELETE FROM meta WHERE key IN ('fact_subscriber', 'fact_seq');
)sql";

const char* const BackToVersion1 = R"sql(
INSERT INTO topics(topic, next_seq) SELECT topic, MAX(seq) + 1 FROM events WHERE true GROUP BY topic
  ON CONFLICT(topic) DO UPDATE SET next_seq = MAX(next_seq, excluded.next_seq);
INSERT INTO meta(key, value) SELECT 'fact_subscriber', substr(value, 1, instr(value, ' ') - 1) FROM meta
  WHERE key = 'facts';
INSERT INTO meta(key, value) SELECT 'fact_seq', substr(value, instr(value, ' ') + 1) FROM meta WHERE key = 'facts';
DELETE FROM meta WHERE key IN ('facts', 'run_time');
ALTER TABLE events DROP COLUMN run_time;
ALTER TABLE cancels DROP COLUMN run_time;
ALTER TABLE cancels DROP COLUMN last_dispatched_tick;
ALTER TABLE cancels DROP COLUMN last_dispatched;
)sql";

// deletes: of the order since its last 451, those that were written or may have been. expires_tick is of the boot in
// which the row was written, expires_run_time the run_time at which the time to live ends, length how long a hold lasts
// from when it was written. Retention counts run_time.
const char* const Version3 = R"sql(
ALTER TABLE cancels ADD COLUMN deletes INTEGER;
UPDATE cancels SET deletes = attempts;
ALTER TABLE cancels ADD COLUMN expires_tick INTEGER;
ALTER TABLE cancels ADD COLUMN expires_run_time INTEGER;
ALTER TABLE holds ADD COLUMN length INTEGER NOT NULL DEFAULT 0;
ALTER TABLE holds ADD COLUMN run_time INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_by_run_time ON events(run_time);
DROP INDEX events_by_time;
)sql";

const char* const BackToVersion2 = R"sql(
CREATE INDEX events_by_time ON events(sending_time);
DROP INDEX events_by_run_time;
ALTER TABLE holds DROP COLUMN run_time;
ALTER TABLE holds DROP COLUMN length;
ALTER TABLE cancels DROP COLUMN expires_run_time;
ALTER TABLE cancels DROP COLUMN expires_tick;
ALTER TABLE cancels DROP COLUMN deletes;
)sql";

// Mass cancels, and what became of each order in their scope. They go together, retention after their end.
const char* const Version4 = R"sql(
CREATE TABLE mass_cancels(
  sender_comp_id TEXT NOT NULL, cl_ord_id TEXT NOT NULL, scope TEXT NOT NULL, owner TEXT, symbol TEXT, side TEXT,
  client_order_id_prefix TEXT, priority TEXT, until_empty INTEGER NOT NULL, traceparent TEXT,
  received INTEGER NOT NULL, swept INTEGER NOT NULL, status TEXT NOT NULL, text TEXT, complete_as_of INTEGER,
  report_seq INTEGER NOT NULL, ended INTEGER NOT NULL, updated INTEGER NOT NULL, run_time INTEGER NOT NULL,
  PRIMARY KEY(sender_comp_id, cl_ord_id)) WITHOUT ROWID;
CREATE TABLE mass_cancel_orders(
  sender_comp_id TEXT NOT NULL, cl_ord_id TEXT NOT NULL, order_id INTEGER NOT NULL, state TEXT NOT NULL, owner TEXT,
  cxl_rej_reason TEXT, text TEXT, PRIMARY KEY(sender_comp_id, cl_ord_id, order_id)) WITHOUT ROWID;
)sql";

// An open mass cancel ends with it: what it has begun are commands, which go on.
const char* const BackToVersion3 = R"sql(
DROP TABLE mass_cancel_orders;
DROP TABLE mass_cancels;
)sql";

// Switches: what a kill switch or a dead man's switch has made is a mass cancel with that cause. Of a kill switch, once
// it is released: when, by whom and why, and whether by force. A dead man's switch that has a row is armed.
const char* const Version5 = R"sql(
ALTER TABLE mass_cancels ADD COLUMN cause TEXT NOT NULL DEFAULT 'CLIENT';
ALTER TABLE mass_cancels ADD COLUMN reason TEXT;
ALTER TABLE mass_cancels ADD COLUMN released INTEGER;
ALTER TABLE mass_cancels ADD COLUMN released_by TEXT;
ALTER TABLE mass_cancels ADD COLUMN release_reason TEXT;
ALTER TABLE mass_cancels ADD COLUMN forced INTEGER;
CREATE TABLE dead_man_switches(
  sender_comp_id TEXT PRIMARY KEY, window INTEGER NOT NULL, fired INTEGER NOT NULL, updated INTEGER NOT NULL)
  WITHOUT ROWID;
)sql";

// A kill switch goes on as a mass cancel, which ends when its scope is proven empty; dead man's switches are armed
// again by the next hello that asks for it.
const char* const BackToVersion4 = R"sql(
DROP TABLE dead_man_switches;
ALTER TABLE mass_cancels DROP COLUMN forced;
ALTER TABLE mass_cancels DROP COLUMN release_reason;
ALTER TABLE mass_cancels DROP COLUMN released_by;
ALTER TABLE mass_cancels DROP COLUMN released;
ALTER TABLE mass_cancels DROP COLUMN reason;
ALTER TABLE mass_cancels DROP COLUMN cause;
)sql";

// Who leads, one row: the term, which counted in meta before, and the number of the last batch, which each batch
// raises. meta.behind is the term that a worker has seen and this store lacks, until the first batch after that.
const char* const Version6 = R"sql(
CREATE TABLE leader(
  one INTEGER PRIMARY KEY CHECK(one = 1), term INTEGER NOT NULL, leader_id TEXT NOT NULL, batch INTEGER NOT NULL);
INSERT INTO leader
  SELECT 1, COALESCE(CAST(term.value AS INTEGER), 0), COALESCE(id.value, ''), COALESCE(CAST(batch.value AS INTEGER), 0)
  FROM (SELECT 1) LEFT JOIN meta term ON term.key = 'term'
  LEFT JOIN meta taken_back ON taken_back.key = 'leader_term' AND taken_back.value = term.value
  LEFT JOIN meta id ON id.key = 'leader_id' AND taken_back.key IS NOT NULL
  LEFT JOIN meta batch ON batch.key = 'leader_batch' AND taken_back.key IS NOT NULL;
DELETE FROM meta WHERE key IN ('term', 'leader_term', 'leader_id', 'leader_batch');
)sql";

// A bus of version 5 knows no store that is behind, but one that was not synced when its machine ended, and then it
// waits as long. If no such bus was started until the store comes back, its leader and batch are still right.
const char* const BackToVersion5 = R"sql(
INSERT INTO meta(key, value) SELECT 'term', CAST(term AS TEXT) FROM leader WHERE term > 0;
INSERT INTO meta(key, value) SELECT 'leader_term', CAST(term AS TEXT) FROM leader;
INSERT INTO meta(key, value) SELECT 'leader_id', leader_id FROM leader;
INSERT INTO meta(key, value) SELECT 'leader_batch', CAST(batch AS TEXT) FROM leader;
DROP TABLE leader;
UPDATE meta SET value = 'normal' WHERE key = 'sync' AND EXISTS(SELECT 1 FROM meta WHERE key = 'behind');
DELETE FROM meta WHERE key = 'boot_id' AND EXISTS(SELECT 1 FROM meta WHERE key = 'behind');
DELETE FROM meta WHERE key = 'behind';
)sql";

// Orders that came back on the book after a command that is known was told that they were gone. A bus that does not
// know the table has no need of it, so that it makes no version of its own.
const char* const BesideVersions = "CREATE TABLE IF NOT EXISTS back_on_book(order_id INTEGER PRIMARY KEY)";

const Migration Migrations[] = {{Version1, ""},
                                {Version2, BackToVersion1},
                                {Version3, BackToVersion2},
                                {Version4, BackToVersion3},
                                {Version5, BackToVersion4},
                                {Version6, BackToVersion5}};

absl::StatusOr<int64_t> number(sqlite3* db, const char* sql) {
  Statement statement(db, sql);
  if (!statement.next()) return sqlite_error(db, "not a store of cancel-bus");
  return statement.integer();
}

absl::Status in_transaction(sqlite3* db, const std::string& sql) {
  const absl::Status status = sqlite_run(db, absl::StrCat("BEGIN IMMEDIATE;", sql, ";COMMIT").c_str());
  if (!status.ok() && sqlite3_get_autocommit(db) == 0) sqlite_run(db, "ROLLBACK").IgnoreError();
  return status;
}

/// 0: an empty database, or what a bus that died in its first moments has left.
absl::StatusOr<int64_t> version_of(sqlite3* db) {
  const auto application = number(db, "PRAGMA application_id");
  if (!application.ok()) return application.status();
  const auto tables = number(db, "SELECT COUNT(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.status();
  if (*application != ApplicationId && (*application != 0 || *tables > 0)) {
    return absl::FailedPreconditionError("this is a database, but not a store of cancel-bus");
  }
  if (*application == 0) return 0;
  return number(db, "PRAGMA user_version");
}

absl::StatusOr<int64_t> readable_version_of(sqlite3* db) {
  auto version = version_of(db);
  if (!version.ok() || *version <= SchemaVersion) return version;
  return absl::FailedPreconditionError(absl::StrCat(
      "the store's schema is of version ", *version, ", made by a later cancel-bus; this one reads versions up to ",
      SchemaVersion, ". Start that one, or have it take the store back with --store_downgrade_to=", SchemaVersion));
}

}  // namespace

const int64_t SchemaVersion = std::size(Migrations);

absl::Status migrate(sqlite3* db) {
  const auto found = readable_version_of(db);
  if (!found.ok()) return found.status();
  for (int64_t version = *found; version < SchemaVersion; ++version) {
    // Tables that version 1 lacks are made before anything is added to them.
    const char* const repair = version == 1 ? Version1 : "";
    const std::string mark =
        absl::StrCat(";PRAGMA application_id=", ApplicationId, ";PRAGMA user_version=", version + 1);
    if (auto status = in_transaction(db, absl::StrCat(repair, Migrations[version].up, mark)); !status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("schema version ", version + 1, ": ", std::string(status.message())));
    }
  }
  return sqlite_run(db, BesideVersions);
}

absl::Status migrate_back(sqlite3* db, int64_t version) {
  const auto found = readable_version_of(db);
  if (!found.ok()) return found.status();
  if (version < 1 || version > *found) {
    return absl::InvalidArgumentError(
        absl::StrCat("the store's schema is of version ", *found, "; expected a version from 1 to ", *found));
  }
  for (int64_t from = *found; from > version; --from) {
    const std::string mark = absl::StrCat("DROP TABLE IF EXISTS back_on_book;PRAGMA user_version=", from - 1);
    if (auto status = in_transaction(db, absl::StrCat(Migrations[from - 1].back, mark)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace cancelbus::io
