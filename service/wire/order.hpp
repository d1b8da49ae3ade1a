// A CancelOrder between core and wire, as the bus hands it to a worker. What a strategy sends is read by session_codec,
// which checks every field; a worker must not fail on a field that it does not need, so nothing is refused here.
#pragma once

#include "cancelbus/v1/cancel.pb.h"
#include "service/core/types.hpp"

namespace cancelbus::wire {

void fill_order(const core::CancelOrder& order, v1::CancelOrder& proto);
/// Unreadable times are absent, an unknown priority is Normal.
core::CancelOrder to_order(const v1::CancelOrder& proto);

}  // namespace cancelbus::wire
