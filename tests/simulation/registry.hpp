// The registry of open orders against the exchange's own book:
//
// - a fact stands against every request for open orders that was sent before it, or less than 2 s after it: an order is
//   held after its 451, and not held after its 452;
// - when a complete sweep ends, no order is held that the book lost 2 s or more before the sweep began, unless a fact
// of
//   it came later; and none is missing that was placed 2 s or more before, likewise;
// - an owner is that of the order's client order id, and no other;
// - sweeps begin 2 s or more after the last one ended, and go on until one is complete;
// - in the end the registry is the book.
//
// Part of the judge.
#pragma once

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
#include "tests/exchange/exchange.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

class Registry {
 public:
  struct Rules {
    bool sweeps = false;        ///< a worker knows the task
    bool can_complete = false;  ///< and what it asks for is all that there is
    std::vector<std::string> pairs;
    core::Owners owners;
  };

  Registry(World& world, const exchange_sim::Exchange& exchange, Rules rules)
      : world_(world), exchange_(exchange), rules_(std::move(rules)) {}
  /// Null while the bus is down.
  void watches(std::function<const core::Gateway*()> gateway) { gateway_ = std::move(gateway); }

  void bus_started();
  void heard(const core::StreamFact& fact) { heard_.try_emplace({fact.subscriber, fact.seq}, fact.fact); }
  /// A turn's decisions, at this tick of the bus.
  void decided(const core::Actions& actions, Tick now);

  /// A sweep that began after the latest news, and after `calm`, is complete, if one can be.
  bool settled(Time calm) const;
  /// Once that is so, and nothing has changed since.
  void at_the_end() const;

 private:
  /// The true time differs from the bus's ticks by less than this within what is measured here.
  static constexpr Duration Slack = std::chrono::milliseconds(60);
  static constexpr Duration RestLag = std::chrono::seconds(2);

  struct News {
    core::FactType type{};
    Time at{};
  };

  const core::OpenOrders& registry() const { return gateway_()->open_orders(); }
  static Time time_of(exchange_sim::Instant at);
  void take(const core::OrderFact& fact);
  void sending(const core::SendTask& task);
  void ended(const core::SweepEnd& end, Time began);
  void check_facts();
  void check_held(core::OrderId id, Time began);
  void check_not_missing(const exchange_sim::Order& order, Time began);
  void check_owner(const core::OpenOrder& order, const exchange_sim::Order& truth);
  bool is_swept(const exchange_sim::Order& order) const;
  /// The latest fact is so old that a sweep that began then overrides it.
  bool is_old(core::OrderId id, Time began) const;
  std::vector<const exchange_sim::Order*> open() const;

  World& world_;
  const exchange_sim::Exchange& exchange_;
  const Rules rules_;
  std::function<const core::Gateway*()> gateway_;
  // In this life of the bus.
  std::map<std::pair<uint64_t, uint64_t>, core::OrderFact> heard_;  ///< by subscriber and seq
  std::map<core::OrderId, Time> facts_;                             ///< when the latest was taken
  std::map<core::OrderId, News> stands_;                            ///< 451s and 452s that no request may override yet
  std::set<std::string> pairs_;   ///< that the bus knew after its last turn: a sweep that ends in the turn in which it
                                  ///< hears of one may not cover it
  std::optional<Time> last_end_;  ///< of a sweep
  std::optional<Time> complete_began_;  ///< the last one that was complete
};

}  // namespace cancelbus::simulation
