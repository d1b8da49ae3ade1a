// A bus's life. On a store of its own it leads from its start to its end. On a store that several buses share it
// follows, leads once no other bus does, and follows again when it leads no more.
#pragma once

#include "service/bus/options.hpp"

namespace cancelbus::bus {

/// Returns the exit code (see main.cpp). Call it once, from the main thread, after io::start_process.
int live(Options options);

}  // namespace cancelbus::bus
