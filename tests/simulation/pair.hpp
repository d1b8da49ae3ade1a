// Two buses that share a database, and promise 11 over them:
//
// - a bus leads in a term that no bus has led in, and higher than all before, unless the database has lost commits;
// - one that another has taken over from leads no more within a lease, but for the time in which it is stopped;
// - whatever it sends or publishes later is committed.
//
// For the judge they are one bus, which starts again with each takeover: it hears only the one that leads, and what is
// committed it takes from the database, once every later leader will read it.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "tests/simulation/database.hpp"
#include "tests/simulation/judge.hpp"
#include "tests/simulation/paired_bus.hpp"

namespace cancelbus::simulation {

class Pair {
 public:
  static constexpr size_t Buses = 2;

  /// `to_servers`: of each bus.
  Pair(World& world, std::array<Clock, Buses> clocks, const core::GatewayOptions& options, bool synchronous,
       const std::array<std::vector<Path*>, Buses>& to_servers, Path& between, Store& store, Judge& judge);

  PairedBus& bus(size_t index) { return *buses_[index]; }
  Database& database() { return database_; }
  /// The one that the judge hears; it may lead no more.
  PairedBus& current() { return *buses_[current_]; }
  /// The one that leads now; null: none does.
  PairedBus* leader() { return current().alive() && current().leads() ? &current() : nullptr; }

 private:
  /// What one bus does.
  class View : public BusWatch {
   public:
    View(Pair& pair, size_t index) : pair_(pair), index_(index) {}
    void bus_started() override { pair_.leads(index_); }
    void stepping(const core::Event& event) override {
      if (heard()) pair_.judge_.stepping(event);
      if (const auto* hello = std::get_if<core::Hello>(&event)) senders_[hello->peer] = hello->sender;
    }
    void judging_deadlines() override {
      if (heard()) pair_.judge_.judging_deadlines();
    }
    void committed(const io::Batch&) override {}
    void sending(const core::Send& send) override;
    void decided(const core::Actions& actions, Tick now) override {
      heard() ? pair_.decided(actions, now) : pair_.check_ends(index_);
    }
    void store_writable(bool writable) override {
      if (heard()) pair_.judge_.store_writable(writable);
    }
    void answering(const v1::HeartbeatReply& reply) override {
      if (heard()) pair_.judge_.answering(reply);
    }
    void publishing(const io::EventRow& event) override;
    void bus_drained() override {
      if (heard()) pair_.judge_.bus_drained();
    }

   private:
    bool heard() const { return pair_.current_ == index_; }
    /// It was told of them as committed, and a store that commits do not wait for has lost them: the epoch says so.
    bool commits_lost() const {
      return !pair_.database_.synchronous() && pair_.buses_[index_]->loaded().epoch < pair_.epoch_;
    }

    Pair& pair_;
    const size_t index_;
    std::map<core::PeerId, std::string> senders_;
  };

  /// From the takeover to the end of a leader whose clock is slow, with a look every eighth of a lease.
  static constexpr Duration EndsWithin = 2'600ms;

  void leads(size_t index);
  void decided(const core::Actions& actions, Tick now);
  void durable(const DatabaseRecord& record);
  void check_ends(size_t index);
  Duration time_to_end(size_t index) const;
  void look_after(size_t index, Duration wait);

  World& world_;
  Store& store_;
  Judge& judge_;
  Database database_;
  std::array<std::unique_ptr<View>, Buses> views_;
  std::array<std::unique_ptr<PairedBus>, Buses> buses_;
  size_t current_ = 0;
  bool any_led_ = false;
  uint64_t highest_term_ = 0;
  uint64_t epoch_ = 0;
  uint64_t batch_ = 0;  ///< the latest of this term that is durable
  std::array<Time, Buses> superseded_{};
  std::deque<Time> decided_;  ///< when the turns were whose batches are not durable yet
};

}  // namespace cancelbus::simulation
