#include "service/bus/shell.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "service/bus/stage_log.hpp"
#include "service/io/log.hpp"
#include "service/wire/backend_codec.hpp"
#include "service/wire/event_codec.hpp"
#include "service/wire/session_codec.hpp"

namespace cancelbus::bus {

Shell::Shell(asio::io_context& context, const Options& options, std::unique_ptr<io::Store> store,
             const core::Snapshot& snapshot)
    : options_(options),
      store_(std::move(store)),
      zmq_(1),
      sessions_(context, zmq_, zmq::socket_type::router),
      events_(context, zmq_, zmq::socket_type::xpub, {.verbose_subscriptions = true}),
      backend_(context, zmq_, zmq::socket_type::router),
      timer_(context),
      engine_(options.gateway, snapshot, io::now(), *store_,
              {{[this](const core::Send& s) { send(s); }, [this](const io::EventRow& event) { publish(event); }},
               log_stages}),
      monitor_(context, {[this] { return metrics_text(); }, [] { return std::string(); },
                         [this] { return engine_.outbox().trouble(); }}) {}

absl::Status Shell::open() {
  const auto named = [](const char* flag, const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat("--", flag, ": ", status.message()));
  };
  if (auto status = sessions_.bind(options_.session_endpoint); !status.ok()) return named("session_endpoint", status);
  if (auto status = events_.bind(options_.event_endpoint); !status.ok()) return named("event_endpoint", status);
  if (auto status = backend_.bind(options_.backend_endpoint); !status.ok()) return named("backend_endpoint", status);
  if (auto status = monitor_.listen(options_.monitor_address); !status.ok()) return named("monitor_address", status);
  sessions_.on_ready([this] { turn(); });
  events_.on_ready([this] { turn(); });
  backend_.on_ready([this] { turn(); });
  turn();
  return absl::OkStatus();
}

std::string Shell::endpoints() const {
  return absl::StrCat("session ", sessions_.last_endpoint(), "\nevent ", events_.last_endpoint(), "\nbackend ",
                      backend_.last_endpoint(), "\nmonitor http://", options_.monitor_address.host, ":",
                      monitor_.port(), "\n");
}

void Shell::drain(std::function<void(bool)> done) {
  drained_ = std::move(done);
  drain_until_ = io::now().tick + options_.gateway.lost_after + core::Duration(DrainGrace);
  drain_requested_ = true;
  turn();
}

// ---- One turn ----

void Shell::turn() {
  // Read before the clock: no answer is dated before it came, which would end its permit's tail early, and no deadline
  // is judged before the news that waited.
  std::vector<core::Event> events;
  if (std::exchange(drain_requested_, false)) events.push_back(core::DrainRequested{});
  read_sessions(events);
  read_backend(events);
  io::Frames subscription;
  while (events_.receive(subscription))
    next_status_ = core::Tick::min();  // a new reader of bus. gets its value at once

  const core::Instant now = io::now();
  engine_.turn(now, std::move(events));
  log_store();
  publish_status(now);
  arm(now);
  if (drained_) end_if_drained(now);
}

void Shell::end_if_drained(core::Instant now) {
  const bool complete = engine_.drained();
  if (!complete && now.tick < drain_until_) return;
  if (!engine_.outbox().empty()) io::log_error("not_committed", {{"why", engine_.outbox().trouble()}});
  std::exchange(drained_, nullptr)(complete);
}

void Shell::read_sessions(std::vector<core::Event>& events) {
  io::Frames frames;
  while (sessions_.receive(frames)) {
    const core::PeerId& peer = frames.front();
    if (frames.size() != 2) {
      metrics_.frame_rejected();
      to_session(peer, wire::encode_reject({core::RejectReason::Malformed, "", "expected one frame per message"}));
      continue;
    }
    auto request = wire::decode_session_request(frames[1], peer);
    if (const auto* rejected = std::get_if<wire::Rejected>(&request)) {
      metrics_.frame_rejected();
      to_session(peer, wire::encode_reject(*rejected));
    } else {
      events.push_back(std::get<core::Event>(std::move(request)));
    }
  }
}

void Shell::read_backend(std::vector<core::Event>& events) {
  io::Frames frames;
  while (backend_.receive(frames)) {
    absl::StatusOr<core::Event> request = absl::InvalidArgumentError("frame: expected one frame per message");
    if (frames.size() == 2) request = wire::decode_backend_request(frames[1], frames.front());
    if (request.ok()) {
      events.push_back(*std::move(request));
    } else {
      metrics_.frame_rejected();
      io::log_warn("backend_frame_rejected", {{"why", std::string(request.status().message())}});
    }
  }
}

void Shell::log_store() {
  const std::string& trouble = engine_.outbox().trouble();
  if (trouble.empty() == std::exchange(store_writable_, trouble.empty())) return;
  if (trouble.empty()) {
    io::log_info("store_writable");
  } else {
    io::log_error("store_refuses", {{"why", trouble}});
  }
}

std::string Shell::metrics_text() {
  return metrics_.text(engine_.gateway().status(io::now()), engine_.gateway().counters(), store_->size());
}

void Shell::publish_status(core::Instant now) {
  if (now.tick < next_status_) return;
  next_status_ = now.tick + StatusInterval;
  events_.send({"bus.", wire::encode_bus_status_event(engine_.gateway().status(now), engine_.gateway().epoch())});
}

void Shell::arm(core::Instant now) {
  core::Tick at = std::min(engine_.next_deadline(now.tick), next_status_);
  if (drained_) at = std::min(at, drain_until_);
  timer_.arm(at, [this] { turn(); });
}

// ---- What leaves ----

void Shell::send(const core::Send& send) {
  const auto frames = engine_.frames(io::now(), send);
  if (!frames.ok()) return io::log_error("store_unreadable", {{"why", std::string(frames.status().message())}});
  if (std::holds_alternative<core::SendRetransmission>(send)) metrics_.retransmitted(frames->size());
  const core::PeerId& peer = std::visit([](const auto& s) -> const core::PeerId& { return s.peer; }, send);
  for (const std::string& frame : *frames) is_for_backend(send) ? to_backend(peer, frame) : to_session(peer, frame);
}

void Shell::publish(const io::EventRow& event) { events_.send({event.topic, event.payload}); }

void Shell::to_session(const core::PeerId& peer, const std::string& frame) {
  if (sessions_.send({peer, frame}) != io::SendResult::Sent) metrics_.reply_dropped();
}

void Shell::to_backend(const core::PeerId& peer, const std::string& frame) {
  if (backend_.send({peer, frame}) != io::SendResult::Sent) metrics_.reply_dropped();
}

}  // namespace cancelbus::bus
