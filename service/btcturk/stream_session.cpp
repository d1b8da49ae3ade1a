#include "service/btcturk/stream_session.hpp"

#include <algorithm>
#include <utility>

#include "service/btcturk/printable.hpp"

namespace cancelbus::btcturk {
namespace {

using core::Duration;
using core::Tick;
using namespace std::chrono_literals;
namespace event = stream_event;
namespace action = stream_action;

// The exchange counts 15 connects in 60 s, and blocks for 60 s. Three are left for people who try things by hand.
constexpr std::size_t MaxConnects = 12;
constexpr Duration ConnectWindow = 61s;

constexpr Duration LostFirst = 500ms;
constexpr Duration LostMost = 30s;
// A refused key is refused again until a person acts, and many refusals in a row block the address.
constexpr Duration RefusedFirst = 5s;
constexpr Duration RefusedMost = 60s;
// A login that did not last as long proves nothing: the pauses go on growing.
constexpr Duration ProvenAfter = 10s;

constexpr Duration HoldMargin = 1s;
constexpr Duration DefaultHold = 60s;
constexpr Duration MaxHold = 120s;

}  // namespace

Duration Backoff::next(uint32_t random) {
  const Duration full = full_;
  full_ = std::min(full_ * 2, most_);
  const double part = random / 4294967296.0;  // of 2^32: 0 to just below 1
  return full - std::chrono::duration_cast<Duration>(full / 2 * part);
}

StreamSession::StreamSession(const StreamOptions& options, uint64_t seed)
    : options_(options), random_(seed), lost_(LostFirst, LostMost), refused_(RefusedFirst, RefusedMost) {}

std::vector<StreamAction> StreamSession::step(Tick now, const StreamEvent& event) {
  now_ = now;
  std::visit([this](const auto& e) { on(e); }, event);
  return std::exchange(actions_, {});
}

Tick StreamSession::next_deadline() const {
  const bool waits = phase_ == Phase::Waiting || phase_ == Phase::LoggingIn || phase_ == Phase::LoggedIn;
  return waits ? due_ : core::Never;
}

void StreamSession::on(const event::Start&) {
  if (phase_ == Phase::Idle) connect();
}

void StreamSession::on(const event::Connected&) {
  if (phase_ != Phase::Connecting) return;
  handshakes_.back() = now_;
  phase_ = Phase::LoggingIn;
  due_ = now_ + options_.login_timeout;
  actions_.emplace_back(action::SendLogin{});
  set_state(true, false, "connected");
}

void StreamSession::on(const event::Closed& event) {
  if (phase_ != Phase::Connecting && !open()) return;
  if (phase_ == Phase::Connecting) {
    handshakes_.back() = now_;
    set_state(false, false, "cannot connect: " + event.text);
  } else if (phase_ != Phase::Closing) {  // else the state says why we closed
    set_state(false, false, "connection lost: " + event.text);
  }
  if (stopping_) {
    phase_ = Phase::Stopped;
  } else {
    wait(pause_after(event));
  }
}

void StreamSession::on(const event::Received& event) {
  if (!open()) return;
  on(event::Alive{});
  std::visit([this](const auto& frame) { receive(frame); }, event.frame);
}

void StreamSession::on(const event::Alive&) {
  if (phase_ == Phase::LoggedIn) due_ = now_ + options_.silence_timeout;
}

void StreamSession::on(const event::TimePassed&) {
  if (now_ < next_deadline()) return;
  if (phase_ == Phase::Waiting) return connect();
  close(phase_ == Phase::LoggingIn ? "no answer to the login" : "silent for too long");
}

void StreamSession::on(const event::Relogin&) {
  if (phase_ == Phase::LoggedIn) close("closed to log in again");  // in any other phase a login is to come anyway
}

void StreamSession::on(const event::KeyReplaced&) {
  refused_.reset();
  if (phase_ == Phase::LoggingIn || phase_ == Phase::LoggedIn) {
    close("closed to log in with another key");
  } else if (phase_ == Phase::Waiting && key_refused_) {
    wait(Duration::zero());  // for this the pause was
  }
  key_refused_ = false;
}

void StreamSession::on(const event::Stop&) {
  stopping_ = true;
  if (phase_ == Phase::Idle || phase_ == Phase::Waiting) {
    phase_ = Phase::Stopped;
  } else if (phase_ != Phase::Closing && phase_ != Phase::Stopped) {
    close("stopped");
  }
}

void StreamSession::receive(const LoginResult& result) {
  const bool awaited = phase_ == Phase::LoggingIn;
  if (!awaited && phase_ != Phase::LoggedIn) return;
  if (!result.ok) {
    key_refused_ = true;
    return close("login refused: " + result.message);
  }
  if (!awaited) return;
  phase_ = Phase::LoggedIn;
  due_ = now_ + options_.silence_timeout;
  logged_in_at_ = now_;
  ++state_.logins;
  set_state(true, true, "logged in");
}

// Also while closing: it is news all the same.
void StreamSession::receive(const core::OrderFact& fact) {
  ++counters_.facts;
  actions_.emplace_back(action::Deliver{fact});
}

bool StreamSession::open() const {
  return phase_ == Phase::LoggingIn || phase_ == Phase::LoggedIn || phase_ == Phase::Closing;
}

void StreamSession::wait(Duration pause) {
  phase_ = Phase::Waiting;
  due_ = now_ + pause;
  if (handshakes_.size() == MaxConnects) due_ = std::max(due_, handshakes_.front() + ConnectWindow);
}

// A connect counts from when its handshake ended: by then the exchange had counted it, whenever it did.
void StreamSession::connect() {
  phase_ = Phase::Connecting;
  logged_in_at_.reset();
  key_refused_ = false;
  handshakes_.push_back(now_);
  if (handshakes_.size() > MaxConnects) handshakes_.pop_front();
  ++counters_.connects;
  actions_.emplace_back(action::Connect{});
}

void StreamSession::close(const std::string& text) {
  phase_ = Phase::Closing;
  actions_.emplace_back(action::Close{});
  set_state(false, false, text);
}

Duration StreamSession::pause_after(const event::Closed& event) {
  if (logged_in_at_ && now_ - *logged_in_at_ >= ProvenAfter) {
    lost_.reset();
    refused_.reset();
  }
  key_refused_ = key_refused_ || event.http_status == 401 || event.http_status == 403;
  const Duration pause = key_refused_ ? refused_.next(draw()) : lost_.next(draw());
  std::optional<Duration> hold = event.retry_after;
  if (!hold && event.http_status == 429) hold = DefaultHold;
  return hold ? std::max(pause, std::min(*hold, MaxHold - HoldMargin) + HoldMargin) : pause;
}

void StreamSession::set_state(bool connected, bool logged_in, const std::string& text) {
  StreamState next{connected, logged_in, state_.logins, printable(text)};
  if (next == state_) return;
  state_ = std::move(next);
  actions_.emplace_back(action::Publish{state_});
}

// SplitMix64, whose upper half is well mixed.
uint32_t StreamSession::draw() {
  random_ += 0x9E3779B97F4A7C15;
  uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return static_cast<uint32_t>((z ^ (z >> 31)) >> 32);
}

}  // namespace cancelbus::btcturk
