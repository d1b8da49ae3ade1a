// What leaves the gateway: the records of a turn, its sends, and among the records the events of every topic.
//
// Guarantees: an event's seq follows the last one of its topic; an ack or a final is in its command's record and in the
// event alike; records and sends leave in the order in which they were made.
#pragma once

#include <string>
#include <variant>

#include "service/core/actions.hpp"
#include "service/core/order.hpp"
#include "service/core/topics.hpp"

namespace cancelbus::core {

class Publisher {
 public:
  /// What follows happens at `now`.
  /// `run_time`: of the bus.
  void begin(Instant now, Duration run_time) {
    now_ = now;
    run_time_ = run_time;
  }
  /// All that was made since it was taken last.
  Actions take() { return std::exchange(out_, {}); }

  void send(Send send) { out_.sends.push_back(std::move(send)); }
  void applied(const CommandKey& key, const CancelOrder& order) {
    out_.applied.push_back({key, order.order_id, order.traceparent});
  }
  void record(Record record) { out_.records.push_back(std::move(record)); }
  std::vector<Record>& records() { return out_.records; }
  std::vector<CauseChange>& cause_changes() { return out_.causes; }
  void switched(SwitchChange change) { out_.switches.push_back(std::move(change)); }
  void swept(SweepEnd end) { out_.sweeps.push_back(std::move(end)); }
  Topics& topics() { return topics_; }
  const Topics& topics() const { return topics_; }

  /// The order must have an effort, and the command must be of it.
  void ack(const Order& order, Command& command, CancelAck ack);
  void final(Order& order, Command& command, const Fate& fate);
  void status(const Order& order, const Command& command, Stage stage, const std::string& text);
  void status(const std::string& sender, CancelStatus status, const std::string& traceparent);
  /// To every command that was told CANCELED; each hears it once. Returns how many.
  size_t back_on_book(Order& order);
  /// For the next start of the bus: see BackOnBook.
  void on_book(Order& order, bool back);
  /// Returns the report's seq.
  uint64_t mass_cancel_report(const std::string& sender, MassCancelReport report, const std::string& traceparent);
  /// The owner's order was canceled, or filled, and the command was another's.
  void unsolicited_to(const std::string& owner, const CommandRecord& command, const Fate& fate);
  /// A 452 of an order without a command, on `venue.`.
  void unsolicited(const OrderFact& fact);

  void note(Order& order, HistoryLine line);
  /// `what`: Answer, Query or Read.
  void note_answer(Order& order, HistoryLine::What what, TaskId task, std::string worker, const Answer& answer);
  /// The command's row as it stands.
  void save(const Order& order, Command& command);

 private:
  uint64_t publish(const std::string& topic, EventBody body, const std::string& traceparent = {});

  Instant now_{};
  Duration run_time_{};
  Actions out_;
  Topics topics_;
};

}  // namespace cancelbus::core
