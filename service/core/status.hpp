// The bus as a whole at one moment: what BusStatus says and what metrics are made of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service/core/records.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

/// Why commands wait that share a cause. In the order of the contract.
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
};

struct Cause {
  CauseKind kind = CauseKind::NoWorker;
  std::optional<LimiterKind> limiter = std::nullopt;  ///< absent: both
  std::string stops;                                  ///< as cancel.proto lists; empty: nothing
  std::string text;
  WallTime since;
  std::optional<Duration> remaining = std::nullopt;  ///< at least; absent: not known
  int http_status = 0;
  int exchange_code = 0;
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
  std::string benched;  ///< why it gets no work; empty if it may
  Duration clock_offset{};
  Duration clock_round_trip{};
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

struct BusStatus {
  bool observing = false;  ///< as GatewayOptions
  std::vector<WindowStatus> windows;
  std::vector<QueueStatus> queues;
  uint32_t undecided = 0;
  uint32_t cancels_in_flight = 0;
  uint32_t queries_in_flight = 0;
  uint32_t orders_in_doubt = 0;
  std::optional<WallTime> oldest_doubt;  ///< when one of these was first sent
  std::vector<WorkerStatus> workers;
  uint32_t expected_workers = 0;  ///< 0: not known
  /// Requests, since the exchange last let one in; 50 would block the address.
  uint32_t unauthorized_in_a_row = 0;
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
  WallTime as_of;
};

}  // namespace cancelbus::core
