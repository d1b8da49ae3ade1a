// The contract's messages as lines for people.
//
// Used by the commands. What the C++ client can say itself is taken from there.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cancelbus/describe.hpp"
#include "cancelbus/mass_cancel.hpp"
#include "cancelbus/v1/session.pb.h"
#include "clients/cancelctl/paint.hpp"

namespace cancelbus::ctl {

/// UTC.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

WallTime wall_now();
/// Of a message; one that is out of range becomes one that is not.
WallTime wall_time(const google::protobuf::Timestamp& time);
/// RFC 3339 in UTC, with 0, 3, 6 or 9 digits.
std::string time_text(WallTime time);
/// As "31.4 ms" or "2.1 s": how long something took.
std::string elapsed_text(std::chrono::nanoseconds time);
/// In the unit that fits, as "850 ms", "2.1 s", "32 s", "14 min", "30 h" or "4 d": for how long something has been so.
std::string span_text(std::chrono::nanoseconds time);
/// Of a message; one that is out of range becomes one that is not.
std::string span_text(const google::protobuf::Duration& span);
/// In the unit that fits, as "12.3 MB".
std::string bytes_text(uint64_t bytes);
using client::printable;

// What happened, without the order's name.
using client::describe;
using client::describe_all;
std::string describe(const v1::CancelStatus& status);
std::string describe(const v1::BusStatus& status);
std::string describe(const v1::Reject& reject);
std::string describe(const v1::Resolved& resolved);

/// One line of `watch`, without its line end.
std::string event_line(const v1::Event& event);

/// An undecided command in four or five lines: whose, where it stands and why, what comes next, what one can do.
/// `as_of`: of the list that it is in.
std::string command_block(const v1::UndecidedCommand& command, const google::protobuf::Timestamp& as_of,
                          const Paint& paint);

/// Open orders in columns, with a head; empty if there are none.
std::string orders_table(const std::vector<v1::OpenOrder>& orders);
/// How many open orders are known, whose, and how old the last complete sweep is.
std::string open_orders_text(const v1::BusStatus& status);
Tone tone_of_open_orders(const v1::BusStatus& status);

/// As span_text, from `then` to `now`; 0 if that is negative.
std::string age_text(const google::protobuf::Timestamp& now, const google::protobuf::Timestamp& then);
/// What is known of the exchange's private stream.
std::string stream_text(const v1::BusStatus& status);
/// That the bus observes and what is wrong, a line each, the first beginning with "bus"; empty if all is well. The
/// first cause reads as `BusStatus.headline` does.
std::vector<std::string> bus_lines(const v1::BusStatus& status);
/// As "HTTP 503 ×40, HTTP 200 ×3 in 60 s; HTTP 503 ×41, HTTP 200 ×1203 in 10 min"; empty if nothing came.
std::string answers_text(const v1::BusStatus& status);
/// As "18 of 50 requests refused in a row: at 50 the exchange blocks the address"; empty if none was.
std::string refused_text(const v1::BusStatus& status);
/// As "187 orders wait for budget, empty in 19 s at the earliest".
std::string queue_text(const v1::BusStatus& status);
/// A line for each order of BusStatus.doubts: since when it is in doubt, whose it is, what came last.
std::vector<std::string> doubt_lines(const v1::BusStatus& status);
/// As "takes writes, 12.3 MB".
std::string store_text(const v1::BusStatus& status);
/// As "version 1.2.3, account desk, up 3 h"; empty from a bus of an earlier version.
std::string which_text(const v1::BusStatus& status);
/// Who leads in which term, which buses can take over, and the state of replication; empty from a bus of an earlier
/// version.
std::string leader_text(const v1::BusStatus& status);
/// As "12 still open, not proven empty: WHY".
std::string kill_switch_progress(const v1::BusStatus::KillSwitch& engaged);
/// A line for each engaged kill switch: its scope, who engaged it, since when, why, and how far it is.
std::vector<std::string> kill_switch_lines(const v1::BusStatus& status);
/// "2 of 3 expected may work"; empty if the bus was not given how many there ought to be.
std::string expected_text(const v1::BusStatus& status);
Tone tone_of_workers(const v1::BusStatus& status);
/// Why it gets no work, and since when if it is silent; empty if it may.
std::string unavailable_text(const v1::BusStatus& status, const v1::BusStatus::Worker& worker);
/// All of it, for `status`.
std::string status_table(const v1::BusStatus& status, const Paint& paint);

}  // namespace cancelbus::ctl
