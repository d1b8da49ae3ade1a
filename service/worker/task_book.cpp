#include "service/worker/task_book.hpp"

#include <algorithm>

#include "service/core/check.hpp"

namespace cancelbus::worker {

bool TaskBook::take(core::TaskId task) { return held_.size() < MostTasks && held_.try_emplace(task).second; }

void TaskBook::finish(core::TaskId task, core::Answer answer, core::Tick now) {
  const auto found = held_.find(task);
  CANCELBUS_CHECK(found != held_.end() && !found->second.answer);
  found->second = {std::move(answer), now + RepeatAfter};
}

bool TaskBook::confirm(core::TaskId task) {
  const auto found = held_.find(task);
  if (found == held_.end() || !found->second.answer) return false;
  held_.erase(found);
  return true;
}

std::vector<std::pair<core::TaskId, const core::Answer*>> TaskBook::take_due(core::Tick now) {
  std::vector<std::pair<core::TaskId, const core::Answer*>> due;
  for (auto& [task, held] : held_) {
    if (held.repeat > now) continue;
    held.repeat = now + RepeatAfter;
    due.emplace_back(task, &*held.answer);
  }
  return due;
}

core::Tick TaskBook::next_due() const {
  core::Tick next = core::Never;
  for (const auto& [task, held] : held_) next = std::min(next, held.repeat);
  return next;
}

std::vector<core::TaskId> TaskBook::tasks() const {
  std::vector<core::TaskId> ids;
  ids.reserve(held_.size());
  for (const auto& [task, held] : held_) ids.push_back(task);
  return ids;
}

}  // namespace cancelbus::worker
