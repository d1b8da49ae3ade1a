#include "service/core/session_book.hpp"

#include <iterator>
#include <utility>

#include "service/core/check.hpp"

namespace cancelbus::core {

const Session& SessionBook::open(const PeerId& peer, const std::string& sender, std::vector<std::string> topics,
                                 Tick now) {
  close(peer);
  if (sessions_.size() >= MaxSessions) close(PeerId(by_silence_.front().peer));
  by_silence_.push_back({peer, sender, std::move(topics), now});
  sessions_[peer] = std::prev(by_silence_.end());
  return by_silence_.back();
}

const Session* SessionBook::heard(const PeerId& peer, Tick now) {
  const auto it = sessions_.find(peer);
  if (it == sessions_.end()) return nullptr;
  it->second->last_heard = now;
  by_silence_.splice(by_silence_.end(), by_silence_, it->second);
  return &*it->second;
}

void SessionBook::close(const PeerId& peer) {
  const auto it = sessions_.find(peer);
  if (it == sessions_.end()) return;
  by_silence_.erase(it->second);
  sessions_.erase(it);
}

void SessionBook::sweep(Tick now) {
  while (!by_silence_.empty() && now - by_silence_.front().last_heard > Silent) close(PeerId(by_silence_.front().peer));
}

void SessionBook::check() const {
  CANCELBUS_CHECK(sessions_.size() == by_silence_.size());
  Tick before = Tick::min();
  for (const Session& session : by_silence_) {
    CANCELBUS_CHECK(&*sessions_.at(session.peer) == &session && before <= session.last_heard);
    before = session.last_heard;
  }
}

}  // namespace cancelbus::core
