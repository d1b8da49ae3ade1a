#include "service/io/mass_cancel_table.hpp"

#include "service/io/mass_cancel_rows.hpp"

namespace cancelbus::io {

bool MassCancelTable::prepare(sqlite3* db) {
  db_ = db;
  const auto dialect = Dialect::OfSqlite;
  return upsert_dead_man_.prepare(db, upsert(DeadMen, dialect)) &&
         delete_dead_man_.prepare(db, erase(DeadMen, dialect)) && upsert_.prepare(db, upsert(MassCancels, dialect)) &&
         upsert_order_.prepare(db, upsert(MassCancelOrders, dialect)) &&
         delete_.prepare(db, erase(MassCancels, dialect)) &&
         delete_order_.prepare(db, erase(MassCancelOrders, dialect)) &&
         delete_orders_.prepare(db, "DELETE FROM mass_cancel_orders WHERE sender_comp_id=? AND cl_ord_id=?");
}

absl::Status MassCancelTable::put(const core::MassCancelRecord& record, core::Duration run_time) {
  bind_mass_cancel(upsert_, record, run_time);
  return sqlite_run(upsert_);
}

absl::Status MassCancelTable::put(const core::MassCancelOrder& order) {
  bind_mass_cancel_order(upsert_order_, order);
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
  bind_dead_man(upsert_dead_man_, record);
  return sqlite_run(upsert_dead_man_);
}

absl::Status MassCancelTable::put(const core::DeadManDisarmed& disarmed) {
  return sqlite_run(delete_dead_man_.bind(disarmed.sender));
}

absl::Status MassCancelTable::read(core::Snapshot& snapshot) {
  int result = SQLITE_OK;
  Statement masses = sqlite_statement(db_, select(MassCancels));
  while ((result = masses.step()) == SQLITE_ROW) snapshot.mass_cancels.push_back(read_mass_cancel(masses));
  if (result != SQLITE_DONE) return sqlite_error(db_, "store: mass_cancels");
  Statement orders = sqlite_statement(db_, std::string(SelectMassCancelOrders));
  while ((result = orders.step()) == SQLITE_ROW) snapshot.mass_cancel_orders.push_back(read_mass_cancel_order(orders));
  if (result != SQLITE_DONE) return sqlite_error(db_, "store: mass_cancel_orders");
  Statement dead_men = sqlite_statement(db_, select(DeadMen));
  while ((result = dead_men.step()) == SQLITE_ROW) snapshot.dead_men.push_back(read_dead_man(dead_men));
  return result == SQLITE_DONE ? absl::OkStatus() : sqlite_error(db_, "store: dead_man_switches");
}

}  // namespace cancelbus::io
