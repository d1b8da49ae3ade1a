#include "service/core/dead_man.hpp"

#include <algorithm>

#include "service/core/check.hpp"

namespace cancelbus::core {

namespace {

/// In the status.
constexpr size_t MostShown = 100;

}  // namespace

void DeadMan::begin(Tick now) {
  ran_ += std::min(now - turned_, LongestTurn);
  turned_ = now;
}

bool DeadMan::arm(const std::string& sender, Duration window) {
  Armed& armed = armed_[sender];
  const bool changed = armed.window != window || armed.fired;
  armed = {window, ran_, false};
  return changed;
}

bool DeadMan::heard(const std::string& sender) {
  const auto it = armed_.find(sender);
  if (it == armed_.end()) return false;
  it->second.heard = ran_;
  return std::exchange(it->second.fired, false);
}

std::vector<std::string> DeadMan::due() const {
  std::vector<std::string> out;
  for (const auto& [sender, armed] : armed_) {
    if (!armed.fired && ran_ - armed.heard >= armed.window) out.push_back(sender);
  }
  return out;
}

DeadManRecord DeadMan::record(const std::string& sender, WallTime now) const {
  const Armed& armed = armed_.at(sender);
  return {sender, armed.window, armed.fired, now};
}

void DeadMan::restore(const DeadManRecord& record) { armed_[record.sender] = {record.window, ran_, record.fired}; }

Tick DeadMan::next_deadline() const {
  Tick next = Never;
  for (const auto& [sender, armed] : armed_) {
    if (armed.fired) continue;
    next = std::min(next, turned_ + LongestTurn / 2);
    const Duration left = armed.window - (ran_ - armed.heard);
    if (left > Duration::zero()) next = std::min(next, turned_ + left);
  }
  return next;
}

std::vector<DeadManStatus> DeadMan::status() const {
  std::vector<DeadManStatus> out;
  for (const auto& [sender, armed] : armed_) {
    if (out.size() == MostShown) break;
    out.push_back({sender, armed.window, ran_ - armed.heard, armed.fired});
  }
  return out;
}

void DeadMan::check() const {
  for (const auto& [sender, armed] : armed_) CANCELBUS_CHECK(armed.heard <= ran_ && armed.window >= LeastWindow);
}

}  // namespace cancelbus::core
