#include "service/core/stream_watch.hpp"

#include <algorithm>

namespace cancelbus::core {

bool StreamWatch::report(const StreamReport& report, Instant now) {
  const bool new_login = report.subscriber != subscriber_ || report.logins != logins_;
  const bool changed = new_login || report.logged_in != logged_in_ || !heard_;
  peer_ = report.peer;
  heard_ = now.tick;
  subscriber_ = report.subscriber;
  logins_ = report.logins;
  connected_ = report.connected;
  logged_in_ = report.logged_in;
  text_ = report.text;
  if (changed) live_ = false;
  return changed;
}

void StreamWatch::proof(const PeerId& peer, Instant now) {
  peer_ = peer;
  heard_ = now.tick;
  last_proof_ = now;
  live_ = logged_in_;
  relogin_interval_ = FirstRelogin;
  next_relogin_ = Tick::min();
}

bool StreamWatch::lost(Tick now) {
  if (!heard_ || now - *heard_ <= Lease) return false;
  heard_.reset();
  connected_ = logged_in_ = live_ = false;
  text_ = "the subscriber is silent";
  return true;
}

bool StreamWatch::seems_muted(Tick accepted, Tick now) {
  if (last_proof_ && last_proof_->tick >= accepted) return false;
  live_ = false;
  if (!logged_in_ || now < next_relogin_) return false;
  next_relogin_ = now + relogin_interval_;
  relogin_interval_ = std::min(relogin_interval_ * 2, Duration(LongestRelogin));
  return true;
}

StreamStatus StreamWatch::status() const {
  StreamStatus status;
  status.connected = connected_;
  status.logged_in = logged_in_;
  status.live = live_;
  if (last_proof_) status.last_proof = last_proof_->wall;
  status.text = text_;
  return status;
}

}  // namespace cancelbus::core
