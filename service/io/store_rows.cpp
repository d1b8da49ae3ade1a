#include "service/io/store_rows.hpp"

#include <algorithm>
#include <span>

namespace cancelbus::io {

namespace {

/// What stands in the column for each enumerator, in the enum's order.
constexpr std::string_view Priorities[] = {"NORMAL", "URGENT"};
constexpr std::string_view AckStatuses[] = {"ACCEPTED", "REJECTED", "IN_DOUBT"};
constexpr std::string_view Origins[] = {"BUS", "WORKER", "EXCHANGE"};
constexpr std::string_view Reasons[] = {
    "",         "TOO_LATE",      "UNKNOWN_ORDER",  "ALREADY_PENDING",  "DUPLICATE_CL_ORD_ID",
    "OTHER",    "EXPIRED",       "NOT_AUTHORIZED", "BLOCKED",          "MALFORMED",
    "BUS_FULL", "TTL_TOO_SHORT", "WRONG_ACCOUNT",  "STORE_UNAVAILABLE"};
constexpr std::string_view OrdStatuses[] = {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "REJECTED"};
constexpr std::string_view Evidences[] = {"CHANNEL_452", "ORDER_QUERY", "OPERATOR"};
constexpr std::string_view Verdicts[] = {"ACCEPTED",      "UNKNOWN_ORDER", "REFUSED",      "BLOCKED",
                                         "WRONG_REQUEST", "UNAUTHORIZED",  "THROTTLED",    "READ",
                                         "DOUBTFUL",      "STALE_STAMP",   "NEVER_WRITTEN"};
constexpr std::string_view Limiters[] = {"CANCEL", "QUERY"};
constexpr std::string_view Readings[] = {"OPEN", "CANCELED", "CLOSED", "NOT_FOUND"};
constexpr std::string_view FactTypes[] = {"451", "452", "441", "423"};
constexpr std::string_view Stages[] = {"QUEUED",    "SENT",  "WAITING_FINAL", "IN_DOUBT",
                                       "RESENDING", "STUCK", "BACK_ON_BOOK"};
constexpr std::string_view HistoryWhats[] = {"DELETE",        "ANSWER",      "QUERY",  "READ",    "FACT",
                                             "WORKER_SILENT", "WORKER_BACK", "STATUS", "RESOLVE", "CONTRADICTION"};

template <typename Enum, size_t N>
std::string_view word(const std::string_view (&words)[N], Enum value) {
  return words[static_cast<size_t>(value)];
}

template <typename Enum, size_t N>
std::optional<Enum> value_of(const std::string_view (&words)[N], std::string_view text) {
  const auto it = std::find(std::begin(words), std::end(words), text);
  if (it == std::end(words)) return std::nullopt;
  return static_cast<Enum>(it - std::begin(words));
}

/// A word that this version does not know: the row was written by another one, or by hand.
template <typename Enum, size_t N>
Enum value_or(const std::string_view (&words)[N], std::string_view text, Enum otherwise) {
  return value_of<Enum>(words, text).value_or(otherwise);
}

}  // namespace

const char* const StoreSchema = R"sql(
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

const char* const UpsertCommand = R"sql(
INSERT OR REPLACE INTO cancels VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
)sql";

void bind_command(Statement& statement, const core::CommandRecord& record) {
  const core::CancelOrder& order = record.order;
  const core::Timeline& timeline = record.timeline;
  const auto last = record.last_answer ? std::optional(word(Verdicts, *record.last_answer)) : std::nullopt;
  statement.bind(record.key.sender).bind(record.key.cl_ord_id).bind(order.order_id).bind(order.account);
  statement.bind(order.symbol).bind(order.transact_time).bind(order.time_to_live);
  statement.bind(word(Priorities, order.priority));
  statement.bind(order.exact_quantities).bind(order.traceparent).bind(record.expires).bind(timeline.received);
  statement.bind(timeline.dispatched).bind(timeline.sent).bind(timeline.answered).bind(timeline.finalized);
  statement.bind(timeline.attempts).bind(timeline.worker).bind(record.doubt).bind(record.answered).bind(last);
  if (const auto& ack = record.ack) {
    statement.bind(word(AckStatuses, ack->status)).bind(word(Reasons, ack->reason)).bind(word(Origins, ack->origin));
    statement.bind(ack->text).bind(ack->http_status).bind(ack->exchange_code).bind(ack->final_follows);
  } else {
    for (int i = 0; i < 7; ++i) statement.bind_null();
  }
  statement.bind(record.ack_seq);
  if (const auto& final = record.final) {
    const core::Quantities& quantities = final->quantities;
    statement.bind(word(OrdStatuses, final->ord_status)).bind(word(Evidences, final->evidence)).bind(final->symbol);
    statement.bind(quantities.price).bind(quantities.order_qty).bind(quantities.leaves_qty).bind(quantities.cum_qty);
    statement.bind(quantities.exact);
  } else {
    for (int i = 0; i < 8; ++i) statement.bind_null();
  }
  statement.bind(record.final_seq).bind(record.ended).bind(record.updated);
}

const char* const SelectCommands = "SELECT * FROM cancels";

core::CommandRecord read_command(Statement& row) {
  core::CommandRecord record;
  core::CancelOrder& order = record.order;
  core::Timeline& timeline = record.timeline;
  record.key.sender = row.text();
  record.key.cl_ord_id = order.cl_ord_id = row.text();
  order.order_id = row.integer();
  order.account = row.text();
  order.symbol = row.text();
  order.transact_time = row.time();
  if (const auto ttl = row.time()) order.time_to_live = ttl->time_since_epoch();
  order.priority = value_or(Priorities, row.text(), core::Priority::Normal);
  order.exact_quantities = row.flag();
  order.traceparent = row.text();
  record.expires = row.time();
  timeline.received = row.time();
  timeline.dispatched = row.time();
  timeline.sent = row.time();
  timeline.answered = row.time();
  timeline.finalized = row.time();
  timeline.attempts = static_cast<uint32_t>(row.integer());
  timeline.worker = row.text();
  record.doubt = row.flag();
  record.answered = static_cast<uint32_t>(row.integer());
  record.last_answer = value_of<core::Verdict>(Verdicts, row.text());
  core::CancelAck ack;
  ack.cl_ord_id = order.cl_ord_id;
  ack.order_id = order.order_id;
  const auto status = value_of<core::AckStatus>(AckStatuses, row.text());
  ack.status = status.value_or(core::AckStatus::InDoubt);
  ack.reason = value_or(Reasons, row.text(), core::RejectReason::Other);
  ack.origin = value_or(Origins, row.text(), core::Origin::Bus);
  ack.text = row.text();
  ack.http_status = static_cast<int>(row.integer());
  ack.exchange_code = static_cast<int>(row.integer());
  ack.final_follows = row.flag();
  ack.timeline = timeline;
  if (status) record.ack = std::move(ack);
  record.ack_seq = static_cast<uint64_t>(row.integer());
  core::CancelFinal final;
  final.cl_ord_id = order.cl_ord_id;
  final.order_id = order.order_id;
  const auto ord_status = value_of<core::OrdStatus>(OrdStatuses, row.text());
  final.ord_status = ord_status.value_or(core::OrdStatus::New);
  final.evidence = value_or(Evidences, row.text(), core::Evidence::OrderQuery);
  final.symbol = row.text();
  final.quantities.price = row.text();
  final.quantities.order_qty = row.text();
  final.quantities.leaves_qty = row.text();
  final.quantities.cum_qty = row.text();
  final.quantities.exact = row.flag();
  final.timeline = timeline;
  if (ord_status) record.final = std::move(final);
  record.final_seq = static_cast<uint64_t>(row.integer());
  record.ended = row.flag();
  record.updated = row.time().value_or(core::WallTime{});
  return record;
}

const char* const UpsertPermit = "INSERT OR REPLACE INTO permits VALUES(?,?,?,?,?,?,?)";

void bind_permit(Statement& statement, const core::PermitRecord& record) {
  statement.bind(record.task).bind(word(Limiters, record.limiter)).bind(record.order_id).bind(record.stamp_ms);
  statement.bind(record.open).bind(int64_t{record.settles.time_since_epoch().count()}).bind(record.settles_wall);
}

const char* const UpsertHold = "INSERT OR REPLACE INTO holds VALUES(?,?,?,?)";

void bind_hold(Statement& statement, const core::HoldRecord& record) {
  statement.bind(word(Limiters, record.limiter)).bind(int64_t{record.until.time_since_epoch().count()});
  statement.bind(record.until_wall).bind(record.text);
}

const char* const InsertHistoryLine = "INSERT INTO history VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

namespace {

struct StatusWord {
  std::string_view operator()(std::monostate) const { return ""; }
  std::string_view operator()(core::Verdict value) const { return word(Verdicts, value); }
  std::string_view operator()(core::ReadStatus value) const { return word(Readings, value); }
  std::string_view operator()(core::FactType value) const { return word(FactTypes, value); }
  std::string_view operator()(core::Stage value) const { return word(Stages, value); }
  std::string_view operator()(core::OrdStatus value) const { return word(OrdStatuses, value); }
};

}  // namespace

void bind_history_line(Statement& statement, const core::HistoryLine& line, uint64_t term) {
  statement.bind(line.order_id).bind(term).bind(line.line).bind(line.at).bind(word(HistoryWhats, line.what));
  // What is not known takes no room.
  const auto text = [&](std::string_view value) { value.empty() ? statement.bind_null() : statement.bind(value); };
  const auto number = [&](int64_t value) { value == 0 ? statement.bind_null() : statement.bind(value); };
  text(std::visit(StatusWord(), line.status));
  text(line.text);
  number(static_cast<int64_t>(line.task));
  number(line.attempt);
  number(line.stamp_ms);
  text(line.worker);
  number(line.http_status);
  number(line.exchange_code);
  text(line.amount);
  text(line.left_amount);
}

const char* const SelectPermits = "SELECT * FROM permits ORDER BY task_id";

core::PermitRecord read_permit(Statement& row) {
  core::PermitRecord record;
  record.task = static_cast<uint64_t>(row.integer());
  record.limiter = value_or(Limiters, row.text(), core::LimiterKind::Cancel);
  record.order_id = row.integer();
  record.stamp_ms = row.integer();
  record.open = row.flag();
  record.settles = core::Tick(core::Duration(row.integer()));
  record.settles_wall = row.time().value_or(core::WallTime{});
  return record;
}

const char* const SelectHolds = "SELECT * FROM holds";

core::HoldRecord read_hold(Statement& row) {
  core::HoldRecord record;
  record.limiter = value_or(Limiters, row.text(), core::LimiterKind::Cancel);
  record.until = core::Tick(core::Duration(row.integer()));
  record.until_wall = row.time().value_or(core::WallTime{});
  record.text = row.text();
  return record;
}

}  // namespace cancelbus::io
