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

namespace {

// The columns of a table in the order in which they are bound and read.
constexpr std::string_view CommandColumns =
    "sender_comp_id, cl_ord_id, order_id, account, symbol, transact_time, time_to_live, priority, exact_quantities, "
    "traceparent, expires, received, dispatched, sent, answered, finalized, attempts, worker, last_dispatched, "
    "last_dispatched_tick, doubt, answers, last_answer, ack_status, cxl_rej_reason, origin, text, http_status, "
    "exchange_code, final_follows, ack_seq, ord_status, evidence, final_symbol, price, order_qty, leaves_qty, cum_qty, "
    "qty_exact, final_seq, ended, updated";
constexpr std::string_view PermitColumns = "task_id, limiter, order_id, stamp, open, settles_tick, settles";
constexpr std::string_view HoldColumns = "limiter, until_tick, until, text";
constexpr std::string_view HistoryColumns =
    "order_id, term, line, at, what, status, text, task_id, attempt, stamp, worker, http_status, exchange_code, "
    "amount, "
    "left_amount";

std::string text_of(std::string_view text) { return std::string(text); }

std::string insert(std::string_view verb, std::string_view table, std::string_view columns) {
  std::string sql = text_of(verb) + " INTO " + text_of(table) + "(" + text_of(columns) + ") VALUES(?";
  for (auto i = std::ranges::count(columns, ','); i > 0; --i) sql += ",?";
  return sql + ")";
}

}  // namespace

std::string upsert_command() { return insert("INSERT OR REPLACE", "cancels", text_of(CommandColumns) + ", run_time"); }
std::string select_commands() { return "SELECT " + text_of(CommandColumns) + ", run_time FROM cancels"; }
std::string upsert_permit() { return insert("INSERT OR REPLACE", "permits", PermitColumns); }
std::string select_permits() { return "SELECT " + text_of(PermitColumns) + " FROM permits ORDER BY task_id"; }
std::string upsert_hold() { return insert("INSERT OR REPLACE", "holds", HoldColumns); }
std::string select_holds() { return "SELECT " + text_of(HoldColumns) + " FROM holds"; }
std::string insert_history_line() { return insert("INSERT", "history", HistoryColumns); }

void bind_command(Statement& statement, const core::CommandRecord& record, core::Duration run_time) {
  const core::CancelOrder& order = record.order;
  const core::Timeline& timeline = record.timeline;
  const auto last = record.last_answer ? std::optional(word(Verdicts, *record.last_answer)) : std::nullopt;
  statement.bind(record.key.sender).bind(record.key.cl_ord_id).bind(order.order_id).bind(order.account);
  statement.bind(order.symbol).bind(order.transact_time).bind(order.time_to_live);
  statement.bind(word(Priorities, order.priority));
  statement.bind(order.exact_quantities).bind(order.traceparent).bind(record.expires).bind(timeline.received);
  statement.bind(timeline.dispatched).bind(timeline.sent).bind(timeline.answered).bind(timeline.finalized);
  statement.bind(timeline.attempts).bind(timeline.worker);
  if (const auto& dispatch = record.last_dispatch) {
    statement.bind(dispatch->wall).bind(int64_t{dispatch->tick.time_since_epoch().count()});
  } else {
    statement.bind_null().bind_null();
  }
  statement.bind(record.doubt).bind(record.answered).bind(last);
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
  statement.bind(record.final_seq).bind(record.ended).bind(record.updated).bind(run_time);
}

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
  const auto dispatched = row.time();
  const core::Tick tick{core::Duration(row.integer())};
  if (dispatched) record.last_dispatch = core::Instant{tick, *dispatched};
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

void bind_permit(Statement& statement, const core::PermitRecord& record) {
  statement.bind(record.task).bind(word(Limiters, record.limiter)).bind(record.order_id).bind(record.stamp_ms);
  statement.bind(record.open).bind(int64_t{record.settles.time_since_epoch().count()}).bind(record.settles_wall);
}

void bind_hold(Statement& statement, const core::HoldRecord& record) {
  statement.bind(word(Limiters, record.limiter)).bind(int64_t{record.until.time_since_epoch().count()});
  statement.bind(record.until_wall).bind(record.text);
}

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

core::HoldRecord read_hold(Statement& row) {
  core::HoldRecord record;
  record.limiter = value_or(Limiters, row.text(), core::LimiterKind::Cancel);
  record.until = core::Tick(core::Duration(row.integer()));
  record.until_wall = row.time().value_or(core::WallTime{});
  record.text = row.text();
  return record;
}

}  // namespace cancelbus::io
