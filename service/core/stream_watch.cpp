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
  if (!changed) return false;
  live_ = false;
  owed_since_.reset();
  return true;
}

void StreamWatch::proof(const PeerId& peer, Instant now) {
  peer_ = peer;
  heard_ = now.tick;
  last_proof_ = now;
  live_ = logged_in_;
  owed_since_.reset();
  muted_ = false;
  relogin_interval_ = FirstRelogin;
  next_relogin_ = Tick::min();
}

bool StreamWatch::lost(Tick now) {
  if (!heard_ || now - *heard_ <= Lease) return false;
  heard_.reset();
  live_ = false;  // the rest is as its last report says, until another one comes
  text_ = "the subscriber is silent";
  return true;
}

void StreamWatch::owes_frame(Tick accepted) {
  const bool came = last_proof_ && last_proof_->tick >= accepted;
  if (logged_in_ && !came) owed_since_ = std::min(accepted, owed_since_.value_or(accepted));
}

bool StreamWatch::seems_muted(Tick now) {
  if (!owed_since_ || now < *owed_since_ + patience_) return false;
  live_ = false;
  muted_ = true;
  if (now < next_relogin_) return false;
  owed_since_.reset();
  next_relogin_ = now + relogin_interval_;
  relogin_interval_ = std::min(relogin_interval_ * 2, Duration(LongestRelogin));
  return true;
}

Tick StreamWatch::next_deadline(Tick now) const {
  Tick at = heard_ ? *heard_ + Lease + Duration(1) : Never;
  if (owed_since_) {
    const Tick missing = *owed_since_ + patience_;
    at = std::min(at, missing > now ? missing : next_relogin_);
  }
  return at;
}

std::string StreamWatch::trouble() const {
  if (!heard_) return text_.empty() ? "no subscriber is connected" : text_;
  if (!connected_) return "the stream is not connected" + (text_.empty() ? "" : ": " + text_);
  if (!logged_in_) return "the stream is connected, and not logged in";  // the text says so too
  return muted() ? "the stream is muted: queries show cancels that it has not reported" : "";
}

StreamStatus StreamWatch::status() const {
  StreamStatus status;
  status.connected = heard_ && connected_;
  status.logged_in = heard_ && logged_in_;
  status.live = live_;
  if (last_proof_) status.last_proof = last_proof_->wall;
  status.text = text_;
  return status;
}

}  // namespace cancelbus::core
