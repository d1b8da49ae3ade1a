#include "tests/simulation/paired_bus.hpp"

#include <utility>

#include "service/wire/session_codec.hpp"

namespace cancelbus::simulation {

/// The watch of the store, as service/io/postgres_watch.cpp.
struct PairedBus::Following {
  Following(PairedBus& bus, const SharedStore::Setup& setup)
      : lease(setup.lease), link(bus, setup.to_servers, bus.database_), looks(bus, [&bus] { bus.look(); }) {
    lease.begin(Tick::min());
  }
  io::LeaseFollower lease;
  DatabaseLink link;
  Timer looks;
};

PairedBus::PairedBus(World& world, const std::string& name, Clock clock, core::GatewayOptions options,
                     Database& database, SharedStore::Setup setup, BusWatch& watch)
    : Bus(world, name, clock, std::move(options), watch), database_(database), setup_(std::move(setup)) {
  boot_ = setup_.boot;
  setup_.lease = Lease;
}

PairedBus::~PairedBus() = default;

void PairedBus::on_start() {
  Bus::on_start();
  distrusts_ = draining_ = closing_ = false;
  setup_.boot = boot_;
  follow();
}

void PairedBus::on_kill() {
  Bus::on_kill();
  following_.reset();
  store_.reset();
  round_.reset();
}

// ---- Following ----

void PairedBus::follow() {
  round_ = std::make_shared<char>();
  round_ended_ = false;
  following_ = std::make_unique<Following>(*this, setup_);
  look();
}

void PairedBus::look() {
  if (!following_->link.is_open()) {
    return following_->link.open([this](bool open) { open ? look() : look_again(); });
  }
  using Look = io::LeaseFollower::Look;
  const Tick sent = now().tick;
  following_->link.run(
      [this, sent](const Database::Server& server, const DatabaseLink::Answer& answer, const std::function<void()>&) {
        const Database::State& state = server.visible();
        Look look{state.lease.term, state.lease.renewals, state.lease.leader_id, state.lease.released, {}, {}};
        for (const auto& [task, permit] : state.rows.permits) {
          if (!permit.open) look.settled.push_back(task);
        }
        for (const auto& [limiter, hold] : state.rows.holds) look.holds.emplace_back(limiter, hold.until_wall);
        answer([this, sent, look = std::move(look)] { take(look, sent); });
      },
      [this] { look_again(); });
}

void PairedBus::take(const io::LeaseFollower::Look& look, Tick sent) {
  following_->lease.take(look, sent, now().tick);
  if (following_->lease.is_free()) return claim();
  look_again();
}

void PairedBus::look_again() { following_->looks.set(now().tick + Lease / io::LeaseFollower::LooksPerLease); }

void PairedBus::claim() {
  tell("finds the lease free");
  io::LeaseClaim claim = following_->lease.claim();
  claim.distrust = distrusts_;
  store_ = std::make_unique<SharedStore>(
      *this, database_, setup_,
      SharedStore::Edge{[this] { return spend(); }, [this](io::LeaseHolder::Loss why) { lost(why); }});
  store_->claim(claim, [this](bool taken) { claimed(taken); });
}

void PairedBus::claimed(bool taken) {
  if (taken) {
    return store_->load([this](absl::StatusOr<core::Snapshot> snapshot) { loaded(std::move(snapshot)); });
  }
  tell("does not get the lease");
  world().agenda.after(Duration::zero(), [this, round = std::weak_ptr(round_)] {
    deliver([this, round] {
      if (round.expired()) return;
      store_.reset();
      following_->lease.begin(now().tick + Lease);
      look_again();
    });
  });
}

void PairedBus::loaded(absl::StatusOr<core::Snapshot> snapshot) {
  if (round_ended_) return;
  if (!snapshot.ok()) return end_round();
  distrusts_ = false;
  snapshot->followed = following_->lease.followed();
  tell("leads term ", snapshot->term, snapshot->commits_lost ? ", commits may be lost" : "");
  // What runs now may be of the link that it follows by.
  world().agenda.after(Duration::zero(), [this, round = std::weak_ptr(round_)] {
    if (!round.expired() && gateway()) following_.reset();
  });
  close_connections();
  watch().bus_started();
  lead(*store_, *snapshot);
}

// A standby answers at once.
void PairedBus::turn_away() {
  const std::string frame = wire::encode_not_leading(following_ ? following_->lease.term() : 0,
                                                     following_ ? following_->lease.leader_id() : "");
  for (const auto& [peer, request] : std::exchange(session_frames_, {})) reply(peer, frame);
  backend_frames_.clear();
}

// ---- The end of a round ----

void PairedBus::lost(io::LeaseHolder::Loss why) {
  using Loss = io::LeaseHolder::Loss;
  tell("leads no more: ", why == Loss::Fenced        ? "fenced"
                          : why == Loss::CommitsLost ? "commits are lost"
                                                     : "not renewed");
  distrusts_ |= why == Loss::CommitsLost;
  end_round();
}

void PairedBus::end_round() {
  if (std::exchange(round_ended_, true)) return;
  world().agenda.after(Duration::zero(), [this, round = std::weak_ptr(round_)] {
    deliver([this, round] {
      if (round.expired()) return;
      if (draining_) return world().agenda.after(Duration::zero(), [this] { end(); });
      lead_no_more();
      following_.reset();
      store_.reset();
      follow();
    });
  });
}

void PairedBus::drain() {
  if (!alive() || frozen()) return;
  draining_ = true;
  if (leads()) return Bus::drain();
  asked_to_end();
  end();
}

void PairedBus::end_in_order() {
  if (!alive() || !leads()) return;
  closing_ = true;
  store_->close([this] {
    world().agenda.after(Duration::zero(), [this, round = std::weak_ptr(round_)] {
      if (!round.expired()) Bus::end_in_order();
    });
  });
}

}  // namespace cancelbus::simulation
