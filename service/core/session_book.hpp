// Who is connected under which name.
//
// A ROUTER does not see a client leave: a session that has been silent is dropped, and its next message is answered by
// hello_required, which costs the client one round trip and nothing else.
//
// Guarantees: at most MaxSessions; one more takes the place of the session that has been silent for longest. Every call
// costs the same however many sessions there are.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <list>
#include <string>
#include <vector>

#include "service/core/types.hpp"

namespace cancelbus::core {

struct Session {
  PeerId peer;
  std::string sender;
  std::vector<std::string> topics;  ///< prefixes
  Tick last_heard;
};

class SessionBook {
 public:
  static constexpr size_t MaxSessions = 10'000;
  static constexpr Duration Silent = std::chrono::seconds(10);

  /// Says hello, or says it again. `now` never goes back, here and below.
  const Session& open(const PeerId& peer, const std::string& sender, std::vector<std::string> topics, Tick now);
  /// The session of a peer that is heard from now; null before its hello.
  const Session* heard(const PeerId& peer, Tick now);
  void close(const PeerId& peer);
  /// Drops the silent ones.
  void sweep(Tick now);
  /// Broken invariant: a list that is not in the order of silence, or an index that is not the list's.
  void check() const;

 private:
  using BySilence = std::list<Session>;
  BySilence by_silence_;  ///< the one that has been silent for longest first
  absl::flat_hash_map<PeerId, BySilence::iterator> sessions_;
};

}  // namespace cancelbus::core
