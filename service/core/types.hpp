// The words of the core: time, ids, commands, acks and finals as plain values.
//
// Every folder of service/ may include this. Nothing here allocates a resource, reads a clock or knows an encoding;
// the wire types are proto/cancelbus/v1, and service/wire maps between the two.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cancelbus::core {

using Duration = std::chrono::nanoseconds;

/// The bus's monotonic clock, CLOCK_BOOTTIME: it goes on while the machine sleeps, and starts anew with a boot.
struct BootClock {
  using rep = int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<BootClock, Duration>;
  static constexpr bool is_steady = true;
};
/// What deadlines are judged by.
using Tick = BootClock::time_point;
/// What people read: UTC.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// One reading of both clocks, taken together.
struct Instant {
  Tick tick;
  WallTime wall;
};

constexpr Tick Never = Tick::max();

/// How long a bus has run on its store, over all starts and boots. It goes on while a bus runs, whatever wall clocks
/// show.
struct RunClock {
  Duration before{};  ///< when this bus started
  Tick started{};

  Duration at(Tick now) const { return before + (now - started); }
};

using OrderId = int64_t;
using TaskId = uint64_t;
using WorkerId = uint64_t;
/// ZeroMQ routing id of a connection: opaque, binary, new with each connection.
using PeerId = std::string;

/// One rate limit as the exchange states it: at most `limit` in any `period`. Written `10/1s`.
struct RateRule {
  uint32_t limit = 0;
  Duration period{};
  auto operator<=>(const RateRule&) const = default;
};

/// Which command: cl_ord_ids are unique per sender.
struct CommandKey {
  std::string sender;
  std::string cl_ord_id;
  auto operator<=>(const CommandKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const CommandKey& k) {
    return H::combine(std::move(h), k.sender, k.cl_ord_id);
  }
};

/// Of a command among all: by order, then by sender and cl_ord_id.
struct CommandPlace {
  OrderId order_id = 0;
  CommandKey key = {};
  auto operator<=>(const CommandPlace&) const = default;
};

enum class Side : uint8_t { Buy, Sell };
enum class Priority : uint8_t { Normal, Urgent };
enum class AckStatus : uint8_t { Accepted, Rejected, InDoubt };
enum class Origin : uint8_t { Bus, Worker, Exchange };
enum class RejectReason : uint8_t {
  None,
  TooLate,
  UnknownOrder,
  AlreadyPending,
  DuplicateClOrdId,
  Other,
  Expired,
  NotAuthorized,
  Blocked,
  Malformed,
  BusFull,
  TtlTooShort,
  WrongAccount,
  StoreUnavailable,
  NotOwner,
  Observing,
};
enum class OrdStatus : uint8_t { New, PartiallyFilled, Filled, Canceled, Rejected };
enum class Evidence : uint8_t { Channel452, OrderQuery, Operator };
enum class Stage : uint8_t { Queued, Sent, WaitingFinal, InDoubt, Resending, Stuck, BackOnBook };
enum class MassCancelStatus : uint8_t { Accepted, Progress, Completed, Rejected };

/// A sender's share among the others of its lane of the queue.
struct SenderWeight {
  /// A sender's name, or the beginning of names with a `*` after it.
  std::string senders;
  /// 1 to 1000.
  uint32_t weight = 1;
};

/// A CancelOrder that passed the door: fields are within the ranges that cancel.proto states.
struct CancelOrder {
  std::string cl_ord_id;
  OrderId order_id = 0;
  std::string account;
  std::string symbol;
  std::optional<WallTime> transact_time;
  std::optional<Duration> time_to_live;
  Priority priority = Priority::Normal;
  bool exact_quantities = false;
  std::string traceparent;
};

/// When what happened to a command. Absent: has not happened.
struct Timeline {
  std::optional<WallTime> received;
  std::optional<WallTime> dispatched;
  std::optional<WallTime> sent;
  std::optional<WallTime> answered;
  std::optional<WallTime> acked;  ///< for metrics: neither stored nor told
  std::optional<WallTime> finalized;
  uint32_t attempts = 0;
  std::string worker;
};

struct CancelAck {
  std::string cl_ord_id;
  OrderId order_id = 0;
  AckStatus status = AckStatus::InDoubt;
  RejectReason reason = RejectReason::None;
  Origin origin = Origin::Bus;
  std::string text;
  int http_status = 0;
  int exchange_code = 0;
  bool final_follows = false;
  Timeline timeline;
};

/// Decimals as the exchange wrote them; empty if not known.
struct Quantities {
  std::string price;
  std::string order_qty;
  std::string leaves_qty;
  std::string cum_qty;
  bool exact = false;
};

struct CancelFinal {
  std::string cl_ord_id;
  OrderId order_id = 0;
  OrdStatus ord_status = OrdStatus::Canceled;
  Evidence evidence = Evidence::Channel452;
  bool unsolicited = false;
  std::string symbol;
  Quantities quantities;
  Timeline timeline;
};

struct CancelStatus {
  std::string cl_ord_id;
  OrderId order_id = 0;
  Stage stage = Stage::Queued;
  std::string text;
  WallTime since;
};

/// Where a mass cancel stands. Each affected order is in one of the counts; those that are not affected are in none.
struct MassCancelReport {
  struct NotAffected {
    OrderId order_id = 0;
    RejectReason reason = RejectReason::None;
    std::string text;
    bool operator==(const NotAffected&) const = default;
  };

  std::string cl_ord_id;
  MassCancelStatus status = MassCancelStatus::Accepted;
  uint32_t total_affected = 0;
  uint32_t canceled = 0;
  uint32_t filled = 0;
  uint32_t still_open = 0;  ///< sent or answered, and not proven gone; or proven open
  uint32_t in_doubt = 0;
  uint32_t unsent = 0;
  std::vector<NotAffected> not_affected;  ///< the first of them
  uint32_t not_affected_total = 0;
  std::string text;
  /// The sending of the oldest request of the sweep that it rests on; the tick is of this start of the bus.
  std::optional<Instant> complete_as_of;
  std::optional<WallTime> estimated_completion;
};

}  // namespace cancelbus::core
