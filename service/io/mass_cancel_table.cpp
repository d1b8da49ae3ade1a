#include "service/io/mass_cancel_table.hpp"

#include <string_view>
#include <utility>

#include "service/core/names.hpp"

namespace cancelbus::io {
namespace {

using Whose = core::MassCancelRequest::Whose;
using Cause = core::MassCancelRequest::Cause;
using State = core::MassCancelOrder::State;

const char* const Upsert =
    "INSERT OR REPLACE INTO mass_cancels(sender_comp_id, cl_ord_id, scope, owner, symbol, side, "
    "client_order_id_prefix, "
    "priority, until_empty, traceparent, received, swept, status, text, complete_as_of, report_seq, ended, updated, "
    "run_time, cause, reason, released, released_by, release_reason, forced) "
    "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
const char* const Select =
    "SELECT sender_comp_id, cl_ord_id, scope, owner, symbol, side, client_order_id_prefix, priority, until_empty, "
    "traceparent, received, swept, status, text, complete_as_of, report_seq, ended, updated, run_time, cause, "
    "reason, released, released_by, release_reason, forced FROM mass_cancels";
const char* const UpsertOrder =
    "INSERT OR REPLACE INTO mass_cancel_orders(sender_comp_id, cl_ord_id, order_id, state, owner, cxl_rej_reason, "
    "text) "
    "VALUES(?,?,?,?,?,?,?)";
const char* const SelectOrders =
    "SELECT o.sender_comp_id, o.cl_ord_id, o.order_id, o.state, o.owner, o.cxl_rej_reason, o.text "
    "FROM mass_cancel_orders o JOIN mass_cancels m ON m.sender_comp_id = o.sender_comp_id AND m.cl_ord_id = "
    "o.cl_ord_id "
    "WHERE NOT m.ended OR o.state = 'CANCELING'";

/// A name that this version does not know: the row was written by another one, or by hand.
template <typename Enum>
Enum named_or(std::string_view text, Enum otherwise) {
  return core::enumerator_named<Enum>(text).value_or(otherwise);
}

core::MassCancelRecord read_record(Statement& row) {
  core::MassCancelRecord record;
  core::MassCancelRequest& request = record.request;
  record.key.sender = row.text();
  record.key.cl_ord_id = request.cl_ord_id = row.text();
  request.whose = named_or(row.text(), Whose::Own);
  request.scope.owner = row.text();
  request.scope.whose = request.whose == Whose::All       ? core::Scope::Whose::All
                        : request.whose == Whose::Unowned ? core::Scope::Whose::Unowned
                                                          : core::Scope::Whose::Owner;
  request.scope.symbol = row.text();
  request.scope.side = core::enumerator_named<core::Side>(row.text());
  request.scope.client_order_id_prefix = row.text();
  request.priority = named_or(row.text(), core::Priority::Normal);
  request.until_empty = row.flag();
  request.traceparent = row.text();
  record.received = row.time().value_or(core::WallTime{});
  record.swept = row.flag();
  record.status = named_or(row.text(), core::MassCancelStatus::Progress);
  record.text = row.text();
  record.complete_as_of = row.time();
  record.report_seq = static_cast<uint64_t>(row.integer());
  record.ended = row.flag();
  record.updated = row.time().value_or(core::WallTime{});
  record.run_time = core::Duration(row.integer());
  request.cause = named_or(row.text(), Cause::Client);
  request.reason = row.text();
  core::KillSwitchRelease release;
  const auto released = row.time();
  release.by = row.text();
  release.reason = row.text();
  release.forced = row.flag();
  if (released) {
    release.at = *released;
    record.release = std::move(release);
  }
  return record;
}

core::MassCancelOrder read_order(Statement& row) {
  core::MassCancelOrder order;
  order.mass.sender = row.text();
  order.mass.cl_ord_id = row.text();
  order.order_id = row.integer();
  order.state = named_or(row.text(), State::Pending);
  order.owner = row.text();
  order.reason = named_or(row.text(), core::RejectReason::None);
  order.text = row.text();
  return order;
}

}  // namespace

bool MassCancelTable::prepare(sqlite3* db) {
  db_ = db;
  return upsert_dead_man_.prepare(db,
                                  "INSERT OR REPLACE INTO dead_man_switches(sender_comp_id, window, fired, updated) "
                                  "VALUES(?,?,?,?)") &&
         delete_dead_man_.prepare(db, "DELETE FROM dead_man_switches WHERE sender_comp_id=?") &&
         upsert_.prepare(db, Upsert) && upsert_order_.prepare(db, UpsertOrder) &&
         delete_.prepare(db, "DELETE FROM mass_cancels WHERE sender_comp_id=? AND cl_ord_id=?") &&
         delete_order_.prepare(
             db, "DELETE FROM mass_cancel_orders WHERE sender_comp_id=? AND cl_ord_id=? AND order_id=?") &&
         delete_orders_.prepare(db, "DELETE FROM mass_cancel_orders WHERE sender_comp_id=? AND cl_ord_id=?");
}

absl::Status MassCancelTable::put(const core::MassCancelRecord& record, core::Duration run_time) {
  const core::MassCancelRequest& request = record.request;
  const core::Scope& scope = request.scope;
  const auto side = scope.side ? std::optional(core::name_of(*scope.side)) : std::nullopt;
  upsert_.bind(record.key.sender).bind(record.key.cl_ord_id).bind(core::name_of(request.whose)).bind(scope.owner);
  upsert_.bind(scope.symbol).bind(side).bind(scope.client_order_id_prefix).bind(core::name_of(request.priority));
  upsert_.bind(request.until_empty).bind(request.traceparent).bind(record.received).bind(record.swept);
  upsert_.bind(core::name_of(record.status)).bind(record.text).bind(record.complete_as_of).bind(record.report_seq);
  upsert_.bind(record.ended).bind(record.updated).bind(run_time);
  upsert_.bind(core::name_of(request.cause)).bind(request.reason);
  const auto& release = record.release;
  upsert_.bind(release ? std::optional(release->at) : std::nullopt);
  const core::KillSwitchRelease none;
  const core::KillSwitchRelease& told = release ? *release : none;
  upsert_.bind(told.by).bind(told.reason).bind(told.forced);
  return sqlite_run(upsert_);
}

absl::Status MassCancelTable::put(const core::MassCancelOrder& order) {
  upsert_order_.bind(order.mass.sender).bind(order.mass.cl_ord_id).bind(order.order_id);
  upsert_order_.bind(core::name_of(order.state)).bind(order.owner).bind(core::name_of(order.reason)).bind(order.text);
  return sqlite_run(upsert_order_);
}

absl::Status MassCancelTable::put(const core::MassCancelOrderForgotten& forgotten) {
  const core::CommandKey& mass = forgotten.mass;
  return sqlite_run(delete_order_.bind(mass.sender).bind(mass.cl_ord_id).bind(forgotten.order_id));
}

absl::Status MassCancelTable::put(const core::MassCancelForgotten& forgotten) {
  const absl::Status status = sqlite_run(delete_orders_.bind(forgotten.key.sender).bind(forgotten.key.cl_ord_id));
  if (!status.ok()) return status;
  return sqlite_run(delete_.bind(forgotten.key.sender).bind(forgotten.key.cl_ord_id));
}

absl::Status MassCancelTable::put(const core::DeadManRecord& record) {
  upsert_dead_man_.bind(record.sender).bind(record.window).bind(record.fired).bind(record.updated);
  return sqlite_run(upsert_dead_man_);
}

absl::Status MassCancelTable::put(const core::DeadManDisarmed& disarmed) {
  return sqlite_run(delete_dead_man_.bind(disarmed.sender));
}

absl::Status MassCancelTable::read(core::Snapshot& snapshot) {
  int result = SQLITE_OK;
  Statement mass_cancels = sqlite_statement(db_, Select);
  while ((result = mass_cancels.step()) == SQLITE_ROW) snapshot.mass_cancels.push_back(read_record(mass_cancels));
  if (result != SQLITE_DONE) return sqlite_error(db_, "store: mass_cancels");
  Statement orders = sqlite_statement(db_, SelectOrders);
  while ((result = orders.step()) == SQLITE_ROW) snapshot.mass_cancel_orders.push_back(read_order(orders));
  if (result != SQLITE_DONE) return sqlite_error(db_, "store: mass_cancel_orders");
  Statement dead_men = sqlite_statement(db_, "SELECT sender_comp_id, window, fired, updated FROM dead_man_switches");
  while ((result = dead_men.step()) == SQLITE_ROW) {
    core::DeadManRecord& record = snapshot.dead_men.emplace_back();
    record.sender = dead_men.text();
    record.window = core::Duration(dead_men.integer());
    record.fired = dead_men.flag();
    record.updated = dead_men.time().value_or(core::WallTime{});
  }
  return result == SQLITE_DONE ? absl::OkStatus() : sqlite_error(db_, "store: dead_man_switches");
}

}  // namespace cancelbus::io
