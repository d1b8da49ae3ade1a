// A whole cancelbus in one virtual world: bus, store, workers, subscriber, exchange and strategies, with the troubles
// of one seed, and the judge over it.
//
// Same seed, same run, to the last line of the transcript.
#pragma once

#include <deque>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/simulation/client.hpp"
#include "tests/simulation/judge.hpp"
#include "tests/simulation/pair.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/subscriber.hpp"
#include "tests/simulation/worker.hpp"

namespace cancelbus::simulation {

class Simulation {
 public:
  /// `transcript`: where to write what happens, or null.
  Simulation(uint64_t seed, std::ostream* transcript);

  /// Until everything has settled. The first broken promise, or nothing.
  std::string run();

  Time now() const { return world_.now(); }
  /// Which faults have taken effect in it.
  const Coverage& happened() const { return world_.happened; }

 private:
  /// After the troubles, everything must settle within this.
  static constexpr Duration Patience = 300s;
  /// And then nothing more may happen.
  static constexpr Duration Afterwards = 5s;
  /// Where commands are stuck it shows in so long if STUCK is not told again, or if their orders are not asked about.
  static constexpr Duration AfterwardsIfStuck = Afterwards + 70s;

  void build();
  void begin();
  void cancel(const CancelPlan& cancel);
  void mass_cancel(const MassPlan& mass);
  void kill_switch(const SwitchPlan& plan);
  void goodbye(const GoodbyePlan& plan);
  void act(const HandPlan& hand);
  void say(const WordPlan& word);
  void retry(const RetryPlan& wanted);
  void place(const PlacePlan& order);
  void becomes(core::OrderId order, PlacePlan::End end);
  void edit(const std::string& order, const HandPlan& hand);
  void foreign_delete(core::OrderId order);
  void strike(const BlowPlan& blow);
  void strike_bus(const BlowPlan& blow);
  void strike_lone(const BlowPlan& blow);
  void strike_database(const BlowPlan& blow);
  std::vector<BusAddress> build_buses(const std::string& peer, const Weather& weather);
  void build_pair();
  std::vector<Bus*> buses() const;
  /// The one that a blow strikes: mostly the one that leads.
  Bus& struck(const BlowPlan& blow) const;
  /// The one that leads, or what comes nearest to it.
  Bus& bus() const;
  Clock clock_of_next_boot(const Bus& bus, const BlowPlan& blow) const;
  void restart(Process& process, Duration down);
  void freeze(Process& process, Duration length);
  void hold(const BlowPlan& blow);
  /// The paths between two kinds of machines, as their names begin.
  void hold_paths(const std::string& from, const std::vector<std::string>& to, const BlowPlan& blow);
  void calm();
  /// Processes that are dead or stopped go on.
  void all_well();
  void look();
  void count_faults_of_the_exchange();
  void drain_blocked_bus();
  bool settled();
  /// The registry has been swept since its last news.
  bool swept() const;
  bool all_heard() const;
  Duration afterwards() const;
  void end();
  std::string undecided() const;

  World world_;
  Plan plan_;
  Venue venue_;
  Store store_;
  Judge judge_;
  std::deque<Path> paths_;
  // One bus, or two.
  std::unique_ptr<LoneBus> lone_;
  std::unique_ptr<Pair> pair_;
  std::unique_ptr<SubscriberProcess> subscriber_;
  std::vector<std::unique_ptr<WorkerProcess>> workers_;
  std::vector<std::unique_ptr<ClientProcess>> clients_;
  std::vector<core::OrderId> orders_;
  btcturk::Signer foreign_signer_;
  int64_t last_foreign_stamp_ = 0;
  Time drained_for_keys_ = Never;
  int waits_at_the_end_ = 0;
  bool over_ = false;
};

}  // namespace cancelbus::simulation
