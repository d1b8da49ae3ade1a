#include "service/bus/shell.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>

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
      gateway_(options.gateway, snapshot, io::now()),
      outbox_(*store_, snapshot.epoch,
              {[this](const core::Send& s) { send(s); }, [this](const io::EventRow& event) { publish(event); }}),
      monitor_(context,
               {[this] { return metrics_.text(gateway_.status(io::now()), gateway_.counters(), store_->size()); },
                [] { return std::string(); }, [this] { return outbox_.trouble(); }}) {}

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
  check_store(events);
  events.push_back(core::DeadlinePassed{});
  io::Frames subscription;
  while (events_.receive(subscription))
    next_status_ = core::Tick::min();  // a new reader of bus. gets its value at once

  const core::Instant now = io::now();
  act(now, events);
  publish_status(now);
  arm(now);
  if (drained_) end_if_drained(now);
}

void Shell::end_if_drained(core::Instant now) {
  const bool complete = gateway_.drained() && outbox_.empty();
  if (!complete && now.tick < drain_until_) return;
  if (!outbox_.empty()) io::log_error("not_committed", {{"why", outbox_.trouble()}});
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

void Shell::check_store(std::vector<core::Event>& events) {
  const bool writable = outbox_.retry();
  if (writable == store_writable_) return;
  store_writable_ = writable;
  if (writable) {
    io::log_info("store_writable");
  } else {
    io::log_error("store_refuses", {{"why", outbox_.trouble()}});
  }
  events.push_back(core::StoreHealth{writable});
}

void Shell::act(core::Instant now, const std::vector<core::Event>& events) {
  core::Actions turn;
  for (const core::Event& event : events) {
    core::Actions actions = gateway_.step(now, event);
    std::ranges::move(actions.records, std::back_inserter(turn.records));
    std::ranges::move(actions.sends, std::back_inserter(turn.sends));
  }
  log_stages(turn);
  outbox_.take(std::move(turn));
}

void Shell::publish_status(core::Instant now) {
  if (now.tick < next_status_) return;
  next_status_ = now.tick + StatusInterval;
  events_.send({"bus.", wire::encode_bus_status_event(gateway_.status(now), gateway_.epoch())});
}

void Shell::arm(core::Instant now) {
  core::Tick at = std::min(gateway_.next_deadline(now.tick), next_status_);
  if (!outbox_.empty()) at = std::min(at, now.tick + StoreRetry);
  if (drained_) at = std::min(at, drain_until_);
  timer_.arm(at, [this] { turn(); });
}

// ---- What the gateway said ----

void Shell::send(const core::Send& send) {
  std::visit([this](const auto& s) { on(s); }, send);
}

void Shell::on(const core::SendWelcome& s) { to_session(s.peer, wire::encode_welcome(s, gateway_.epoch())); }
void Shell::on(const core::SendReceipt& s) { to_session(s.peer, wire::encode_receipt(s)); }
void Shell::on(const core::SendHeartbeat& s) { to_session(s.peer, wire::encode_heartbeat(s, gateway_.epoch())); }
void Shell::on(const core::SendHelloRequired& s) { to_session(s.peer, wire::encode_hello_required(s)); }
void Shell::on(const core::SendStatus& s) { to_session(s.peer, wire::encode_status(gateway_.status(io::now()))); }
void Shell::on(const core::SendTask& s) { to_backend(s.peer, wire::encode_task(s, gateway_.term())); }
void Shell::on(const core::SendConfirm& s) { to_backend(s.peer, wire::encode_confirm(s)); }
void Shell::on(const core::SendRelogin& s) { to_backend(s.peer, wire::encode_relogin()); }

void Shell::on(const core::SendRetransmitReject& s) {
  to_session(s.peer, wire::encode_retransmit_reject(s, gateway_.epoch()));
}

void Shell::on(const core::SendRetransmission& s) {
  const auto payloads = store_->read_events(s.topic, s.from_seq, s.count);
  if (!payloads.ok()) return io::log_error("store_unreadable", {{"why", std::string(payloads.status().message())}});
  if (payloads->empty()) {
    const uint64_t first = store_->first_kept(s.topic).value_or(0);
    return on(core::SendRetransmitReject{s.peer, s.topic, first != 0 ? first : s.from_seq + s.count});
  }
  metrics_.retransmitted(payloads->size());
  for (const std::string& payload : *payloads) {
    const auto frame = wire::encode_retransmission(payload);
    if (frame.ok()) to_session(s.peer, *frame);
  }
}

void Shell::publish(const io::EventRow& event) { events_.send({event.topic, event.payload}); }

void Shell::to_session(const core::PeerId& peer, const std::string& frame) {
  if (sessions_.send({peer, frame}) != io::SendResult::Sent) metrics_.reply_dropped();
}

void Shell::to_backend(const core::PeerId& peer, const std::string& frame) {
  if (backend_.send({peer, frame}) != io::SendResult::Sent) metrics_.reply_dropped();
}

}  // namespace cancelbus::bus
