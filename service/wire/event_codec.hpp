// The second frame of what is published: an Event. Used by the bus.
//
// The bytes are made once, before the commit: what the store keeps is what went out, and what is sent again later.
#pragma once

#include <cstdint>
#include <string>

#include "service/core/records.hpp"
#include "service/core/status.hpp"
#include "service/core/types.hpp"

namespace cancelbus::wire {

std::string encode_event(const core::Publication& publication, uint64_t epoch, uint64_t term = 0);

/// For topic `bus.`: not sequenced, seq 0. Sent as of the status.
std::string encode_bus_status_event(const core::BusStatus& status, uint64_t epoch);

}  // namespace cancelbus::wire
