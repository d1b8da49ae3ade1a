#include "service/core/topics.hpp"

#include <algorithm>

namespace cancelbus::core {

std::string client_topic(const std::string& sender) { return "client." + sender + "."; }

uint64_t Topics::take_seq(const std::string& topic) { return topics_.try_emplace(topic, 1).first->second++; }

uint64_t Topics::next_seq(const std::string& topic) const {
  const auto it = topics_.find(topic);
  return it == topics_.end() ? 1 : it->second;
}

std::vector<TopicPosition> Topics::positions(const std::string& sender,
                                             const std::vector<std::string>& prefixes) const {
  const std::string own = client_topic(sender);
  std::vector<TopicPosition> out{{own, next_seq(own)}};
  for (const std::string& prefix : prefixes) {
    for (auto it = topics_.lower_bound(prefix); it != topics_.end() && it->first.starts_with(prefix); ++it) {
      if (out.size() == MaxPositions) return out;
      const bool listed = std::ranges::any_of(out, [&](const TopicPosition& p) { return p.topic == it->first; });
      if (!listed) out.push_back({it->first, it->second});
    }
  }
  return out;
}

}  // namespace cancelbus::core
