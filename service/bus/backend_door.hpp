// The backend socket: what workers and the subscriber say, once it is clear that they are what they claim to be.
//
// Used by the shell. A worker's key must not speak for the exchange's stream, nor the subscriber's for a worker. To a
// peer whose key was revoked nothing is sent any more: what it held is given to others when its lease is over.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <vector>
#include <zmq.hpp>

#include "service/bus/bound_socket.hpp"
#include "service/bus/doorkeeper.hpp"
#include "service/bus/guard.hpp"
#include "service/bus/metrics.hpp"
#include "service/core/events.hpp"

namespace cancelbus::bus {

class BackendDoor {
 public:
  /// Without a key: plain.
  BackendDoor(asio::io_context& context, zmq::context_t& zmq, const io::CurveKey* key, Guard& guard, Refusals& refusals,
              Metrics& metrics);

  absl::Status bind(const std::string& endpoint) { return socket_.open(endpoint); }
  const std::string& endpoint() const { return socket_.endpoint(); }
  void on_ready(std::function<void()> handler) { socket_.on_ready(std::move(handler)); }

  /// See BoundSocket.
  void reopen() { socket_.reopen(); }
  core::Tick retry_at() const { return socket_.retry_at(); }
  void retry() { socket_.retry(); }

  /// `records`: each a Recorded in bytes, from those who may say it.
  void read(std::vector<core::Event>& events, std::vector<std::string>& records);
  void send(const core::PeerId& peer, const std::string& frame);
  /// To every worker and subscriber that was heard a moment ago.
  void send_to_all(const std::string& frame);
  void sweep(core::Tick now) { visitors_.sweep(now); }

 private:
  /// A worker says less than a hundred a second; the stream at its worst some thousands. What is dropped is repeated.
  static constexpr DoorLimits Limits{.session_rate = 50'000, .sessions_per_key = 1'000};

  void take(const core::PeerId& peer, const io::Frames& frames, std::vector<core::Event>& events,
            std::vector<std::string>& records);
  void note(std::string_view reason, const std::string& key, std::string_view detail);

  BoundSocket socket_;
  Doorkeeper visitors_{Limits};
  Guard& guard_;
  Refusals& refusals_;
  Metrics& metrics_;
};

}  // namespace cancelbus::bus
