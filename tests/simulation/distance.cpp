#include "tests/simulation/distance.hpp"

#include <algorithm>
#include <utility>

#include "tests/simulation/describe.hpp"

namespace cancelbus::simulation {

using core::Verdict;

namespace {

/// After so many.
Duration between(int count) {
  Duration distance = 1s;
  for (int i = 1; i < count && distance < 30s; ++i) distance *= 2;
  return std::min<Duration>(distance, 30s);
}

}  // namespace

void Distance::bus_started() {
  for (auto& [id, order] : orders_) {
    order.retried = false;
    // Only when the last one was decided on is stored.
    order.ended = std::min(order.ended, order.decided);
    order.joined = Time::min();
    order.unauthorized = order.exempt = false;
    order.handed_over.clear();
    order.unwritten = FirstUnwritten;
    order.retry = Time::min();
  }
}

void Distance::inserted(core::OrderId id) {
  const auto found = orders_.find(id);
  if (found == orders_.end()) return;
  const Order before = std::exchange(found->second, {});
  found->second.of_effort = before.of_effort;
  found->second.exempt = before.exempt;
  found->second.retried = before.retried;
  found->second.released_by = before.released_by;
  found->second.handed_over = before.handed_over;
}

std::optional<bool> Distance::repeats(core::OrderId id) const {
  const auto found = orders_.find(id);
  if (found == orders_.end()) return false;
  return found->second.exempt || found->second.retried ? std::nullopt : std::optional(found->second.of_effort > 0);
}

Time Distance::allowed(core::OrderId id) const {
  const auto found = orders_.find(id);
  return found == orders_.end() ? Time::min() : allowed(found->second);
}

void Distance::rests(core::OrderId id, bool surely) {
  const auto found = orders_.find(id);
  if (found == orders_.end()) return;
  // What may be handed over may be so still.
  if (!surely && (found->second.exempt || found->second.retried)) return;
  Order& order = found->second;
  order.of_effort = 0;
  order.unauthorized = order.exempt = order.retried = false;
  order.handed_over.clear();
  order.unwritten = FirstUnwritten;
  order.retry = Time::min();
}

void Distance::command_came(core::OrderId id) {
  const auto found = orders_.find(id);
  if (found == orders_.end()) return;
  found->second.joined = world_.now();
  found->second.retry = Time::min();
}

void Distance::overlong(core::OrderId id) {
  Order& order = orders_[id];
  order.ended = world_.now();
  order.retry = Time::min();
}

void Distance::released(core::OrderId id, core::WorkerId worker) {
  overlong(id);
  Order& order = orders_[id];
  if (order.handed_over.contains(worker)) return;
  order.exempt = true;
  order.released_by = worker;
}

Time Distance::allowed(const Order& order) const {
  if (order.retried) return Time::min();
  if (order.exempt || order.count == 0) return order.retry;
  const Duration distance = order.joined > order.ended ? Duration(1s) : between(order.count);
  return std::max(order.retry, order.ended == Time::min() ? order.ended : order.ended + distance);
}

void Distance::sent(core::OrderId id, Time decided) {
  Order& order = orders_[id];
  const Time from = allowed(order);
  if (from != Time::min() && world_.now() < from - Slack) {
    world_.fail("promise 8: DELETE ", order.count + 1, " of ", order_name(id), ' ', (from - world_.now()) / 1ms,
                " ms too early");
  }
  if (std::exchange(order.exempt, false) && order.released_by != 0) order.handed_over.insert(order.released_by);
  order.released_by = 0;
  order.retried = false;
  ++order.count;
  ++order.of_effort;
  order.decided = decided;
}

void Distance::ended_again(core::OrderId id) {
  const auto found = orders_.find(id);
  if (found == orders_.end()) return;
  found->second.unwritten = FirstUnwritten;
  found->second.retry = Time::min();
}

void Distance::ended(core::OrderId id, const core::Answer& answer, bool latest) {
  const auto found = orders_.find(id);
  if (found == orders_.end()) return;
  Order& order = found->second;
  // Of one that was handed over the next is due already.
  const bool handed_over = std::exchange(order.exempt, false);
  order.retried = false;
  order.handed_over.clear();
  const bool unwritten = answer.verdict == Verdict::NeverWritten;
  if (unwritten && latest && !handed_over) {
    order.retry = world_.now() + order.unwritten;
    order.unwritten = std::min<Duration>(order.unwritten * 2, 30s);
  }
  if (!unwritten) {
    // Whatever came of one that was sent before says anew when the next is due.
    order.unwritten = FirstUnwritten;
    order.retry = Time::min();
  }
  if (unwritten || answer.verdict == Verdict::StaleStamp || answer.verdict == Verdict::Throttled) {
    order.count = std::max(0, order.count - 1);
    order.of_effort = std::max(0, order.of_effort - 1);
    return;
  }
  order.ended = world_.now();
  const bool refused_before = std::exchange(order.unauthorized, answer.verdict == Verdict::Unauthorized);
  order.exempt = answer.verdict == Verdict::Unauthorized && !refused_before;
}

}  // namespace cancelbus::simulation
