// Faults of the product that are known and that a later issue owns. A seed that meets one goes on, and the run says how
// many did; anything that is not exactly of this shape fails as ever. A fault that is fixed leaves this table.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

namespace cancelbus::simulation {

enum class KnownFault : uint8_t {
  BackoffByWallClock,
  StampAgain,
  DeleteAfterBlocked,
  DeleteAfterProof,
  VenueSilentAfterRestart,
};
constexpr size_t KnownFaults = static_cast<size_t>(KnownFault::VenueSilentAfterRestart) + 1;

struct KnownFaultInfo {
  const char* name;
  int issue;
  const char* shape;  ///< what happens, and only when
};
const KnownFaultInfo& known_fault(KnownFault fault);

/// The seeds that met each.
using KnownFaultTally = std::map<KnownFault, std::vector<uint64_t>>;

}  // namespace cancelbus::simulation
