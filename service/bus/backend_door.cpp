#include "service/bus/backend_door.hpp"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <utility>
#include <variant>

#include "service/io/clock.hpp"
#include "service/wire/backend_codec.hpp"
#include "service/wire/recording.hpp"

namespace cancelbus::bus {
namespace {

bool may_say(const Entry& entry, const core::Event& event) {
  const bool of_worker =
      std::holds_alternative<core::WorkerReady>(event) || std::holds_alternative<core::TaskEnded>(event);
  return of_worker ? entry.may_work() : entry.may_feed();
}

bool may_say(const Entry& entry, wire::ReceivedRecord::Speaker speaker) {
  using enum wire::ReceivedRecord::Speaker;
  return speaker == Anybody || (speaker == Worker ? entry.may_work() : entry.may_feed());
}

}  // namespace

BackendDoor::BackendDoor(asio::io_context& context, zmq::context_t& zmq, const io::CurveKey* key, Guard& guard,
                         Refusals& refusals, Metrics& metrics)
    : socket_(context, zmq, zmq::socket_type::router, {}, Door::Backend, key,
              [&guard](const auto& failure) { guard.handshake_failed(Door::Backend, failure); }),
      guard_(guard),
      refusals_(refusals),
      metrics_(metrics) {}

void BackendDoor::read(std::vector<core::Event>& events, std::vector<std::string>& records) {
  io::Frames frames;
  while (socket_.receive(frames)) take(frames.front(), frames, events, records);
}

void BackendDoor::take(const core::PeerId& peer, const io::Frames& frames, std::vector<core::Event>& events,
                       std::vector<std::string>& records) {
  const std::string key = socket_->user_id();
  const core::Tick now = io::now().tick;
  const Entry* entry = guard_.find(key);
  if (entry == nullptr) {
    visitors_.forget(peer);
    return note("revoked", key, "its key is not in the policy any more");
  }
  const auto verdict = visitors_.admit(peer, key, now);
  if (verdict == Doorkeeper::Verdict::AnotherKey) {
    return note("routing_id", key, "uses the routing id of another key's connection");
  }
  if (verdict == Doorkeeper::Verdict::TooManySessions) return note("sessions", key, "has too many connections");
  if (!visitors_.spend(peer, 1, now)) return note("rate", key, "more messages than a connection may send");

  const auto has_no_say = [&] {
    note("role", key, absl::StrCat("a ", std::string(role_name(entry->role)), " has no say in this"));
  };
  if (auto record = frames.size() == 2 ? wire::decode_recorded(frames[1]) : std::nullopt) {
    return may_say(*entry, record->speaker) ? records.push_back(std::move(record->message)) : has_no_say();
  }
  absl::StatusOr<core::Event> event = absl::InvalidArgumentError("frame: expected one frame per message");
  if (frames.size() == 2) event = wire::decode_backend_request(frames[1], peer);
  if (!event.ok()) {
    metrics_.frame_rejected();
    return note("frame", key, std::string(event.status().message()));
  }
  if (!may_say(*entry, *event)) return has_no_say();
  events.push_back(*std::move(event));
}

void BackendDoor::send(const core::PeerId& peer, const std::string& frame) {
  const Visitor* visitor = visitors_.find(peer);
  const bool may_hear = visitor != nullptr && guard_.find(visitor->key) != nullptr;
  if (!may_hear || socket_.send({peer, frame}) != io::SendResult::Sent) metrics_.reply_dropped();
}

void BackendDoor::send_to_all(const std::string& frame) {
  for (const core::PeerId& peer : visitors_.visitors()) send(peer, frame);
}

void BackendDoor::note(std::string_view reason, const std::string& key, std::string_view detail) {
  refusals_.note(io::now().tick, reason, guard_.name_of(key), absl::StrCat("backend: ", std::string(detail)));
}

}  // namespace cancelbus::bus
