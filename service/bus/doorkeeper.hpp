// Who is at the session door: how many of one key, and how much each may say. Pure.
//
// Used by the session door. A visitor is a connection (ROUTER's routing id) and the key it came with: what the one says
// is never taken for the other's, whatever routing id a client may choose for itself.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <optional>
#include <string>
#include <vector>

#include "service/core/types.hpp"

namespace cancelbus::bus {

struct DoorLimits {
  /// Messages a second of one session, and as many at once after a pause.
  uint32_t session_rate = 2'000;
  /// Sessions of one key at a time.
  size_t sessions_per_key = 32;
};

struct Visitor {
  std::string key;
  /// Of the last hello that was accepted.
  std::string sender;
  std::vector<std::string> topics;
  double allowance = 0;
  core::Tick last_heard;
};

class Doorkeeper {
 public:
  /// A client says something every second; its session with the gateway ends after 10 s.
  static constexpr core::Duration Forgotten = std::chrono::seconds(20);

  explicit Doorkeeper(DoorLimits limits) : limits_(limits) {}

  enum class Verdict { Enters, TooManySessions, AnotherKey };
  /// `key` is empty on a bus without keys, which does not count sessions.
  Verdict admit(const core::PeerId& peer, const std::string& key, core::Tick now);

  /// Takes `messages` from what a visitor may still say. False: it is more than that, and nothing is taken.
  bool spend(const core::PeerId& peer, double messages, core::Tick now);

  /// Null: never admitted, or forgotten.
  Visitor* find(const core::PeerId& peer);
  std::vector<core::PeerId> visitors() const;
  std::vector<core::PeerId> visitors_of(const std::string& key) const;
  void forget(const core::PeerId& peer);
  /// Forgets the silent.
  void sweep(core::Tick now);

 private:
  DoorLimits limits_;
  absl::flat_hash_map<core::PeerId, Visitor> visitors_;
  absl::flat_hash_map<std::string, absl::flat_hash_set<core::PeerId>> by_key_;
};

}  // namespace cancelbus::bus
