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
#include "tests/simulation/ledger.hpp"

namespace cancelbus::simulation {

class Referee {
 public:
  struct Rules {
    core::GatewayOptions options;
    /// Another program spends the same budget: the exchange may have to refuse.
    bool foreign_traffic = false;
    /// Somebody sets the exchange's clock.
    bool clock_set = false;
    /// Or those of our machines.
    bool our_clocks_set = false;
    /// Deaths of the subscriber, which forgets its handshakes.
    int subscriber_deaths = 0;
  };

  Referee(World& world, const exchange_sim::Exchange& exchange, const Store& store, const Ledger& ledger, Rules rules)
      : world_(world), exchange_(exchange), store_(store), ledger_(ledger), rules_(std::move(rules)) {}

  // The bus.
  void bus_started();
  /// The bus knows only what the store still holds.
  void commits_lost();
  void heard(const core::WorkerReady& ready);
  void heard(const core::TaskEnded& ended);
  void heard(const core::StreamFact& fact);
  void heard(const core::ResolveRequest& word) { words_[word.key].insert(word.as); }
  void judging_deadlines();
  void committed(const core::PermitRecord& permit);
  /// The fact has been taken, and what follows from it is in the same batch.
  void committed(const core::FactPosition& position);
  void sending(const core::SendTask& task);
  void sending(const core::SendResolved& resolved);
  /// The bus has taken the outcome, and must heed it.
  void sending(const core::SendConfirm& confirm);
  void told(const CommandSeen& command, const core::CancelAck& ack);
  void told(const CommandSeen& command, const core::CancelFinal& final);

  // Workers and the exchange.
  void writing(const std::string& worker, int64_t stamp_ms, exchange_sim::Instant exchange_clock);
  /// From now on the bus must hear of it, unless the worker dies.
  void task_ended(const std::string& worker, core::TaskId task) { owed_outcomes_[worker].insert(task); }
  void worker_died(const std::string& worker) { owed_outcomes_.erase(worker); }
  /// Likewise.
  void fact_came(uint64_t subscriber, uint64_t seq) { owed_facts_.insert({subscriber, seq}); }
  void subscriber_died() { owed_facts_.clear(); }
  void exchange_moved();
  /// What has ended or come, and whoever knows it lives, and the bus has not heard it yet; or nothing.
  std::string owed_to_the_bus() const;
  /// Once everything is settled.
  void at_the_end();

 private:
  struct Task {
    core::TaskId id = 0;
    uint64_t number = 0;  ///< in the order of their leaving, from 1
    core::OrderId order = 0;
    core::LimiterKind kind{};
    Time sent{};
    Time decided{};  ///< when its permit was committed
    core::WorkerId worker = 0;
    bool ended = false;
    bool released = false;  ///< no worker holds it inside its lease
    bool acted = false;     ///< the exchange did what it asked
  };
  struct Order {
    std::vector<core::TaskId> deletes;
    bool permitted = false;  ///< a DELETE was decided on, and may have left or not
    /// When the first was since a command stands without a break; Never: none was.
    Time first_delete = Never;
    std::optional<core::FactType> last_book_fact;  ///< 451 or 452
    Time left_book = Time::min();
    uint64_t gone_in_life = 0;  ///< the bus's life in which it was proven gone; 0: not, or it came back
    Time gone_at{};
    bool looked_gone = false;  ///< by the 452 of an edit, until its 451
    /// When the first and the latest query that did not read gone were sent, since the last DELETE.
    std::optional<Time> first_open_read, last_open_read;
    std::optional<core::ReadStatus> last_read;
    /// DELETEs up to this one may do nothing any more; said by whom.
    uint64_t barrier = 0;
    std::string barrier_by;
  };

  void check_waits(core::LimiterKind kind);
  const exchange_sim::Order* book(core::OrderId order) const { return exchange_.book().find(order); }
  void check_one_in_flight(const Task& task);
  static bool read_open_twice(const Order& order);
  void check_open(const CommandSeen& command, const exchange_sim::Order* truth, Order& order);
  void check_word(const CommandSeen& command, const core::CancelFinal& final);
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

  uint64_t life_ = 0;
  std::map<core::TaskId, Task> tasks_;
  uint64_t last_number_ = 0;
  std::map<core::TaskId, Time> decided_;
  std::map<int64_t, core::TaskId> by_stamp_;
  std::map<core::OrderId, Order> orders_;
  std::set<core::TaskId> open_deletes_;
  std::map<core::PeerId, core::WorkerId> worker_of_;
  std::map<core::WorkerId, Time> last_heard_;
  std::map<core::WorkerId, Duration> request_timeout_;
  std::map<core::TaskId, Time> waits_heard_;           ///< until when the exchange asked to wait, by what it answered
  std::map<core::LimiterKind, Time> waits_confirmed_;  ///< likewise
  std::map<std::pair<uint64_t, uint64_t>, core::OrderFact> facts_;  ///< by subscriber and seq
  std::map<std::string, std::set<core::TaskId>> owed_outcomes_;     ///< by worker
  std::set<std::pair<uint64_t, uint64_t>> owed_facts_;              ///< by subscriber and seq
  std::map<core::CommandKey, std::set<core::OrdStatus>> words_;  ///< of operators, as this life of the bus heard them
  uint64_t arrivals_seen_ = 0;
  std::map<core::OrderId, core::TaskId> cancels_pending_;  ///< at the exchange, by what; 0: somebody else's request
};

}  // namespace cancelbus::simulation
