// What must be on disk before anything else leaves: one row each, and all of them together when the bus starts.
//
// The gateway makes these, the store keeps them; operators read the same rows with sqlite3.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "service/core/answer.hpp"
#include "service/core/lowered_limit.hpp"
#include "service/core/open_orders.hpp"
#include "service/core/term.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

/// Where a topic stands. What the store still keeps below `next_seq` can be asked for.
struct TopicPosition {
  std::string topic;
  uint64_t next_seq = 1;
};

/// What the exchange, or the way to it, made of a DELETE; for people.
struct LastAnswer {
  int http_status = 0;
  int exchange_code = 0;
  std::string text;
};

/// One command as it stands, for `cancels`: replaces the row of the same key.
struct CommandRecord {
  CommandKey key;
  CancelOrder order;
  /// When its time to live ends: by the tick in the boot that wrote the row; in another by the earlier of the wall
  /// clock and the time that the bus has run. Only together; an earlier version wrote `expires` alone.
  std::optional<WallTime> expires;
  std::optional<Tick> expires_tick;
  Duration expires_run_time{};
  Timeline timeline;
  /// When the order's latest DELETE was given to a worker; `timeline.attempts` counts them. Absent: none was yet.
  std::optional<Instant> last_dispatch;
  /// DELETEs of the order since its last 451, this one included, that were written or may have been.
  uint32_t deletes = 0;
  /// An attempt may have been processed; it is unknown whether it was.
  bool doubt = false;
  /// Cancels of this order that the exchange answered with yes or no.
  uint32_t answered = 0;
  /// The latest such answer; absent: none yet.
  std::optional<Verdict> last_answer;
  /// Until there is an ack: the latest answer that decided nothing, for the ack to tell.
  std::optional<LastAnswer> undecided_answer;
  std::optional<CancelAck> ack;
  uint64_t ack_seq = 0;
  /// With final_seq 0 it is not published yet: it is what will be told if no query says more exactly what became of the
  /// order, whose end is proven and published to another command, or by this one's ack.
  std::optional<CancelFinal> final;
  uint64_t final_seq = 0;
  /// No event of this command will follow.
  bool ended = false;
  /// When it was last changed; of an ended one, when it ended.
  WallTime updated;
  Duration run_time{};  ///< of the bus, then: what retention counts
};

/// Past retention: the row goes, and the events before it may.
struct CommandForgotten {
  CommandKey key;
};

enum class LimiterKind : uint8_t { Cancel, Query, OpenOrders };

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
  WallTime until_wall;  ///< for people
  std::string text;
  Duration length{};    ///< from when it was written; zero: an earlier version wrote it, and did not say
  Duration run_time{};  ///< of the bus, when it was written
};

/// Limits that are lowered, or remember that they were: all of them.
struct LoweredLimits {
  struct Entry {
    LimiterKind limiter = LimiterKind::Cancel;
    LoweredLimit::State state;
  };
  std::vector<Entry> entries;
};

/// Requests in a row that the exchange has refused as unauthorized, and the order that met the latest. Zero after an
/// orderly end: an operator who restarts the bus allows it to try again.
struct UnauthorizedCount {
  uint32_t in_a_row = 0;
  OrderId order_id = 0;
};

/// Facts and stream states of this subscriber up to `seq` have been taken.
struct FactPosition {
  uint64_t subscriber = 0;
  uint64_t seq = 0;
};

using EventBody = std::variant<CancelAck, CancelFinal, CancelStatus, MassCancelReport>;

/// A sequenced event: a record, and published once committed.
struct Publication {
  std::string topic;
  uint64_t seq = 0;
  WallTime sending_time;
  EventBody body;
  std::string traceparent = {};  ///< of the command, for the log; empty if none is known
};

/// Something that happened to an order on its way, for an operator who asks later how it came to its end. Written with
/// the turn's other records and never read by the bus.
struct HistoryLine {
  enum class What : uint8_t {
    Delete,         ///< given to a worker
    Answer,         ///< of a DELETE
    Query,          ///< one that read nothing: what came instead
    Read,           ///< of a query
    Fact,           ///< from the stream
    WorkerSilent,   ///< the task's worker was not heard in time, or does not list it any more
    WorkerBack,     ///< it is heard again, and holds the task
    Status,         ///< CancelStatus, told to every command of the order
    Resolve,        ///< an operator's word
    Contradiction,  ///< a 452 showed that the word was wrong
    Retry           ///< an operator wants the next request now
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

/// A 451 came for an order of which a command that is known was told that it is gone. Not so any more: it has been told
/// so again. Goes with the order's last command too.
struct BackOnBook {
  OrderId order_id = 0;
  bool so = true;
};

/// What a sender asks for with a mass cancel, or a switch for it.
struct MassCancelRequest {
  enum class Whose : uint8_t { Own, Sender, Unowned, All };
  enum class Cause : uint8_t { Client, KillSwitch, DeadMan };

  std::string cl_ord_id;
  Whose whose = Whose::Own;
  Scope scope;  ///< what `whose` means is in it
  Priority priority = Priority::Normal;
  bool until_empty = false;
  std::string traceparent = {};
  Cause cause = Cause::Client;
  std::string reason = {};  ///< why a switch has made it
  bool operator==(const MassCancelRequest&) const = default;
};

/// Who released a kill switch, when, and why.
struct KillSwitchRelease {
  std::string by;
  std::string reason;
  bool forced = false;
  WallTime at;
};

/// A mass cancel as it stands, for `mass_cancels`: replaces the row of the same key.
struct MassCancelRecord {
  CommandKey key;
  MassCancelRequest request;
  MassCancelStatus status = MassCancelStatus::Accepted;
  /// All orders in scope are known: those of the sweep that it asked for are among them.
  bool swept = false;
  std::string text = {};  ///< of the last report
  std::optional<WallTime> complete_as_of = std::nullopt;
  uint64_t report_seq = 0;  ///< of the last report
  bool ended = false;
  WallTime received;
  WallTime updated = {};
  Duration run_time{};  ///< of the bus, when it was last changed: what retention counts
  std::optional<KillSwitchRelease> release = std::nullopt;  ///< of a kill switch; absent: it is engaged
};

/// One order of a mass cancel as it stands.
struct MassCancelOrder {
  enum class State : uint8_t {
    Pending,    ///< it has no command yet
    Canceling,  ///< it has, and that is undecided
    Canceled,
    Filled,
    Open,         ///< its command ended, and the order is proven open
    NotAffected,  ///< its command ended without effect
    Left          ///< it left before it had a command
  };

  CommandKey mass;
  OrderId order_id = 0;
  State state = State::Pending;
  RejectReason reason = RejectReason::None;  ///< NotAffected only
  std::string text = {};                     ///< likewise
  std::string owner = {};                    ///< whose the order is, if that is another than the sender
};

/// The commands that it made of the order are forgotten, and so is the order.
struct MassCancelOrderForgotten {
  CommandKey mass;
  OrderId order_id = 0;
};

/// Past retention: its row goes, and those of its orders.
struct MassCancelForgotten {
  CommandKey key;
};

/// The dead man's switch of a sender is armed.
struct DeadManRecord {
  std::string sender;
  Duration window{};
  bool fired = false;  ///< and the sender has not been heard since
  WallTime updated;
};

/// It is armed no more.
struct DeadManDisarmed {
  std::string sender;
};

using Record = std::variant<CommandRecord, CommandForgotten, PermitRecord, PermitForgotten, HoldRecord, LoweredLimits,
                            UnauthorizedCount, FactPosition, Publication, HistoryLine, HistoryForgotten, BackOnBook,
                            MassCancelRecord, MassCancelOrder, MassCancelOrderForgotten, MassCancelForgotten,
                            DeadManRecord, DeadManDisarmed>;

/// What a standby has seen of the store while another bus led, by its own clock.
struct Followed {
  /// Permits whose outcome had come by then, at the latest.
  std::map<TaskId, Tick> settled = {};
  struct Hold {
    WallTime until_wall;  ///< which hold it was
    Tick since;           ///< by then it had begun
  };
  std::map<LimiterKind, Hold> holds = {};
};

/// What the store holds when the bus starts.
struct Snapshot {
  uint64_t epoch = 0;
  /// Starts of the bus on this store, this one included; from 1.
  uint64_t term = 1;
  /// Of this bus, while it leads that term.
  std::string leader_id = {};
  /// What the store held when it was opened: who led before, and how far. Term 0: a new store.
  Term stored_term = {};
  /// The ticks in `permits` and `holds` are of this boot of this machine.
  bool same_boot = false;
  /// The last commits before this start may be missing, and what they let out has been heard all the same: the machine
  /// ended and the store was not synced. Then `epoch` is new.
  bool commits_lost = false;
  /// Present: they are missing because the store is older than what a worker has seen, which is this, or another store.
  std::optional<Term> behind = std::nullopt;
  /// How long a bus had run on this store at the last commit that is known.
  Duration run_time{};
  std::vector<CommandRecord> commands;
  std::vector<PermitRecord> permits;
  std::vector<HoldRecord> holds;
  LoweredLimits lowered;
  UnauthorizedCount unauthorized;
  std::vector<TopicPosition> topics;
  FactPosition facts;
  std::vector<OrderId> back_on_book;
  std::vector<MassCancelRecord> mass_cancels;
  std::vector<MassCancelOrder> mass_cancel_orders;
  std::vector<DeadManRecord> dead_men;
  /// Of another boot the rows' ticks mean nothing; these do.
  Followed followed;
};

}  // namespace cancelbus::core
