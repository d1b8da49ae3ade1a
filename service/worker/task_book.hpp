// The tasks a worker holds: received, and their outcome not yet confirmed by the bus.
//
// Pure. Nothing is remembered after the confirmation: the bus alone remembers.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "service/core/types.hpp"

namespace cancelbus::worker {

class TaskBook {
 public:
  /// More than the bus gives out: 64 at once, and those whose confirmation is on its way.
  static constexpr size_t MostTasks = 1'024;
  static constexpr core::Duration RepeatAfter = std::chrono::milliseconds(500);
  /// An outcome of more frames is sent in portions, so that the bus has time for others in between.
  static constexpr size_t FramesAtOnce = 16;
  static constexpr core::Duration Pause = std::chrono::milliseconds(20);

  /// False: it is held already, or the book is full. `term`: of the bus that gives it; 0: not known.
  bool take(core::TaskId task, uint64_t term = 0);
  /// 0: not known, or the task is not held.
  uint64_t term_of(core::TaskId task) const;
  /// The outcome stands, and is due at `now`: one frame, or several that are confirmed together.
  void finish(core::TaskId task, std::vector<std::string> frames, core::Tick now);
  /// True: the task is forgotten. A confirmation of a task still under way, or of an unknown one, changes nothing.
  bool confirm(core::TaskId task);

  /// Frames to be sent now. Each outcome is due again RepeatAfter its last frame.
  std::vector<std::string> take_due(core::Tick now);
  /// When the next is due; core::Never if none waits for its confirmation.
  core::Tick next_due() const;

  std::vector<core::TaskId> tasks() const;
  size_t size() const { return held_.size(); }
  bool empty() const { return held_.empty(); }

 private:
  struct Held {
    std::vector<std::string> frames = {};  ///< empty: still under way
    size_t next = 0;                       ///< of these
    core::Tick due = core::Never;
    uint64_t term = 0;
  };
  std::map<core::TaskId, Held> held_;
};

}  // namespace cancelbus::worker
