// Judges orders: after every event that touched one it asks verdicts.hpp all questions again, and carries the rulings
// out.
//
// Guarantees: an order that was touched is judged before the step ends, with everything that happened in the step; what
// is published of it, its row, its place in the queue and its timers are those of its record then. Level, not edge: so
// nothing depends on having caught an event at the right moment, and a restart needs no more than the facts.
//
// A step does at most MostPerStep of what can be due for many orders at once: first orders whose time has come, then
// orders since a gap of the stream, then statuses that a hello has asked for. The rest waits for the next step.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>

#include <optional>
#include <string>

#include "service/core/book.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/verdicts.hpp"

namespace cancelbus::core {

class Judge {
 public:
  static constexpr size_t MostPerStep = 1'000;

  Judge(Book& book, const GatewayOptions& options) : book_(book), verdicts_(options) {}

  void begin(Instant now) {
    now_ = now;
    left_ = MostPerStep;
  }
  const Verdicts& verdicts() const { return verdicts_; }

  /// A new command, whose key is not known, becomes one of its order's. `ttl`: absent, it is wanted until proven gone.
  /// `counted`: against the sender's limits.
  void join(const std::string& sender, const CancelOrder& request, std::optional<Duration> ttl, bool counted = true);

  /// The order, with every gap of the stream taken into account; null if it is not known.
  Order* find(OrderId id);
  /// It is judged when the step ends.
  void touch(const Order& order) { touched_.insert(order.id); }
  void judge_touched();
  /// Now; it is not judged again unless it is touched again.
  void judge(Order& order);
  void carry_out(Order& order, const Ruling& ruling);
  /// Every command gets its final by the proof that is published: better is not to be had any more. An attempt in
  /// flight is not waited for, and keeps the order's effort alive for the command that joins next.
  void end_with_published(Order& order);
  /// Permits that count no longer: their requests are given up.
  void expire_permits();

  /// The stream may have missed something: catch_up() has every undecided order queried.
  void gap();
  /// catch_up() publishes a status of every undecided command of this sender; if some are due already, it begins anew.
  void report_open(const std::string& sender) { reports_[sender] = {}; }
  /// What can be due for many orders at once, up to MostPerStep.
  void catch_up();
  /// Statuses that commands have for a cause of their own, as many as may leave now.
  void publish_statuses();
  /// Something waits for the next catch_up(), other than orders whose time has come: book.timers says that.
  bool behind() const { return gap_after_ || !reports_.empty(); }

 private:
  void continue_gap();
  void continue_reports();
  void status_of_all(Order& order, Stage stage, const std::string& text);
  void too_old(Order& order, Attempt& attempt);
  void publish_to_owner(const Order& order, const CommandRecord& command, const Fate& fate);
  void judge_requests(Order& order);
  void save(Order& order);
  void place(Order& order);

  Book& book_;
  Verdicts verdicts_;
  Instant now_{};
  size_t left_ = MostPerStep;
  absl::btree_set<OrderId> touched_;
  std::optional<OrderId> gap_after_;  ///< undecided orders after this one have not been judged since the gap
  absl::btree_map<std::string, CommandIndex::Place> reports_;  ///< by sender: where its statuses have come to
};

}  // namespace cancelbus::core
