// What the gateway wants done: records to commit, and sends that may leave once they are committed.
//
// The shell commits the records of a turn as one batch and performs its sends afterwards, in order: that is how
// "received means committed" holds without any other code knowing of it.
#pragma once

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "service/core/history.hpp"
#include "service/core/records.hpp"
#include "service/core/status.hpp"
#include "service/core/sweeps.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

enum class ReceiptStatus : uint8_t { Applied, Duplicate, Refused };

struct SendWelcome {
  PeerId peer;
  std::vector<TopicPosition> positions;
  /// It says that a dead man's switch is armed, which must be stored first.
  bool arms = false;
};

struct SendReceipt {
  PeerId peer;
  std::string cl_ord_id;
  ReceiptStatus status = ReceiptStatus::Refused;
  RejectReason reason = RejectReason::None;
  std::string text;
  Duration estimated_wait{};
};

/// Read these seqs of the topic from the store and send them again, in order; if the first is kept no more, refuse
/// with the first that is.
struct SendRetransmission {
  PeerId peer;
  std::string topic;
  uint64_t from_seq = 0;
  uint32_t count = 0;
};

struct SendRetransmitReject {
  PeerId peer;
  std::string topic;
  uint64_t first_kept = 0;  ///< equal to the topic's next seq: none is
  /// The request counted in another epoch. A peer that has learnt of this one meanwhile must not think that what it
  /// reads next is lost: if the store keeps any, its first is meant.
  bool other_epoch = false;
};

struct SendHeartbeat {
  PeerId peer;
  std::vector<TopicPosition> positions;
};

struct SendHelloRequired {
  PeerId peer;
  std::string cl_ord_id;
};

struct SendStatus {
  PeerId peer;
};

struct SendOpenOrders {
  PeerId peer;
  std::optional<WallTime> complete_as_of;
  std::vector<OpenOrder> orders;
  OrderId next = 0;  ///< where the next page begins; 0: there is none
  uint64_t request_id = 0;
};

/// A command that waits for its ack or its final.
struct UndecidedCommand {
  CommandKey key;
  OrderId order_id = 0;
  std::string symbol = {};           ///< empty: not known
  std::string client_order_id = {};  ///< likewise, or it has none
  std::optional<WallTime> received = {};
  Duration age{};  ///< since then
  Stage stage = Stage::Queued;
  WallTime since = {};
  LastAnswer why = {};  ///< in this stage; with an answer of the exchange or without
  bool acked = false;
  uint32_t attempts = 0;
  std::string next_step = {};            ///< of the bus
  std::optional<Duration> next_in = {};  ///< absent: it waits for what it cannot date
  std::string operator_step = {};        ///< empty: nothing but wait
};

struct SendCommands {
  PeerId peer;
  WallTime as_of = {};
  std::vector<UndecidedCommand> commands = {};
  std::optional<CommandPlace> next = {};  ///< absent: there is no further page
  uint64_t request_id = 0;
};

/// Read this from the store, and send it.
struct SendHistory {
  PeerId peer;
  HistoryQuery query;
  uint64_t request_id = 0;
};

enum class ResolveStatus : uint8_t { Settled, Pending, Refused };

struct SendResolved {
  PeerId peer;
  CommandKey key;
  ResolveStatus status = ResolveStatus::Refused;
  std::string text;
};

struct SendRetry {
  PeerId peer;
  bool retrying = false;
  bool sends_delete = false;  ///< and the request that is due is a DELETE
  std::string text;
  uint64_t request_id = 0;
};

/// What a mass cancel would do now.
struct SendMassCancelPreview {
  struct Orders {
    std::string owner;  ///< empty: not known
    std::string symbol;
    uint32_t orders = 0;
  };

  PeerId peer;
  std::string cl_ord_id;
  uint32_t total_affected = 0;
  std::vector<Orders> orders;  ///< the first, by owner and symbol
  std::optional<WallTime> complete_as_of;
  Duration estimated_duration{};
  std::string text;
};

enum class KillSwitchStatus : uint8_t { Engaged, Released, Refused };

struct SendKillSwitch {
  PeerId peer = {};
  KillSwitchStatus status = KillSwitchStatus::Refused;
  std::string text;
  uint32_t still_open = 0;     ///< known to be open in its scope
  std::string cl_ord_id = {};  ///< of its mass cancel; empty when refused
  uint64_t request_id = 0;
};

struct SendGoodbye {
  PeerId peer;
  std::string cl_ord_id;  ///< of the mass cancel that it has made; empty: none
  std::string text;
};

/// One request for a worker to make.
struct SendTask {
  PeerId peer;
  TaskId task = 0;
  uint32_t attempt = 0;
  int64_t stamp_ms = 0;
  LimiterKind kind = LimiterKind::Cancel;
  /// Query: only order_id is set. OpenOrders: only symbol, or nothing.
  CancelOrder order;
};

/// task 0: none; fact_seq 0: none.
struct SendConfirm {
  PeerId peer;
  TaskId task = 0;
  uint64_t fact_seq = 0;
};

struct SendRelogin {
  PeerId peer;
};

using Send =
    std::variant<SendWelcome, SendReceipt, SendRetransmission, SendRetransmitReject, SendHeartbeat, SendHelloRequired,
                 SendStatus, SendOpenOrders, SendCommands, SendHistory, SendResolved, SendRetry, SendMassCancelPreview,
                 SendKillSwitch, SendGoodbye, SendTask, SendConfirm, SendRelogin>;

/// A command that has just become known. Nothing leaves for it but its receipt: for the log.
struct CommandApplied {
  CommandKey key;
  OrderId order_id = 0;
  std::string traceparent;
};

/// What has become of a kill switch or a dead man's switch: for the log.
struct SwitchChange {
  enum class What : uint8_t {
    KillSwitchEngaged,
    KillSwitchReleased,
    DeadManSwitchArmed,
    DeadManSwitchDisarmed,
    DeadManSwitchFired
  };

  What what = What::KillSwitchEngaged;
  std::string sender;          ///< who did it; of a dead man's switch whose it is
  std::string scope = {};      ///< of a kill switch
  std::string reason = {};     ///< or the window of one that was armed
  std::string cl_ord_id = {};  ///< of the mass cancel
  bool forced = false;         ///< released although its scope was not proven empty
};

struct Actions {
  std::vector<CommandApplied> applied;
  std::vector<SwitchChange> switches;
  std::vector<CauseChange> causes;
  std::vector<SweepEnd> sweeps;
  std::vector<Record> records;
  std::vector<Send> sends;

  /// What `next` says happened afterwards.
  void append(Actions next) {
    std::ranges::move(next.applied, std::back_inserter(applied));
    std::ranges::move(next.switches, std::back_inserter(switches));
    std::ranges::move(next.causes, std::back_inserter(causes));
    std::ranges::move(next.sweeps, std::back_inserter(sweeps));
    std::ranges::move(next.records, std::back_inserter(records));
    std::ranges::move(next.sends, std::back_inserter(sends));
  }
};

}  // namespace cancelbus::core
