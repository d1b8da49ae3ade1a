// Promise 8: how far apart the DELETEs of one order are, since it was inserted last.
//
// Part of the judge, reckoned from what the bus has heard. After n DELETEs that were written or may have been, the next
// comes 1, 2, 4 ... 30 s after the end of the last; a second after it for a command that has joined since. At once
// comes what is handed over from a silent worker, once for each until an answer comes, and what one worker's key was
// refused; and what an operator wants now. All of it counts.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "service/core/answer.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

class Distance {
 public:
  explicit Distance(World& world) : world_(world) {}

  /// On the same boot of its machine, or another.
  void bus_started();
  /// What was sent may be forgotten.
  void commits_lost() { orders_.clear(); }
  void inserted(core::OrderId order);
  /// With its last command the bus forgets the order.
  void forgotten(core::OrderId order) { orders_.erase(order); }
  /// No command of it is undecided; or, if that is not sure, the only ones came in the turn in which the last one
  /// ended.
  void rests(core::OrderId order, bool surely = true);
  void command_came(core::OrderId order);
  /// The worker of its DELETE is silent. BeforeRestart: which worker that is, is not certain.
  void released(core::OrderId order, core::WorkerId worker);
  /// Its DELETE has been on its way for longer than any request lives: it is not handed over.
  void overlong(core::OrderId order);
  /// An operator wants its next DELETE now.
  void retried(core::OrderId order) { orders_[order].retried = true; }
  /// `decided`: when it was decided on, which is what the store knows of it.
  void sent(core::OrderId order, Time decided);
  /// Heard again: what followed from it the first time was perhaps never committed.
  void ended_again(core::OrderId order);
  /// `latest`: no other DELETE of the order was sent since.
  void ended(core::OrderId order, const core::Answer& answer, bool latest);

  /// Whether its next DELETE repeats one of the same effort; absent if it may be handed over, or the like.
  std::optional<bool> repeats(core::OrderId order) const;
  /// From when on its next DELETE may be sent.
  Time allowed(core::OrderId order) const;

 private:
  static constexpr Duration Slack = std::chrono::milliseconds(20);
  static constexpr Duration FirstUnwritten = std::chrono::milliseconds(100);

  struct Order {
    int count = 0;
    int of_effort = 0;           ///< since a command of it is undecided, whatever 451s came
    Time decided = Time::min();  ///< on the latest that was sent
    Time ended = Time::min();
    Time joined = Time::min();
    bool unauthorized = false;  ///< the last answer of its effort was 401 or 403
    bool exempt = false;
    bool retried = false;            ///< exempt because an operator wants it now
    core::WorkerId released_by = 0;  ///< exempt for its sake
    std::set<core::WorkerId> handed_over;
    Duration unwritten = FirstUnwritten;
    Time retry = Time::min();  ///< of one that was never written
  };

  Time allowed(const Order& order) const;

  World& world_;
  std::map<core::OrderId, Order> orders_;
};

}  // namespace cancelbus::simulation
