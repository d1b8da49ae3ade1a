// Where every topic stands: which seq its next event gets.
//
// Guarantees: seqs of a topic are taken one after the other, from 1 or from where the store left them. Topics are never
// forgotten: there is at most one for each sender that has ever given a command, and `venue.`.
#pragma once

#include <absl/container/btree_map.h>

#include <string>
#include <vector>

#include "service/core/records.hpp"

namespace cancelbus::core {

class Topics {
 public:
  /// Positions in one reply: what fits a frame of 64 KiB with the longest names.
  static constexpr size_t MaxPositions = 512;

  /// The seq of the topic's next event; the one after it is next then.
  uint64_t take_seq(const std::string& topic);
  /// 1 for a topic without events.
  uint64_t next_seq(const std::string& topic) const;
  /// The sender's own topic and those under the prefixes, each once, at most MaxPositions.
  std::vector<TopicPosition> positions(const std::string& sender, const std::vector<std::string>& prefixes) const;
  void restore(const TopicPosition& position) { topics_[position.topic] = position.next_seq; }

 private:
  absl::btree_map<std::string, uint64_t> topics_;  ///< those with events, and their next seq
};

std::string client_topic(const std::string& sender);

}  // namespace cancelbus::core
