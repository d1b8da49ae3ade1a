#include "service/wire/recording.hpp"

#include "cancelbus/v1/backend.pb.h"
#include "cancelbus/v1/session.pb.h"
#include "service/wire/frame.hpp"
#include "service/wire/text.hpp"
#include "service/wire/times.hpp"

namespace cancelbus::wire {
namespace {

constexpr std::size_t MaxSourceBytes = 80;
constexpr std::size_t MaxHeadBytes = 4 * 1024;
constexpr std::size_t MaxRecordedBytes = 48 * 1024;

/// A frame that says something else is not read for this: with nothing before it, field 20 begins with these two bytes.
bool begins_with_field_20(std::string_view bytes) { return bytes.starts_with("\xA2\x01"); }

}  // namespace

bool is_record_request(std::string_view bytes) {
  v1::SessionRequest frame;
  return begins_with_field_20(bytes) && parse_frame(bytes, frame) && frame.has_record();
}

std::string encode_recording(core::Duration lease) {
  v1::SessionReply frame;
  *frame.mutable_recording()->mutable_lease() = to_proto_duration(lease);
  return frame.SerializeAsString();
}

std::string encode_record(core::Duration lease) {
  v1::BackendReply frame;
  *frame.mutable_record()->mutable_lease() = to_proto_duration(lease);
  return frame.SerializeAsString();
}

std::string encode_recorded(const base::Recorded& recorded) {
  v1::BackendRequest frame;
  v1::Recorded& proto = *frame.mutable_recorded();
  proto.set_source(legible(recorded.source, MaxSourceBytes));
  proto.set_source_id(recorded.source_id);
  proto.set_number(recorded.number);
  *proto.mutable_received() = to_timestamp(recorded.received);
  proto.set_kind(legible(recorded.kind));
  proto.set_request(legible(recorded.request));
  proto.set_task_id(recorded.task_id);
  proto.set_status(recorded.status);
  proto.set_head(legible(recorded.head, MaxHeadBytes));
  proto.set_text(legible(recorded.text, MaxRecordedBytes));
  proto.set_truncated(recorded.truncated || proto.text().size() < recorded.text.size());
  if (recorded.kind == "response") *proto.mutable_round_trip() = to_proto_duration(recorded.round_trip);
  return frame.SerializeAsString();
}

std::optional<ReceivedRecord> decode_recorded(std::string_view bytes) {
  using enum ReceivedRecord::Speaker;
  v1::BackendRequest frame;
  if (!begins_with_field_20(bytes) || !parse_frame(bytes, frame) || !frame.has_recorded()) return std::nullopt;
  const std::string& kind = frame.recorded().kind();
  const bool of_worker = kind == "response" || kind == "no_response";
  return ReceivedRecord{frame.recorded().SerializeAsString(), kind.empty() ? Anybody : of_worker ? Worker : Subscriber};
}

std::string encode_recorded_event(const std::string& message, core::WallTime now, uint64_t epoch, uint64_t term) {
  v1::Event event;
  event.set_epoch(epoch);
  event.set_term(term);
  event.set_topic("record.");
  *event.mutable_sending_time() = to_timestamp(now);
  event.mutable_recorded()->ParseFromString(message);
  return event.SerializeAsString();
}

}  // namespace cancelbus::wire
