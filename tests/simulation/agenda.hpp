// What will happen in the simulated world, by due time, first in first out among equals; and an alarm clock on top.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <vector>

#include "tests/simulation/time.hpp"

namespace cancelbus::simulation {

class Agenda {
 public:
  using Task = std::function<void()>;

  Time now() const { return now_; }
  void at(Time due, Task task);
  void after(Duration wait, Task task) { at(now_ + wait, std::move(task)); }
  /// Moves on to the next task that is due by `until` and runs it. False, and it is `until`, if there is none.
  bool run_next(Time until);

 private:
  struct Entry {
    Time due;
    uint64_t order;
    Task task;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const { return a.due != b.due ? a.due > b.due : a.order > b.order; }
  };

  Time now_{};
  uint64_t added_ = 0;
  std::priority_queue<Entry, std::vector<Entry>, Later> entries_;
};

/// Rings once when its time has come; setting it again forgets the former time. Silent once destroyed.
class Alarm {
 public:
  Alarm(Agenda& agenda, std::function<void()> ring);
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Never: does not ring.
  void set(Time due);
  void clear() { set(Never); }

 private:
  struct State {
    Agenda& agenda;
    std::function<void()> ring;
    Time wanted = Never;
    Time scheduled = Never;  ///< the entry in the agenda that counts
  };
  static void schedule(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace cancelbus::simulation
