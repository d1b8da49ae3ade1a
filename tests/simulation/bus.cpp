#include "tests/simulation/bus.hpp"

#include <algorithm>
#include <iterator>

#include "service/wire/backend_codec.hpp"
#include "service/wire/session_codec.hpp"
#include "tests/simulation/describe.hpp"

namespace cancelbus::simulation {

Bus::Life::Life(Bus& bus, io::Store& store, const core::Snapshot& snapshot)
    : engine(bus.options_, snapshot, bus.now(), store,
             bus::Engine::Edge{
                 .out = {[&bus](const core::Send& s) { bus.send(s); },
                         [&bus](const io::EventRow& event) { bus.publish(event); }, [&bus] { bus.resumed(); }},
                 .decided = [&bus](const core::Actions& actions) { bus.watch_.decided(actions, bus.now().tick); },
                 .deciding = [&bus](const std::vector<core::Event>& events) { bus.deciding(events); },
                 .began_again = [&bus](const core::Term& seen) { bus.begun_again(seen); }}),
      turns(bus, [&bus] { bus.turn({}); }) {}

// ---- A bus of its own store ----

LoneBus::LoneBus(World& world, Clock clock, core::GatewayOptions options, Store& store, BusWatch& watch)
    : Bus(world, "bus", clock, std::move(options), watch), store_(store) {
  store_.may_write = [this] { return spend(); };
  store_.reaches_disk = [this] { return this->world().random.chance(0.05); };
  store_.on_committed = [this](const io::Batch& batch) {
    if (store_.misplaced()) this->world().fail("promise 1: a commit goes to a file that no later bus finds");
    this->watch().committed(batch);
  };
  store_.answer = [this](std::function<void()> read) { answer(std::move(read)); };
  store_.tick = [this] { return now().tick; };
  store_.wall = [this] { return now().wall; };
}

void LoneBus::on_start() {
  // An operator who starts a bus on a store has put it where the bus finds it.
  store_.set_misplaced(false);
  store_.opened(boot_, now().tick);
  Bus::on_start();
  // Of what an older copy holds nothing is decided: it is told of when the bus has found out.
  if (!store_.is_older()) watch().bus_started();
  reads_ = std::make_shared<std::deque<std::function<void()>>>();
  lead(store_, store_.snapshot());
}

void LoneBus::on_kill() {
  Bus::on_kill();
  reads_.reset();
}

void LoneBus::about_to_decide() {
  if (store_.is_older()) world().fail("the bus decides on a store that is older than what a worker has seen");
}

void LoneBus::reboot(Clock clock) { Bus::reboot(clock); }

void LoneBus::cut_power(Clock clock) {
  reboot(clock);
  store_.cut_power();
}

// Of the seam, which lets a store answer later, SQLite makes no use; a replicated store will.
void LoneBus::answer(std::function<void()> read) {
  Random& random = world().random;
  if (reads_->empty() && random.chance(0.5)) return read();
  reads_->push_back(std::move(read));
  const auto answer_next = [reads = std::weak_ptr(reads_)] {
    const auto alive = reads.lock();
    if (!alive) return;
    const auto next = std::move(alive->front());
    alive->pop_front();
    next();
  };
  world().agenda.after(random.between(Duration::zero(), LongestRead), [this, answer_next] { deliver(answer_next); });
}

// ---- Its life as a process ----

void Bus::on_start() {
  operations_left_ = operations_before_stop_ = -1;
  stop_before_task_.reset();
  dead_ = false;
}

void Bus::lead(io::Store& store, const core::Snapshot& snapshot) {
  owners_told_ = false;
  life_ = std::make_unique<Life>(*this, store, snapshot);
  arm(now().tick);
}

void Bus::on_kill() {
  close_connections();
  life_.reset();
}

void Bus::close_connections() {
  const bool lose = world().random.chance(0.5);
  for (auto& [id, peer] : peers_) peer.line->leave(End::Listener, lose);
  peers_.clear();
  session_frames_.clear();
  backend_frames_.clear();
}

void Bus::lead_no_more() {
  close_connections();
  life_.reset();
}

void Bus::on_given_up() {
  for (auto& [id, peer] : peers_) peer.line->give_up(End::Dialer);
}

void Bus::reboot(Clock clock) {
  kill();
  set_clock(clock);
  boot_ += boot_step();
}

void Bus::end_in_order() {
  if (!alive()) return;
  watch_.bus_drained();
  end();
}

void Bus::drain() {
  if (!alive() || frozen()) return;
  asked_to_end();
  turn({core::DrainRequested{}});
}

void Bus::stop_after(int operations, Duration length) {
  operations_before_stop_ = operations;
  stop_length_ = length;
}

bool Bus::spend() {
  if (operations_left_ == 0 && !std::exchange(dead_, true)) on_death();
  if (operations_left_ > 0) --operations_left_;
  if (operations_before_stop_ >= 0 && operations_before_stop_-- == 0) {
    stop(stop_length_);
  }
  return !dead_;
}

void Bus::stop(Duration length) {
  freeze();
  world().agenda.after(length, [this] { wake(); });
}

// ---- Connections ----

core::PeerId Bus::accept(Door door, std::shared_ptr<Line> line, std::function<void(const Frames&)> to_dialer) {
  if (!alive() || frozen() || !listens(door)) return "";
  core::PeerId id = (name() == "bus" ? "p" : name() + "-p") + std::to_string(++last_peer_);
  line->on_ended(End::Listener, [this, id] { peers_.erase(id); });
  peers_[id] = {door, std::move(line), std::move(to_dialer), {}};
  return id;
}

void Bus::receive(Door door, const core::PeerId& peer, std::string frame) {
  if (door == Door::Events) return subscribe(peer, std::move(frame));
  (door == Door::Session ? session_frames_ : backend_frames_).emplace_back(peer, std::move(frame));
  if (life_) {
    arm(now().tick + world().random.between(Duration::zero(), LongestTurnWait));
  } else {
    turn_away();
  }
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

void Bus::turn(std::vector<core::Event> events) {
  if (dead_ || leads_no_more()) return;
  const Instant now = this->now();
  count_turn();
  life_->next_turn = Never;
  if (life_->engine.awaits_commit()) {
    std::ranges::move(events, std::back_inserter(life_->waiting));
    return arm(now.tick + LookAtCommitEvery);
  }
  std::vector<core::Event> before = std::exchange(life_->waiting, {});
  events.insert(events.begin(), std::make_move_iterator(before.begin()), std::make_move_iterator(before.end()));
  if (!std::exchange(owners_told_, true)) events.emplace_back(owners_);
  for (const auto& [peer, frame] : std::exchange(session_frames_, {})) take_session(events, peer, frame);
  for (const auto& [peer, frame] : std::exchange(backend_frames_, {})) take_backend(events, peer, frame);
  life_->engine.turn(now, std::move(events));
  tell_store();
  if (!dead_) {
    const Tick next = life_->engine.next_deadline(now.tick);
    if (next <= now.tick) world().fail("the next deadline does not lie ahead: the bus would spin");
    arm(next);
  }
  // Not before the turn has returned.
  if (dead_) {
    world().agenda.after(Duration::zero(), [this] { kill(); });
  } else if (life_->engine.drained()) {
    world().agenda.after(Duration::zero(), [this] { end_in_order(); });
  }
}

void Bus::begun_again(const core::Term& seen) {
  tell("begins again, above term ", to_text(seen));
  world().happened.add(Fault::OlderStore);
  watch_.bus_started();
}

void Bus::deciding(const std::vector<core::Event>& events) {
  about_to_decide();
  for (const core::Event& event : events) {
    if (world().transcript) {
      if (const std::string text = describe(event); !text.empty()) tell("hears ", text);
    }
    watch_.stepping(event);
  }
  watch_.judging_deadlines();
}

void Bus::count_turn() {
  const int64_t ms = world().now().time_since_epoch() / 1ms;
  if (ms != std::exchange(turns_of_ms_, ms)) turns_ = 0;
  if (++turns_ > MaxTurnsInAMillisecond) world().fail("the bus spins");
}

void Bus::take_session(std::vector<core::Event>& events, const core::PeerId& peer, const std::string& frame) {
  auto request = wire::decode_session_request(frame, peer);
  if (const auto* rejected = std::get_if<wire::Rejected>(&request)) {
    world().fail("a client's frame is rejected: ", rejected->field, " ", rejected->text);
  } else {
    core::Event event = std::get<core::Event>(std::move(request));
    if (auto* kill_switch = std::get_if<core::KillSwitchReceived>(&event)) kill_switch->of_operator = true;
    events.push_back(std::move(event));
  }
}

void Bus::take_backend(std::vector<core::Event>& events, const core::PeerId& peer, const std::string& frame) {
  auto request = wire::decode_backend_request(frame, peer);
  if (request.ok()) {
    events.push_back(*std::move(request));
  } else {
    world().fail("a backend frame is rejected: ", std::string(request.status().message()));
  }
}

void Bus::tell_store() {
  const bool writable = life_->engine.outbox().trouble().empty();
  if (writable != std::exchange(life_->writable, writable)) {
    tell(writable ? "the store takes writes again" : "the store refuses");
    watch_.store_writable(writable);
  }
}

// ---- What leaves ----

void Bus::send(const core::Send& send) {
  if (!spend()) return;
  if (stop_before_task_ && std::holds_alternative<core::SendTask>(send)) stop(*std::exchange(stop_before_task_, {}));
  deliver([this, send, life = std::weak_ptr(life_->alive)] {
    if (life.expired()) return;
    if (world().transcript) {
      if (const std::string text = describe(send); !text.empty()) tell("sends ", text);
    }
    watch_.sending(send);
    const core::PeerId peer = std::visit([](const auto& s) { return s.peer; }, send);
    const bool heartbeat = std::holds_alternative<core::SendHeartbeat>(send);
    life_->engine.frames(now(), send, [this, peer, heartbeat](const absl::StatusOr<std::vector<std::string>>& frames) {
      if (!frames.ok()) return tell("cannot read the store");
      for (const std::string& frame : *frames) {
        v1::SessionReply reply;
        if (heartbeat && reply.ParseFromString(frame)) watch_.answering(reply.heartbeat());
        to_peer(peer, {frame});
      }
    });
  });
}

void Bus::publish(const io::EventRow& event) {
  if (!spend()) return;
  deliver([this, event, life = std::weak_ptr(life_->alive)] {
    if (life.expired()) return;
    if (world().transcript) tell("publishes ", describe(event));
    watch_.publishing(event);
    for (auto& [id, peer] : peers_) {
      const bool wanted = std::any_of(peer.prefixes.begin(), peer.prefixes.end(),
                                      [&](const std::string& prefix) { return event.topic.starts_with(prefix); });
      if (wanted) to_peer(id, {event.topic, event.payload});
    }
  });
}

void Bus::to_peer(const core::PeerId& id, const Frames& frames) {
  const auto it = peers_.find(id);
  if (it == peers_.end()) return;
  const double share = it->second.door == Door::Backend ? backend_dropped_ : dropped_;
  if (share > 0 && world().random.chance(share)) return;
  it->second.line->send(End::Listener, [to_dialer = it->second.to_dialer, frames] { to_dialer(frames); });
}

}  // namespace cancelbus::simulation
