#include "tests/simulation/bus.hpp"

#include <algorithm>

#include "service/wire/backend_codec.hpp"
#include "service/wire/session_codec.hpp"
#include "tests/simulation/describe.hpp"

namespace cancelbus::simulation {

Bus::Bus(World& world, Clock clock, core::GatewayOptions options, Store& store, BusWatch& watch)
    : Process(world, "bus", clock), options_(std::move(options)), store_(store), watch_(watch) {
  store_.may_write = [this] { return spend(); };
  store_.on_committed = [this](const io::Batch& batch) { watch_.committed(batch); };
  store_.wall = [this] { return now().wall; };
}

Bus::Life::Life(Bus& bus, const core::Snapshot& snapshot)
    : gateway(bus.options_, snapshot, bus.now()),
      outbox(bus.store_, snapshot.epoch,
             {[&bus](const core::Send& s) { bus.send(s); }, [&bus](const io::EventRow& event) { bus.publish(event); }}),
      turns(bus, [&bus] { bus.turn(); }) {}

// ---- Its life as a process ----

void Bus::on_start() {
  store_.opened(std::exchange(same_boot_, true));
  operations_left_ = -1;
  dead_ = false;
  watch_.bus_started();
  life_ = std::make_unique<Life>(*this, store_.load().value());
  arm(now().tick);
}

void Bus::on_kill() {
  const bool lose = world().random.chance(0.5);
  for (auto& [id, peer] : peers_) peer.line->leave(End::Listener, lose);
  peers_.clear();
  session_frames_.clear();
  backend_frames_.clear();
  life_.reset();
}

void Bus::on_given_up() {
  for (auto& [id, peer] : peers_) peer.line->give_up(End::Dialer);
}

void Bus::reboot(Clock clock) {
  kill();
  set_clock(clock);
  same_boot_ = false;
}

void Bus::drain() {
  if (!alive() || frozen()) return;
  life_->draining = true;
  step(now(), core::DrainRequested{});
  turn();
}

bool Bus::spend() {
  if (operations_left_ == 0) dead_ = true;
  if (operations_left_ > 0) --operations_left_;
  return !dead_;
}

// ---- Connections ----

core::PeerId Bus::accept(Door door, std::shared_ptr<Line> line, std::function<void(const Frames&)> to_dialer) {
  if (!alive() || frozen()) return "";
  core::PeerId id = "p" + std::to_string(++last_peer_);
  line->on_ended(End::Listener, [this, id] { peers_.erase(id); });
  peers_[id] = {door, std::move(line), std::move(to_dialer), {}};
  return id;
}

void Bus::receive(Door door, const core::PeerId& peer, std::string frame) {
  if (door == Door::Events) return subscribe(peer, std::move(frame));
  (door == Door::Session ? session_frames_ : backend_frames_).emplace_back(peer, std::move(frame));
  if (life_) arm(now().tick + world().random.between(Duration::zero(), LongestTurnWait));
}

void Bus::subscribe(const core::PeerId& peer, std::string prefix) {
  const auto it = peers_.find(peer);
  if (it != peers_.end()) it->second.prefixes.push_back(std::move(prefix));
}

// ---- A turn ----

void Bus::arm(Tick at) {
  if (at >= life_->next_turn) return;
  life_->next_turn = at;
  life_->turns.set(at);
}

void Bus::turn() {
  if (dead_) return;
  const Instant now = this->now();
  count_turn();
  life_->next_turn = Never;
  for (const auto& [peer, frame] : std::exchange(session_frames_, {})) take_session(now, peer, frame);
  for (const auto& [peer, frame] : std::exchange(backend_frames_, {})) take_backend(now, peer, frame);
  check_store(now);
  watch_.judging_deadlines();
  step(now, core::DeadlinePassed{});
  if (!dead_) {
    const Tick next = life_->gateway.next_deadline(now.tick);
    if (next <= now.tick) world().fail("the gateway's next deadline does not lie ahead: the bus would spin");
    arm(life_->outbox.empty() ? next : std::min(next, now.tick + StoreRetry));
  }
  const bool drained = life_->draining && life_->gateway.drained() && life_->outbox.empty();
  // Not before the turn has returned.
  if (dead_ || drained) world().agenda.after(Duration::zero(), [this] { kill(); });
}

void Bus::count_turn() {
  const int64_t ms = world().now().time_since_epoch() / 1ms;
  if (ms != std::exchange(turns_of_ms_, ms)) turns_ = 0;
  if (++turns_ > MaxTurnsInAMillisecond) world().fail("the bus spins");
}

void Bus::take_session(Instant now, const core::PeerId& peer, const std::string& frame) {
  auto request = wire::decode_session_request(frame, peer);
  if (const auto* rejected = std::get_if<wire::Rejected>(&request)) {
    world().fail("a client's frame is rejected: ", rejected->field, " ", rejected->text);
  } else {
    step(now, std::get<core::Event>(request));
  }
}

void Bus::take_backend(Instant now, const core::PeerId& peer, const std::string& frame) {
  const auto request = wire::decode_backend_request(frame, peer);
  if (request.ok()) {
    step(now, *request);
  } else {
    world().fail("a backend frame is rejected: ", std::string(request.status().message()));
  }
}

void Bus::step(Instant now, const core::Event& event) {
  if (dead_) return;
  if (world().transcript && !std::holds_alternative<core::DeadlinePassed>(event)) {
    if (const std::string text = describe(event); !text.empty()) tell("hears ", text);
  }
  watch_.stepping(event);
  life_->outbox.take(life_->gateway.step(now, event));
}

void Bus::check_store(Instant now) {
  if (dead_) return;
  const bool writable = life_->outbox.retry();
  if (writable == std::exchange(life_->writable, writable)) return;
  tell(writable ? "the store takes writes again" : "the store refuses");
  step(now, core::StoreHealth{writable});
}

// ---- What leaves ----

void Bus::send(const core::Send& send) {
  if (!spend()) return;
  if (world().transcript) {
    if (const std::string text = describe(send); !text.empty()) tell("sends ", text);
  }
  watch_.sending(send);
  const core::PeerId peer = std::visit([](const auto& s) { return s.peer; }, send);
  for (std::string& frame : encode(send)) to_peer(peer, {std::move(frame)});
}

std::vector<std::string> Bus::encode(const core::Send& send) {
  const uint64_t epoch = life_->gateway.epoch();
  struct Encoder {
    Bus& bus;
    uint64_t epoch;
    std::vector<std::string> operator()(const core::SendWelcome& s) { return {wire::encode_welcome(s, epoch)}; }
    std::vector<std::string> operator()(const core::SendReceipt& s) { return {wire::encode_receipt(s)}; }
    std::vector<std::string> operator()(const core::SendRetransmission& s) { return bus.retransmission(s); }
    std::vector<std::string> operator()(const core::SendRetransmitReject& s) {
      return {wire::encode_retransmit_reject(s, epoch)};
    }
    std::vector<std::string> operator()(const core::SendHeartbeat& s) { return {wire::encode_heartbeat(s, epoch)}; }
    std::vector<std::string> operator()(const core::SendHelloRequired& s) { return {wire::encode_hello_required(s)}; }
    std::vector<std::string> operator()(const core::SendStatus&) {
      return {wire::encode_status(bus.life_->gateway.status(bus.now()))};
    }
    std::vector<std::string> operator()(const core::SendTask& s) {
      return {wire::encode_task(s, bus.life_->gateway.term())};
    }
    std::vector<std::string> operator()(const core::SendConfirm& s) { return {wire::encode_confirm(s)}; }
    std::vector<std::string> operator()(const core::SendRelogin&) { return {wire::encode_relogin()}; }
  };
  return std::visit(Encoder{*this, epoch}, send);
}

std::vector<std::string> Bus::retransmission(const core::SendRetransmission& s) {
  const auto payloads = store_.read_events(s.topic, s.from_seq, s.count).value();
  if (payloads.empty()) {
    const uint64_t first = store_.first_kept(s.topic).value();
    return encode(core::SendRetransmitReject{s.peer, s.topic, first != 0 ? first : s.from_seq + s.count});
  }
  std::vector<std::string> frames;
  for (const std::string& payload : payloads) frames.push_back(wire::encode_retransmission(payload).value());
  return frames;
}

void Bus::publish(const io::EventRow& event) {
  if (!spend()) return;
  if (world().transcript) tell("publishes ", describe(event));
  watch_.publishing(event);
  for (auto& [id, peer] : peers_) {
    const bool wanted = std::any_of(peer.prefixes.begin(), peer.prefixes.end(),
                                    [&](const std::string& prefix) { return event.topic.starts_with(prefix); });
    if (wanted) to_peer(id, {event.topic, event.payload});
  }
}

void Bus::to_peer(const core::PeerId& id, const Frames& frames) {
  const auto it = peers_.find(id);
  if (it == peers_.end()) return;
  if (it->second.door != Door::Backend && dropped_ > 0 && world().random.chance(dropped_)) return;
  it->second.line->send(End::Listener, [to_dialer = it->second.to_dialer, frames] { to_dialer(frames); });
}

}  // namespace cancelbus::simulation
