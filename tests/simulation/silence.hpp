// Promise 9: a cause that commands share is in every heartbeat's answer from 2 s after it was detected to 2 s after its
// end, and statuses of commands keep to their rate, without losing what must not be lost.
//
// Part of the judge. It reckons by itself what the bus must know, from what the bus has heard and committed. What it
// cannot know for sure (whose turn an outcome was, whether a clock reading counts) it lets pass either way.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cancelbus/v1/session.pb.h"
#include "service/core/actions.hpp"
#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "tests/simulation/ledger.hpp"

namespace cancelbus::simulation {

class Silence {
 public:
  Silence(World& world, const Store& store, const Ledger& ledger, core::GatewayOptions options)
      : world_(world), store_(store), ledger_(ledger), options_(std::move(options)) {}

  void bus_started();
  void heard(const core::WorkerReady& ready);
  void heard(const core::TaskEnded& ended);
  void heard(const core::DrainRequested&) { draining_ = true; }
  /// Nothing more waits: what follows is as of now, however late it leaves.
  void judging_deadlines() { now_ = world_.now(); }
  void store_writable(bool writable);
  void sending(const core::SendTask& task);
  void committed(const core::HoldRecord& hold);
  void committed(const core::LoweredLimits& limits);
  /// Before bus_started(): what is lowered is what the store still holds.
  void commits_lost();
  /// STUCK was decided: its commands are owed a status.
  void committed(const core::HistoryLine& line);
  void told(const CommandSeen& command, const core::CancelStatus& status);
  /// Before it is committed. `now`: on the bus's clock.
  void decided(const core::Actions& actions, Tick now);
  void answering(const v1::HeartbeatReply& reply);

 private:
  /// From detection, and from the end of a cause.
  static constexpr Duration Within = 2s;
  /// The bus's clocks differ from the true time by less within what is measured here.
  static constexpr Duration ClockSlack = 20ms;

  struct Worker {
    core::PeerId peer;
    Time heard{};
    bool able = false;             ///< it says that it may be given something
    Time able_since{};             ///< without a break that the bus could take for silence
    std::optional<Time> no_clock;  ///< since then it could work, but has no reading of the exchange's clock
    std::optional<Time> refused;   ///< certainly, since then
    bool perhaps_refused = false;
    Time back = Time::min();  ///< from a silence in which the bus may have given its tasks up
  };
  struct Given {
    core::WorkerId worker = 0;
    Time at{};
    core::LimiterKind kind{};
  };
  struct Hold {
    Time until{};
    Time known{};
  };

  void must(const v1::HeartbeatReply& reply, bool holds, std::initializer_list<v1::CauseKind> kinds,
            const std::string& why);
  void must_not(const v1::HeartbeatReply& reply, bool over, v1::CauseKind kind, const std::string& why);
  void check_workers(const v1::HeartbeatReply& reply);
  void check_backoffs(const v1::HeartbeatReply& reply);
  /// Of which limiters a limit is lowered.
  std::set<core::LimiterKind> lowered(const core::LoweredLimits& limits) const;
  void decided(const core::LoweredLimits& limits);
  void check_limits(const v1::HeartbeatReply& reply);
  void check_exchange(const v1::HeartbeatReply& reply);
  Time able_until(const Worker& worker) const;

  World& world_;
  const Store& store_;
  const Ledger& ledger_;
  const core::GatewayOptions options_;

  Time now_{};      ///< of the latest turn
  Time started_{};  ///< this life of the bus
  bool draining_ = false;
  bool writable_ = true;
  Time writable_changed_{};
  std::map<core::WorkerId, Worker> workers_;
  std::map<core::PeerId, core::WorkerId> worker_of_;
  Time able_until_ = Time::min();  ///< some worker
  std::map<core::TaskId, Given> given_;
  std::map<core::LimiterKind, Hold> holds_;
  std::map<core::LimiterKind, Time> decided_until_;  ///< of holds, committed or not
  struct Limits {
    bool lowered = false;
    Time changed = Time::min();
  };
  std::map<core::LimiterKind, Limits> limits_;
  std::set<core::LimiterKind> kept_lowered_;  ///< as the store holds it
  std::set<core::TaskId> ended_;
  struct Failures {
    int count = 0;    ///< requests without a usable answer since one may have been let in
    Time since{};     ///< when the second of them was heard
    int perhaps = 0;  ///< the same since one was let in for sure
    Time let_in{};    ///< when that was
    Time last{};      ///< when the latest of the former was heard
    Time perhaps_last{};
    void ended(core::Verdict verdict, bool counts, Time now);
  };
  Failures requests_, cancels_;
  std::map<core::CommandKey, Time> owed_stuck_;
  std::deque<Tick> statuses_;
};

}  // namespace cancelbus::simulation
