#include "tests/simulation/repeats.hpp"

#include "tests/simulation/describe.hpp"

namespace cancelbus::simulation {

namespace {

constexpr std::array Lanes = {core::Priority::Urgent, core::Priority::Normal};

}  // namespace

void Repeats::first(std::optional<core::Priority> lane, const std::set<core::OrderId>& waiting) {
  for (size_t i = 0; i < Lanes.size(); ++i) firsts_[i] += !lane || *lane == Lanes[i];
  for (const core::OrderId order : waiting) {
    if (++passed_[order] <= MostFirsts) continue;
    world_.fail("promise 8: ", passed_[order], " first attempts go while a repeat of ", order_name(order), " waits");
  }
}

void Repeats::unknown() {
  passed_.clear();
  for (int& firsts : firsts_) ++firsts;
}

void Repeats::repeat(core::OrderId order, std::optional<core::Priority> lane) {
  passed_.clear();
  if (!lane) return;
  int& firsts = firsts_[*lane == Lanes[0] ? 0 : 1];
  if (firsts < MostFirsts && !share_.has_room(world_.now())) {
    world_.fail("promise 8: a repeat of ", order_name(order), " takes more than its share, after ", firsts,
                " first attempts");
  }
  firsts = 0;
}

}  // namespace cancelbus::simulation
