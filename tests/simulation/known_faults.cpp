#include "tests/simulation/known_faults.hpp"

namespace cancelbus::simulation {

const KnownFaultInfo& known_fault(KnownFault fault) {
  static constexpr std::array<KnownFaultInfo, KnownFaults> Infos = {{
      {"backoff by the wall clock", 14,
       "a request is sent before the exchange's Retry-After has ended, by a bus whose wall clock was set and whose "
       "machine was rebooted since"},
      {"stamp again", 14, "a stamp is used again after the exchange's clock or one of ours was set"},
      {"DELETE after BLOCKED", 14,
       "a DELETE right after an answer BLOCKED, 404 or 405 to the one before, for a command that is acked already, and "
       "with no other cause"},
      {"DELETE after a proof", 14,
       "a bus that has started sends a DELETE for a command that was open when another of the same order was told, "
       "before the start, that it is gone"},
      {"venue. silent after a restart", 14,
       "no unsolicited final of an order that a command was told CANCELED of and BACK_ON_BOOK, before the bus started"},
  }};
  return Infos[static_cast<size_t>(fault)];
}

}  // namespace cancelbus::simulation
