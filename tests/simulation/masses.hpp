// Mass cancels against the exchange's own book and against what became of their commands:
//
// - COMPLETED with until_empty is not published while an order in scope is open that was placed 2 s or more before its
//   complete_as_of; without, while one is open that was placed so early and had no command of it, unless it had left by
//   a 452 so shortly before its list was asked for that the list could not override it: an edit sends one too;
// - at COMPLETED every command of it has ended, or is reported as STUCK, and the counts are what their finals say;
// - a command of it is of an order in scope, which it holds for such; without until_empty none is added once its orders
//   are known, whatever restarts come between;
// - its reports come in order: ACCEPTED, PROGRESS at most once a second, one end; its receipts are of what is stored;
// - of another sender's order that is gone the owner is told in the same turn, and of no other.
//
// Part of the judge. All of it is judged when it is decided on, and begins anew with the bus from what the store holds.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "service/core/actions.hpp"
#include "service/core/events.hpp"
#include "service/core/gateway.hpp"
#include "service/core/owners.hpp"
#include "tests/exchange/exchange.hpp"
#include "tests/simulation/store.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

class Masses {
 public:
  struct Rules {
    bool can_complete = false;  ///< sweeps can
    bool forgets = false;       ///< commands are forgotten so soon that their counts cannot be checked
    std::vector<std::string> pairs;
    core::Owners owners;
  };

  Masses(World& world, const exchange_sim::Exchange& exchange, const Store& store, Rules rules)
      : world_(world), exchange_(exchange), store_(store), rules_(std::move(rules)) {}
  /// Null while the bus is down.
  void watches(std::function<const core::Gateway*()> gateway) { gateway_ = std::move(gateway); }

  void bus_started();
  void heard(const core::StreamFact& fact) { heard_.try_emplace({fact.subscriber, fact.seq}, fact.fact); }
  /// A turn's decisions, at this tick of the bus.
  void decided(const core::Actions& actions, Tick now);
  /// A receipt of this name is one of a mass cancel.
  bool knows(const core::CommandKey& key) const { return store_.mass_cancels().contains(key); }
  void sending(const core::SendReceipt& receipt, const std::string& sender);

  bool any_engaged() const {
    return std::ranges::any_of(masses_, [](const auto& entry) { return entry.second.engaged; });
  }
  /// Each has ended, or may stay open for good.
  bool settled() const;
  bool may_stay_open(const core::CommandKey& key) const;
  std::string open() const;
  /// Once all is well for a while: what is in the scope of a kill switch is being canceled.
  void at_the_end() const;

 private:
  /// The true time differs from the bus's ticks by less than this within what is measured here.
  static constexpr Duration Slack = std::chrono::milliseconds(60);
  static constexpr Duration RestLag = std::chrono::seconds(2);
  static constexpr Duration BetweenReports = std::chrono::seconds(1);

  /// Two sweeps, the longest wait between two commands of an order, and some.
  static constexpr Duration LooksAgain = std::chrono::seconds(60);

  struct Mass {
    core::MassCancelRequest request;
    bool swept = false;
    bool ended = false;
    bool engaged = false;       ///< as a kill switch
    bool forced = false;        ///< released by force: what it had not begun is left alone
    bool restarted = false;     ///< the bus has, since
    std::optional<Time> as_of;  ///< the beginning of the sweep that showed its orders
    std::map<core::OrderId, core::MassCancelOrder::State> orders;
    std::set<core::OrderId> hidden;         ///< that may be missing in its list: a 452 was younger
    std::map<core::OrderId, Time> changed;  ///< when these rows were written last, in this life of the bus
    std::optional<core::MassCancelStatus> told;
    std::optional<Tick> told_at;  ///< in this life of the bus
  };
  struct Child {
    core::OrderId order = 0;
    int number = 1;  ///< of this order's
    bool acked = false;
    bool ended = false;
    bool stuck = false;
    std::optional<core::OrdStatus> final;
  };
  using Key = core::CommandKey;

  static Key mass_of(const Key& child) { return {child.sender, child.cl_ord_id.substr(0, child.cl_ord_id.find('/'))}; }
  void take(const core::OrderFact& fact);
  void take(const core::MassCancelRecord& record);
  void take(const core::MassCancelOrder& row);
  void take(const core::MassCancelOrderForgotten& forgotten);
  void take(const core::CommandRecord& record);
  void take(const core::Publication& publication, Tick now);
  void report(const Key& key, const core::MassCancelReport& report, Tick now);
  void final(const Key& key, const core::CancelFinal& final);
  void new_child(const Key& key, const Mass& mass, const core::CommandRecord& record);
  void check_children();
  void check_end(const Key& key, const Mass& mass, const core::MassCancelReport& report);
  void check_counts(const Key& key, const core::MassCancelReport& report);
  std::set<core::OrderId> hidden_in_list(Time began) const;
  void check_book(const Key& key, const Mass& mass, const core::MassCancelReport& report);
  bool in_scope(const core::MassCancelRequest& request, const exchange_sim::Order& order) const;
  bool is_swept(const exchange_sim::Order& order) const;
  std::vector<const exchange_sim::Order*> open_in_scope(const core::MassCancelRequest& request) const;
  static Time placed(const exchange_sim::Order& order);

  World& world_;
  const exchange_sim::Exchange& exchange_;
  const Store& store_;
  const Rules rules_;
  std::function<const core::Gateway*()> gateway_;
  std::map<Key, Mass> masses_;
  std::map<Key, Child> children_;
  std::set<Key> applied_;  ///< told to a client
  // In this life of the bus.
  std::map<std::pair<uint64_t, uint64_t>, core::OrderFact> heard_;  ///< by subscriber and seq
  std::map<core::OrderId, Time> left_;                              ///< by a 452, and no 451 since: when it was taken
  std::map<std::string, Time> asked_;                               ///< the latest request of a sweep for each pair
  std::map<core::WallTime, Time> complete_;                         ///< sweeps of this life of the bus: when they began
  std::vector<Key> fresh_;                                          ///< children of this turn
  std::map<core::OrderId, std::string> owed_;                 ///< in this turn: an owner is to be told of its order
  std::vector<std::pair<Key, core::MassCancelReport>> ends_;  ///< of this turn
};

}  // namespace cancelbus::simulation
