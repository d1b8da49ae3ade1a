// What the gateway wants done: records to commit, and sends that may leave once they are committed.
//
// The shell commits the records of a turn as one batch and performs its sends afterwards, in order: that is how
// "received means committed" holds without any other code knowing of it.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "service/core/answer.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

/// Where a topic stands: seqs from `first_kept` to `next_seq` - 1 can be asked for.
struct TopicPosition {
  std::string topic;
  uint64_t next_seq = 1;
  uint64_t first_kept = 1;
};

// ---- Records ----

/// One command as it stands, for `cancels`: replaces the row of the same key.
struct CommandRecord {
  CommandKey key;
  CancelOrder order;
  std::optional<WallTime> expires;
  Timeline timeline;
  /// An attempt may have been processed and nobody knows.
  bool doubt = false;
  /// Cancels of this order that the exchange answered with yes or no.
  uint32_t answered = 0;
  /// The latest such answer; absent: none yet.
  std::optional<Verdict> last_answer;
  std::optional<CancelAck> ack;
  uint64_t ack_seq = 0;
  std::optional<CancelFinal> final;
  uint64_t final_seq = 0;
  /// No event of this command will follow.
  bool ended = false;
  /// When it was last changed; of an ended one, when it ended.
  WallTime updated;
};

/// Past retention: the row goes.
struct CommandForgotten {
  CommandKey key;
};

enum class LimiterKind : uint8_t { Cancel, Query };

/// One permit as it stands: held until `settles`, then in its tail.
struct PermitRecord {
  TaskId task = 0;
  LimiterKind limiter = LimiterKind::Cancel;
  OrderId order_id = 0;
  int64_t stamp_ms = 0;
  /// The outcome has not come; `settles` is when none can come any more.
  bool open = true;
  Tick settles;
  WallTime settles_wall;
};

/// Given back, or its tail is over.
struct PermitForgotten {
  TaskId task = 0;
};

/// Facts and stream states of this subscriber up to `seq` have been taken.
struct FactPosition {
  uint64_t subscriber = 0;
  uint64_t seq = 0;
};

/// A sequenced event: a record, and published once committed.
struct Publication {
  std::string topic;
  uint64_t seq = 0;
  WallTime sending_time;
  std::variant<CancelAck, CancelFinal, CancelStatus> body;
};

using Record = std::variant<CommandRecord, CommandForgotten, PermitRecord, PermitForgotten, FactPosition, Publication>;

// ---- Sends ----

enum class ReceiptStatus : uint8_t { Applied, Duplicate, Refused };

struct SendWelcome {
  PeerId peer;
  std::vector<TopicPosition> positions;
};

struct SendReceipt {
  PeerId peer;
  std::string cl_ord_id;
  ReceiptStatus status = ReceiptStatus::Refused;
  RejectReason reason = RejectReason::None;
  std::string text;
  Duration estimated_wait{};
};

/// Read these seqs of the topic from the store and send them again, in order.
struct SendRetransmission {
  PeerId peer;
  std::string topic;
  uint64_t from_seq = 0;
  uint32_t count = 0;
};

struct SendRetransmitReject {
  PeerId peer;
  std::string topic;
  uint64_t first_kept = 0;
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

/// One request for a worker to make.
struct SendTask {
  PeerId peer;
  TaskId task = 0;
  uint32_t attempt = 0;
  int64_t stamp_ms = 0;
  LimiterKind kind = LimiterKind::Cancel;
  /// Query: only order_id is set.
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

struct SendDrain {
  PeerId peer;
};

using Send = std::variant<SendWelcome, SendReceipt, SendRetransmission, SendRetransmitReject, SendHeartbeat,
                          SendHelloRequired, SendStatus, SendTask, SendConfirm, SendRelogin, SendDrain>;

struct Actions {
  std::vector<Record> records;
  std::vector<Send> sends;
};

/// What the store holds when the bus starts.
struct Snapshot {
  uint64_t epoch = 0;
  /// Starts of the bus on this store, this one included; from 1.
  uint64_t term = 1;
  /// The ticks in `permits` are of this boot of this machine.
  bool same_boot = false;
  std::vector<CommandRecord> commands;
  std::vector<PermitRecord> permits;
  std::vector<TopicPosition> topics;
  FactPosition facts;
};

}  // namespace cancelbus::core
