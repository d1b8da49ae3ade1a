#include "tests/exchange/agenda.hpp"

#include <utility>

namespace exchange_sim {

void Agenda::at(Instant due, Task task) { entries_.push(Entry{due, added_++, std::move(task)}); }

std::optional<Instant> Agenda::next() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.top().due;
}

void Agenda::run_until(Instant now) {
  while (!entries_.empty() && entries_.top().due <= now) {
    // top() is const only to guard the ordering; the entry is popped before anything can look at it again.
    Entry entry = std::move(const_cast<Entry&>(entries_.top()));
    entries_.pop();
    entry.task(entry.due);
  }
}

}  // namespace exchange_sim
