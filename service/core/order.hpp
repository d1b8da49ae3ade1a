// One record per order: what is known of its cancel, and what follows from it. Commands are its listeners.
//
// Level, not edge: events only write down facts here (an attempt ended, a 452 came, a query read), and the questions
// below are answered from the facts alone. So the order of arrival matters only where a fact says "since". The gateway
// asks after every event and acts; nothing here sends or knows of budgets.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service/core/actions.hpp"
#include "service/core/answer.hpp"
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
  TaskId task = 0;  ///< 0: before a restart, and answered
  WorkerId worker = 0;
  Tick dispatched;
  State state = State::InFlight;
  Tick denied = Tick::min();  ///< Denied only: when
};

/// The order's proven state.
struct Fate {
  OrdStatus status = OrdStatus::Canceled;
  Evidence evidence = Evidence::Channel452;
  Quantities quantities;
  std::string symbol;
  bool unreadable = false;  ///< queries cannot add to what the 452 said
  bool gone() const { return status == OrdStatus::Canceled || status == OrdStatus::Filled; }
};

/// A command that still waits for its ack or its final.
struct Command {
  CommandRecord record;
  Tick received;
  Tick expires = Never;
  bool changed = true;  ///< since its record was last written
  /// What an operator said of it, until no attempt is in flight.
  std::optional<OrdStatus> word;
  bool acked() const { return record.ack.has_value(); }
};

struct Order {
  /// After its stamp is dead no attempt can act any more: 5 s by the exchange, doubled.
  static constexpr Duration StampDead = std::chrono::seconds(10);
  /// Two reads prove what one only says, if they lie so far apart: REST lags the stream a little.
  static constexpr Duration ReadsApart = std::chrono::seconds(2);
  static constexpr Duration QueriesApart = std::chrono::milliseconds(250);
  static constexpr Duration FirstInterval = std::chrono::seconds(1);
  static constexpr Duration LongestQueryInterval = std::chrono::seconds(30);
  static constexpr Duration LongestDeleteInterval = std::chrono::seconds(30);
  /// How long a DELETE waits for a read that may show it needless.
  static constexpr Duration ReadPatience = std::chrono::seconds(1);
  static constexpr size_t MaxAttempts = 16;
  static constexpr size_t MaxCanceledFinals = 8;

  OrderId id = 0;
  std::vector<Command> commands;  ///< undecided ones, oldest first

  // What was sent.
  std::vector<Attempt> attempts;  ///< at most MaxAttempts; the oldest ended are folded into earlier_doubt
  bool earlier_doubt = false;
  Tick earlier_quiet = Tick::min();      ///< when those can act no more
  uint32_t dispatched = 0;               ///< DELETEs handed to workers
  std::optional<Instant> last_dispatch;  ///< when the latest of these was, also of a former start of the bus
  uint32_t answered = 0;                 ///< of these, answered with yes or no
  uint32_t unauthorized = 0;             ///< 401 and 403 in a row
  Tick first_dispatch = Never;
  Tick last_accepted = Tick::min();
  Tick answered_at = Tick::min();  ///< last yes or no
  std::optional<Verdict> last_answer;
  Timeline last_timeline;  ///< sent, answered and worker of the last answer

  // What the stream said.
  std::optional<OrderFact> left_book;  ///< the 452 kept
  Tick left_book_at = Tick::min();
  Tick filled_at = Tick::min();    ///< last 441 or 423, or gap in which one may have been missed
  Tick inserted_at = Tick::min();  ///< last 451
  Tick touched_at = Tick::min();   ///< last of all of these

  // What queries read.
  TaskId query = 0;  ///< in flight; 0: none
  Tick query_sent = Tick::min();
  std::optional<ReadStatus> first_read;  ///< Open or NotFound, counted; the next that agrees proves it
  Tick first_read_at = Tick::min();      ///< when it came: it may have waited on its way
  std::optional<Fate> fate;
  std::optional<Fate> read_open;  ///< the latest Open or NotFound reading, as the fate it would prove
  bool proven_gone = false;
  std::optional<OrdStatus> word;  ///< what an operator said of it last, until a newer command or a 451

  // The clocks.
  Tick next_query = Never;
  Duration query_interval = FirstInterval;
  Tick next_delete = Never;
  Duration delete_interval = FirstInterval;
  bool repeat = false;                ///< the next DELETE stands at the front of its line
  Tick withheld_until = Tick::min();  ///< a read may show the next DELETE needless
  Tick next_stuck_report = Never;
  Tick wake = Never;                                  ///< as the gateway's index has it
  std::pair<bool, Tick> indexed_query{false, Never};  ///< likewise: old?, due
  WallTime indexed_doubt;                             ///< likewise: first sent
  std::vector<CommandKey> canceled_finals;            ///< told CANCELED, the latest of them, for BACK_ON_BOOK
  uint32_t history_lines = 0;                         ///< written since the bus started
  uint32_t remembered = 0;                            ///< commands of this order, ended ones within retention included

  // Questions.
  bool in_flight() const;
  /// An attempt may have been processed and nobody knows.
  bool in_doubt() const;
  /// Every attempt is proven not processed.
  bool untouched_by_us() const { return attempts.empty() && !earlier_doubt; }
  /// From when on no attempt can act any more; Never while one is in flight.
  Tick quiet_at() const;
  /// When a doubt about `command` began: the first unresolved attempt it may owe its fate to. Never: no doubt.
  Tick doubt_since(const Command& command) const;
  /// When the first request was given to a worker that a command here has waited for; never before it was received.
  WallTime first_sent() const;
  /// The kept 452 proves that the order was canceled.
  bool left_book_proves() const;
  /// The order is as an operator has said, or it was not.
  bool word_agrees(const OrderFact& left_book) const;
  bool any_acked() const;
  /// Something was sent or told, so that a proof of the order's fate is owed.
  bool owes_proof() const { return !untouched_by_us() || any_acked(); }
  /// A command that still wants requests to be sent.
  bool wanted(Tick now) const;
  /// From when on the next read counts towards a proof; Never if none is awaited.
  Tick next_counting_read() const;
  /// A 200 so fresh that its 452 may be on its way.
  bool freshly_accepted(Tick now, Duration final_wait) const;
  /// Whether to send another after it is settled already: a newer one was made, or an answer came since.
  bool superseded(const Attempt& attempt) const;
  Attempt* find_attempt(TaskId task);
  Stage stage() const;

  // Facts.
  void attempt_dispatched(TaskId task, WorkerId worker, Tick now);
  void attempt_denied(TaskId task, Tick now);
  /// The attempt is proven not processed.
  void attempt_void(TaskId task);
  void fact(const OrderFact& fact, Tick now);
  /// A query sent at `query_sent` was answered.
  void read(const Reading& reading, Tick now);
  /// Something happened: ask at `at`, and often again.
  void news(Tick at);
  /// A query ended without news: ask again, less often each time.
  void ask_later(Tick now);
  /// No command is left: only what a later command or a 451 needs is kept.
  void rest();
  void remember_canceled(const CommandKey& key);
};

}  // namespace cancelbus::core
