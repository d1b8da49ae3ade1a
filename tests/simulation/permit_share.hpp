// Whether a part of a budget has room, and since when: for requests that leave the rest of each window to others.
//
// Part of the judge. It takes from the bus's own records when a permit settles: that this is not too early is judged in
// budget.hpp.
#pragma once

#include <map>
#include <vector>

#include "service/core/types.hpp"
#include "tests/simulation/time.hpp"

namespace cancelbus::simulation {

class PermitShare {
 public:
  /// `share`: of each rule's limit; one permit at least.
  PermitShare(std::vector<core::RateRule> rules, double share) : rules_(std::move(rules)), share_(share) {}

  /// At first and whenever it becomes known better when it settles.
  void permitted(core::TaskId task, Time now, Time settles);
  /// Given back, if it is not settled yet.
  void forgotten(core::TaskId task, Time now);
  void held(Time until) { held_until_ = until; }

  /// Since when there is room without a break. Not before `now`: there is none.
  Time room_since(Time now) const;
  /// There is, at least by a clock that goes a little faster than it should.
  bool has_room(Time now) const;

 private:
  struct Permit {
    Time from{};
    Time settles{};
  };

  int64_t most(const core::RateRule& rule) const;

  std::vector<core::RateRule> rules_;
  double share_;
  std::map<core::TaskId, Permit> permits_;
  Time held_until_{};
};

}  // namespace cancelbus::simulation
