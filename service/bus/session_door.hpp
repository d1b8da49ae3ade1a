// The session socket: what clients say, once it is clear who they are, that they may, and that it is not too much.
//
// Used by the shell. What is refused is answered here; the gateway hears only what its sender is allowed to say. Rights
// are asked for at every message, not only at hello: so a policy that was replaced counts for the very next one.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "service/bus/bound_socket.hpp"
#include "service/bus/doorkeeper.hpp"
#include "service/bus/guard.hpp"
#include "service/bus/metrics.hpp"
#include "service/core/actions.hpp"
#include "service/core/events.hpp"
#include "service/wire/session_codec.hpp"

namespace cancelbus::bus {

class SessionDoor {
 public:
  /// Without a key: plain.
  SessionDoor(asio::io_context& context, zmq::context_t& zmq, const io::CurveKey* key, DoorLimits limits, Guard& guard,
              Refusals& refusals, Metrics& metrics);

  absl::Status bind(const std::string& endpoint) { return socket_.open(endpoint); }
  const std::string& endpoint() const { return socket_.endpoint(); }
  void on_ready(std::function<void()> handler) { socket_.on_ready(std::move(handler)); }

  /// See BoundSocket.
  void reopen() { socket_.reopen(); }
  core::Tick retry_at() const { return socket_.retry_at(); }
  void retry() { socket_.retry(); }

  void read(std::vector<core::Event>& events);
  /// Called within read() for each record of a session that may record; `who`: the name of its key.
  void on_record(std::function<void(const core::PeerId& peer, const std::string& who)> handler) {
    record_ = std::move(handler);
  }
  /// To a peer whose session has ended nothing is sent.
  void send(const core::PeerId& peer, const std::string& frame);
  /// The gateway has refused a command, and counted it.
  void note_refused(const core::SendReceipt& receipt);

  /// Ends the sessions that the policy now in force does not allow.
  void judge_again(std::vector<core::Event>& events);
  /// Of the key of this peer.
  std::optional<core::EventBar> bar_of(const core::PeerId& peer, core::Instant now);
  /// Its key may see the orders of this sender; false if the peer is not known any more.
  bool sees(const core::PeerId& peer, const std::string& sender);
  /// Once a second or so.
  void sweep(core::Tick now) { visitors_.sweep(now); }

 private:
  /// Retransmissions of so many events cost as much as one message.
  static constexpr double EventsPerMessage = 10;
  /// A page of open orders costs as much as so many messages.
  static constexpr double MessagesPerPage = 4;
  /// And one of the history, which is read from the disk, as many as this.
  static constexpr double MessagesPerHistoryPage = 100;
  /// A longer message counts as several.
  static constexpr double BytesPerMessage = 256;
  /// No command is as long: of what comes too fast, only a command is worth reading.
  static constexpr size_t MaxCommandBytes = 1024;

  void take(const core::PeerId& peer, const io::Frames& frames, std::vector<core::Event>& events);
  bool admit(const core::PeerId& peer, const std::string& key, std::vector<core::Event>& events);
  /// Adds to the event what the core has to know of its session. False: it is dropped.
  bool prepare(const core::PeerId& peer, const Entry& entry, core::Event& event, bool too_fast);
  void take_record(const core::PeerId& peer, const Entry& entry);
  bool free_a_place(const std::string& key, std::vector<core::Event>& events);
  /// What the entry may not do of this; empty: it may.
  wire::Rejected objection(const Entry& entry, const core::Event& event) const;
  void refuse(const core::PeerId& peer, const Entry& entry, const core::Event& event, const wire::Rejected& why);
  void reject(const core::PeerId& peer, const wire::Rejected& why);
  void note(std::string_view reason, const std::string& key, std::string_view detail);
  void transmit(const core::PeerId& peer, const std::string& frame);

  BoundSocket socket_;
  Doorkeeper visitors_;
  Guard& guard_;
  Refusals& refusals_;
  Metrics& metrics_;
  std::function<void(const core::PeerId&, const std::string&)> record_;
  core::Tick next_search_{};  // for places of sessions that have left
};

}  // namespace cancelbus::bus
