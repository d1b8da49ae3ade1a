// How long a test waits for what must come.
//
// Used by the tests that run real sockets, threads or timers. Only what is broken takes so long: a slow or busy machine
// does not, so no test fails for want of speed.
#pragma once

#include <chrono>

namespace cancelbus {

inline constexpr std::chrono::seconds Patience{120};

}  // namespace cancelbus
