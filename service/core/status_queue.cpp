#include "service/core/status_queue.hpp"

#include <utility>

namespace cancelbus::core {

void StatusQueue::add(Waiting waiting) {
  Places& places = places_[{waiting.sender, waiting.status.cl_ord_id}];
  const bool stuck = waiting.status.stage == Stage::Stuck;
  uint64_t& place = stuck ? places.stuck : places.latest;
  // It keeps its place, unless that is before an older STUCK.
  const bool overtakes = !stuck && place < places.stuck;
  if (place != 0 && overtakes) waiting_.erase(std::exchange(place, 0));
  if (place == 0) place = ++last_;
  waiting_[place] = std::move(waiting);
}

void StatusQueue::drop(const CommandKey& key) {
  const auto it = places_.find(key);
  if (it == places_.end()) return;
  waiting_.erase(it->second.stuck);
  waiting_.erase(it->second.latest);
  places_.erase(it);
}

StatusQueue::Waiting StatusQueue::take(Tick now) {
  const auto first = waiting_.begin();
  Waiting out = std::move(first->second);
  const auto it = places_.find({out.sender, out.status.cl_ord_id});
  (first->first == it->second.stuck ? it->second.stuck : it->second.latest) = 0;
  if (it->second.stuck == 0 && it->second.latest == 0) places_.erase(it);
  waiting_.erase(first);
  count(1, now);
  return out;
}

void StatusQueue::count(size_t published, Tick now) {
  for (; published > 0; --published) published_.push_back(now);
  while (published_.size() > most_) published_.pop_front();
}

}  // namespace cancelbus::core
