// The bus between its sockets: one turn of the gateway, committed as one batch, and what leaves afterwards as frames.
//
// The shell puts sockets and a clock around it, the simulation a virtual world: so both do things in the same order,
// and a mistake in that order is found where time can be turned. It decides nothing but one thing: whether the store is
// older than what workers have seen (core/term.hpp). For that it waits a moment after its start before the first turn.
// If it is, or a worker says so later, the engine begins again, in a new epoch and a term above.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <optional>
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
  /// After the start: workers report within this what they have seen, and nothing is decided before.
  static constexpr core::Duration ListensFirst = std::chrono::milliseconds(500);

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
    /// The events that the turn decides on, before the first of them is stepped.
    std::function<void(const std::vector<core::Event>&)> deciding = [](const auto&) {};
    /// The store was behind this, and the engine has begun again: for the log.
    std::function<void(const core::Term& seen)> began_again = [](const core::Term&) {};
  };

  Engine(const core::GatewayOptions& options, const core::Snapshot& snapshot, core::Instant now, io::Store& store,
         Edge edge);

  /// `events`: all that waited, read before the clock was; no deadline is judged before them.
  void turn(core::Instant now, std::vector<core::Event> events);

  /// The last turn's commit is under way, and will be answered any moment: let the next turn wait for `resumed`. A task
  /// has then left before anything is decided that takes it for sent.
  bool awaits_commit() const { return life_->outbox.awaits_commit(); }

  /// When the next turn is due even if nothing comes.
  core::Tick next_deadline(core::Tick now) const;

  /// The bytes of a send, one frame each, are given to `done`: before this returns unless they come from the store,
  /// which may answer later. An error: the store cannot be read.
  using Frames = io::Store::Done<std::vector<std::string>>;
  void frames(core::Instant now, const core::Send& send, Frames done) const;

  const core::Gateway& gateway() const { return life_->gateway; }
  uint64_t epoch() const { return life_->epoch; }
  uint64_t term() const { return life_->term.term; }
  /// The gateway's, with what only the store and the doors know.
  core::BusStatus status(core::Instant now) const;
  /// What is decided and not committed yet waits here.
  const Outbox& outbox() const { return life_->outbox; }
  /// Why nothing can be promised; empty: it can.
  const std::string& trouble() const { return begin_trouble_.empty() ? life_->outbox.trouble() : begin_trouble_; }
  /// After DrainRequested: no worker holds a task, and all that was decided is on disk.
  bool drained() const { return waiting_.empty() && life_->gateway.drained() && life_->outbox.empty(); }

 private:
  /// All that is of one term.
  struct Life {
    Life(const Engine& engine, const core::Snapshot& snapshot, core::Instant now, core::GatewayCounters counters);
    const uint64_t epoch;
    const core::Term term;
    const core::TermCheck check;
    core::Gateway gateway;
    Outbox outbox;
  };

  /// False: the events have to wait.
  bool may_decide(core::Instant now, std::vector<core::Event>& events);
  void begin_again();
  void begin(const absl::StatusOr<core::Snapshot>& snapshot);
  void remember(const core::Event& event);
  void announce(const core::Event& event);
  void retransmission(const core::SendRetransmission& s, Frames done) const;
  void history(const core::SendHistory& s, Frames done) const;
  /// A reject that names the first seq of the topic that the store keeps.
  void first_kept(const core::PeerId& peer, const std::string& topic, uint64_t if_none, Frames done) const;

  const core::GatewayOptions options_;
  io::Store& store_;
  const Edge edge_;
  std::unique_ptr<Life> life_;
  core::Instant now_;  ///< of the turn
  const core::Tick started_;
  std::vector<core::Event> waiting_;  ///< until the first turn decides, or the next after it has begun again
  std::optional<core::Term> behind_;  ///< what a worker has seen and the store lacks; the highest
  core::Tick begins_again_from_ = core::Tick::min();     ///< not again before that
  bool beginning_ = false;                               ///< until what the store answers has been taken
  std::optional<absl::StatusOr<core::Snapshot>> begun_;  ///< the store's answer, until the next turn
  std::string begin_trouble_;
  // What a life that begins again must be told anew.
  std::optional<core::WeightsSet> weights_;
  std::optional<core::OwnersSet> owners_;
  bool draining_ = false;
  bool store_writable_ = true;
  bool any_barred_ = false;
};

/// Whether it goes to a worker or the subscriber, and not to a strategy's session.
bool is_for_backend(const core::Send& send);

}  // namespace cancelbus::bus
