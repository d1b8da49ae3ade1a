// The model of the exchange behind one door: events and the time go in, outputs come out. The edge (rest_server,
// stream_server) or a simulation drives it. It reads no clock and opens no socket; one thread.
#pragma once

#include <boost/json/fwd.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "tests/exchange/auth.hpp"
#include "tests/exchange/control.hpp"
#include "tests/exchange/market.hpp"
#include "tests/exchange/rest_api.hpp"
#include "tests/exchange/streams.hpp"
#include "tests/exchange/world.hpp"

namespace exchange_sim {

// Every call may add outputs; the caller takes them after each. `now` must not go backwards.
class Exchange {
 public:
  explicit Exchange(Settings settings);

  // One request on a connection, which must not send another before this one's Reply or ResetConnection. Neither need
  // ever come: then the connection waits.
  void request(Instant now, RequestId id, HttpRequest request);
  // The connection of an unanswered request is gone.
  void abandoned(Instant now, RequestId id);

  // A WebSocket handshake: an answer refuses it, nothing means go on (then `stream_opened`).
  std::optional<HttpAnswer> handshake(Instant now, std::string_view ip);
  void stream_opened(Instant now, StreamId id);
  void stream_text(Instant now, StreamId id, std::string_view message);
  void stream_pong(Instant now, StreamId id);
  void stream_closed(Instant now, StreamId id);

  // Does what is due.
  void advance(Instant now);
  std::optional<Instant> next_deadline() const { return world_.agenda.next(); }
  std::vector<Output> take_outputs();

  absl::Status set_faults(const boost::json::value& faults) { return world_.faults.set(faults); }

  // The truth, for a test that checks a run: what became of each order, what arrived and what was counted.
  const Book& book() const { return market_.book(); }
  const World& seen() const { return world_; }

 private:
  World world_;
  Auth auth_;
  Streams streams_;
  Market market_;
  RestApi rest_;
  Control control_;
};

}  // namespace exchange_sim
