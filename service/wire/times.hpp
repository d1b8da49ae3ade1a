// Times and durations between the core (nanoseconds in 64 bits) and protobuf (seconds and nanos).
//
// Used by every codec here. What protobuf calls valid but 64 bits of nanoseconds cannot hold (before 1677, after 2262,
// longer than 292 years) counts as invalid: the caller names the field.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <optional>
#include <string>

#include "service/core/types.hpp"

namespace cancelbus::wire {

google::protobuf::Timestamp to_timestamp(core::WallTime time);
google::protobuf::Duration to_proto_duration(core::Duration duration);

std::optional<core::WallTime> to_wall_time(const google::protobuf::Timestamp& timestamp);
/// For people, in the unit that fits, as "850 ms", "2.1 s", "32 s", "14 min", "30 h" or "4 d"; "0 s" if it is negative.
std::string span_text(core::Duration duration);
/// Nanos must have the sign of the seconds, as duration.proto says.
std::optional<core::Duration> to_duration(const google::protobuf::Duration& duration);

}  // namespace cancelbus::wire
