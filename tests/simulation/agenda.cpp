#include "tests/simulation/agenda.hpp"

#include <algorithm>
#include <utility>

namespace cancelbus::simulation {

void Agenda::at(Time due, Task task) { entries_.push({std::max(due, now_), added_++, std::move(task)}); }

bool Agenda::run_next(Time until) {
  if (entries_.empty() || entries_.top().due > until) {
    now_ = std::max(now_, until);
    return false;
  }
  // top() is const only to keep the order; the entry goes at once.
  Entry entry = std::move(const_cast<Entry&>(entries_.top()));
  entries_.pop();
  now_ = entry.due;
  entry.task();
  return true;
}

Alarm::Alarm(Agenda& agenda, std::function<void()> ring)
    : state_(std::make_shared<State>(State{agenda, std::move(ring)})) {}

void Alarm::set(Time due) {
  state_->wanted = due;
  if (due < state_->scheduled) schedule(state_);
}

void Alarm::schedule(const std::shared_ptr<State>& state) {
  state->scheduled = state->wanted;
  state->agenda.at(state->wanted, [weak = std::weak_ptr(state), due = state->wanted] {
    const auto self = weak.lock();
    if (!self || self->scheduled != due) return;
    self->scheduled = Never;
    if (self->wanted == Never) return;
    if (self->wanted > self->agenda.now()) return schedule(self);
    self->wanted = Never;
    self->ring();
  });
}

}  // namespace cancelbus::simulation
