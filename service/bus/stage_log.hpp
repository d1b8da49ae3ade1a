// One log line per stage of a command: received, sent, acked, final. Made from the gateway's actions, so that the log
// says what was decided, with cl_ord_id and traceparent to correlate by. What they say is documented in
// deploy/README.md.
#pragma once

#include "service/core/actions.hpp"

namespace cancelbus::bus {

void log_stages(const core::Actions& actions);

}  // namespace cancelbus::bus
