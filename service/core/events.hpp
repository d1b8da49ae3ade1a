// Everything that can happen to the gateway. Same events at the same instants, same actions.
//
// The bus's shell makes these from frames (through wire/, which has validated every field), the simulation from its
// virtual world. Peers are connections; who is behind one is what it said in its hello or ready.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "service/core/answer.hpp"
#include "service/core/history.hpp"
#include "service/core/open_order.hpp"
#include "service/core/owners.hpp"
#include "service/core/records.hpp"
#include "service/core/status.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

struct Hello {
  PeerId peer;
  std::string sender;
  std::vector<std::string> topics;
  bool open_commands = false;
  std::optional<Duration> cancel_on_disconnect = std::nullopt;  ///< arms the sender's dead man's switch
};

struct CommandReceived {
  PeerId peer;
  CancelOrder order;
  /// The peer says more than a session may: a new command is refused. One that is known is answered as ever, for its
  /// refusal would be a lie.
  bool too_fast = false;
  bool own_only = false;  ///< an order that is known to be another sender's is refused
};

struct MassCancelReceived {
  PeerId peer;
  MassCancelRequest request;  ///< of scope OWN without an owner: that is the sender
  bool dry_run = false;
  bool too_fast = false;  ///< as CommandReceived's
};

/// Engage or release a kill switch. The request's cl_ord_id is empty; of scope OWN without an owner: that is the
/// sender.
struct KillSwitchReceived {
  PeerId peer;
  bool engage = true;
  MassCancelRequest request;
  bool force = false;
  bool of_operator = false;  ///< who may release everyone's
  uint64_t request_id = 0;   ///< for the answer to repeat
};

struct GoodbyeReceived {
  PeerId peer;
  bool keep_orders = false;
};

/// Its rights were taken or changed: the peer, whatever it may do now, must say hello again.
struct SessionEnded {
  PeerId peer;
};

/// A command with a legible cl_ord_id and a bad field: refused by name, unless the peer has not said hello.
struct CommandMalformed {
  PeerId peer;
  std::string cl_ord_id;
  std::string text;
};

struct RetransmitRequest {
  PeerId peer;
  uint64_t epoch = 0;
  std::string topic;
  uint64_t from_seq = 0;
  uint32_t count = 0;
};

struct SessionHeartbeat {
  PeerId peer;
};

struct StatusRequest {
  PeerId peer;
};

/// For open orders, from `from` on. What the peer may see is checked.
struct OpenOrdersRequest {
  PeerId peer;
  Scope scope;
  OrderId from = 0;
  uint64_t request_id = 0;  ///< for the answer to repeat
};

/// For undecided commands. What the peer may see is checked.
struct CommandsRequest {
  enum class Which : uint8_t { All, InDoubt, Stuck };

  PeerId peer;
  Which which = Which::All;
  std::string sender = {};  ///< empty: of all
  std::string symbol = {};  ///< empty: any
  Duration older_than{};    ///< received at least so long ago
  CommandPlace after = {};  ///< the page begins after it; as made: the first
  uint64_t request_id = 0;  ///< for the answer to repeat
};

/// For the store's history. What the peer may see is checked.
struct HistoryRequest {
  PeerId peer;
  HistoryQuery query;
  uint64_t request_id = 0;  ///< for the answer to repeat
};

/// An operator's word about an order that the exchange does not tell about. `as`: Canceled, Filled, Rejected or New.
struct ResolveRequest {
  PeerId peer;
  CommandKey key;
  OrdStatus as = OrdStatus::Canceled;
  std::string reason = {};  ///< for the history
};

/// An operator wants the next request of the command's order now. The session listener has checked who may.
struct RetryRequest {
  PeerId peer;
  CommandKey key;
  uint64_t request_id = 0;  ///< for the answer to repeat
};

/// The exchange's clock as a worker read it.
struct ClockSample {
  uint64_t series = 0;
  /// The exchange's time when this was sent: the reading, carried forward on the worker's steady clock. Absent from a
  /// worker that is too old to report it.
  std::optional<WallTime> exchange_time{};
  Duration uncertainty{};  ///< either way
  Duration offset{};       ///< the exchange's clock less the worker's wall clock, to be shown; decides nothing
  Duration round_trip{};
};

/// A worker presents itself; every 250 ms.
struct WorkerReady {
  PeerId peer;
  WorkerId worker = 0;
  std::string name;
  uint32_t credit = 0;
  std::vector<TaskId> tasks;
  std::optional<ClockSample> clock;
  Duration request_timeout{};
  /// Counts the API keys it has used, from 1: a higher one is another key than before.
  uint64_t key_series = 1;
  bool ending = false;                      ///< takes no more tasks, and ends once those it holds are confirmed
  bool sweeps = false;                      ///< knows the task that lists open orders
  std::optional<Term> seen = std::nullopt;  ///< the highest since it started
};

struct TaskEnded {
  PeerId peer;
  TaskId task = 0;
  Answer answer;
};

struct StreamFact {
  PeerId peer;
  uint64_t subscriber = 0;
  uint64_t seq = 0;
  OrderFact fact;
  uint64_t oldest = 0;  ///< the subscriber's oldest seq that is not confirmed; 0: it does not say
};

/// seq 0: a mere repetition.
struct StreamReport {
  PeerId peer;
  uint64_t subscriber = 0;
  uint64_t seq = 0;
  bool connected = false;
  bool logged_in = false;
  uint64_t logins = 0;
  std::string text;
  uint64_t oldest = 0;  ///< as StreamFact's
};

/// The store stopped taking writes, or takes them again.
/// All keys that are barred from events now; `remaining` of each is as of this event.
struct KeysBarred {
  std::vector<EventBar> bars;
};

struct StoreHealth {
  bool writable = true;
  std::string why = {};  ///< it does not
};

/// At the start, and when the policy was replaced.
struct WeightsSet {
  std::vector<SenderWeight> weights;
};

/// At the start, and when the policy was replaced: whose orders are whose. No sender's prefix contains another's.
struct OwnersSet {
  std::vector<OwnerPrefix> prefixes;
};

/// SIGTERM: give out no more tasks.
struct DrainRequested {};

/// Nothing came; deadlines may have passed.
struct DeadlinePassed {};

using Event =
    std::variant<Hello, CommandReceived, CommandMalformed, RetransmitRequest, SessionHeartbeat, StatusRequest,
                 OpenOrdersRequest, CommandsRequest, HistoryRequest, ResolveRequest, RetryRequest, MassCancelReceived,
                 KillSwitchReceived, GoodbyeReceived, SessionEnded, WorkerReady, TaskEnded, StreamFact, StreamReport,
                 StoreHealth, KeysBarred, WeightsSet, OwnersSet, DrainRequested, DeadlinePassed>;

}  // namespace cancelbus::core
