#include "tests/simulation/network.hpp"

#include <algorithm>

namespace cancelbus::simulation {

// ---- Path ----

Duration Path::delay() {
  Duration delay = weather_.least + world_.random.between(Duration::zero(), weather_.jitter);
  if (weather_.spikes > 0 && world_.random.chance(weather_.spikes)) delay += weather_.spike;
  return delay;
}

void Path::forget_ended() {
  std::erase_if(lines_, [](const auto& line) { return !line->has(End::Dialer) && !line->has(End::Listener); });
}

void Path::hold(bool to_dialer, bool to_listener) {
  world_.tell(name_, "held",
              to_dialer && to_listener ? ""
              : to_dialer              ? " towards the dialer"
                                       : " towards the listener");
  held_ = {to_dialer, to_listener};
  patience_.set(world_.now() + Patience);
}

void Path::release() {
  if (open()) return;
  world_.tell(name_, "free again");
  held_ = {};
  patience_.clear();
  for (const auto& line : std::vector(lines_)) {
    line->flow(End::Dialer);
    line->flow(End::Listener);
  }
}

void Path::cut() {
  world_.tell(name_, "connections break");
  for (const auto& line : std::vector(lines_)) line->cut();
}

// ---- Line ----

Line::Line(Path& path) : path_(path) {}

std::shared_ptr<Line> Line::open(Path& path) {
  auto line = std::make_shared<Line>(path);
  for (const End end : {End::Dialer, End::Listener}) {
    line->way(end).alarm = std::make_unique<Alarm>(path.world_.agenda, [line = line.get(), end] { line->flow(end); });
  }
  path.forget_ended();
  path.lines_.push_back(line);
  return line;
}

void Line::send(End from, Deliver deliver) {
  if (way(from).gone || way(from).closing || way(other(from)).closing) return;
  push(other(from), std::move(deliver));
}

void Line::push(End to, Deliver deliver) {
  Way& way = this->way(to);
  way.last = std::max(way.last, path_.world_.now() + path_.delay());
  way.items.push_back({way.last, std::move(deliver)});
  if (way.items.size() == 1 && !path_.held(to)) way.alarm->set(way.last);
}

void Line::flow(End to) {
  const auto self = shared_from_this();  // what is delivered may let go of it
  Way& way = this->way(to);
  while (!path_.held(to) && !way.items.empty()) {
    if (way.items.front().due > path_.world_.now()) return way.alarm->set(way.items.front().due);
    const Deliver deliver = std::move(way.items.front().deliver);
    way.items.pop_front();
    if (!way.gone) deliver();
  }
}

void Line::announce_end(End to) {
  Way& way = this->way(to);
  if (way.gone || way.closing) return;
  way.closing = true;
  push(to, [this, to] { end_here(to); });
}

void Line::leave(End end, bool lose) {
  Way& way = this->way(end);
  way.gone = true;
  way.items.clear();
  way.ended = nullptr;
  if (lose && !this->way(other(end)).closing) this->way(other(end)).items.clear();
  announce_end(other(end));
}

void Line::give_up(End end) {
  if (way(end).gone) return;
  const auto ended = std::move(way(end).ended);
  leave(end, false);
  if (ended) ended();
}

void Line::cut() {
  for (const End end : {End::Dialer, End::Listener}) {
    Way& way = this->way(end);
    if (way.gone) continue;
    way.items.clear();
    way.closing = true;
    // Each end notices by itself, held or not.
    path_.world_.agenda.after(path_.delay(), [self = shared_from_this(), end] { self->end_here(end); });
  }
}

void Line::end_here(End end) {
  Way& way = this->way(end);
  if (way.gone) return;
  way.gone = true;
  way.items.clear();
  if (const auto ended = std::move(way.ended)) ended();
}

}  // namespace cancelbus::simulation
