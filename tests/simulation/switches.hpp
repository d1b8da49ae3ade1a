// Kill switches and dead man's switches:
//
// - a dead man's switch fires when nothing was heard of its sender for its window, of the time in which the bus ran
// since
//   its start, and no later than a second after; not before, and not again before the sender is heard;
// - a hello arms it with its window, a goodbye disarms it or fires it, which is stored, and nothing else does either;
// - the welcome that answers a hello with a window leaves when the window is stored;
// - a kill switch that is ENGAGED is stored; one is released without force only with the report that proves its scope
//   empty, which is held against the book as that of any mass cancel.
//
// Part of the judge. All of it is judged when it is decided on, and begins anew with the bus from what the store holds.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "service/core/actions.hpp"
#include "service/core/events.hpp"
#include "tests/simulation/store.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

/// The peer of what a client says; absent: it is of a worker or the subscriber, or of none.
std::optional<core::PeerId> client_of(const core::Event& event);

class Switches {
 public:
  Switches(World& world, const Store& store) : world_(world), store_(store) {}

  void bus_started();
  /// Of a turn, before what is decided in it. `sender`: of the peer, as its hello said.
  void stepping(const core::Event& event, const std::string& sender);
  void store_writable(bool writable) { writable_ = writable; }
  void bus_drained() { draining_ = true; }
  /// A turn's decisions, at this tick of the bus.
  void decided(const core::Actions& actions, Tick now);
  void sending(const core::SendKillSwitch& reply, const std::string& sender);
  void sending(const core::SendGoodbye& reply, const std::string& sender);
  void sending(const core::SendWelcome& welcome, const std::string& sender);

 private:
  /// After so long without a word the bus may have forgotten a session, and hears nothing from it before its next
  /// hello.
  static constexpr Duration MayForget = std::chrono::milliseconds(9'500);
  /// How late a switch may fire: a turn, and what the bus does first.
  static constexpr Duration Late = std::chrono::seconds(1);
  static constexpr Duration LongestTurn = std::chrono::milliseconds(500);

  struct Armed {
    Duration window{};
    bool fired = false;
    // Running time: since it was heard for sure, was armed, or the bus started; and since something came of it at all.
    Duration sure{};
    Duration quiet{};
  };

  void take_time(Tick now);
  void fired(const core::SwitchChange& change);
  void released(const core::SwitchChange& change);
  /// Of a release without force the report COMPLETED is the proof.
  void check_proofs(const core::Actions& actions);

  World& world_;
  const Store& store_;
  bool writable_ = true;
  bool draining_ = false;
  Tick turned_{};  ///< or the bus was started
  std::map<std::string, Armed> armed_;
  std::map<core::PeerId, Tick> peers_;  ///< when they were heard last
  std::set<core::PeerId> may_be_forgotten_;
  std::set<std::string> unproven_;  ///< cl_ord_ids of kill switches that are released, and not reported COMPLETED yet
  std::set<core::PeerId> asked_;    ///< whose latest hello had a window

  // Of this turn.
  std::map<std::string, bool> came_;         ///< something of this sender, and whether it is heard for sure
  std::map<std::string, Duration> armings_;  ///< hellos with a window
  std::set<std::string> goodbyes_, forced_;
  std::set<std::string> heard_goodbyes_;  ///< for sure
  std::set<core::PeerId> heard_peers_;
};

}  // namespace cancelbus::simulation
