// What the gateway counts for metrics, and nothing else remembers.
#pragma once

#include <cstdint>

namespace cancelbus::core {

/// Since the bus started.
struct GatewayCounters {
  uint64_t commands = 0;
  uint64_t duplicates = 0;
  uint64_t unsolicited = 0;
  uint64_t deletes = 0;
  uint64_t queries = 0;
  uint64_t open_orders_requests = 0;
  uint64_t sweeps = 0;         ///< complete ones
  uint64_t sweeps_failed = 0;  ///< others
  uint64_t not_owner = 0;      ///< commands refused, because the order is another sender's
  uint64_t throttled = 0;
  uint64_t unauthorized = 0;
  uint64_t leases_lost = 0;
  uint64_t unknown_outcomes = 0;
  uint64_t outcomes_from_wrong_worker = 0;
  uint64_t repeated_departures = 0;  ///< a 452 of an order known to be gone
  uint64_t relogins = 0;
  uint64_t overrides_contradicted = 0;  ///< a 452 that an operator's word does not agree with
  uint64_t contradicting_reads = 0;     ///< whose status says something else than what is left of the order
};

}  // namespace cancelbus::core
