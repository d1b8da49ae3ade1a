#include "service/core/publisher.hpp"

#include <utility>

#include "service/core/decimal.hpp"

namespace cancelbus::core {

namespace {

const char* const VenueTopic = "venue.";

/// When the exchange's last answer was made, and by whom.
CancelFinal final_of(const CommandRecord& record, const Fate& fate) {
  CancelFinal final;
  final.cl_ord_id = record.key.cl_ord_id;
  final.order_id = record.order.order_id;
  final.ord_status = fate.status;
  final.evidence = fate.evidence;
  final.symbol = fate.symbol.empty() ? record.order.symbol : fate.symbol;
  final.quantities = fate.quantities;
  final.timeline = record.timeline;
  return final;
}

void copy_answer(Timeline& to, const Timeline& last) {
  to.sent = last.sent;
  to.answered = last.answered;
  to.worker = last.worker;
}

}  // namespace

void Publisher::ack(const Order& order, Command& command, CancelAck ack) {
  CommandRecord& record = command.record;
  const Attempts& attempts = order.effort->attempts;
  record.timeline.attempts = attempts.dispatched;
  copy_answer(record.timeline, attempts.last_timeline);
  record.timeline.acked = now_.wall;
  ack.cl_ord_id = record.key.cl_ord_id;
  ack.order_id = order.id;
  ack.timeline = record.timeline;
  record.ack = ack;
  record.ended = !ack.final_follows;
  record.ack_seq = publish(client_topic(record.key.sender), std::move(ack), record.order.traceparent);
  command.changed = true;
}

void Publisher::final(Order& order, Command& command, const Fate& fate) {
  CommandRecord& record = command.record;
  const Attempts& attempts = order.effort->attempts;
  record.timeline.attempts = attempts.dispatched;
  record.timeline.finalized = now_.wall;
  if (!record.timeline.answered) copy_answer(record.timeline, attempts.last_timeline);
  record.final = final_of(record, fate);
  record.ended = true;
  record.final_seq = publish(client_topic(record.key.sender), *record.final, record.order.traceparent);
  command.changed = true;
  if (fate.status == OrdStatus::Canceled) order.remember_canceled(record.key);
  if (fate.gone()) on_book(order, false);
}

void Publisher::on_book(Order& order, bool back) {
  if (std::exchange(order.back_on_book, back) != back) record(BackOnBook{order.id, back});
}

void Publisher::status(const Order& order, const Command& command, Stage stage, const std::string& text) {
  const CommandRecord& record = command.record;
  this->status(record.key.sender, CancelStatus{record.key.cl_ord_id, order.id, stage, text, now_.wall},
               record.order.traceparent);
}

void Publisher::status(const std::string& sender, CancelStatus status, const std::string& traceparent) {
  publish(client_topic(sender), std::move(status), traceparent);
}

size_t Publisher::back_on_book(Order& order) {
  if (order.canceled_finals.empty()) return 0;
  const std::string text = "the order is on the book again with the same id; cancel it with a new command";
  note(order, {.what = HistoryLine::What::Status, .status = Stage::BackOnBook, .text = text});
  const std::vector<CommandKey> told = std::exchange(order.canceled_finals, {});
  for (const CommandKey& key : told) {
    status(key.sender, CancelStatus{key.cl_ord_id, order.id, Stage::BackOnBook, text, now_.wall}, "");
  }
  return told.size();
}

uint64_t Publisher::mass_cancel_report(const std::string& sender, MassCancelReport report,
                                       const std::string& traceparent) {
  return publish(client_topic(sender), std::move(report), traceparent);
}

void Publisher::unsolicited_to(const std::string& owner, const CommandRecord& command, const Fate& fate) {
  CancelFinal final = final_of(command, fate);
  final.cl_ord_id.clear();
  final.unsolicited = true;
  publish(client_topic(owner), std::move(final), command.order.traceparent);
}

void Publisher::unsolicited(const OrderFact& fact) {
  CancelFinal final;
  final.order_id = fact.order_id;
  final.unsolicited = true;
  // With nothing left it is a complete fill's, not a cancel's.
  if (difference(fact.num_left, "0") == "0") final.ord_status = OrdStatus::Filled;
  final.symbol = fact.symbol;
  final.quantities = quantities_of(fact);
  final.timeline.finalized = now_.wall;
  publish(VenueTopic, std::move(final));
}

void Publisher::note(Order& order, HistoryLine line) {
  line.order_id = order.id;
  line.at = now_.wall;
  line.line = ++order.history_lines;
  if (line.line > HistoryLine::MaxLines) line.drops = line.line - HistoryLine::MaxLines / 2;
  record(std::move(line));
}

void Publisher::note_answer(Order& order, HistoryLine::What what, TaskId task, std::string worker,
                            const Answer& answer) {
  HistoryLine line{.what = what, .status = answer.verdict, .text = answer.text, .task = task};
  if (what == HistoryLine::What::Read) {
    line.status = answer.reading.status;
    line.amount = answer.reading.quantity;
    line.left_amount = answer.reading.left_amount;
  }
  line.worker = std::move(worker);
  line.http_status = answer.http_status;
  line.exchange_code = answer.exchange_code;
  note(order, std::move(line));
}

void Publisher::save(const Order& order, Command& command) {
  CommandRecord& row = command.record;
  const Attempts& attempts = order.effort->attempts;
  row.last_dispatch = order.last_dispatch;
  row.deletes = order.deletes.count;
  row.doubt = attempts.in_doubt();
  row.answered = attempts.answered;
  row.last_answer = attempts.last_answer;
  row.undecided_answer = row.doubt ? attempts.doubtful : attempts.unprocessed;
  if (!row.ended) {
    row.final = order.known_gone() ? std::optional(final_of(row, order.proof->fate)) : std::nullopt;
  }
  row.updated = now_.wall;
  row.run_time = run_time_;
  command.changed = false;
  record(row);
}

uint64_t Publisher::publish(const std::string& topic, EventBody body, const std::string& traceparent) {
  const uint64_t seq = topics_.take_seq(topic);
  record(Publication{topic, seq, now_.wall, std::move(body), traceparent});
  return seq;
}

}  // namespace cancelbus::core
