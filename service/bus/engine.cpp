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
      epoch_(snapshot.epoch),
      term_(snapshot.term),
      gateway_(options, snapshot, now),
      decided_(std::move(edge.decided)),
      bar_of_(std::move(edge.bar_of)),
      sees_(std::move(edge.sees)),
      bars_(std::move(edge.bars)),
      outbox_(store, snapshot.epoch, std::move(edge.out)) {}

void Engine::turn(core::Instant now, std::vector<core::Event> events) {
  outbox_.retry();
  const bool writable = outbox_.trouble().empty();
  if (writable != std::exchange(store_writable_, writable))
    events.push_back(core::StoreHealth{writable, outbox_.trouble()});
  std::vector<core::EventBar> bars = bars_(now);
  const bool any_barred = !bars.empty();
  if (std::exchange(any_barred_, any_barred) || any_barred) events.push_back(core::KeysBarred{std::move(bars)});
  events.push_back(core::DeadlinePassed{});
  core::Actions turn;
  for (const core::Event& event : events) turn.append(gateway_.step(now, event));
  decided_(turn);
  outbox_.take(std::move(turn));
}

core::Tick Engine::next_deadline(core::Tick now) const {
  const core::Tick next = gateway_.next_deadline(now);
  return outbox_.empty() && outbox_.trouble().empty() ? next : std::min(next, now + StoreRetry);
}

core::BusStatus Engine::status(core::Instant now) const {
  core::BusStatus status = gateway_.status(now);
  status.store_bytes = store_.bytes().total;
  status.event_bars = bars_(now);
  status.version = CANCELBUS_VERSION;
  return status;
}

// ---- Frames ----

void Engine::frames(core::Instant now, const core::Send& send, Frames done) const {
  struct Encoder {
    const Engine& engine;
    core::Instant now;
    Frames& done;
    uint64_t epoch = engine.epoch_;

    void one(std::string frame) const { done(std::vector<std::string>{std::move(frame)}); }
    void operator()(const core::SendWelcome& s) const {
      one(wire::encode_welcome(s, epoch, engine.bar_of_(s.peer, now)));
    }
    void operator()(const core::SendReceipt& s) const { one(wire::encode_receipt(s)); }
    void operator()(const core::SendRetransmission& s) const { engine.retransmission(s, std::move(done)); }
    void operator()(const core::SendRetransmitReject& s) const {
      if (s.other_epoch) return engine.first_kept(s.peer, s.topic, s.first_kept, std::move(done));
      one(wire::encode_retransmit_reject(s, epoch));
    }
    // As of the turn's end: the news that waited with this question has been heard.
    void operator()(const core::SendHeartbeat& s) const {
      one(wire::encode_heartbeat(s, engine.gateway_.causes(now), epoch, engine.bar_of_(s.peer, now)));
    }
    void operator()(const core::SendHelloRequired& s) const { one(wire::encode_hello_required(s)); }
    void operator()(const core::SendStatus& s) const {
      core::BusStatus status = engine.status(now);
      std::erase_if(status.doubts, [&](const core::Doubt& doubt) { return !engine.sees_(s.peer, doubt.key.sender); });
      one(wire::encode_status(status));
    }
    void operator()(const core::SendOpenOrders& s) const { one(wire::encode_open_orders(s)); }
    void operator()(const core::SendCommands& s) const { one(wire::encode_commands(s)); }
    void operator()(const core::SendHistory& s) const { engine.history(s, std::move(done)); }
    void operator()(const core::SendResolved& s) const { one(wire::encode_resolved(s)); }
    void operator()(const core::SendRetry& s) const { one(wire::encode_retry(s)); }
    void operator()(const core::SendMassCancelPreview& s) const { one(wire::encode_mass_cancel_preview(s)); }
    void operator()(const core::SendKillSwitch& s) const { one(wire::encode_kill_switch(s)); }
    void operator()(const core::SendGoodbye& s) const { one(wire::encode_goodbye(s)); }
    void operator()(const core::SendTask& s) const { one(wire::encode_task(s, engine.term_)); }
    void operator()(const core::SendConfirm& s) const { one(wire::encode_confirm(s)); }
    void operator()(const core::SendRelogin&) const { one(wire::encode_relogin()); }
  };
  std::visit(Encoder{*this, now, done}, send);
}

void Engine::retransmission(const core::SendRetransmission& s, Frames done) const {
  store_.read_events(s.topic, s.from_seq, s.count, [this, s, done = std::move(done)](auto payloads) mutable {
    if (!payloads.ok()) return done(payloads.status());
    if (payloads->empty()) return first_kept(s.peer, s.topic, s.from_seq + s.count, std::move(done));
    std::vector<std::string> frames;
    for (const std::string& payload : *payloads) {
      auto frame = wire::encode_retransmission(payload, epoch_);
      if (!frame.ok()) return done(frame.status());
      frames.push_back(*std::move(frame));
    }
    done(std::move(frames));
  });
}

void Engine::first_kept(const core::PeerId& peer, const std::string& topic, uint64_t if_none, Frames done) const {
  store_.first_kept(topic, [this, peer, topic, if_none, done = std::move(done)](absl::StatusOr<uint64_t> first) {
    if (!first.ok()) return done(first.status());
    const core::SendRetransmitReject reject{peer, topic, *first == 0 ? if_none : *first};
    done(std::vector<std::string>{wire::encode_retransmit_reject(reject, epoch_)});
  });
}

void Engine::history(const core::SendHistory& s, Frames done) const {
  store_.read_history(s.query, [this, id = s.request_id, done = std::move(done)](const auto& page) {
    // Who asks is told that the store cannot be read: what else it is asked for works on.
    const std::string why = page.ok() ? "" : std::string(page.status().message());
    done(std::vector<std::string>{wire::encode_history(page.ok() ? *page : core::HistoryPage{}, id, why, epoch_)});
  });
}

bool is_for_backend(const core::Send& send) {
  return std::holds_alternative<core::SendTask>(send) || std::holds_alternative<core::SendConfirm>(send) ||
         std::holds_alternative<core::SendRelogin>(send);
}

}  // namespace cancelbus::bus
