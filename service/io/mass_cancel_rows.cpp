#include "service/io/mass_cancel_rows.hpp"

#include <optional>
#include <utility>

#include "service/core/names.hpp"
#include "service/io/postgres_values.hpp"
#include "service/io/sqlite.hpp"

namespace cancelbus::io {
namespace {

using Whose = core::MassCancelRequest::Whose;
using Cause = core::MassCancelRequest::Cause;
using State = core::MassCancelOrder::State;

/// A name that this version does not know: the row was written by another one, or by hand.
template <typename Enum>
Enum enum_or(std::string_view text, Enum otherwise) {
  return core::enumerator_named<Enum>(text).value_or(otherwise);
}

}  // namespace

const Table MassCancels{
    "mass_cancels",
    "sender_comp_id, cl_ord_id, scope, owner, symbol, side, client_order_id_prefix, priority, until_empty, "
    "traceparent, received, swept, status, text, complete_as_of, report_seq, ended, updated, run_time, cause, reason, "
    "released, released_by, release_reason, forced",
    2};
const Table MassCancelOrders{"mass_cancel_orders",
                             "sender_comp_id, cl_ord_id, order_id, state, owner, cxl_rej_reason, text", 3};
// The name of a column is a word of PostgreSQL's grammar.
const Table DeadMen{"dead_man_switches", "sender_comp_id, \"window\", fired, updated", 1};

const std::string_view SelectMassCancelOrders =
    "SELECT o.sender_comp_id, o.cl_ord_id, o.order_id, o.state, o.owner, o.cxl_rej_reason, o.text "
    "FROM mass_cancel_orders o JOIN mass_cancels m ON m.sender_comp_id = o.sender_comp_id AND m.cl_ord_id = "
    "o.cl_ord_id WHERE NOT m.ended OR o.state = 'CANCELING'";

template <typename Binder>
void bind_mass_cancel(Binder& statement, const core::MassCancelRecord& record, core::Duration run_time) {
  const core::MassCancelRequest& request = record.request;
  const core::Scope& scope = request.scope;
  const auto side = scope.side ? std::optional(core::name_of(*scope.side)) : std::nullopt;
  statement.bind(record.key.sender).bind(record.key.cl_ord_id).bind(core::name_of(request.whose)).bind(scope.owner);
  statement.bind(scope.symbol).bind(side).bind(scope.client_order_id_prefix).bind(core::name_of(request.priority));
  statement.bind(request.until_empty).bind(request.traceparent).bind(record.received).bind(record.swept);
  statement.bind(core::name_of(record.status)).bind(record.text).bind(record.complete_as_of).bind(record.report_seq);
  statement.bind(record.ended).bind(record.updated).bind(run_time);
  statement.bind(core::name_of(request.cause)).bind(request.reason);
  if (const auto& release = record.release) {
    statement.bind(release->at).bind(release->by).bind(release->reason).bind(release->forced);
  } else {
    statement.bind_null().bind(std::string_view()).bind(std::string_view()).bind(false);
  }
}

template <typename Binder>
void bind_mass_cancel_order(Binder& statement, const core::MassCancelOrder& order) {
  statement.bind(order.mass.sender).bind(order.mass.cl_ord_id).bind(order.order_id);
  statement.bind(core::name_of(order.state)).bind(order.owner).bind(core::name_of(order.reason)).bind(order.text);
}

template <typename Binder>
void bind_dead_man(Binder& statement, const core::DeadManRecord& record) {
  statement.bind(record.sender).bind(record.window).bind(record.fired).bind(record.updated);
}

template <typename Row>
core::MassCancelRecord read_mass_cancel(Row& row) {
  core::MassCancelRecord record;
  core::MassCancelRequest& request = record.request;
  record.key.sender = row.text();
  record.key.cl_ord_id = request.cl_ord_id = row.text();
  request.whose = enum_or(row.text(), Whose::Own);
  request.scope.owner = row.text();
  request.scope.whose = request.whose == Whose::All       ? core::Scope::Whose::All
                        : request.whose == Whose::Unowned ? core::Scope::Whose::Unowned
                                                          : core::Scope::Whose::Owner;
  request.scope.symbol = row.text();
  request.scope.side = core::enumerator_named<core::Side>(row.text());
  request.scope.client_order_id_prefix = row.text();
  request.priority = enum_or(row.text(), core::Priority::Normal);
  request.until_empty = row.flag();
  request.traceparent = row.text();
  record.received = row.time().value_or(core::WallTime{});
  record.swept = row.flag();
  record.status = enum_or(row.text(), core::MassCancelStatus::Progress);
  record.text = row.text();
  record.complete_as_of = row.time();
  record.report_seq = static_cast<uint64_t>(row.integer());
  record.ended = row.flag();
  record.updated = row.time().value_or(core::WallTime{});
  record.run_time = core::Duration(row.integer());
  request.cause = enum_or(row.text(), Cause::Client);
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

template <typename Row>
core::MassCancelOrder read_mass_cancel_order(Row& row) {
  core::MassCancelOrder order;
  order.mass.sender = row.text();
  order.mass.cl_ord_id = row.text();
  order.order_id = row.integer();
  order.state = enum_or(row.text(), State::Pending);
  order.owner = row.text();
  order.reason = enum_or(row.text(), core::RejectReason::None);
  order.text = row.text();
  return order;
}

template <typename Row>
core::DeadManRecord read_dead_man(Row& row) {
  core::DeadManRecord record;
  record.sender = row.text();
  record.window = core::Duration(row.integer());
  record.fired = row.flag();
  record.updated = row.time().value_or(core::WallTime{});
  return record;
}

template void bind_mass_cancel(Statement&, const core::MassCancelRecord&, core::Duration);
template void bind_mass_cancel(PgParameters&, const core::MassCancelRecord&, core::Duration);
template void bind_mass_cancel_order(Statement&, const core::MassCancelOrder&);
template void bind_mass_cancel_order(PgParameters&, const core::MassCancelOrder&);
template void bind_dead_man(Statement&, const core::DeadManRecord&);
template void bind_dead_man(PgParameters&, const core::DeadManRecord&);
template core::MassCancelRecord read_mass_cancel(Statement&);
template core::MassCancelRecord read_mass_cancel(PgRow&);
template core::MassCancelOrder read_mass_cancel_order(Statement&);
template core::MassCancelOrder read_mass_cancel_order(PgRow&);
template core::DeadManRecord read_dead_man(Statement&);
template core::DeadManRecord read_dead_man(PgRow&);

}  // namespace cancelbus::io
