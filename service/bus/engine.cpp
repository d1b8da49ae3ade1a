#include "service/bus/engine.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "service/wire/backend_codec.hpp"
#include "service/wire/event_codec.hpp"
#include "service/wire/session_codec.hpp"

namespace cancelbus::bus {

Engine::Engine(const core::GatewayOptions& options, const core::Snapshot& snapshot, core::Instant now, io::Store& store,
               Edge edge)
    : store_(store),
      gateway_(options, snapshot, now),
      decided_(std::move(edge.decided)),
      outbox_(store, snapshot.epoch, std::move(edge.out)) {}

void Engine::turn(core::Instant now, std::vector<core::Event> events) {
  const bool writable = outbox_.retry();
  if (writable != std::exchange(store_writable_, writable)) events.push_back(core::StoreHealth{writable});
  events.push_back(core::DeadlinePassed{});
  core::Actions turn;
  for (const core::Event& event : events) {
    core::Actions actions = gateway_.step(now, event);
    std::ranges::move(actions.records, std::back_inserter(turn.records));
    std::ranges::move(actions.sends, std::back_inserter(turn.sends));
  }
  decided_(turn);
  outbox_.take(std::move(turn));
}

core::Tick Engine::next_deadline(core::Tick now) const {
  const core::Tick next = gateway_.next_deadline(now);
  return outbox_.empty() ? next : std::min(next, now + StoreRetry);
}

core::BusStatus Engine::status(core::Instant now) const {
  core::BusStatus status = gateway_.status(now);
  status.store_bytes = store_.size();
  return status;
}

// ---- Frames ----

absl::StatusOr<std::vector<std::string>> Engine::frames(core::Instant now, const core::Send& send) const {
  using Frames = std::vector<std::string>;
  struct Encoder {
    const Engine& engine;
    core::Instant now;
    uint64_t epoch = engine.gateway_.epoch();

    absl::StatusOr<Frames> operator()(const core::SendWelcome& s) const {
      return Frames{wire::encode_welcome(s, epoch)};
    }
    absl::StatusOr<Frames> operator()(const core::SendReceipt& s) const { return Frames{wire::encode_receipt(s)}; }
    absl::StatusOr<Frames> operator()(const core::SendRetransmission& s) const { return engine.retransmission(s); }
    absl::StatusOr<Frames> operator()(const core::SendRetransmitReject& s) const { return engine.retransmit_reject(s); }
    absl::StatusOr<Frames> operator()(const core::SendHeartbeat& s) const {
      return Frames{wire::encode_heartbeat(s, epoch)};
    }
    absl::StatusOr<Frames> operator()(const core::SendHelloRequired& s) const {
      return Frames{wire::encode_hello_required(s)};
    }
    absl::StatusOr<Frames> operator()(const core::SendStatus&) const {
      return Frames{wire::encode_status(engine.status(now))};
    }
    absl::StatusOr<Frames> operator()(const core::SendResolved& s) const { return Frames{wire::encode_resolved(s)}; }
    absl::StatusOr<Frames> operator()(const core::SendTask& s) const {
      return Frames{wire::encode_task(s, engine.gateway_.term())};
    }
    absl::StatusOr<Frames> operator()(const core::SendConfirm& s) const { return Frames{wire::encode_confirm(s)}; }
    absl::StatusOr<Frames> operator()(const core::SendRelogin&) const { return Frames{wire::encode_relogin()}; }
  };
  return std::visit(Encoder{*this, now}, send);
}

absl::StatusOr<std::vector<std::string>> Engine::retransmission(const core::SendRetransmission& s) const {
  const auto payloads = store_.read_events(s.topic, s.from_seq, s.count);
  if (!payloads.ok()) return payloads.status();
  std::vector<std::string> frames;
  if (payloads->empty()) return first_kept(s.peer, s.topic, s.from_seq + s.count);
  for (const std::string& payload : *payloads) {
    auto frame = wire::encode_retransmission(payload, gateway_.epoch());
    if (!frame.ok()) return frame.status();
    frames.push_back(*std::move(frame));
  }
  return frames;
}

absl::StatusOr<std::vector<std::string>> Engine::retransmit_reject(const core::SendRetransmitReject& s) const {
  if (s.other_epoch) return first_kept(s.peer, s.topic, s.first_kept);
  return std::vector<std::string>{wire::encode_retransmit_reject(s, gateway_.epoch())};
}

absl::StatusOr<std::vector<std::string>> Engine::first_kept(const core::PeerId& peer, const std::string& topic,
                                                            uint64_t if_none) const {
  const auto first = store_.first_kept(topic);
  if (!first.ok()) return first.status();
  const core::SendRetransmitReject reject{peer, topic, *first != 0 ? *first : if_none};
  return std::vector<std::string>{wire::encode_retransmit_reject(reject, gateway_.epoch())};
}

bool is_for_backend(const core::Send& send) {
  return std::holds_alternative<core::SendTask>(send) || std::holds_alternative<core::SendConfirm>(send) ||
         std::holds_alternative<core::SendRelogin>(send);
}

}  // namespace cancelbus::bus
