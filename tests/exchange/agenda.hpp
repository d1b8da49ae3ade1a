// What the exchange will do later: callbacks by due time, first in first out among equals. The model puts them in;
// Exchange::advance runs them. A callback may add more, also for the same moment.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "tests/exchange/instant.hpp"

namespace exchange_sim {

class Agenda {
 public:
  using Task = std::function<void(Instant)>;

  void at(Instant due, Task task);
  std::optional<Instant> next() const;
  // Runs everything due; each task is told its due time, not the caller's, so a late caller changes no timing.
  void run_until(Instant now);

 private:
  struct Entry {
    Instant due;
    std::uint64_t order;
    Task task;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const { return a.due != b.due ? a.due > b.due : a.order > b.order; }
  };

  std::priority_queue<Entry, std::vector<Entry>, Later> entries_;
  std::uint64_t added_ = 0;
};

}  // namespace exchange_sim
