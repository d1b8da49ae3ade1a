// The contract's messages as lines for people.
//
// Used by the commands. Texts that come from the exchange are shown without control characters: a terminal obeys them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cancelbus/v1/session.pb.h"

namespace cancelbus::ctl {

/// UTC.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

WallTime wall_now();
/// RFC 3339 in UTC, with 0, 3, 6 or 9 digits.
std::string time_text(WallTime time);
/// As "31.4 ms" or "2.1 s".
std::string elapsed_text(std::chrono::nanoseconds time);
std::string printable(std::string_view text);

// What happened, without the order's name.
std::string describe(const v1::Receipt& receipt);
std::string describe(const v1::CancelAck& ack);
std::string describe(const v1::CancelFinal& final);
std::string describe(const v1::CancelStatus& status);
std::string describe(const v1::BusStatus& status);
std::string describe(const v1::Reject& reject);
std::string describe(const v1::Resolved& resolved);

/// One line of `watch`, with its line end.
std::string event_line(const v1::Event& event);

/// All of it, for `status`.
std::string status_table(const v1::BusStatus& status);

}  // namespace cancelbus::ctl
