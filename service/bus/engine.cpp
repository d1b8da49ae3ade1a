#include "service/bus/engine.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "service/wire/backend_codec.hpp"
#include "service/wire/event_codec.hpp"
#include "service/wire/session_codec.hpp"

namespace cancelbus::bus {

Engine::Life::Life(const Engine& engine, const core::Snapshot& snapshot, core::Instant now,
                   core::GatewayCounters counters)
    : epoch(snapshot.epoch),
      term{snapshot.term, snapshot.leader_id, 0},
      check(term, snapshot.stored_term, snapshot.commits_lost),
      gateway(engine.options_, snapshot, now, counters),
      outbox(engine.store_, epoch, term.term, engine.edge_.out) {}

Engine::Engine(const core::GatewayOptions& options, const core::Snapshot& snapshot, core::Instant now, io::Store& store,
               Edge edge)
    : options_(options),
      store_(store),
      edge_(std::move(edge)),
      life_(std::make_unique<Life>(*this, snapshot, now, core::GatewayCounters())),
      now_(now),
      started_(now.tick) {}

void Engine::turn(core::Instant now, std::vector<core::Event> events) {
  now_ = now;
  if (!may_decide(now, events)) return;
  edge_.deciding(events);
  life_->outbox.retry();
  const std::string& trouble = life_->outbox.trouble();
  const bool writable = trouble.empty();
  if (writable != std::exchange(store_writable_, writable)) events.push_back(core::StoreHealth{writable, trouble});
  std::vector<core::EventBar> bars = edge_.bars(now);
  const bool any_barred = !bars.empty();
  if (std::exchange(any_barred_, any_barred) || any_barred) events.push_back(core::KeysBarred{std::move(bars)});
  events.push_back(core::DeadlinePassed{});
  core::Actions turn;
  for (const core::Event& event : events) turn.append(life_->gateway.step(now, event));
  edge_.decided(turn);
  life_->outbox.take(std::move(turn));
}

core::Tick Engine::next_deadline(core::Tick now) const {
  if (now < started_ + ListensFirst) return started_ + ListensFirst;
  // Nothing is decided, and no deadline is judged, before it has begun again.
  if (behind_ && now >= begins_again_from_) return now + StoreRetry;
  const core::Tick next =
      behind_ ? std::min(life_->gateway.next_deadline(now), begins_again_from_) : life_->gateway.next_deadline(now);
  return life_->outbox.empty() && life_->outbox.trouble().empty() ? next : std::min(next, now + StoreRetry);
}

core::BusStatus Engine::status(core::Instant now) const {
  core::BusStatus status = life_->gateway.status(now);
  status.uptime = now.tick - started_;
  status.store_bytes = store_.bytes().total;
  status.event_bars = edge_.bars(now);
  status.version = CANCELBUS_VERSION;
  status.term = life_->term.term;
  status.leader = life_->term.leader_id;
  if (const auto replication = store_.replication()) {
    for (const auto& standby : replication->standbys) status.standbys.push_back({standby.name, standby.heard_ago});
    status.replication = replication->servers > 0
                             ? "each commit is on " + std::to_string(replication->servers) + " more server" +
                                   (replication->servers > 1 ? "s" : "") + " of the database"
                         : replication->waits ? "the database waits for a standby, and none is connected"
                                              : "commits are on one server of the database only (--store_sync=normal)";
  }
  return status;
}

// ---- The term ----

bool Engine::may_decide(core::Instant now, std::vector<core::Event>& events) {
  for (const core::Event& event : events) {
    const auto* ready = std::get_if<core::WorkerReady>(&event);
    if (!ready || !ready->seen || !life_->check.is_behind(*ready->seen)) continue;
    const bool higher = !behind_ || ready->seen->term > behind_->term;
    if (higher) behind_ = ready->seen;
  }
  // Another bus that runs on another store does the same: so neither sends, and they do not chase each other. Until
  // then this one sends nothing anyway.
  const bool begins_again = behind_ && now.tick >= begins_again_from_;
  if (begins_again) begin_again();
  if (begun_) begin(*std::exchange(begun_, std::nullopt));
  const bool first = now.tick < started_ + ListensFirst;
  // Who waits longer than that asks again; policy and drain are said once.
  if (begins_again && behind_ && !first) {
    for (const core::Event& event : waiting_) remember(event);
    waiting_.clear();
  }
  std::ranges::move(events, std::back_inserter(waiting_));
  if ((begins_again && behind_) || first) return false;
  events = std::exchange(waiting_, {});
  for (const core::Event& event : events) {
    remember(event);
    announce(event);
  }
  return true;
}

void Engine::begin_again() {
  if (beginning_ || life_->outbox.committing()) return;
  beginning_ = true;
  // In this turn or a later one: its time is that of the new beginning.
  store_.begin_again(*behind_, [this](absl::StatusOr<core::Snapshot> snapshot) { begun_ = std::move(snapshot); });
}

void Engine::begin(const absl::StatusOr<core::Snapshot>& snapshot) {
  beginning_ = false;
  begin_trouble_ = snapshot.ok() ? "" : std::string(snapshot.status().message());
  if (!snapshot.ok()) return;
  // What waited for its commit has never left: it is as if the process had died before.
  life_ = std::make_unique<Life>(*this, *snapshot, now_, life_->gateway.counters());
  std::vector<core::Event> first;
  if (weights_) first.emplace_back(*weights_);
  if (owners_) first.emplace_back(*owners_);
  if (draining_) first.emplace_back(core::DrainRequested{});
  waiting_.insert(waiting_.begin(), first.begin(), first.end());
  store_writable_ = true;
  begins_again_from_ = now_.tick + options_.lost_after;
  edge_.began_again(*std::exchange(behind_, std::nullopt));
}

void Engine::remember(const core::Event& event) {
  if (const auto* weights = std::get_if<core::WeightsSet>(&event)) weights_ = *weights;
  if (const auto* owners = std::get_if<core::OwnersSet>(&event)) owners_ = *owners;
  draining_ |= std::holds_alternative<core::DrainRequested>(event);
}

// A worker that has seen this term takes no task of an earlier one any more. And what it has seen shows a later bus
// that its store is older: so workers learn of each batch, also where none gives them work.
void Engine::announce(const core::Event& event) {
  const auto* ready = std::get_if<core::WorkerReady>(&event);
  if (!ready) return;
  const core::Term& now = store_.term();
  const bool known = ready->seen && ready->seen->term == now.term && ready->seen->leader_id == now.leader_id &&
                     ready->seen->batch >= now.batch;
  if (!known) edge_.out.send(core::SendConfirm{ready->peer, 0, 0});
}

// ---- Frames ----

void Engine::frames(core::Instant now, const core::Send& send, Frames done) const {
  struct Encoder {
    const Engine& engine;
    core::Instant now;
    Frames& done;
    uint64_t epoch = engine.epoch();
    uint64_t term = engine.term();

    void one(std::string frame) const { done(std::vector<std::string>{std::move(frame)}); }
    void operator()(const core::SendWelcome& s) const {
      one(wire::encode_welcome(s, epoch, engine.edge_.bar_of(s.peer, now), term));
    }
    void operator()(const core::SendReceipt& s) const { one(wire::encode_receipt(s)); }
    void operator()(const core::SendRetransmission& s) const { engine.retransmission(s, std::move(done)); }
    void operator()(const core::SendRetransmitReject& s) const {
      if (s.other_epoch) return engine.first_kept(s.peer, s.topic, s.first_kept, std::move(done));
      one(wire::encode_retransmit_reject(s, epoch));
    }
    // As of the turn's end: the news that waited with this question has been heard.
    void operator()(const core::SendHeartbeat& s) const {
      one(wire::encode_heartbeat(s, engine.gateway().causes(now), epoch, engine.edge_.bar_of(s.peer, now), term));
    }
    void operator()(const core::SendHelloRequired& s) const { one(wire::encode_hello_required(s)); }
    void operator()(const core::SendStatus& s) const {
      core::BusStatus status = engine.status(now);
      std::erase_if(status.doubts,
                    [&](const core::Doubt& doubt) { return !engine.edge_.sees(s.peer, doubt.key.sender); });
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
    void operator()(const core::SendTask& s) const { one(wire::encode_task(s, engine.store_.term())); }
    void operator()(const core::SendConfirm& s) const { one(wire::encode_confirm(s, engine.store_.term())); }
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
      auto frame = wire::encode_retransmission(payload, epoch());
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
    done(std::vector<std::string>{wire::encode_retransmit_reject(reject, epoch())});
  });
}

void Engine::history(const core::SendHistory& s, Frames done) const {
  store_.read_history(s.query, [this, id = s.request_id, done = std::move(done)](const auto& page) {
    // Who asks is told that the store cannot be read: what else it is asked for works on.
    const std::string why = page.ok() ? "" : std::string(page.status().message());
    done(std::vector<std::string>{wire::encode_history(page.ok() ? *page : core::HistoryPage{}, id, why, epoch())});
  });
}

bool is_for_backend(const core::Send& send) {
  return std::holds_alternative<core::SendTask>(send) || std::holds_alternative<core::SendConfirm>(send) ||
         std::holds_alternative<core::SendRelogin>(send);
}

}  // namespace cancelbus::bus
