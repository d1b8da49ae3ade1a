// The bus between its sockets: one turn of the gateway, committed as one batch, and what leaves afterwards as frames.
//
// The shell puts sockets and a clock around it, the simulation a virtual world: so both do things in the same order,
// and a mistake in that order is found where time can be turned. It decides nothing.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>
#include <vector>

#include "service/bus/outbox.hpp"
#include "service/core/gateway.hpp"
#include "service/io/store.hpp"
#include "service/wire/session_codec.hpp"

namespace cancelbus::bus {

class Engine {
 public:
  static constexpr core::Duration StoreRetry = std::chrono::milliseconds(250);

  struct Edge {
    Outbox::Edge out;
    /// What a turn decided, before anything of it is committed: for the log.
    std::function<void(const core::Actions&)> decided = [](const core::Actions&) {};
    /// The key of this peer is barred from events.
    std::function<wire::Bar(const core::PeerId&, core::Instant)> bar_of = [](const auto&, auto) { return wire::Bar(); };
    /// Whether this peer may see the orders of this sender.
    std::function<bool(const core::PeerId&, const std::string&)> sees = [](const auto&, const auto&) { return true; };
    /// All keys that are barred.
    std::function<std::vector<core::EventBar>(core::Instant)> bars = [](auto) { return std::vector<core::EventBar>(); };
  };

  Engine(const core::GatewayOptions& options, const core::Snapshot& snapshot, core::Instant now, io::Store& store,
         Edge edge);

  /// `events`: all that waited, read before the clock was; no deadline is judged before them.
  void turn(core::Instant now, std::vector<core::Event> events);

  /// When the next turn is due even if nothing comes.
  core::Tick next_deadline(core::Tick now) const;

  /// The bytes of a send, one frame each, are given to `done`: before this returns unless they come from the store,
  /// which may answer later. An error: the store cannot be read.
  using Frames = io::Store::Done<std::vector<std::string>>;
  void frames(core::Instant now, const core::Send& send, Frames done) const;

  const core::Gateway& gateway() const { return gateway_; }
  uint64_t epoch() const { return epoch_; }
  /// The gateway's, with what only the store and the doors know.
  core::BusStatus status(core::Instant now) const;
  /// What is decided and not committed yet waits here.
  const Outbox& outbox() const { return outbox_; }
  /// After DrainRequested: no worker holds a task, and all that was decided is on disk.
  bool drained() const { return gateway_.drained() && outbox_.empty(); }

 private:
  void retransmission(const core::SendRetransmission& s, Frames done) const;
  void history(const core::SendHistory& s, Frames done) const;
  /// A reject that names the first seq of the topic that the store keeps.
  void first_kept(const core::PeerId& peer, const std::string& topic, uint64_t if_none, Frames done) const;

  io::Store& store_;
  const uint64_t epoch_;
  const uint64_t term_;
  core::Gateway gateway_;
  std::function<void(const core::Actions&)> decided_;
  std::function<wire::Bar(const core::PeerId&, core::Instant)> bar_of_;
  std::function<bool(const core::PeerId&, const std::string&)> sees_;
  std::function<std::vector<core::EventBar>(core::Instant)> bars_;
  Outbox outbox_;
  bool store_writable_ = true;
  bool any_barred_ = false;
};

/// Whether it goes to a worker or the subscriber, and not to a strategy's session.
bool is_for_backend(const core::Send& send);

}  // namespace cancelbus::bus
