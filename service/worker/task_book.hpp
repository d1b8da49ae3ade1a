// The tasks a worker holds: received, and their outcome not yet confirmed by the bus.
//
// Pure. Nothing is remembered after the confirmation: the bus alone remembers.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "service/core/answer.hpp"
#include "service/core/types.hpp"

namespace cancelbus::worker {

class TaskBook {
 public:
  /// More than the bus gives out: 64 at once, and those whose confirmation is on its way.
  static constexpr size_t MostTasks = 1'024;
  static constexpr core::Duration RepeatAfter = std::chrono::milliseconds(500);

  /// False: it is held already, or the book is full.
  bool take(core::TaskId task);
  /// The outcome stands; its first sending is the caller's, at `now`.
  void finish(core::TaskId task, core::Answer answer, core::Tick now);
  /// True: the task is forgotten. A confirmation of a task still under way, or of an unknown one, changes nothing.
  bool confirm(core::TaskId task);

  /// Outcomes to be sent again now; each is due again RepeatAfter later.
  std::vector<std::pair<core::TaskId, const core::Answer*>> take_due(core::Tick now);
  /// When the next is due; core::Never if none waits for its confirmation.
  core::Tick next_due() const;

  std::vector<core::TaskId> tasks() const;
  size_t size() const { return held_.size(); }
  bool empty() const { return held_.empty(); }

 private:
  struct Held {
    std::optional<core::Answer> answer;
    core::Tick repeat = core::Never;
  };
  std::map<core::TaskId, Held> held_;
};

}  // namespace cancelbus::worker
