// The WebSocket side: handshakes counted, logins checked, frames sent to those that logged in, pings. The edge reports
// what happens on sockets; Market sends through fan_out. Odd: a login can succeed and the order messages still stay
// away (mute), and a stream can fall silent without closing; both have been seen of the real one.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tests/exchange/auth.hpp"
#include "tests/exchange/world.hpp"

namespace exchange_sim {

class Streams {
 public:
  Streams(World& world, const Auth& auth);

  // A handshake has come; an answer refuses it.
  std::optional<HttpAnswer> handshake(Instant now, std::string_view ip);
  void opened(Instant now, StreamId id);
  void text(Instant now, StreamId id, std::string_view message);
  void pong() { ++world_.counters.stream["pongs"]; }
  void closed(StreamId id);

  // To every stream that is logged in; `type` decides whether a muted one gets it.
  void fan_out(Instant now, int type, const std::string& frame);

  // For tests, on all open streams; each returns how many that were.
  std::size_t inject(Instant now, const std::string& text);
  std::size_t mute_all(bool muted);
  std::size_t silence_all();
  std::size_t end_all(Ending how);

  std::size_t open_count() const { return streams_.size(); }
  std::size_t logged_in_count() const;

 private:
  struct Stream {
    bool logged_in = false;
    bool muted = false;
    bool silent = false;
    Instant last_delivery{};  // delays may vary, the order of frames may not
  };

  void login(Instant now, StreamId id, std::string_view message);
  // Empty when the login is good.
  std::string login_fault(Instant now, std::string_view message) const;
  void after_login(Instant now, StreamId id, Stream& stream);
  void ping_later(Instant now, StreamId id);
  void deliver(Instant now, StreamId id, const std::string& frame);
  void send(StreamId id, const std::string& frame);
  void silence(StreamId id);
  Stream* find(StreamId id);

  World& world_;
  const Auth& auth_;
  Quota connects_;
  std::map<StreamId, Stream> streams_;
};

}  // namespace exchange_sim
