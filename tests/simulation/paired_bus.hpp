// One of two buses that share a database. It follows until the lease is free, leads, and follows again when it leads no
// more, in the order of service/bus/life.cpp; what it decides by is the real LeaseFollower and LeaseHolder.
#pragma once

#include <memory>
#include <string>

#include "tests/simulation/bus.hpp"
#include "tests/simulation/shared_store.hpp"

namespace cancelbus::simulation {

class PairedBus : public Bus {
 public:
  PairedBus(World& world, const std::string& name, Clock clock, core::GatewayOptions options, Database& database,
            SharedStore::Setup setup, BusWatch& watch);
  ~PairedBus() override;

  void drain() override;
  bool leads() const { return gateway() != nullptr; }
  bool claims() const { return store_ && !leads(); }
  /// It has finished, and waits for the database to take its lease back.
  bool closes() const { return closing_; }
  /// What it read of the store when it began to lead.
  const Rows& loaded() const { return store_->loaded(); }
  const core::Term& term() const { return store_->term(); }
  uint64_t boot() const { return boot_; }

 protected:
  void on_start() override;
  void on_kill() override;
  bool listens(Door door) const override { return leads() || door == Door::Session; }
  void turn_away() override;
  bool leads_no_more() const override { return round_ended_; }
  uint64_t boot_step() const override { return 2; }
  void end_in_order() override;
  void on_death() override {
    world().agenda.after(Duration::zero(), [this] { kill(); });
  }

 private:
  static constexpr Duration Lease = 2s;

  struct Following;

  void follow();
  void look();
  void take(const io::LeaseFollower::Look& look, Tick sent);
  void look_again();
  void claim();
  void claimed(bool taken);
  void loaded(absl::StatusOr<core::Snapshot> snapshot);
  void lost(io::LeaseHolder::Loss why);
  /// A life that leads, or claims, ends; after what runs now.
  void end_round();

  Database& database_;
  SharedStore::Setup setup_;
  std::unique_ptr<Following> following_;
  std::unique_ptr<SharedStore> store_;
  std::shared_ptr<char> round_;
  bool distrusts_ = false;  ///< commits of this bus are not in the store any more
  bool round_ended_ = false;
  bool draining_ = false;
  bool closing_ = false;
};

}  // namespace cancelbus::simulation
