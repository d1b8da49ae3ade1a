#include "service/io/store_rows.hpp"

#include <algorithm>
#include <initializer_list>
#include <sstream>
#include <vector>

#include "service/core/names.hpp"
#include "service/io/postgres_values.hpp"
#include "service/io/sqlite.hpp"

namespace cancelbus::io {

namespace {

/// A word that this version does not know: the row was written by another one, or by hand.
template <typename Enum>
Enum named_or(std::string_view text, Enum otherwise) {
  return core::enumerator_named<Enum>(text).value_or(otherwise);
}

std::vector<std::string_view> names(const Table& table) {
  std::vector<std::string_view> names;
  for (size_t from = 0, end = 0; end != std::string_view::npos; from = end + 2) {
    end = table.columns.find(", ", from);
    names.push_back(table.columns.substr(from, end == std::string_view::npos ? end : end - from));
  }
  return names;
}

std::string concat(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

std::string insert(std::string_view verb, const Table& table) {
  std::string sql = concat({verb, " INTO ", table.name, "(", table.columns, ") VALUES(?"});
  for (auto i = std::ranges::count(table.columns, ','); i > 0; --i) sql += ",?";
  return sql + ")";
}

}  // namespace

const Table Commands{
    "cancels",
    "sender_comp_id, cl_ord_id, order_id, account, symbol, transact_time, time_to_live, priority, exact_quantities, "
    "traceparent, expires, expires_tick, expires_run_time, received, dispatched, sent, answered, finalized, attempts, "
    "worker, last_dispatched, last_dispatched_tick, deletes, doubt, answers, last_answer, ack_status, cxl_rej_reason, "
    "origin, text, http_status, exchange_code, final_follows, ack_seq, ord_status, evidence, final_symbol, price, "
    "order_qty, leaves_qty, cum_qty, qty_exact, final_seq, ended, updated, run_time",
    2};
const Table Permits{"permits", "task_id, limiter, order_id, stamp, open, settles_tick, settles", 1};
const Table Holds{"holds", "limiter, until_tick, until, text, length, run_time", 1};
const Table History{"history",
                    "order_id, term, line, at, what, status, text, task_id, attempt, stamp, worker, http_status, "
                    "exchange_code, amount, left_amount",
                    3};

std::string in_dialect(std::string_view sql, Dialect dialect) {
  if (dialect == Dialect::OfSqlite) return std::string(sql);
  std::string numbered;
  int number = 0;
  for (const char c : sql) c == '?' ? numbered.append("$" + std::to_string(++number)) : numbered.append(1, c);
  return numbered;
}

std::string insert(const Table& table, Dialect dialect) { return in_dialect(insert("INSERT", table), dialect); }

std::string upsert(const Table& table, Dialect dialect) {
  if (dialect == Dialect::OfSqlite) return insert("INSERT OR REPLACE", table);
  std::string key, rest;
  for (int i = 0; const std::string_view name : names(table)) {
    if (i++ < table.keys) {
      key += concat({key.empty() ? "" : ", ", name});
    } else {
      rest += concat({rest.empty() ? "" : ", ", name, "=excluded.", name});
    }
  }
  const std::string then = rest.empty() ? "NOTHING" : "UPDATE SET " + rest;
  return concat({insert(table, dialect), " ON CONFLICT (", key, ") DO ", then});
}

std::string erase(const Table& table, Dialect dialect) {
  std::string where;
  for (int i = 0; const std::string_view name : names(table)) {
    if (i++ < table.keys) where += concat({where.empty() ? "" : " AND ", name, "=?"});
  }
  return in_dialect(concat({"DELETE FROM ", table.name, " WHERE ", where}), dialect);
}

std::string select(const Table& table) { return concat({"SELECT ", table.columns, " FROM ", table.name}); }

template <typename Binder>
void bind_command(Binder& statement, const core::CommandRecord& record, core::Duration run_time) {
  const core::CancelOrder& order = record.order;
  const core::Timeline& timeline = record.timeline;
  const auto last = record.last_answer ? std::optional(core::name_of(*record.last_answer)) : std::nullopt;
  statement.bind(record.key.sender).bind(record.key.cl_ord_id).bind(order.order_id).bind(order.account);
  statement.bind(order.symbol).bind(order.transact_time).bind(order.time_to_live);
  statement.bind(core::name_of(order.priority));
  statement.bind(order.exact_quantities).bind(order.traceparent).bind(record.expires);
  if (record.expires_tick) {
    statement.bind(int64_t{record.expires_tick->time_since_epoch().count()}).bind(record.expires_run_time);
  } else {
    statement.bind_null().bind_null();
  }
  statement.bind(timeline.received);
  statement.bind(timeline.dispatched).bind(timeline.sent).bind(timeline.answered).bind(timeline.finalized);
  statement.bind(timeline.attempts).bind(timeline.worker);
  if (const auto& dispatch = record.last_dispatch) {
    statement.bind(dispatch->wall).bind(int64_t{dispatch->tick.time_since_epoch().count()});
  } else {
    statement.bind_null().bind_null();
  }
  statement.bind(record.deletes).bind(record.doubt).bind(record.answered).bind(last);
  if (const auto& ack = record.ack) {
    statement.bind(core::name_of(ack->status)).bind(core::name_of(ack->reason)).bind(core::name_of(ack->origin));
    statement.bind(ack->text).bind(ack->http_status).bind(ack->exchange_code).bind(ack->final_follows);
  } else if (const auto& answer = record.undecided_answer) {
    // Without an ack_status they are no ack's.
    statement.bind_null().bind_null().bind_null();
    statement.bind(answer->text).bind(answer->http_status).bind(answer->exchange_code).bind_null();
  } else {
    for (int i = 0; i < 7; ++i) statement.bind_null();
  }
  statement.bind(record.ack_seq);
  if (const auto& final = record.final) {
    const core::Quantities& quantities = final->quantities;
    statement.bind(core::name_of(final->ord_status)).bind(core::name_of(final->evidence)).bind(final->symbol);
    statement.bind(quantities.price).bind(quantities.order_qty).bind(quantities.leaves_qty).bind(quantities.cum_qty);
    statement.bind(quantities.exact);
  } else {
    for (int i = 0; i < 8; ++i) statement.bind_null();
  }
  statement.bind(record.final_seq).bind(record.ended).bind(record.updated).bind(run_time);
}

namespace {

/// The columns from ack_status to final_follows: an ack, or the latest answer that decided nothing, or neither.
template <typename Row>
std::optional<core::CancelAck> read_ack(Row& row, core::CommandRecord& record) {
  core::CancelAck ack;
  ack.cl_ord_id = record.key.cl_ord_id;
  ack.order_id = record.order.order_id;
  const auto status = core::enumerator_named<core::AckStatus>(row.text());
  ack.status = status.value_or(core::AckStatus::InDoubt);
  ack.reason = named_or(row.text(), core::RejectReason::Other);
  ack.origin = named_or(row.text(), core::Origin::Bus);
  ack.text = row.text();
  ack.http_status = static_cast<int>(row.integer());
  ack.exchange_code = static_cast<int>(row.integer());
  ack.final_follows = row.flag();
  ack.timeline = record.timeline;
  const bool answered = !ack.text.empty() || ack.http_status != 0;
  if (!status && answered) record.undecided_answer = {ack.http_status, ack.exchange_code, ack.text};
  return status ? std::optional(std::move(ack)) : std::nullopt;
}

/// The columns from ord_status to qty_exact; absent if there was no final.
template <typename Row>
std::optional<core::CancelFinal> read_final(Row& row, const core::CommandRecord& record) {
  core::CancelFinal final;
  final.cl_ord_id = record.key.cl_ord_id;
  final.order_id = record.order.order_id;
  const auto status = core::enumerator_named<core::OrdStatus>(row.text());
  final.ord_status = status.value_or(core::OrdStatus::New);
  final.evidence = named_or(row.text(), core::Evidence::OrderQuery);
  final.symbol = row.text();
  final.quantities.price = row.text();
  final.quantities.order_qty = row.text();
  final.quantities.leaves_qty = row.text();
  final.quantities.cum_qty = row.text();
  final.quantities.exact = row.flag();
  final.timeline = record.timeline;
  return status ? std::optional(std::move(final)) : std::nullopt;
}

}  // namespace

template <typename Row>
core::CommandRecord read_command(Row& row) {
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
  order.priority = named_or(row.text(), core::Priority::Normal);
  order.exact_quantities = row.flag();
  order.traceparent = row.text();
  record.expires = row.time();
  if (const auto tick = row.maybe_integer()) record.expires_tick = core::Tick(core::Duration(*tick));
  record.expires_run_time = core::Duration(row.integer());
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
  record.deletes = static_cast<uint32_t>(row.integer());
  record.doubt = row.flag();
  record.answered = static_cast<uint32_t>(row.integer());
  record.last_answer = core::enumerator_named<core::Verdict>(row.text());
  record.ack = read_ack(row, record);
  record.ack_seq = static_cast<uint64_t>(row.integer());
  record.final = read_final(row, record);
  record.final_seq = static_cast<uint64_t>(row.integer());
  record.ended = row.flag();
  record.updated = row.time().value_or(core::WallTime{});
  record.run_time = core::Duration(row.integer());
  return record;
}

template <typename Binder>
void bind_permit(Binder& statement, const core::PermitRecord& record) {
  statement.bind(record.task).bind(core::name_of(record.limiter)).bind(record.order_id).bind(record.stamp_ms);
  statement.bind(record.open).bind(int64_t{record.settles.time_since_epoch().count()}).bind(record.settles_wall);
}

template <typename Binder>
void bind_hold(Binder& statement, const core::HoldRecord& record, core::Duration run_time) {
  statement.bind(core::name_of(record.limiter)).bind(int64_t{record.until.time_since_epoch().count()});
  statement.bind(record.until_wall).bind(record.text).bind(record.length).bind(run_time);
}

namespace {

struct StatusName {
  std::string_view operator()(std::monostate) const { return ""; }
  std::string_view operator()(auto value) const { return core::name_of(value); }
};

}  // namespace

template <typename Binder>
void bind_history_line(Binder& statement, const core::HistoryLine& line, uint64_t term) {
  statement.bind(line.order_id).bind(term).bind(line.line).bind(line.at).bind(core::name_of(line.what));
  // What is not known takes no room.
  const auto text = [&](std::string_view value) { value.empty() ? statement.bind_null() : statement.bind(value); };
  const auto number = [&](int64_t value) { value == 0 ? statement.bind_null() : statement.bind(value); };
  text(std::visit(StatusName(), line.status));
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

template <typename Row>
core::PermitRecord read_permit(Row& row) {
  core::PermitRecord record;
  record.task = static_cast<uint64_t>(row.integer());
  record.limiter = named_or(row.text(), core::LimiterKind::Cancel);
  record.order_id = row.integer();
  record.stamp_ms = row.integer();
  record.open = row.flag();
  record.settles = core::Tick(core::Duration(row.integer()));
  record.settles_wall = row.time().value_or(core::WallTime{});
  return record;
}

std::string lowered_limits_text(const core::LoweredLimits& lowered) {
  std::ostringstream out;
  for (const auto& [limiter, state] : lowered.entries) {
    out << core::name_of(limiter) << ' ' << state.period.count() << ' ' << state.limit << ' ' << state.wait << ' '
        << (state.regained ? 1 : 0) << ' ' << state.since.time_since_epoch().count() << '\n';
  }
  return out.str();
}

core::LoweredLimits read_lowered_limits(const std::string& text) {
  core::LoweredLimits lowered;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line);
    std::string limiter;
    core::LoweredLimit::State state;
    int64_t period = 0, since = 0;
    if (!(in >> limiter >> period >> state.limit >> state.wait >> state.regained >> since)) continue;
    const auto kind = core::enumerator_named<core::LimiterKind>(limiter);
    if (!kind) continue;
    state.period = core::Duration(period);
    state.since = core::WallTime(core::Duration(since));
    lowered.entries.push_back({*kind, state});
  }
  return lowered;
}

template <typename Row>
core::HoldRecord read_hold(Row& row) {
  core::HoldRecord record;
  record.limiter = named_or(row.text(), core::LimiterKind::Cancel);
  record.until = core::Tick(core::Duration(row.integer()));
  record.until_wall = row.time().value_or(core::WallTime{});
  record.text = row.text();
  record.length = core::Duration(row.integer());
  record.run_time = core::Duration(row.integer());
  return record;
}

template void bind_command(Statement&, const core::CommandRecord&, core::Duration);
template void bind_command(PgParameters&, const core::CommandRecord&, core::Duration);
template void bind_permit(Statement&, const core::PermitRecord&);
template void bind_permit(PgParameters&, const core::PermitRecord&);
template void bind_hold(Statement&, const core::HoldRecord&, core::Duration);
template void bind_hold(PgParameters&, const core::HoldRecord&, core::Duration);
template void bind_history_line(Statement&, const core::HistoryLine&, uint64_t);
template void bind_history_line(PgParameters&, const core::HistoryLine&, uint64_t);
template core::CommandRecord read_command(Statement&);
template core::CommandRecord read_command(PgRow&);
template core::PermitRecord read_permit(Statement&);
template core::PermitRecord read_permit(PgRow&);
template core::HoldRecord read_hold(Statement&);
template core::HoldRecord read_hold(PgRow&);

}  // namespace cancelbus::io
