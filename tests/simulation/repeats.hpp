// Promise 8: the share of the repeats. Where first attempts wait too, every fifth permit of a lane is a repeat's, and
// only that one; elsewhere repeats leave a fifth of each window free.
//
// Part of the judge. What is a repeat, and whether one waits, the referee reckons from what the bus has heard; where it
// cannot be sure it says so, and nothing is judged.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "service/core/types.hpp"
#include "tests/simulation/permit_share.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

class Repeats {
 public:
  static constexpr double Share = 0.8;
  /// First attempts in a row, while a repeat waits.
  static constexpr int MostFirsts = 4;

  Repeats(World& world, std::vector<core::RateRule> rules) : world_(world), share_(std::move(rules), Share) {}

  /// It may have forgotten whose turn it was.
  void bus_started() { passed_.clear(); }
  void permitted(core::TaskId task, Time settles) { share_.permitted(task, world_.now(), settles); }
  void forgotten(core::TaskId task) { share_.forgotten(task, world_.now()); }

  // A DELETE has been decided on, and its permit is not counted yet. `lane`: absent if it is not certain.
  /// `waiting`: orders whose repeats were certainly due in that lane.
  void first(std::optional<core::Priority> lane, const std::set<core::OrderId>& waiting);
  void repeat(core::OrderId order, std::optional<core::Priority> lane);
  /// Whether it is a repeat is not certain.
  void unknown();
  /// The order lost its place in the queue, or may have.
  void touched(core::OrderId order) { passed_.erase(order); }

 private:
  World& world_;
  PermitShare share_;
  std::array<int, 2> firsts_{};          ///< by lane: since its last repeat
  std::map<core::OrderId, int> passed_;  ///< first attempts that went while this order's repeat waited
};

}  // namespace cancelbus::simulation
