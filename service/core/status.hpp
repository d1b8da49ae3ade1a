// The bus as a whole at one moment: what BusStatus says and what metrics are made of.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/core/records.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

/// What is wrong with the bus as a whole: why commands wait that share a cause, then what stops no request. In the
/// order of the contract.
enum class CauseKind : uint8_t {
  NoWorker,
  Backoff,
  KeysRefused,
  Clock,
  Store,
  NoLeader,  ///< for a bus that shares its store; not produced yet
  ExchangeFailing,
  LimitLowered,  ///< another program spends the budget of a limiter
  Draining,
  Stream,  ///< finals come by query
  KeyBarred,
  FewerWorkers,
  Queue,  ///< it takes long until it is empty
};

/// Whether commands wait for it. These causes are in each heartbeat's answer; the others are only shown.
constexpr bool holds_commands_up(CauseKind kind) { return kind < CauseKind::Stream; }

struct Cause {
  CauseKind kind = CauseKind::NoWorker;
  std::optional<LimiterKind> limiter = std::nullopt;  ///< absent: both
  std::string stops;                                  ///< as cancel.proto lists; empty: nothing
  std::string text;
  WallTime since;
  std::optional<Duration> remaining = std::nullopt;  ///< at least; absent: not known
  int http_status = 0;
  int exchange_code = 0;
  std::string_view runbook = {};  ///< the heading of deploy/RUNBOOK.md that says what to do
};

/// For the log.
struct CauseChange {
  Cause cause;
  bool began = true;
};

struct WindowStatus {
  std::string limiter;  ///< "cancel", "query" or "open_orders"
  uint32_t used = 0;
  RateRule rule;  ///< in force
  uint32_t configured_limit = 0;
  std::optional<WallTime> lowered_since{};
};

struct QueueStatus {
  std::string sender;
  uint32_t urgent = 0;
  uint32_t normal = 0;
  std::optional<WallTime> oldest;  ///< when the command that goes next was received
};

struct WorkerStatus {
  std::string name;
  uint32_t credit = 0;
  uint32_t in_flight = 0;
  std::string unavailable;  ///< why it gets no work; empty if it may
  /// Absent: it has not read the exchange's clock.
  std::optional<Duration> clock_offset{};
  std::optional<Duration> clock_round_trip{};
  std::optional<Duration> silent_for{};
  bool dead = false;  ///< silent for so long that only its name is kept
};

struct StreamStatus {
  bool connected = false;
  bool logged_in = false;
  bool live = false;
  std::optional<WallTime> last_proof;
  std::string text;
};

/// A key that is kept from events for a while, because it subscribed to what it may not read.
struct EventBar {
  std::string name;  ///< in the policy
  WallTime until;
  Duration remaining{};
  std::string text;  ///< what it did
};

struct OpenOrderCount {
  std::string owner;  ///< empty: not known; `(others)`: the rest
  size_t orders = 0;
};

/// One that is engaged.
struct KillSwitchLine {
  MassCancelRequest request;  ///< its scope, and why
  std::string sender;         ///< who engaged it
  WallTime since;
  uint32_t still_open = 0;  ///< known to be open in its scope
  bool proven_empty = false;
  std::optional<WallTime> complete_as_of;
  std::string why_not_empty;
};

/// One that is armed.
struct DeadManStatus {
  std::string sender;
  Duration window{};
  Duration silent_for{};
  bool fired = false;
};

/// How often the exchange answered so.
struct AnswerCount {
  int http_status = 0;  ///< 0: no answer came
  uint32_t last_minute = 0;
  uint32_t last_10_minutes = 0;
  uint64_t total = 0;  ///< since the bus started
};

/// An order in doubt, and its oldest undecided command.
struct Doubt {
  OrderId order_id = 0;
  CommandKey key;
  WallTime since;   ///< when its first request was given to a worker
  LastAnswer last;  ///< what came instead of a usable answer, the latest
  uint32_t attempts = 0;
};

/// A bus that can take over.
struct StandbyStatus {
  std::string name;
  Duration heard_ago{};  ///< since it last read the store
};

struct BusStatus {
  static constexpr size_t MostDoubts = 20;

  std::string account;  ///< as GatewayOptions
  std::string version;  ///< not the gateway's to know
  Duration uptime{};
  bool observing = false;  ///< as GatewayOptions
  std::vector<WindowStatus> windows;
  std::vector<QueueStatus> queues;
  std::optional<Duration> queue_empty_in;  ///< at least; absent: nothing waits
  uint32_t undecided = 0;
  uint32_t cancels_in_flight = 0;
  uint32_t queries_in_flight = 0;
  uint32_t orders_in_doubt = 0;
  std::optional<WallTime> oldest_doubt;  ///< when one of these was first sent
  std::vector<Doubt> doubts;             ///< the oldest of these, at most MostDoubts
  std::vector<AnswerCount> answers;      ///< the most frequent of the last minute first
  std::vector<WorkerStatus> workers;
  uint32_t expected_workers = 0;  ///< 0: not known
  /// Requests, since the exchange last let one in.
  uint32_t unauthorized_in_a_row = 0;
  uint32_t unauthorized_limit = 0;  ///< so many block the address
  StreamStatus stream;
  bool store_writable = true;
  uint64_t store_bytes = 0;                ///< not the gateway's to know
  std::vector<Cause> causes;               ///< the most serious first
  std::vector<EventBar> event_bars;        ///< not the gateway's to know
  std::optional<WallTime> complete_as_of;  ///< of the open orders
  std::vector<OpenOrderCount> open_orders;
  std::string sweep_trouble;  ///< why they may not be complete; empty if nothing is wrong
  std::vector<KillSwitchLine> kill_switches;
  std::vector<DeadManStatus> dead_man_switches;
  uint64_t term = 0;  ///< not the gateway's to know, nor who leads it
  std::string leader;
  std::vector<StandbyStatus> standbys;  ///< likewise
  std::string replication;              ///< likewise; empty: the store is not replicated
  WallTime as_of;
};

}  // namespace cancelbus::core
