// The bus's state for dashboards. Used by event_codec (topic `bus.`) and session_codec (the answer to status_request).
#pragma once

#include "cancelbus/v1/cancel.pb.h"
#include "service/core/status.hpp"

namespace cancelbus::wire {

void fill_cause(const core::Cause& cause, v1::Cause& proto);
void fill_event_bar(const core::EventBar& bar, v1::EventBar& proto);
void fill_bus_status(const core::BusStatus& status, v1::BusStatus& proto);

}  // namespace cancelbus::wire
