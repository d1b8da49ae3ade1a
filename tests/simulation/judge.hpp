// The judge: holds the seven promises against everything that happens, after every step.
//
// It sees what the bus hears, commits and sends, what reaches the exchange, and what strategies read; its three parts
// do the reasoning.
#pragma once

#include <map>
#include <string>

#include "tests/simulation/bus.hpp"
#include "tests/simulation/clocks.hpp"
#include "tests/simulation/masses.hpp"
#include "tests/simulation/readers.hpp"
#include "tests/simulation/referee.hpp"
#include "tests/simulation/registry.hpp"
#include "tests/simulation/silence.hpp"
#include "tests/simulation/subscriber.hpp"
#include "tests/simulation/switches.hpp"
#include "tests/simulation/venue.hpp"
#include "tests/simulation/worker.hpp"

namespace cancelbus::simulation {

class Judge : public BusWatch, public VenueWatch, public WorkerWatch, public SubscriberWatch {
 public:
  /// `misleading`: see Clocks.
  Judge(World& world, const Venue& venue, const Store& store, Referee::Rules rules, Readers::Rules reading,
        Registry::Rules orders, Masses::Rules masses, bool misleading)
      : venue_(venue),
        ledger_(world, store),
        clocks_(world, misleading),
        silence_(world, store, ledger_, rules.options),
        referee_(world, venue.model(), store, ledger_, std::move(rules)),
        registry_(world, venue.model(), std::move(orders)),
        masses_(world, venue.model(), store, std::move(masses)),
        switches_(world, store),
        readers_(world, ledger_, masses_, reading) {}

  void bus_started() override;
  void stepping(const core::Event& event) override;
  void judging_deadlines() override {
    referee_.judging_deadlines();
    silence_.judging_deadlines();
  }
  void store_writable(bool writable) override {
    silence_.store_writable(writable);
    switches_.store_writable(writable);
  }
  void decided(const core::Actions& actions, Tick now) override;
  void answering(const v1::HeartbeatReply& reply) override { silence_.answering(reply); }
  void committed(const io::Batch& batch) override;
  void sending(const core::Send& send) override;
  /// By a bus that leads no more.
  void sending_late(const core::SendReceipt& receipt, const std::string& sender) {
    masses_.knows({sender, receipt.cl_ord_id}) ? masses_.sending(receipt, sender) : ledger_.sending(receipt, sender);
  }
  void publishing(const io::EventRow& event) override { ledger_.publishing(event); }
  void exchange_moved() override { referee_.exchange_moved(); }
  void frame_leaves(const std::string& text) override { referee_.frame_leaves(text); }
  void writing(const std::string& worker, int64_t stamp_ms, int64_t reading_ms) override {
    clocks_.writing(worker, stamp_ms, venue_.model().seen().clock(venue_.now()), reading_ms);
  }
  void asking_time(const std::string& worker) override { clocks_.asking(worker); }
  void clock_read(const std::string& worker, Time began) override { clocks_.series(worker, began); }
  void bus_drained() override { referee_.bus_drained(); }
  void task_ended(const std::string& worker, core::TaskId task) override { referee_.task_ended(worker, task); }
  void worker_died(const std::string& worker) override {
    clocks_.worker_died(worker);
    referee_.worker_died(worker);
  }
  void fact_came(uint64_t subscriber, uint64_t seq) override { referee_.fact_came(subscriber, seq); }
  void subscriber_died() override { referee_.subscriber_died(); }

  const Ledger& ledger() const { return ledger_; }
  Referee& referee() { return referee_; }
  const Referee& referee() const { return referee_; }
  Readers& readers() { return readers_; }
  const Readers& readers() const { return readers_; }
  Registry& registry() { return registry_; }
  const Registry& registry() const { return registry_; }
  Masses& masses() { return masses_; }
  const Masses& masses() const { return masses_; }

 private:
  const Venue& venue_;
  Ledger ledger_;
  Clocks clocks_;
  Silence silence_;
  Referee referee_;
  Registry registry_;
  Masses masses_;
  Switches switches_;
  Readers readers_;
  std::map<core::PeerId, std::string> sender_of_;  ///< as the bus knows it
};

}  // namespace cancelbus::simulation
