// From a frame's bytes to a parsed message, within the size that every socket of the bus allows.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <string_view>

namespace cancelbus::wire {

constexpr std::size_t MaxFrameBytes = 64 * 1024;

/// False: too long, or not this message.
bool parse_frame(std::string_view bytes, google::protobuf::MessageLite& message);

}  // namespace cancelbus::wire
