// Which faults have really happened in a world, and in how many of many worlds. Of a fault that hardly ever happens the
// seeds prove nothing.
//
// To add one: an enumerator, its name, and World::happened.add() where it takes effect, not where it is drawn. Blows
// and the local exchange's own faults are counted without that.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>

#include "service/core/answer.hpp"
#include "tests/exchange/faults.hpp"
#include "tests/exchange/http.hpp"
#include "tests/simulation/blow.hpp"

namespace cancelbus::simulation {

enum class Fault : uint8_t {
  // Responses that a worker has read, to a DELETE ...
  Answer400CouldNot,
  AnswerBlocked,
  Answer401,
  Answer403,
  Answer404,
  Answer405,
  Answer408,
  Answer418,
  Answer422,
  Answer429,
  Answer500,
  Answer502,
  Answer503,
  Answer503RetryAfter,
  AnswerUnreadable,
  // ... and to a query.
  Query401,
  Query404,
  Query405,
  Query429,
  Query5xx,
  QueryUnreadable,
  QueryContradicts,  ///< its status says something else than what is left
  // Clocks.
  WallClocksDiffer,  ///< of two hosts, by over a second
  ClocksDrift,       ///< of two hosts, by over 100 ppm
  // What others do.
  Fill,
  PartialFill,
  Edit,
  EditAcrossGap,  ///< the stream told of its 452, and lost its 451
  CancelByHand,
  AnotherProgram,  ///< sends DELETEs, which count against the same limits
  Override,
  MistakenOverride,
  Retry,  ///< an operator's, after which a DELETE was due
  // Guesses about the exchange that it makes the other way; see plan_guesses().
  GuessNewIdOfEdit,
  GuessSilentCancelByHand,
  GuessFill452,
  GuessSecond452,
  GuessProlongedBlock,
  GuessStaleStampCounts,
  GuessPartlyCanceledReadsClosed,
  GuessNotFound404,
  GuessNotFound200,
  GuessEarly452,
  GuessFilledReadsCanceled,
  // Machines.
  NeverWritten,  ///< a worker took a task and wrote nothing
  CommitsLost,   ///< by a power cut
  OlderStore,    ///< workers have seen more than the store holds, and the bus has begun again
  // Sweeps of the open orders.
  SweepFailed,
  SweepInParts,
  // Mass cancels that are complete.
  MassCancel,
  MassCancelOfNothing,
  ScopeEmptied,  ///< and proven so
  MassCancelOverRestart,
  // Switches.
  KillSwitch,
  KillSwitchReleased,  ///< without force
  DeadMan,             ///< its sender was silent
  // Two buses.
  Takeover,           ///< by the other bus
  TakeoverFromAlive,  ///< and the one that led has not ended
  SentLate,           ///< what a bus had committed left after another had taken over
  TaskOfOlderTerm,    ///< a worker was given one, and has not sent it
  CommitFenced,       ///< of a bus that led no more
  OutcomeUnknown,     ///< a commit was sent again, and was stored already
  WaitCanceled,       ///< a commit warned that it may be on one server only
  BackendTerminated,  ///< likewise, and was not answered
  PromotedBehind,     ///< the database goes on without what the primary had
};
constexpr size_t Faults = static_cast<size_t>(Fault::PromotedBehind) + 1;

/// What has happened in one world.
class Coverage {
 public:
  static constexpr size_t Kinds = Faults + Blows + exchange_sim::kFaults;

  void add(Fault fault) { met_.set(static_cast<size_t>(fault)); }
  void add(Blow blow) { met_.set(Faults + static_cast<size_t>(blow)); }
  void add(exchange_sim::Fault fault) { met_.set(Faults + Blows + static_cast<size_t>(fault)); }
  /// A response that a worker has read, and what it made of it.
  void add(bool to_delete, const exchange_sim::HttpAnswer& response, const core::Answer& answer);
  bool has(size_t kind) const { return met_[kind]; }

  static std::string name(size_t kind);

 private:
  std::bitset<Kinds> met_;
};

/// In how many worlds each has happened.
class CoverageTally {
 public:
  /// The least share of all worlds in which a fault is to happen.
  static constexpr double LeastShare = 0.01;

  void add(const Coverage& world);
  /// One line for each fault, the rarest last.
  std::string describe() const;
  /// The names of those that happened in fewer worlds, one a line.
  std::string too_rare() const;

 private:
  uint64_t worlds_ = 0;
  std::array<uint64_t, Coverage::Kinds> counts_{};
};

}  // namespace cancelbus::simulation
