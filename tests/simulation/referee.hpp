// Promises 3 and 4, and the truth of what is told: which requests are made, what they do at the exchange, and whether
// acks and finals agree with the exchange's own book.
//
// Part of the judge. It reckons leases and proofs by itself, from what the bus has heard, and knows of every request
// what it did to the book.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "service/core/actions.hpp"
#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "tests/exchange/exchange.hpp"
#include "tests/simulation/budget.hpp"
#include "tests/simulation/chronicle.hpp"
#include "tests/simulation/distance.hpp"
#include "tests/simulation/ledger.hpp"
#include "tests/simulation/permit_share.hpp"
#include "tests/simulation/repeats.hpp"
#include "tests/simulation/thrift.hpp"
#include "tests/simulation/waits.hpp"

namespace cancelbus::simulation {

class Referee {
 public:
  struct Rules {
    core::GatewayOptions options;
    /// Another program spends the same budget: the exchange may have to refuse.
    bool foreign_traffic = false;
    /// What the exchange answers as its time is wrong now and then.
    bool wrong_readings = false;
    /// Deaths of the subscriber, which forgets its handshakes.
    int subscriber_deaths = 0;
  };

  Referee(World& world, const exchange_sim::Exchange& exchange, const Store& store, const Ledger& ledger, Rules rules)
      : world_(world),
        exchange_(exchange),
        store_(store),
        ledger_(ledger),
        rules_(std::move(rules)),
        chronicle_(exchange),
        budget_(world, exchange, rules_.foreign_traffic),
        waits_(world, rules_.options),
        thrift_(world, rules_.options),
        query_share_(rules_.options.query_limits, 0.5),
        distance_(world),
        repeats_(world, rules_.options.cancel_limits) {}

  // The bus.
  void bus_started();
  /// The bus knows only what the store still holds.
  void commits_lost();
  void heard(const core::WorkerReady& ready);
  void heard(const core::TaskEnded& ended);
  void heard(const core::StreamFact& fact);
  void heard(const core::StreamReport& report);
  /// The stream seems muted.
  void relogin_asked() { gap_at_ = maybe_gap_at_ = world_.now(); }
  void heard(const core::ResolveRequest& word);
  void heard(const core::RetryRequest& retry);
  void judging_deadlines();
  void heard(const core::CommandReceived& command) {
    commands_heard_.try_emplace(command.order.cl_ord_id, world_.now());
    orders_[command.order.order_id].last_heard_of = world_.now();
  }
  /// It is new. That of a mass cancel was not sent by a client, and is heard of only so.
  void command_taken(const core::CancelOrder& order) {
    if (commands_heard_.try_emplace(order.cl_ord_id, world_.now()).second) {
      orders_[order.order_id].last_heard_of = world_.now();
    }
  }
  void command_came(const core::CommandKey& key, const core::CancelOrder& command);
  void committed(const core::PermitRecord& permit);
  void committed(const core::PermitForgotten& forgotten) {
    query_share_.forgotten(forgotten.task, world_.now());
    repeats_.forgotten(forgotten.task);
    waits_.forgotten(forgotten.task);
  }
  void committed(const core::HoldRecord& hold);
  /// The last command of the order.
  void forgotten(core::OrderId order) { distance_.forgotten(order); }
  void committed(const core::LoweredLimits& lowered) { waits_.committed(lowered); }
  /// The fact has been taken, and what follows from it is in the same batch.
  void committed(const core::FactPosition& position);
  void sending(const core::SendTask& task);
  /// By a bus that leads no more, after the one that does has started.
  void sending_late(const core::SendTask& task);
  void sending(const core::SendResolved& resolved);
  void sending(const core::SendRetry& retry);
  /// The bus has taken the outcome, and must heed it.
  void sending(const core::SendConfirm& confirm);
  void told(const CommandSeen& command, const core::CancelAck& ack);
  void told(const CommandSeen& command, const core::CancelFinal& final);
  void told(const CommandSeen& command, const core::CancelStatus& status);
  void told_unsolicited(const core::CancelFinal& final);
  /// The batch that is judged next was decided on then; else it is decided on and committed at once.
  void batch_of_turn(Time decided) { turn_of_batch_ = decided; }
  /// All of a batch has been judged row by row.
  void batch_judged();

  // Workers and the exchange.
  void exchange_clock_set() { exchange_clock_set_ = true; }
  /// SIGTERM has ended the bus.
  void bus_drained();
  /// From now on the bus must hear of it, unless the worker dies.
  void task_ended(const std::string& worker, core::TaskId task) { owed_outcomes_[worker].insert(task); }
  void worker_died(const std::string& worker) { owed_outcomes_.erase(worker); }
  /// Likewise.
  void fact_came(uint64_t subscriber, uint64_t seq) { owed_facts_.insert({subscriber, seq}); }
  void subscriber_died() { owed_facts_.clear(); }
  void exchange_moved();
  void frame_leaves(const std::string& text) { chronicle_.frame_leaves(text); }
  /// What has ended or come, is known to a process that lives, and has not reached the bus yet; or nothing.
  std::string owed_to_the_bus() const;
  /// Once everything is settled.
  void at_the_end();
  /// Requests in a row that the exchange refused as unauthorized, as the bus has heard.
  uint32_t refused() const { return thrift_.refused(); }

 private:
  /// The true time differs from the bus's ticks by less than this within what is measured here.
  static constexpr Duration ClockSlack = std::chrono::milliseconds(20);

  struct Task {
    core::TaskId id = 0;
    uint64_t number = 0;  ///< in the order of their leaving, from 1
    core::OrderId order = 0;
    core::LimiterKind kind{};
    int64_t stamp_ms = 0;
    Time sent{};
    Time decided{};  ///< on, before its permit was committed
    core::WorkerId worker = 0;
    bool ended = false;
    bool unlisted = false;  ///< by its worker's latest message, until deadlines are judged
    bool released = false;  ///< no worker holds it inside its lease
    bool acted = false;     ///< the exchange did what it asked
    bool rested = false;    ///< no command of its order was undecided when the bus started: no later one knows of it
    bool lost = false;      ///< with the commits before a power cut: the bus does not know it
  };
  struct Order {
    std::vector<core::TaskId> deletes;
    bool permitted = false;  ///< a DELETE was decided on, and may have left or not
    /// When the first was since a command stands without a break; Never: none was.
    Time first_delete = Never;
    std::optional<core::FactType> last_book_fact;  ///< 451 or 452
    Time left_book = Time::min();
    Time left_book_heard = Time::min();  ///< when the bus heard what was committed then
    Time left_book_first = Never;  ///< the first 452 since our first DELETE and the last 451, in this life of the bus
    Time touched = Time::min();    ///< by the stream's latest frame
    bool perhaps_gone = false;     ///< it was, and what may have been a gap of the stream puts that in question
    uint64_t gone_in_life = 0;     ///< the bus's life in which it was proven gone; 0: not, or it came back
    Time gone_at{};
    bool gone_by_stream = false;   ///< alone
    Time known_since{};            ///< when what says that it is gone came
    uint64_t open_since_life = 0;  ///< in which the first of its undecided commands came; 0: none
    Time open_since{};             ///< likewise, when
    Time last_command_at = Time::min();
    Time last_heard_of = Time::min();        ///< in a command, whether it was taken or not
    Time last_query = Time::min();           ///< when the latest was sent, or has ended
    Time last_answered_query = Time::min();  ///< when the latest that has ended was sent
    Time stuck_at = Time::min();             ///< when STUCK was told last
    bool overridden = false;                 ///< an operator has said what became of it
    uint64_t unsolicited_in_life = 0;  ///< in which an unsolicited final told that it left; 0: none, or it came back
    Time unsolicited_at{};
    bool looked_gone = false;       ///< by the 452 of an edit, until its 451
    bool doubtful = false;          ///< its latest DELETE ended without an answer, and no other was decided on
    bool unsure = false;            ///< what the bus has sent before it started is not certain, until the order rests
    bool unsent = false;            ///< its latest DELETE is decided on, and has not been sent
    Time last_event = Time::min();  ///< that the bus heard of it
    /// When the first and the latest query that did not read gone were sent, since the last DELETE.
    std::optional<Time> first_open_read, last_open_read;
    std::optional<core::ReadStatus> last_read;
    bool read_gone = false;  ///< and what was left agreed with it
    /// Readings that said gone and contradicted themselves: the word of the latest, since when it was that one, and
    /// whether it was read again 2 s later.
    std::optional<core::ReadStatus> contradiction;
    Time contradicted_since{};
    bool contradiction_stands = false;
    /// With 404 or 405, and none was answered since.
    Time queries_refused_since = Never, queries_refused_until = Never;
    Time open_read_at = Time::min();  ///< when the exchange looked at the latest of these queries
    /// DELETEs up to this one may do nothing any more; said by whom.
    uint64_t barrier = 0;
    std::string barrier_by;
  };

  struct FactHeard {
    core::OrderFact fact;
    Time at;  ///< the first time in this life of the bus
  };

  const exchange_sim::Order* book(core::OrderId order) const { return exchange_.book().find(order); }
  std::vector<const CommandSeen*> undecided(core::OrderId id) const;
  /// Of an order with these undecided commands; absent if they are not of one mind.
  std::optional<core::Priority> lane(const std::vector<const CommandSeen*>& commands) const;
  /// A DELETE of it was decided on then. While the store refuses that is long before it is committed.
  void judge_turn(core::OrderId id, Time decided);
  bool certainly_waited(core::OrderId id, const Order& order, core::Priority in, Time then) const;
  void event_of(core::OrderId id);
  void check_stamp(const core::SendTask& sent);
  void check_one_in_flight(const Task& task);
  void check_not_gone(const Order& order, core::OrderId id);
  void stream_state(const core::StreamReport& report);
  /// The stream alone said that it was gone, and has missed something since: that it came back, perhaps.
  bool maybe_back(const Order& order, Time gap) const { return order.gone_by_stream && gap >= order.known_since; }
  /// A final of it says so; `told_back`: also where BACK_ON_BOOK was told since.
  bool told_gone(core::OrderId id, bool told_back = true) const;
  bool known_gone(core::OrderId id, const Order& order, Time gap) const;
  /// By a bus that starts.
  void take_over_requests();
  /// Its worker is silent or does not list it, or no request lives so long.
  /// All the time, as the bus sees it for sure.
  bool heard_since(core::WorkerId worker, Time since) const;
  void release(Task& task, bool silent, bool overlong);
  /// A tick of this boot of the bus, in true time.
  Time true_time(Tick tick) const { return world_.now() + (tick - store_.tick()); }
  /// The bus has not asked about it for longer than it may.
  bool is_neglected(const Order& order) const;
  void query_read(const Task& task, const core::Answer& answer, Order& order);
  static bool read_open_twice(const Order& order);
  void check_open(const CommandSeen& command, const exchange_sim::Order* truth, Order& order);
  void check_word(const CommandSeen& command, const core::CancelFinal& final);
  void check_edit_grace(const CommandSeen& command, const Order& order);
  /// Its end was proven and published before the bus started.
  bool told_before_start(const CommandSeen& command, const Order& order) const;
  void check_no_gap_between(const CommandSeen& command, const Order& order);
  void check_quantities(const CommandSeen& command, const core::CancelFinal& final, const Order& order);
  /// A 451 of it was taken: its commands that were told CANCELED are owed BACK_ON_BOOK in the same batch.
  void came_back(core::OrderId id);
  void check_left_book(const CommandSeen& command, const core::CancelFinal& final, Order& order);
  void rests(core::OrderId id);
  void set_barrier(core::OrderId id, const std::string& by);
  bool was_answered(core::OrderId order, int http_status) const;
  void acted(const exchange_sim::Arrival& arrival, core::TaskId task);

  World& world_;
  const exchange_sim::Exchange& exchange_;
  const Store& store_;
  const Ledger& ledger_;
  Rules rules_;
  Chronicle chronicle_;
  Budget budget_;
  Waits waits_;
  Thrift thrift_;
  PermitShare query_share_;
  Distance distance_;
  Repeats repeats_;

  uint64_t life_ = 0;
  std::optional<Time> turn_of_batch_;
  // The stream, as the bus has heard of it in this life.
  std::optional<core::StreamReport> stream_;
  std::map<std::pair<uint64_t, uint64_t>, core::StreamReport> reports_;  ///< by subscriber and seq
  Time stream_heard_ = Never;                                            ///< Never: it is silent
  Time stream_taken_ = Never;        ///< the same, of news that the bus certainly counts
  Time gap_at_ = Time::min();        ///< when it has missed something last
  Time maybe_gap_at_ = Time::min();  ///< the same, if the bus did not count all that it heard
  std::map<core::TaskId, Task> tasks_;
  uint64_t last_number_ = 0;
  std::map<core::TaskId, Time> decided_;
  std::map<int64_t, core::TaskId> by_stamp_;
  std::map<core::OrderId, Order> orders_;
  std::set<core::TaskId> open_deletes_;
  std::map<core::PeerId, core::WorkerId> worker_of_;
  std::map<core::WorkerId, core::PeerId> peer_of_;  ///< on which it has presented itself last
  std::map<core::WorkerId, Time> last_heard_;
  std::map<core::WorkerId, Time> back_;  ///< from a silence in which the bus may have given its tasks up
  std::map<core::WorkerId, Duration> request_timeout_;
  std::map<std::pair<uint64_t, uint64_t>, FactHeard> facts_;  ///< by subscriber and seq
  std::set<std::pair<uint64_t, uint64_t>> facts_heard_;       ///< likewise, of all lives
  std::map<std::string, Time> commands_heard_;                ///< the first time in this life of the bus, by cl_ord_id
  std::map<core::CommandKey, Time> gap_before_;               ///< the latest that certainly was before the command came
  std::set<core::OrderId> departed_;          ///< by a 452 of this batch without a command, and not told yet
  std::set<core::OrderId> perhaps_departed_;  ///< likewise, if the bus has missed something that it heard
  std::set<core::OrderId> came_in_batch_;     ///< whose first undecided command is of the batch that is being judged
  std::set<core::CommandKey> owed_back_on_book_;                 ///< by the batch that is being judged
  std::map<std::string, std::set<core::TaskId>> owed_outcomes_;  ///< by worker
  std::set<std::pair<uint64_t, uint64_t>> owed_facts_;           ///< by subscriber and seq
  std::map<core::CommandKey, std::set<core::OrdStatus>> words_;  ///< of operators, as this life of the bus heard them
  uint64_t arrivals_seen_ = 0;
  Time bus_started_at_{};
  bool exchange_clock_set_ = false;
  std::map<core::OrderId, core::TaskId> cancels_pending_;  ///< at the exchange, by what; 0: a request of others
};

}  // namespace cancelbus::simulation
