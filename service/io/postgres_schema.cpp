#include "service/io/postgres_schema.hpp"

#include <iterator>

#include "service/core/check.hpp"

namespace cancelbus::io {

namespace {

using Statements = std::vector<std::string_view>;

// Two buses may start at once on an empty database: the second waits here, and finds all that it is about to make.
// Keys are compared byte by byte, as the bus compares them.
const Statements Version1 = {
    "SELECT pg_advisory_xact_lock(1128418387)",
    "CREATE SCHEMA IF NOT EXISTS cancelbus",
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    R"sql(
CREATE TABLE IF NOT EXISTS cancels(
  sender_comp_id TEXT COLLATE "C" NOT NULL, cl_ord_id TEXT COLLATE "C" NOT NULL, order_id BIGINT NOT NULL,
  account TEXT, symbol TEXT, transact_time BIGINT, time_to_live BIGINT, priority TEXT, exact_quantities BOOLEAN,
  traceparent TEXT, expires BIGINT, expires_tick BIGINT, expires_run_time BIGINT, received BIGINT, dispatched BIGINT,
  sent BIGINT, answered BIGINT, finalized BIGINT, attempts BIGINT, worker TEXT, last_dispatched BIGINT,
  last_dispatched_tick BIGINT, deletes BIGINT, doubt BOOLEAN, answers BIGINT, last_answer TEXT, ack_status TEXT,
  cxl_rej_reason TEXT, origin TEXT, text TEXT, http_status BIGINT, exchange_code BIGINT, final_follows BOOLEAN,
  ack_seq BIGINT, ord_status TEXT, evidence TEXT, final_symbol TEXT, price TEXT, order_qty TEXT, leaves_qty TEXT,
  cum_qty TEXT, qty_exact BOOLEAN, final_seq BIGINT, ended BOOLEAN NOT NULL, updated BIGINT NOT NULL,
  run_time BIGINT NOT NULL, PRIMARY KEY(sender_comp_id, cl_ord_id)))sql",
    "CREATE INDEX IF NOT EXISTS cancels_by_order ON cancels(order_id, sender_comp_id, cl_ord_id)",
    "CREATE INDEX IF NOT EXISTS cancels_open ON cancels(sender_comp_id, ack_seq) WHERE NOT ended",
    R"sql(
CREATE TABLE IF NOT EXISTS events(
  topic TEXT COLLATE "C" NOT NULL, seq BIGINT NOT NULL, sending_time BIGINT NOT NULL, payload BYTEA NOT NULL,
  run_time BIGINT NOT NULL, PRIMARY KEY(topic, seq)))sql",
    "CREATE INDEX IF NOT EXISTS events_by_run_time ON events(run_time)",
    "CREATE TABLE IF NOT EXISTS topics(topic TEXT COLLATE \"C\" PRIMARY KEY, next_seq BIGINT NOT NULL)",
    R"sql(
CREATE TABLE IF NOT EXISTS permits(
  task_id BIGINT PRIMARY KEY, limiter TEXT NOT NULL, order_id BIGINT NOT NULL, stamp BIGINT NOT NULL,
  open BOOLEAN NOT NULL, settles_tick BIGINT NOT NULL, settles BIGINT NOT NULL))sql",
    R"sql(
CREATE TABLE IF NOT EXISTS holds(
  limiter TEXT PRIMARY KEY, until_tick BIGINT NOT NULL, until BIGINT NOT NULL, text TEXT NOT NULL,
  length BIGINT NOT NULL, run_time BIGINT NOT NULL))sql",
    R"sql(
CREATE TABLE IF NOT EXISTS history(
  order_id BIGINT NOT NULL, term BIGINT NOT NULL, line BIGINT NOT NULL, at BIGINT NOT NULL, what TEXT NOT NULL,
  status TEXT, text TEXT, task_id BIGINT, attempt BIGINT, stamp BIGINT, worker TEXT, http_status BIGINT,
  exchange_code BIGINT, amount TEXT, left_amount TEXT, PRIMARY KEY(order_id, term, line)))sql",
    R"sql(
CREATE TABLE IF NOT EXISTS mass_cancels(
  sender_comp_id TEXT COLLATE "C" NOT NULL, cl_ord_id TEXT COLLATE "C" NOT NULL, scope TEXT NOT NULL, owner TEXT,
  symbol TEXT, side TEXT, client_order_id_prefix TEXT, priority TEXT, until_empty BOOLEAN NOT NULL, traceparent TEXT,
  received BIGINT NOT NULL, swept BOOLEAN NOT NULL, status TEXT NOT NULL, text TEXT, complete_as_of BIGINT,
  report_seq BIGINT NOT NULL, ended BOOLEAN NOT NULL, updated BIGINT NOT NULL, run_time BIGINT NOT NULL,
  cause TEXT NOT NULL, reason TEXT, released BIGINT, released_by TEXT, release_reason TEXT, forced BOOLEAN,
  PRIMARY KEY(sender_comp_id, cl_ord_id)))sql",
    R"sql(
CREATE TABLE IF NOT EXISTS mass_cancel_orders(
  sender_comp_id TEXT COLLATE "C" NOT NULL, cl_ord_id TEXT COLLATE "C" NOT NULL, order_id BIGINT NOT NULL,
  state TEXT NOT NULL, owner TEXT, cxl_rej_reason TEXT, text TEXT, PRIMARY KEY(sender_comp_id, cl_ord_id, order_id)))sql",
    R"sql(
CREATE TABLE IF NOT EXISTS dead_man_switches(
  sender_comp_id TEXT PRIMARY KEY, "window" BIGINT NOT NULL, fired BOOLEAN NOT NULL, updated BIGINT NOT NULL))sql",
    "CREATE TABLE IF NOT EXISTS back_on_book(order_id BIGINT PRIMARY KEY)",
    R"sql(
CREATE OR REPLACE VIEW commands AS SELECT
  sender_comp_id, cl_ord_id, order_id, priority,
  to_char(to_timestamp(received / 1e9) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS') AS received,
  to_char(to_timestamp(dispatched / 1e9) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS') AS dispatched,
  to_char(to_timestamp(answered / 1e9) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS') AS answered,
  to_char(to_timestamp(finalized / 1e9) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS') AS finalized,
  attempts, worker, ack_status, cxl_rej_reason, text, ord_status, evidence, leaves_qty, cum_qty, qty_exact, ended
FROM cancels)sql",
    // synchronous: the bus that leads commits nothing that no standby of the database has. commits_lost: until the
    // first batch of the term. Updated with every commit, so its page keeps room for the row's next versions.
    R"sql(
CREATE TABLE IF NOT EXISTS lease(
  one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one), term BIGINT NOT NULL, leader_id TEXT NOT NULL,
  batch BIGINT NOT NULL, renewals BIGINT NOT NULL, released BOOLEAN NOT NULL,
  renewed TIMESTAMPTZ NOT NULL, system_identifier BIGINT NOT NULL, timeline BIGINT NOT NULL,
  synchronous BOOLEAN NOT NULL, commits_lost BOOLEAN NOT NULL) WITH (fillfactor = 10))sql",
    "INSERT INTO lease VALUES(true, 0, '', 0, 0, true, now(), 0, 0, true, false) ON CONFLICT DO NOTHING",
    // Buses that follow, for people: their last look, by the database's clock. A promoted server begins without.
    "CREATE UNLOGGED TABLE IF NOT EXISTS standbys(name TEXT PRIMARY KEY, heard TIMESTAMPTZ NOT NULL)",
    // The row lock is held until the commit, so no bus takes over in the middle of a batch.
    R"sql(
CREATE OR REPLACE FUNCTION hold_lease(my_term BIGINT, my_id TEXT, must_replicate BOOLEAN) RETURNS BIGINT
LANGUAGE plpgsql AS $$
DECLARE held lease;
BEGIN
  SELECT * INTO STRICT held FROM lease FOR UPDATE;
  IF held.term <> my_term OR held.leader_id <> my_id THEN
    RAISE EXCEPTION 'another bus leads in term %: %', held.term, held.leader_id USING ERRCODE = 'CB001';
  ELSIF must_replicate AND current_setting('synchronous_standby_names') = '' THEN
    RAISE EXCEPTION 'synchronous_standby_names of the database is empty, so a commit would be on one machine only'
      USING ERRCODE = 'CB004';
  END IF;
  RETURN held.batch;
END $$)sql",
    R"sql(
CREATE OR REPLACE FUNCTION renew(my_term BIGINT, my_id TEXT, must_replicate BOOLEAN) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hold_lease(my_term, my_id, must_replicate);
  UPDATE lease SET renewals = renewals + 1, renewed = now();
END $$)sql",
    R"sql(
CREATE OR REPLACE FUNCTION begin_batch(my_term BIGINT, my_id TEXT, number BIGINT, must_replicate BOOLEAN)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE stored BIGINT := hold_lease(my_term, my_id, must_replicate);
BEGIN
  IF number = stored THEN
    RAISE EXCEPTION 'batch % is stored', number USING ERRCODE = 'CB002';
  ELSIF number <> stored + 1 THEN
    RAISE EXCEPTION 'batch % does not follow batch %: the database has lost commits', number, stored
      USING ERRCODE = 'CB003';
  END IF;
  UPDATE lease SET batch = number, renewals = renewals + 1, renewed = now(), commits_lost = false;
END $$)sql",
    // Whether the lease was still as it was seen, and is now the caller's. What is written into it next_lease() decides
    // (lease.hpp); with commits that may be lost a new epoch begins.
    R"sql(
CREATE OR REPLACE FUNCTION claim(seen_term BIGINT, seen_renewals BIGINT, new_term BIGINT, new_id TEXT, server BIGINT,
                                 line BIGINT, must_replicate BOOLEAN, lost BOOLEAN, new_epoch TEXT)
RETURNS BOOLEAN LANGUAGE plpgsql AS $$
DECLARE seen lease;
BEGIN
  SELECT * INTO STRICT seen FROM lease FOR UPDATE;
  IF seen.term <> seen_term OR seen.renewals <> seen_renewals THEN RETURN false; END IF;
  IF must_replicate AND current_setting('synchronous_standby_names') = '' THEN
    RAISE EXCEPTION 'synchronous_standby_names of the database is empty, so a commit would be on one machine only: '
      'name its standby there, or start with --store_sync=normal' USING ERRCODE = 'CB004';
  END IF;
  IF lost OR NOT EXISTS (SELECT FROM meta WHERE key = 'epoch') THEN
    INSERT INTO meta VALUES('epoch', new_epoch) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
  END IF;
  UPDATE lease SET term = new_term, leader_id = new_id, renewals = renewals + 1, released = false, renewed = now(),
    system_identifier = server, timeline = line, synchronous = must_replicate, commits_lost = lost;
  RETURN true;
END $$)sql",
    // Forgets up to `most` events that were inserted before a bus had run for `before`: only the first ones of a
    // topic, and none that an open command needs, as event_table.cpp does. Returns how many.
    R"sql(
CREATE OR REPLACE FUNCTION prune_events(before BIGINT, most BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
  oldest RECORD;
  needed BIGINT;
  deleted BIGINT;
  pruned BIGINT := 0;
BEGIN
  FOR oldest IN
    SELECT o.topic, MAX(o.seq) AS last
    FROM (SELECT topic, seq FROM events WHERE run_time < before ORDER BY run_time LIMIT most) o GROUP BY o.topic
  LOOP
    INSERT INTO topics SELECT topic, MAX(seq) + 1 FROM events WHERE topic = oldest.topic GROUP BY topic
      ON CONFLICT (topic) DO UPDATE SET next_seq = GREATEST(topics.next_seq, excluded.next_seq);
    SELECT MIN(seq) INTO needed FROM (
      SELECT MIN(ack_seq) AS seq FROM cancels
        WHERE 'client.' || sender_comp_id || '.' = oldest.topic AND NOT ended AND ack_seq > 0
      UNION ALL SELECT MIN(report_seq) FROM mass_cancels
        WHERE 'client.' || sender_comp_id || '.' = oldest.topic AND NOT ended AND report_seq > 0) n;
    DELETE FROM events WHERE topic = oldest.topic AND seq <= oldest.last AND (needed IS NULL OR seq < needed)
      AND seq < COALESCE((SELECT MIN(seq) FROM events WHERE topic = oldest.topic AND run_time >= before),
                         oldest.last + 1);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    pruned := pruned + deleted;
  END LOOP;
  RETURN pruned;
END $$)sql",
    "INSERT INTO meta VALUES('version', '1'), ('run_time', '0') ON CONFLICT DO NOTHING",
};

const Statements* const Migrations[] = {&Version1};

}  // namespace

const int64_t PgSchemaVersion = std::size(Migrations);

// A wait for the lease's row ends: a bus that died while the database waited for its standby may hold it for long.
const std::vector<std::string_view> PgSession = {
    "SET search_path TO cancelbus, pg_temp",
    "SET synchronous_commit TO on",
    "SET lock_timeout TO 1000",
    "SET default_transaction_isolation TO 'read committed'",
};

std::vector<std::string_view> pg_migration(int64_t version) {
  CANCELBUS_CHECK(version >= 0 && version < PgSchemaVersion);
  return *Migrations[version];
}

}  // namespace cancelbus::io
