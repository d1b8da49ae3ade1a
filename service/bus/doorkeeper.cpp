#include "service/bus/doorkeeper.hpp"

#include <algorithm>

namespace cancelbus::bus {

Doorkeeper::Verdict Doorkeeper::admit(const core::PeerId& peer, const std::string& key, core::Tick now) {
  if (Visitor* known = find(peer)) {
    if (known->key != key) return Verdict::AnotherKey;
    return Verdict::Enters;
  }
  auto& peers = by_key_[key];
  if (!key.empty() && peers.size() >= limits_.sessions_per_key) return Verdict::TooManySessions;
  peers.insert(peer);
  Visitor& visitor = visitors_[peer];
  visitor.key = key;
  visitor.allowance = limits_.session_rate;
  visitor.last_heard = now;
  return Verdict::Enters;
}

bool Doorkeeper::spend(const core::PeerId& peer, double messages, core::Tick now) {
  Visitor* visitor = find(peer);
  if (visitor == nullptr) return false;
  const double rate = limits_.session_rate;
  const double earned = std::chrono::duration<double>(now - visitor->last_heard).count() * rate;
  visitor->allowance = std::min(rate, visitor->allowance + std::max(0.0, earned));
  visitor->last_heard = now;
  if (visitor->allowance < messages) return false;
  visitor->allowance -= messages;
  return true;
}

Visitor* Doorkeeper::find(const core::PeerId& peer) {
  const auto it = visitors_.find(peer);
  return it == visitors_.end() ? nullptr : &it->second;
}

std::vector<core::PeerId> Doorkeeper::visitors() const {
  std::vector<core::PeerId> out;
  for (const auto& [peer, visitor] : visitors_) out.push_back(peer);
  return out;
}

std::vector<core::PeerId> Doorkeeper::visitors_of(const std::string& key) const {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? std::vector<core::PeerId>()
                             : std::vector<core::PeerId>(it->second.begin(), it->second.end());
}

void Doorkeeper::forget(const core::PeerId& peer) {
  const auto it = visitors_.find(peer);
  if (it == visitors_.end()) return;
  const auto of_key = by_key_.find(it->second.key);
  of_key->second.erase(peer);
  if (of_key->second.empty()) by_key_.erase(of_key);
  visitors_.erase(it);
}

void Doorkeeper::sweep(core::Tick now) {
  for (const core::PeerId& peer : visitors()) {
    if (now - find(peer)->last_heard > Forgotten) forget(peer);
  }
}

}  // namespace cancelbus::bus
