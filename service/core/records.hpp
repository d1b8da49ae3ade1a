// What must be on disk before anything else leaves: one row each, and all of them together when the bus starts.
//
// The gateway makes these, the store keeps them; operators read the same rows with sqlite3.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "service/core/answer.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

/// Where a topic stands. What the store still keeps below `next_seq` can be asked for.
struct TopicPosition {
  std::string topic;
  uint64_t next_seq = 1;
};

/// One command as it stands, for `cancels`: replaces the row of the same key.
struct CommandRecord {
  CommandKey key;
  CancelOrder order;
  std::optional<WallTime> expires;
  Timeline timeline;
  /// When the order's latest DELETE was given to a worker; `timeline.attempts` counts them. Absent: none was yet.
  std::optional<Instant> last_dispatch;
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

/// Past retention: the row goes, and the events before it may.
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

/// The exchange has said to wait: nothing is sent before `until`.
struct HoldRecord {
  LimiterKind limiter = LimiterKind::Cancel;
  Tick until;
  WallTime until_wall;
  std::string text;
};

/// Requests in a row that the exchange has refused as unauthorized, and the order that met the latest. Zero after an
/// orderly end: whoever restarts the bus says that it may try again.
struct UnauthorizedCount {
  uint32_t in_a_row = 0;
  OrderId order_id = 0;
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
  std::string traceparent = {};  ///< of the command, for the log; empty if none is known
};

/// Something that happened to an order on its way, for whoever asks later how it came to its end. Written with the
/// turn's other records and never read by the bus.
struct HistoryLine {
  enum class What : uint8_t {
    Delete,        ///< given to a worker
    Answer,        ///< of a DELETE
    Query,         ///< one that read nothing: what came instead
    Read,          ///< of a query
    Fact,          ///< from the stream
    WorkerSilent,  ///< the task's worker was not heard in time, or does not list it any more
    WorkerBack,    ///< it is heard again, and holds the task
    Status,        ///< CancelStatus, told to every command of the order
    Resolve,       ///< an operator's word
    Contradiction  ///< a 452 showed that the word was wrong
  };
  /// Of one order; what lies between the first and the last half goes when there are more.
  static constexpr uint32_t MaxLines = 1'000;

  What what = What::Delete;
  std::variant<std::monostate, Verdict, ReadStatus, FactType, Stage, OrdStatus> status = {};
  std::string text = {};
  TaskId task = 0;
  uint32_t attempt = 0;
  int64_t stamp_ms = 0;
  std::string worker = {};
  int http_status = 0;
  int exchange_code = 0;
  std::string amount = {};
  std::string left_amount = {};

  OrderId order_id = 0;
  WallTime at = {};
  /// Of this order since the bus started; from 1.
  uint32_t line = 0;
  /// The line that makes room for this one; 0: there is room.
  uint32_t drops = 0;
};

/// The order's last command is forgotten, and with it all of its lines.
struct HistoryForgotten {
  OrderId order_id = 0;
};

using Record = std::variant<CommandRecord, CommandForgotten, PermitRecord, PermitForgotten, HoldRecord,
                            UnauthorizedCount, FactPosition, Publication, HistoryLine, HistoryForgotten>;

/// What the store holds when the bus starts.
struct Snapshot {
  uint64_t epoch = 0;
  /// Starts of the bus on this store, this one included; from 1.
  uint64_t term = 1;
  /// The ticks in `permits` and `holds` are of this boot of this machine.
  bool same_boot = false;
  /// The last commits before this start may be missing, and what they let out has been heard all the same: the machine
  /// ended and the store was not synced. Then `epoch` is new.
  bool commits_lost = false;
  std::vector<CommandRecord> commands;
  std::vector<PermitRecord> permits;
  std::vector<HoldRecord> holds;
  UnauthorizedCount unauthorized;
  std::vector<TopicPosition> topics;
  FactPosition facts;
};

}  // namespace cancelbus::core
