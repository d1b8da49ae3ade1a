// Who may come in, and who may read what: the policy in force, and those who were caught asking for more.
//
// Used by the shell and its doors. A key that subscribes to what is not its own is kept from events for a while: libzmq
// cannot undo one peer's subscription, so the whole socket is closed for it (publisher.hpp), and that must not happen
// again at once.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/bus/doorkeeper.hpp"
#include "service/bus/policy.hpp"
#include "service/bus/refusals.hpp"
#include "service/core/status.hpp"
#include "service/io/zap.hpp"
#include "service/io/zmq_monitor.hpp"

namespace cancelbus::bus {

class Guard {
 public:
  /// Descriptors kept for those whom the bus cannot do without, and for its own files and sockets.
  static constexpr size_t LastRoom = 64;
  static constexpr core::Duration FirstBar = std::chrono::minutes(1);
  static constexpr core::Duration LongestBar = std::chrono::hours(1);
  /// So long a key whose policy took a sender away stays out: its client hears of it on the session meanwhile, and
  /// drops the subscription that would bar it.
  static constexpr core::Duration NarrowedBar = std::chrono::seconds(5);

  /// Without a policy everybody may do everything. `crowded`: there is only the last room left.
  Guard(std::optional<Policy> policy, Refusals& refusals, std::function<bool()> crowded);

  /// Null: the policy does not name the key, or not any more.
  const Entry* find(const std::string& key) const;
  /// For logs: the name in the policy, or in a former one, or the key.
  std::string name_of(const std::string& key) const;
  const std::optional<Policy>& policy() const { return policy_; }

  // Each refusal is noted.

  /// The ZAP handler's question.
  bool enters(const io::ZapRequest& request, core::Tick now);
  void handshake_failed(Door door, const io::HandshakeFailure& failure);
  /// A frame to the event socket; a subscription begins with 1. If not, the key is barred from events: for a minute,
  /// then for twice as long each time, up to an hour. An hour after a bar has ended it is forgotten. A new policy ends
  /// all bars.
  bool may_say(const std::string& key, std::string_view frame, core::Tick now);

  /// For the key's own sessions, and for all who look at the bus's status.
  std::optional<core::EventBar> bar_of(const std::string& key, core::Instant now) const;
  std::vector<core::EventBar> bars(core::Instant now) const;

  /// True if some key lost something: then what it reads must end, and it stays out for NarrowedBar.
  bool replace(Policy policy, core::Tick now);

 private:
  /// As many topics at a time as may be asked for in a second; these are what uses memory.
  static constexpr DoorLimits SubscriptionLimits{.session_rate = 1'000, .sessions_per_key = 1'000};
  static constexpr DoorLimits ConnectionLimits{.session_rate = 100, .sessions_per_key = 1};

  std::string who(const io::ZapRequest& request) const;
  bool close_all();
  struct Bar {
    core::Tick until;
    core::Duration length{};
    std::string why;
  };
  bool is_barred(const std::string& key, core::Tick now) const;
  bool bar(const std::string& key, std::string_view reason, std::string_view detail, core::Tick now);

  std::optional<Policy> policy_;
  Refusals& refusals_;
  Entry anyone_;
  std::function<bool()> crowded_;
  Doorkeeper subscribers_{SubscriptionLimits};            ///< by key
  Doorkeeper topics_{SubscriptionLimits};                 ///< with a reader: by topic, of the key that was first
  Doorkeeper arrivals_{ConnectionLimits};                 ///< by key: its new connections
  absl::flat_hash_map<std::string, Bar> bars_;            ///< at most one per entry of the policy
  absl::flat_hash_map<std::string, std::string> former_;  ///< key: name
};

/// As the ZAP domain, and in logs.
std::string_view door_name(Door door);

}  // namespace cancelbus::bus
