// What is said of a recording: by the session that asks for it, by the bus, and by the processes that tell what they
// receive. Nothing of it reaches the core, so the doors look here before they decode a frame.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "service/base/recorded.hpp"
#include "service/core/types.hpp"

namespace cancelbus::wire {

/// Whether a session's frame is a record.
bool is_record_request(std::string_view bytes);
/// The answer to it.
std::string encode_recording(core::Duration lease);

/// For workers and subscriber, who read it with decode_backend_reply.
std::string encode_record(core::Duration lease);

/// For the bus. Texts are made UTF-8 and cut to the contract's lengths.
std::string encode_recorded(const base::Recorded& recorded);

struct ReceivedRecord {
  /// A Recorded in bytes, fields of a later contract included.
  std::string message;
  /// Only a worker may say this, or only the subscriber; anybody if it holds nothing.
  enum class Speaker : uint8_t { Anybody, Worker, Subscriber } speaker = Speaker::Anybody;
};
/// Absent if a backend's frame is something else.
std::optional<ReceivedRecord> decode_recorded(std::string_view bytes);

/// For topic `record.`: not sequenced, seq 0.
std::string encode_recorded_event(const std::string& message, core::WallTime now, uint64_t epoch, uint64_t term = 0);

}  // namespace cancelbus::wire
