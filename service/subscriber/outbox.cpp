#include "service/subscriber/outbox.hpp"

#include <algorithm>

namespace cancelbus::subscriber {

bool Outbox::add_fact(const Encode& encode) {
  if (entries_.size() >= limits_.facts) return false;
  entries_.push_back({encode(end_seq()), false});
  return true;
}

void Outbox::add_state(const Encode& encode) {
  if (!entries_.empty() && entries_.back().is_state && end_seq() - 1 > last_sent_) entries_.pop_back();
  entries_.push_back({encode(end_seq()), true});
}

const std::string* Outbox::next(core::Tick now) {
  if (now < blocked_until_) return nullptr;
  if (under_way_ > 0 && now - waiting_since_ >= limits_.patience) under_way_ = 0;
  if (under_way_ >= std::min(entries_.size(), limits_.window)) return nullptr;
  return &entries_[under_way_].message;
}

void Outbox::sent(core::Tick now) {
  if (under_way_ == 0) waiting_since_ = now;
  last_sent_ = std::max(last_sent_, first_seq_ + under_way_);
  ++under_way_;
}

void Outbox::blocked(core::Tick now) { blocked_until_ = now + limits_.retry_after; }

void Outbox::confirm(uint64_t seq, core::Tick now) {
  if (seq < first_seq_ || seq > last_sent_) return;
  const std::size_t arrived = seq - first_seq_ + 1;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(arrived));
  first_seq_ = seq + 1;
  under_way_ -= std::min(under_way_, arrived);
  waiting_since_ = now;
}

core::Tick Outbox::next_deadline() const {
  if (under_way_ < std::min(entries_.size(), limits_.window)) return blocked_until_;
  return under_way_ > 0 ? std::max(waiting_since_ + limits_.patience, blocked_until_) : core::Never;
}

}  // namespace cancelbus::subscriber
