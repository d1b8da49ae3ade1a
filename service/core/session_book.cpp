#include "service/core/session_book.hpp"

#include <algorithm>

namespace cancelbus::core {

std::string client_topic(const std::string& sender) { return "client." + sender + "."; }

Session& SessionBook::open(const PeerId& peer, const std::string& sender, std::vector<std::string> topics, Tick now) {
  if (sessions_.size() >= MaxSessions && !sessions_.contains(peer)) {
    sessions_.erase(std::min_element(sessions_.begin(), sessions_.end(), [](const auto& a, const auto& b) {
      return a.second.last_heard < b.second.last_heard;
    }));
  }
  Session& session = sessions_[peer];
  session = {sender, std::move(topics), now};
  return session;
}

Session* SessionBook::heard(const PeerId& peer, Tick now) {
  const auto it = sessions_.find(peer);
  if (it == sessions_.end()) return nullptr;
  it->second.last_heard = now;
  return &it->second;
}

void SessionBook::sweep(Tick now) {
  absl::erase_if(sessions_, [now](const auto& entry) { return now - entry.second.last_heard > Silent; });
}

TopicPosition& SessionBook::topic(const std::string& name) {
  TopicPosition& position = topics_[name];
  position.topic = name;
  return position;
}

const TopicPosition* SessionBook::find_topic(const std::string& name) const {
  const auto it = topics_.find(name);
  return it == topics_.end() ? nullptr : &it->second;
}

std::vector<TopicPosition> SessionBook::positions(const Session& session) const {
  const std::string own = client_topic(session.sender);
  std::vector<TopicPosition> out;
  const TopicPosition* position = find_topic(own);
  out.push_back(position ? *position : TopicPosition{own, 1});
  for (const std::string& prefix : session.topics) {
    for (auto it = topics_.lower_bound(prefix); it != topics_.end() && it->first.starts_with(prefix); ++it) {
      if (out.size() == MaxPositions) return out;
      const bool told = std::any_of(out.begin(), out.end(), [&](const auto& p) { return p.topic == it->first; });
      if (!told) out.push_back(it->second);
    }
  }
  return out;
}

}  // namespace cancelbus::core
