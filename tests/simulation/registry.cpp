#include "tests/simulation/registry.hpp"

#include <algorithm>
#include <iterator>

#include "tests/simulation/describe.hpp"
#include "tests/simulation/time.hpp"

namespace cancelbus::simulation {

Time Registry::time_of(exchange_sim::Instant at) {
  return Time(std::chrono::duration_cast<Duration>(at.time_since_epoch()) - Beginning.time_since_epoch());
}

void Registry::bus_started() {
  heard_.clear();
  facts_.clear();
  stands_.clear();
  last_end_.reset();
  complete_began_.reset();
  pairs_.clear();
}

void Registry::decided(const core::Actions& actions, Tick now) {
  const core::Gateway* gateway = gateway_();
  if (!gateway) return;
  for (const core::Record& record : actions.records) {
    const auto* position = std::get_if<core::FactPosition>(&record);
    if (!position) continue;
    const auto fact = heard_.find({position->subscriber, position->seq});
    if (fact != heard_.end()) take(fact->second);
  }
  check_facts();
  for (const core::SweepEnd& end : actions.sweeps) ended(end, world_.now() - (now - end.oldest.tick));
  for (const core::Send& send : actions.sends) {
    if (const auto* task = std::get_if<core::SendTask>(&send)) sending(*task);
  }
  pairs_ = {registry().pairs().begin(), registry().pairs().end()};
}

void Registry::take(const core::OrderFact& fact) {
  facts_[fact.order_id] = world_.now();
  if (fact.type == core::FactType::Inserted451 || fact.type == core::FactType::Deleted452) {
    stands_[fact.order_id] = {fact.type, world_.now()};
  }
}

void Registry::check_facts() {
  for (const auto& [id, news] : stands_) {
    const bool held = registry().find(id) != nullptr;
    const exchange_sim::Order* truth = exchange_.book().find(id);
    if (news.type == core::FactType::Deleted452 && held) {
      world_.fail("registry: ", order_name(id),
                  " has left by a 452, and a request that may override it is not sent yet");
    }
    // It may be proven gone by a query.
    if (news.type == core::FactType::Inserted451 && !held && truth && exchange_sim::is_open(truth->status)) {
      world_.fail("registry: ", order_name(id),
                  " entered by a 451, is open, and a request that may override it is not "
                  "sent yet");
    }
  }
}

void Registry::sending(const core::SendTask& task) {
  if (task.kind != core::LimiterKind::OpenOrders) return;
  std::erase_if(stands_, [this](const auto& entry) { return entry.second.at + RestLag - Slack <= world_.now(); });
}

bool Registry::is_old(core::OrderId id, Time began) const {
  const auto fact = facts_.find(id);
  return fact == facts_.end() || fact->second + RestLag + Slack <= began;
}

bool Registry::is_swept(const exchange_sim::Order& order) const {
  const std::string& pair = order.spec.pair_symbol;
  return rules_.pairs.empty() || std::ranges::count(rules_.pairs, pair) > 0 || pairs_.contains(pair);
}

std::vector<const exchange_sim::Order*> Registry::open() const {
  std::vector<const exchange_sim::Order*> all;
  for (const int64_t id : exchange_.book().ids_in_order()) {
    const exchange_sim::Order* order = exchange_.book().find(id);
    if (exchange_sim::is_open(order->status)) all.push_back(order);
  }
  return all;
}

void Registry::ended(const core::SweepEnd& end, Time began) {
  if (last_end_ && began < *last_end_ + RestLag - Slack) {
    world_.fail("registry: a sweep begins less than 2 s after the last one ended");
  }
  last_end_ = world_.now();
  if (!end.complete) return world_.happened.add(Fault::SweepFailed);
  if (end.orders > 200) world_.happened.add(Fault::SweepInParts);
  if (!rules_.can_complete) world_.fail("registry: a sweep is complete, and cannot be");
  complete_began_ = began;
  for (const core::OrderId id : registry().matching({})) check_held(id, began);
  for (const exchange_sim::Order* order : open()) check_not_missing(*order, began);
}

void Registry::check_held(core::OrderId id, Time began) {
  const exchange_sim::Order* truth = exchange_.book().find(id);
  if (!truth) return world_.fail("registry: ", order_name(id), " is held, and there is no such order");
  check_owner(*registry().find(id), *truth);
  if (exchange_sim::is_open(truth->status)) return;
  const Time lost = time_of(truth->changes.back().at);
  if (lost + RestLag + Slack > began || !is_old(id, began)) return;
  world_.fail("registry: ", order_name(id), " is held after a sweep that began over 2 s after the book lost it");
}

void Registry::check_not_missing(const exchange_sim::Order& order, Time began) {
  const bool placed = time_of(order.placed) + RestLag + Slack <= began;
  if (!placed || !is_old(order.id, began) || !is_swept(order) || registry().find(order.id)) return;
  world_.fail("registry: ", order_name(order.id), " is missing after a sweep that began over 2 s after it was placed");
}

void Registry::check_owner(const core::OpenOrder& order, const exchange_sim::Order& truth) {
  const std::string owner(rules_.owners.of(truth.spec.client_id));
  if (order.owner != owner) {
    world_.fail("registry: the owner of ", order_name(order.order_id), " is taken to be ",
                order.owner.empty() ? "unknown" : order.owner, ", and is ", owner.empty() ? "unknown" : owner);
  }
}

bool Registry::settled(Time calm) const {
  if (!rules_.can_complete) return true;
  Time news = calm;
  for (const auto& [id, at] : facts_) news = std::max(news, at);
  return complete_began_ && *complete_began_ >= news + RestLag + Slack;
}

void Registry::at_the_end() const {
  if (!gateway_()) return;
  if (!rules_.sweeps) {
    if (registry().complete_as_of()) world_.fail("registry: it is complete, and no worker knows sweeps");
    return;
  }
  if (!rules_.can_complete) {
    if (registry().complete_as_of()) world_.fail("registry: it is complete, and cannot be");
    return;
  }
  std::vector<core::OrderId> truth;
  for (const exchange_sim::Order* order : open()) {
    if (is_swept(*order)) truth.push_back(order->id);
  }
  const std::vector<core::OrderId> held = registry().matching({});
  std::vector<core::OrderId> wrong;
  std::ranges::set_symmetric_difference(held, truth, std::back_inserter(wrong));
  if (wrong.empty()) return;
  const bool too_many = std::ranges::count(held, wrong.front()) > 0;
  world_.fail("registry: in the end ", order_name(wrong.front()),
              too_many ? " is held, and not open" : " is open, and not held", "; ", wrong.size() - 1,
              " more are wrong");
}

}  // namespace cancelbus::simulation
