// Keeps the private stream connected and logged in: a pure machine, events in, actions out.
//
// The subscriber's shell owns one, does what the actions say and feeds back what came of it. Time comes in with each
// event; after the events of a turn the shell steps TimePassed once next_deadline() is reached. Logged in does not mean
// live: the gateway judges whether order events flow. Every Connect must be answered by exactly one Closed, whichever
// side ended the connection: only then may the next one begin.
//
//   Idle ─Start→ Connecting ─Connected→ LoggingIn ─LoginResult ok→ LoggedIn
//                    ↑                      │ refused, too late       │ silent, Relogin
//                   time                    └───────→ Closing ←───────┘
//                 Waiting ←─Closed── any of these
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "service/btcturk/stream_frame.hpp"
#include "service/core/answer.hpp"
#include "service/core/types.hpp"

namespace cancelbus::btcturk {

/// What the bus is told on every change.
struct StreamState {
  bool connected = false;
  bool logged_in = false;
  uint64_t logins = 0;  ///< since the start: a new one means that events may be missing before it
  std::string text;     ///< the latest news; printable, at most 256 bytes
  bool operator==(const StreamState&) const = default;
};

namespace stream_event {
struct Start {};
/// The WebSocket handshake is done.
struct Connected {};
/// The end of a Connect: refused, failed, lost, or closed because we asked.
struct Closed {
  std::string text;
  int http_status = 0;                          ///< of a refused handshake, else 0
  std::optional<core::Duration> retry_after{};  ///< that refusal's, if legible
};
struct Received {
  StreamFrame frame;
};
/// A ping, a pong, or anything else that shows life without being a text frame.
struct Alive {};
struct TimePassed {};
/// Close and log in again: the stream seems muted.
struct Relogin {};
/// The next login is signed with another key.
struct KeyReplaced {};
/// For good.
struct Stop {};
}  // namespace stream_event

using StreamEvent = std::variant<stream_event::Start, stream_event::Connected, stream_event::Closed,
                                 stream_event::Received, stream_event::Alive, stream_event::TimePassed,
                                 stream_event::Relogin, stream_event::KeyReplaced, stream_event::Stop>;

namespace stream_action {
/// TCP, TLS and handshake, within a time that the edge bounds.
struct Connect {};
/// The login frame, with a fresh timestamp.
struct SendLogin {};
/// Whatever is under way; its Closed must still come.
struct Close {};
/// The state changed.
struct Publish {
  StreamState state;
};
struct Deliver {
  core::OrderFact fact;
};
}  // namespace stream_action

using StreamAction = std::variant<stream_action::Connect, stream_action::SendLogin, stream_action::Close,
                                  stream_action::Publish, stream_action::Deliver>;

/// Since the start.
struct StreamCounters {
  uint64_t connects = 0;
  uint64_t facts = 0;
  uint64_t ignored_frames = 0;
  uint64_t unknown_frames = 0;
  uint64_t id_zero_frames = 0;
  uint64_t malformed_frames = 0;
};

struct StreamOptions {
  core::Duration silence_timeout = std::chrono::seconds(15);  ///< longest time without any frame, pings included
  core::Duration login_timeout = std::chrono::seconds(10);    ///< from sending the login to its result
};

/// Waiting times that double from `first` to `most`, less a random part of up to a half, so that clients which failed
/// together do not come back together.
class Backoff {
 public:
  Backoff(core::Duration first, core::Duration most) : first_(first), most_(most), full_(first) {}
  /// `random`: uniform over its type.
  core::Duration next(uint32_t random);
  void reset() { full_ = first_; }

 private:
  core::Duration first_;
  core::Duration most_;
  core::Duration full_;
};

class StreamSession {
 public:
  /// `seed`: random; equal seeds and events give equal actions.
  StreamSession(const StreamOptions& options, uint64_t seed);

  /// Events that do not fit the phase are ignored. `now` must not go back.
  std::vector<StreamAction> step(core::Tick now, const StreamEvent& event);
  /// When to step TimePassed; core::Never if only an event can bring news.
  core::Tick next_deadline() const;

  const StreamState& state() const { return state_; }
  const StreamCounters& counters() const { return counters_; }
  /// Stop was asked for, and no connection is left.
  bool stopped() const { return phase_ == Phase::Stopped; }

 private:
  enum class Phase : uint8_t { Idle, Waiting, Connecting, LoggingIn, LoggedIn, Closing, Stopped };

  void on(const stream_event::Start&);
  void on(const stream_event::Connected&);
  void on(const stream_event::Closed& event);
  void on(const stream_event::Received& event);
  void on(const stream_event::Alive&);
  void on(const stream_event::TimePassed&);
  void on(const stream_event::Relogin&);
  void on(const stream_event::KeyReplaced&);
  void on(const stream_event::Stop&);

  void receive(const LoginResult& result);
  void receive(const core::OrderFact& fact);
  void receive(const BannerFrame&) { ++counters_.ignored_frames; }
  void receive(const IgnoredFrame&) { ++counters_.ignored_frames; }
  void receive(const UnknownFrame&) { ++counters_.unknown_frames; }
  void receive(const IdZeroFrame&) { ++counters_.id_zero_frames; }
  void receive(const MalformedFrame&) { ++counters_.malformed_frames; }

  bool open() const;
  void wait(core::Duration pause);
  void connect();
  void close(const std::string& text);
  core::Duration pause_after(const stream_event::Closed& event);
  void set_state(bool connected, bool logged_in, const std::string& text);
  uint32_t draw();

  StreamOptions options_;
  uint64_t random_;
  Phase phase_ = Phase::Idle;
  core::Tick now_{};  // of the step under way
  core::Tick due_{};  // Waiting: to connect; LoggingIn: the login's result; LoggedIn: any sign of life
  std::optional<core::Tick> logged_in_at_;  // by the connection that stands or is ending
  bool key_refused_ = false;                // the same, and while waiting thereafter
  bool stopping_ = false;
  Backoff lost_;
  Backoff refused_;
  std::deque<core::Tick> handshakes_;  // when the latest ones ended, or began if under way; MaxConnects at most
  StreamState state_;
  StreamCounters counters_;
  std::vector<StreamAction> actions_;
};

}  // namespace cancelbus::btcturk
