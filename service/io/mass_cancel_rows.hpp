// The rows of mass cancels, of their orders and of armed dead man's switches, as store_rows.hpp has the others.
#pragma once

#include <string_view>

#include "service/io/store_rows.hpp"

namespace cancelbus::io {

extern const Table MassCancels, MassCancelOrders, DeadMen;

/// Of one that has ended only the orders whose command is undecided.
extern const std::string_view SelectMassCancelOrders;

/// `run_time`: how long a bus has run on this store by now.
template <typename Binder>
void bind_mass_cancel(Binder& statement, const core::MassCancelRecord& record, core::Duration run_time);
template <typename Row>
core::MassCancelRecord read_mass_cancel(Row& row);

template <typename Binder>
void bind_mass_cancel_order(Binder& statement, const core::MassCancelOrder& order);
template <typename Row>
core::MassCancelOrder read_mass_cancel_order(Row& row);

template <typename Binder>
void bind_dead_man(Binder& statement, const core::DeadManRecord& record);
template <typename Row>
core::DeadManRecord read_dead_man(Row& row);

}  // namespace cancelbus::io
