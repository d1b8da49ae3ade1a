// What is known of one order: what a later command or a 451 needs, and, while a command is undecided, the effort to
// cancel it. Commands are its listeners.
//
// Level, not edge: events only write down facts here (an attempt ended, a 452 came, a query read), and the questions
// below are answered from the facts alone. So the order of arrival matters only where a fact says "since". What the
// facts mean for the commands is decided in verdicts.hpp; nothing here sends or knows of budgets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "service/core/answer.hpp"
#include "service/core/records.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

/// A DELETE that may have been processed. One that certainly was not is no attempt any more.
struct Attempt {
  enum class State : uint8_t {
    InFlight,  ///< with a worker inside its lease
    Silent,    ///< its worker is silent, or does not list it: it may still answer
    Doubtful,  ///< ended without an answer
    Accepted,
    Denied,  ///< NO_ORDER_MATCHES, COULD_NOT_BE_CANCELED or an unknown 400
  };
  TaskId task = 0;
  WorkerId worker = 0;
  Tick dispatched;
  State state = State::InFlight;
  Tick denied = Tick::min();  ///< Denied only: when
  bool unresolved() const { return state == State::InFlight || state == State::Silent || state == State::Doubtful; }
  /// From when on it can act no more; Never while it is in flight.
  Tick quiet_at() const;
};

/// The order's state, and by what it is known.
struct Fate {
  OrdStatus status = OrdStatus::Canceled;
  Evidence evidence = Evidence::Channel452;
  Quantities quantities = {};
  std::string symbol = {};
  bool gone() const { return status == OrdStatus::Canceled || status == OrdStatus::Filled; }
};

/// The order's proven fate.
struct Proof {
  Fate fate;
  Tick at = Tick::min();  ///< when the fact or the reading came that it rests on
  /// An ack or a final has told it: only a 451 retracts it.
  bool published = false;
  /// Queries cannot add to what the 452 said.
  bool unreadable = false;
};

/// A command that still waits for its ack or its final.
struct Command {
  CommandRecord record;
  Tick received;
  Duration age_at_start{};  ///< of one that an earlier start of the bus received, by the wall clock
  Tick expires = Never;
  bool changed = true;  ///< since its record was last written
  /// What an operator said of it, until no attempt is in flight.
  std::optional<OrdStatus> override_status = std::nullopt;
  bool acked() const { return record.ack.has_value(); }
  Duration age(Tick now) const { return now - received + age_at_start; }
};

/// What the stream may have missed, for every order that was undecided then.
struct StreamGap {
  uint64_t number = 0;
  Tick at = Tick::min();
};

/// The DELETEs of an effort.
struct Attempts {
  /// After its stamp is dead no attempt can act any more: 5 s by the exchange, doubled.
  static constexpr Duration StampDead = std::chrono::seconds(10);
  static constexpr size_t Most = 16;

  std::vector<Attempt> list;         ///< at most Most; the oldest that ended are folded
  bool earlier_doubt = false;        ///< of those that are folded, one is unresolved
  Tick earlier_quiet = Tick::min();  ///< from when on those can act no more; Tick::min(): none is folded
  uint32_t dispatched = 0;           ///< DELETEs handed to workers
  uint32_t counted = 0;              ///< of these, written or perhaps written
  Tick first_dispatch = Never;
  uint32_t answered = 0;           ///< of these, answered with yes or no
  Tick answered_at = Tick::min();  ///< last yes or no
  std::optional<Verdict> last_answer;
  Tick last_accepted = Tick::min();
  uint32_t unauthorized = 0;              ///< 401 and 403 in a row
  Timeline last_timeline;                 ///< sent, answered and worker of the last answer
  std::optional<LastAnswer> doubtful;     ///< the latest that left it open whether the DELETE was processed
  std::optional<LastAnswer> unprocessed;  ///< the latest by which it certainly was not

  bool in_flight() const;
  /// One may have been processed and it is not known.
  bool in_doubt() const;
  /// Every one is proven not processed.
  bool none_acted() const { return list.empty() && earlier_quiet == Tick::min(); }
  /// From when on none can act any more; Never while one is in flight.
  Tick quiet_at() const;
  /// A 200 so fresh that its 452 may be on its way.
  bool freshly_accepted(Tick now, Duration final_wait) const;
  /// Whether to send another after `attempt` is settled already: a newer one was made, or an answer came since.
  bool superseded(const Attempt& attempt) const;
  Attempt* find(TaskId task);

  void add(TaskId task, WorkerId worker, Tick now);
  /// Only what none_acted(), in_doubt() and quiet_at() need is kept of it.
  void fold(const Attempt& ended);
  void denied(TaskId task, Tick now);
  void erase(TaskId task);
};

/// Its status says something else than what is left of the order: neither is believed at once.
bool contradicts_itself(const Reading& reading);

/// What queries read, and when the next is due.
struct Reads {
  /// Two reads prove what one only says, if they lie so far apart: REST lags the stream a little.
  static constexpr Duration Apart = std::chrono::seconds(2);
  static constexpr Duration QueriesApart = std::chrono::milliseconds(250);
  static constexpr Duration FirstInterval = std::chrono::seconds(1);
  static constexpr Duration LongestInterval = std::chrono::seconds(30);
  static constexpr Duration RefusedForLong = std::chrono::seconds(60);

  TaskId task = 0;  ///< in flight; 0: none
  Tick sent = Tick::min();
  std::optional<ReadStatus> first;  ///< what one only says; the next that agrees proves it
  Tick first_at = Tick::min();      ///< when it came: it may have waited on its way
  Tick refused_since = Never;       ///< queries were answered 404 or 405 from here ...
  Tick refused_until = Never;       ///< ... to here, and none was read
  Tick next = Never;
  Duration interval = FirstInterval;

  /// The exchange has refused all of them for so long that they bring nothing any more.
  bool refused_for_long() const;
  /// Of an order that is gone, though what is left of it says otherwise.
  bool first_says_gone() const;
  /// Something happened: ask at `at`, and often again.
  void news(Tick at);
  /// No worker answers the one in flight: ask another worker at once, and no more often than before.
  void unanswered(Tick now);
  /// A query ended without news: ask again, less often each time.
  void later(Tick now);
};

/// When the next DELETE is wanted, and when the order is reported STUCK.
struct Schedule {
  /// How long a DELETE waits for a read that may show it needless.
  static constexpr Duration ReadPatience = std::chrono::seconds(1);
  /// How long after one that was never written: a worker that cannot connect is not asked again in a tight loop.
  static constexpr Duration FirstUnwritten = std::chrono::milliseconds(100);
  static constexpr Duration LongestUnwritten = std::chrono::seconds(30);

  Tick next_delete = Never;           ///< not before Order::next_delete_allowed() all the same
  bool exempt = false;                ///< the next DELETE need not keep its distance
  bool retried = false;               ///< likewise: an operator wants it now
  std::vector<WorkerId> handed_over;  ///< silent workers whose DELETE went to another, since the last answer
  Duration unwritten = FirstUnwritten;
  Tick joined = Tick::min();          ///< when the latest command joined
  Tick withheld_until = Tick::min();  ///< a read may show the next DELETE needless
  Tick next_stuck_report = Never;
  Tick stuck_since = Never;  ///< of an order that is reported STUCK

  /// It is reported STUCK from now on, unless it is already.
  void begin_stuck(Tick now);
};

/// What the stream said since the effort began.
struct Heard {
  std::optional<OrderFact> left_book;  ///< the 452 kept
  Tick left_book_at = Tick::min();
  Tick filled_at = Tick::min();  ///< last 441 or 423, or gap in which one may have been missed
  Tick any_at = Tick::min();     ///< last fact
  uint64_t gap = 0;              ///< the latest StreamGap that is taken into account
};

/// Exists while a command of the order is undecided.
struct Effort {
  std::vector<Command> commands;  ///< undecided ones, oldest first
  Attempts attempts;
  Heard heard;
  Reads reads;
  Schedule schedule;

  /// When a doubt about `command` began: the first unresolved attempt it may owe its fate to. Never: no doubt.
  Tick doubt_since(const Command& command) const;
  /// When the first request was given to a worker that a command here has waited for; never before it was received.
  WallTime first_sent() const;
  /// The kept 452 proves that the order was canceled.
  bool left_book_proves() const;
  bool any_acked() const;
  /// Each command's row is written again.
  void changed();
  /// Something was sent or published, so that a proof of the order's fate is owed.
  bool owes_proof() const { return !attempts.none_acted() || any_acked(); }
  /// The oldest command that still wants requests to be sent; null if none does.
  const Command* first_wanting(Tick now) const;
  /// Of those, the one whose priority and sender the next DELETE has: the oldest of the highest priority.
  const Command* leader(Tick now) const;
  /// The next DELETE repeats one that was sent, and need not go at once.
  bool repeats() const { return attempts.counted > 0 && !schedule.exempt && !schedule.retried; }
  /// From when on the next read counts towards a proof; Never if none is awaited.
  Tick next_counting_read() const;
  Stage stage() const;
  /// Why the order is STUCK.
  std::string why_stuck() const;
};

/// The DELETEs since the last 451 that were written, or may have been, and how far apart they are.
struct Deletes {
  static constexpr Duration FirstDistance = std::chrono::seconds(1);
  static constexpr Duration LongestDistance = std::chrono::seconds(30);

  uint32_t count = 0;
  Tick ended = Tick::min();  ///< when the latest ended, or its worker was silent

  /// How long after its end the next may be sent: 1, 2, 4 ... 30 s.
  Duration distance() const;
};

struct Order {
  static constexpr size_t MaxCanceledFinals = 8;

  OrderId id = 0;
  std::unique_ptr<Effort> effort;            ///< null: no command is undecided
  std::optional<Proof> proof;                ///< without an effort: that it is gone
  std::optional<OrdStatus> override_status;  ///< what an operator said of it last, until a newer command or a 451
  std::optional<Instant> last_dispatch;      ///< of the latest DELETE, also of a former start of the bus
  Deletes deletes;
  Tick inserted_at = Tick::min();           ///< last 451
  std::vector<CommandKey> canceled_finals;  ///< told CANCELED, the latest of them, for BACK_ON_BOOK
  bool back_on_book = false;                ///< as the store knows it: see BackOnBook
  uint32_t history_lines = 0;               ///< written since the bus started
  uint32_t remembered = 0;                  ///< commands of this order, ended ones within retention included

  Attempt* find_attempt(TaskId task) { return effort ? effort->attempts.find(task) : nullptr; }
  bool known_gone() const { return proof && proof->published; }
  /// Queries have proven that it is on the book no more, or never was.
  bool read_gone() const;
  /// Its end is known from the stream alone, and the stream has missed something since: the order may be back.
  bool may_be_back(const StreamGap& gap) const;
  /// The order is as an operator has said, or it was not.
  bool override_agrees(const OrderFact& left_book) const;

  /// False if nothing is new in it.
  bool take_override(const CommandKey& key, OrdStatus as);

  /// An operator wants the next request now. True: a DELETE, which is due; false: a query is, because no DELETE may be
  /// sent, or one was accepted so lately that its 452 may be on its way. A read that may show the DELETE needless is
  /// waited for all the same, for at most ReadPatience. There must be an effort.
  bool retry(Tick now, Duration final_wait);

  // Facts, while there is an effort.
  /// Begins one if there is none.
  Effort& begin(const StreamGap& gap);
  void dispatched(TaskId task, WorkerId worker, Instant now);
  /// The attempt is proven not processed. `counts`: it keeps the next at its distance all the same.
  void attempt_void(TaskId task, bool counts);
  /// From when on another DELETE may be sent, if one is wanted.
  Tick next_delete_allowed() const;
  void fact(const OrderFact& fact, Tick now);
  /// A query sent at `reads.sent` was answered.
  void read(const Reading& reading, Tick now);
  /// The stream may have missed something: a fill, or the end of the order. True if that is new.
  bool gap(const StreamGap& gap);
  /// A 452 proves nothing any more, unless that is published already.
  void retract_unpublished_452();
  /// A 451 came: what was known of the order is not about the one that is there now.
  void inserted();
  /// No command is left: only what a later command or a 451 needs is kept.
  void rest();
  void remember_canceled(const CommandKey& key);
};

Quantities quantities_of(const OrderFact& fact);

/// As "HTTP 503: Service Unavailable".
std::string text_of(const LastAnswer& answer);

}  // namespace cancelbus::core
