// What an answer, a fact or an override means for an order and its commands.
//
// Guarantees: nothing here depends on anything but the order's record, the options and `now`; a Ruling says what is to
// be published and is carried out by the gateway, in the order given. Rules of an order's life live here and nowhere
// else.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/core/gateway_options.hpp"
#include "service/core/order.hpp"
#include "service/core/order_timers.hpp"

namespace cancelbus::core {

/// What one command gets: an ack, a final, or both.
struct Decision {
  Command* command = nullptr;
  std::optional<CancelAck> ack = std::nullopt;
  std::optional<Fate> final = std::nullopt;
};

struct Ruling {
  std::vector<Decision> decisions = {};
  /// Afterwards, to every command that is still undecided.
  std::optional<std::pair<Stage, std::string>> status = std::nullopt;
};

class Verdicts {
 public:
  explicit Verdicts(const GatewayOptions& options) : options_(options) {}

  // Something happened: it is written into the order's record.
  /// The command, the order's newest, has just joined. `maybe_gone`: the stream said that the order left the book.
  Ruling joined(Order& order, bool maybe_gone, Tick now) const;
  /// Whether a new command for the order would wait for budget.
  bool needs_permit(const Order& order, const StreamGap& gap, Tick now) const;
  /// A DELETE ended. `worker`: the name of the one that made it.
  Ruling delete_ended(Order& order, TaskId task, const Answer& answer, const std::string& worker, bool stream_live,
                      Tick now) const;
  /// The worker of an attempt in flight does not hold it any more.
  void worker_silent(Order& order, Attempt& attempt, Tick now) const;
  /// The worker of a silent attempt holds it again.
  void worker_back(Order& order, Attempt& attempt) const;
  /// No request lives as long as this attempt in flight.
  void too_old(Order& order, Attempt& attempt, Tick now) const;
  bool is_too_old(Tick sent, Tick now) const { return now - sent >= options_.lost_after; }
  void query_ended(Order& order, const Answer& answer, Tick now) const;

  // Questions asked after every event, in this order.
  /// A kept 452 becomes a proof when nothing speaks against it.
  void prove(Order& order, Tick now) const;
  /// The proof's acks and finals; no attempt is in flight.
  Ruling conclude(Order& order, Tick now) const;
  /// The proof was that the order is open.
  Ruling still_open(Order& order, Tick now) const;
  /// Finals by an operator's override; no attempt is in flight.
  Ruling overridden(Order& order) const;
  Ruling stuck(Order& order, Tick now) const;
  /// Acks of commands that have waited long enough.
  Ruling overdue(Order& order, Tick now) const;

  // What comes next.
  /// Whether a DELETE should be in the queue.
  bool wants_delete(Order& order, Tick now) const;
  /// From when on; Never if none is wanted.
  Tick delete_due(const Order& order) const;
  /// Sets the time of the next query.
  void plan_query(Order& order, Tick now) const;
  OrderTimers::Times times(const Order& order, Tick now) const;

 private:
  bool concludes(const Order& order, const Command& command, Tick now) const;
  void note_answer(Effort& effort, const Answer& answer, const std::string& worker, Tick now) const;
  void keep_place(Order& order, const Attempt& ended, Tick at, Tick now) const;

  const GatewayOptions& options_;
};

}  // namespace cancelbus::core
