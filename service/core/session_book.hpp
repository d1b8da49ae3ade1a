// Who is connected under which name, and where every topic stands.
//
// A ROUTER does not see a client leave: a session that has been silent is dropped, and its next word is answered by
// hello_required, which costs the client one round trip and nothing else.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <string>
#include <vector>

#include "service/core/actions.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

struct Session {
  std::string sender;
  std::vector<std::string> topics;  ///< prefixes
  Tick last_heard;
};

class SessionBook {
 public:
  static constexpr size_t MaxSessions = 10'000;
  static constexpr Duration Silent = std::chrono::seconds(10);
  /// Positions in one reply: what fits a frame of 64 KiB with the longest names.
  static constexpr size_t MaxPositions = 512;

  /// Says hello, or says it again.
  Session& open(const PeerId& peer, const std::string& sender, std::vector<std::string> topics, Tick now);
  /// The session of a peer that is heard from now; null before its hello.
  Session* heard(const PeerId& peer, Tick now);
  void close(const PeerId& peer) { sessions_.erase(peer); }
  /// Drops the silent ones.
  void sweep(Tick now);
  size_t size() const { return sessions_.size(); }

  /// The topic, as it stands; a new one from seq 1.
  TopicPosition& topic(const std::string& name);
  const TopicPosition* find_topic(const std::string& name) const;
  void restore(const TopicPosition& position) { topics_[position.topic] = position; }
  /// The session's own topic and those under its prefixes, at most MaxPositions.
  std::vector<TopicPosition> positions(const Session& session) const;

 private:
  absl::flat_hash_map<PeerId, Session> sessions_;
  absl::btree_map<std::string, TopicPosition> topics_;  ///< those with events: at most one per sender with a command
};

std::string client_topic(const std::string& sender);

}  // namespace cancelbus::core
