#include "service/worker/task_book.hpp"

#include <algorithm>
#include <utility>

#include "service/core/check.hpp"

namespace cancelbus::worker {

bool TaskBook::take(core::TaskId task, uint64_t term) {
  return held_.size() < MostTasks && held_.try_emplace(task, Held{.term = term}).second;
}

uint64_t TaskBook::term_of(core::TaskId task) const {
  const auto found = held_.find(task);
  return found == held_.end() ? 0 : found->second.term;
}

void TaskBook::finish(core::TaskId task, std::vector<std::string> frames, core::Tick now) {
  const auto found = held_.find(task);
  CANCELBUS_CHECK(found != held_.end() && found->second.frames.empty() && !frames.empty());
  found->second = {std::move(frames), 0, now, found->second.term};
}

bool TaskBook::confirm(core::TaskId task) {
  const auto found = held_.find(task);
  if (found == held_.end() || found->second.frames.empty()) return false;
  held_.erase(found);
  return true;
}

std::vector<std::string> TaskBook::take_due(core::Tick now) {
  std::vector<std::string> due;
  for (auto& [task, held] : held_) {
    if (held.due > now) continue;
    const size_t end = std::min(held.next + FramesAtOnce, held.frames.size());
    for (; held.next < end; ++held.next) due.push_back(held.frames[held.next]);
    const bool all = held.next == held.frames.size();
    if (all) held.next = 0;
    held.due = now + (all ? RepeatAfter : Pause);
  }
  return due;
}

core::Tick TaskBook::next_due() const {
  core::Tick next = core::Never;
  for (const auto& [task, held] : held_) next = std::min(next, held.due);
  return next;
}

std::vector<core::TaskId> TaskBook::tasks() const {
  std::vector<core::TaskId> ids;
  ids.reserve(held_.size());
  for (const auto& [task, held] : held_) ids.push_back(task);
  return ids;
}

}  // namespace cancelbus::worker
