// What an order's facts mean for its commands: acks, finals, and when to ask or cancel again.
#include <algorithm>

#include "service/core/decimal.hpp"
#include "service/core/gateway.hpp"

namespace cancelbus::core {

namespace {

constexpr Duration StuckReports = std::chrono::seconds(60);
const char* const VenueTopic = "venue.";

Quantities quantities_of(const OrderFact& fact) {
  const auto filled = difference(fact.amount, fact.num_left);
  return {fact.price, fact.amount, fact.num_left, filled.value_or(""), false};
}

}  // namespace

// ---- What the stream says ----

template <typename News>
bool Gateway::takes(const News& news) {
  // Repeated in order until confirmed: what skips ahead comes again. Of a new subscriber, or of one that an older store
  // knew, the oldest that is not confirmed comes first.
  const bool known = news.subscriber == facts_.subscriber;
  if (known ? news.seq > facts_.seq + 1 : news.oldest != 0 && news.seq != news.oldest) return false;
  const bool fresh = !known || news.seq == facts_.seq + 1;
  if (fresh) {
    facts_ = {news.subscriber, news.seq};
    out_.records.push_back(facts_);
  }
  out_.sends.push_back(SendConfirm{news.peer, 0, facts_.seq});
  return fresh;
}

void Gateway::on(const StreamReport& report) {
  if (report.seq != 0 && !takes(report)) return;
  if (stream_.report(report, now_)) question_all();
}

void Gateway::on(const StreamFact& event) {
  if (!takes(event)) return;
  const OrderFact& fact = event.fact;
  if (fact.type != FactType::Trade423) stream_.proof(event.peer, now_);
  Order* order = find_order(fact.order_id);
  if (order && order->remembered > 0) {
    HistoryLine line{.what = HistoryLine::What::Fact, .status = fact.type};
    line.amount = fact.amount;
    line.left_amount = fact.num_left;
    note(*order, std::move(line));
  }
  if (fact.type == FactType::Inserted451) {
    foreign_.erase(fact.order_id);
    if (order) back_on_book(*order);
  }
  if (order && !order->commands.empty()) {
    order->fact(fact, now_.tick);
    touch(*order);
  } else if (fact.type == FactType::Deleted452) {
    left_book_without_command(fact, order);
  }
}

void Gateway::left_book_without_command(const OrderFact& fact, Order* order) {
  if (order && order->word && !order->word_agrees(fact)) {
    // An operator was wrong. The final stands; that the order has left the book only now, venue. tells.
    ++counters_.words_contradicted;
    note(*order, {.what = HistoryLine::What::Contradiction, .status = *order->word});
    order->word.reset();
    foreign_.erase(fact.order_id);
  }
  const bool told = order && (order->proven_gone || (order->word && order->word != OrdStatus::New));
  if (told || !remember_foreign(fact.order_id)) {
    ++counters_.repeated_departures;
    return;
  }
  ++counters_.unsolicited;
  CancelFinal final;
  final.order_id = fact.order_id;
  final.unsolicited = true;
  final.symbol = fact.symbol;
  final.quantities = quantities_of(fact);
  final.timeline.finalized = now_.wall;
  publish(VenueTopic, std::move(final));
}

bool Gateway::remember_foreign(OrderId id) {
  if (!foreign_.insert(id).second) return false;
  foreign_order_.push_back(id);
  if (foreign_order_.size() > MaxForeign) {
    foreign_.erase(foreign_order_.front());
    foreign_order_.pop_front();
  }
  return true;
}

void Gateway::back_on_book(Order& order) {
  order.proven_gone = false;
  order.fate.reset();
  order.word.reset();
  if (order.canceled_finals.empty()) return;
  const std::string text = "the order is on the book again with the same id; cancel it with a new command";
  note(order, {.what = HistoryLine::What::Status, .status = Stage::BackOnBook, .text = text});
  for (const CommandKey& key : std::exchange(order.canceled_finals, {})) {
    publish(client_topic(key.sender), CancelStatus{key.cl_ord_id, order.id, Stage::BackOnBook, text, now_.wall});
  }
}

void Gateway::question_all() {
  for (const auto& [wake, id] : wakes_) {
    Order& order = *find_order(id);
    order.news(now_.tick);
    order.filled_at = now_.tick;
    touch(order);
  }
}

// ---- Judging one order ----

void Gateway::touch(Order& order) { touched_.push_back(order.id); }

void Gateway::judge_touched() {
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  for (const OrderId id : std::exchange(touched_, {})) {
    if (Order* order = find_order(id)) judge(*order);
  }
}

void Gateway::judge(Order& order) {
  for (Attempt& attempt : order.attempts) {
    // Of two that were given out one is in flight, and when it has ended the other, as long as its worker holds it.
    if (!order.in_flight() && held_again(attempt)) {
      attempt.state = Attempt::State::InFlight;
      note(order, {.what = HistoryLine::What::WorkerBack, .task = attempt.task});
      if (!order.superseded(attempt)) order.next_delete = Never;
    }
    const bool overlong = now_.tick - attempt.dispatched >= options_.lost_after;
    if (attempt.state == Attempt::State::InFlight && overlong) too_old(order, attempt);
  }
  if (order.query != 0 && now_.tick - order.query_sent >= options_.lost_after) {
    order.query = 0;
    order.news(now_.tick);
  }
  prove(order);
  if (order.fate && !order.in_flight()) conclude(order);
  if (!order.in_flight()) settle_by_word(order);
  overdue(order);
  save_changed(order);
  schedule_delete(order);
  schedule_query(order);
  unindex(order);
  if (order.commands.empty()) {
    for (const Attempt& attempt : order.attempts) drop_task(attempt.task);
    return order.rest();
  }
  order.wake = next_wake(order);
  wakes_.insert({order.wake, order.id});
  if (order.in_doubt()) {
    order.indexed_doubt = order.first_sent();
    doubts_.insert({order.indexed_doubt, order.id});
  }
  if (order.query == 0 && order.next_query != Never) {
    // What was never sent waits for the others as what was asked often does.
    const bool later = order.query_interval >= Order::LongestQueryInterval || !order.owes_proof();
    order.indexed_query = {later, order.next_query};
    questions_.insert({order.indexed_query.first, order.indexed_query.second, order.id});
  }
}

void Gateway::prove(Order& order) {
  if (order.fate || !order.left_book_proves()) return;
  if (now_.tick < order.left_book_at + options_.edit_grace) return;
  order.fate =
      Fate{OrdStatus::Canceled, Evidence::Channel452, quantities_of(*order.left_book), order.left_book->symbol};
}

bool Gateway::concludes(const Order& order, const Command& command) const {
  const Fate& fate = *order.fate;
  const bool exact = fate.evidence != Evidence::Channel452 || fate.unreadable;
  if (fate.gone()) return exact || !command.record.order.exact_quantities;
  // Not gone. A command that the exchange has not answered yet, and may still answer, waits for its own answer.
  if (fate.status == OrdStatus::Rejected) return command.acked() || order.in_doubt();
  const bool denied = order.last_answer && *order.last_answer != Verdict::Accepted;
  return command.acked() && (denied || now_.tick >= command.expires);
}

void Gateway::conclude(Order& order) {
  const Fate& fate = *order.fate;
  order.proven_gone = fate.gone();
  for (Command& command : order.commands) {
    const bool ends = concludes(order, command);
    if (!command.acked() && (ends || fate.gone())) {
      if (order.in_doubt()) {
        ack_in_doubt(order, command, "sent, and not answered; the order's fate is proven");
      } else {
        CancelAck too_late;
        too_late.status = AckStatus::Rejected;
        too_late.reason = RejectReason::TooLate;
        too_late.text = "the order was gone before the cancel could be sent";
        too_late.final_follows = true;
        ack(order, command, std::move(too_late));
      }
    }
    if (ends) final(order, command, fate);
  }
  save_changed(order);
  if (!fate.gone()) still_open(order);
}

void Gateway::still_open(Order& order) {
  const bool open = order.fate->status != OrdStatus::Rejected;
  order.fate.reset();
  order.first_read.reset();
  if (!open || !order.wanted(now_.tick) || order.next_delete != Never) return;
  if (order.answered < options_.max_attempts) {
    order.next_delete = now_.tick;
    order.repeat = true;
    return tell_all(order, Stage::Resending, "the order is proven open after an answered cancel; sending another");
  }
  if (order.next_stuck_report == Never) order.next_stuck_report = now_.tick;
}

void Gateway::overdue(Order& order) {
  if (order.next_stuck_report <= now_.tick) {
    order.next_stuck_report = now_.tick + StuckReports;
    tell_all(order, Stage::Stuck,
             std::to_string(order.answered) + " cancels were answered and the order is still open");
  }
  for (Command& command : order.commands) {
    if (command.acked()) continue;
    const bool expired = now_.tick >= command.expires;
    if (expired && order.untouched_by_us()) {
      CancelAck rejected;
      rejected.status = AckStatus::Rejected;
      rejected.reason = RejectReason::Expired;
      rejected.text = "time_to_live ended before the cancel could be sent";
      ack(order, command, std::move(rejected));
    } else if (expired && !order.in_flight()) {
      ack_in_doubt(order, command, "time_to_live ended; an earlier request may have been processed");
    } else if (const Tick since = order.doubt_since(command);
               since != Never && now_.tick >= since + options_.doubt_after) {
      ack_in_doubt(order, command, "sent, and nothing is known of it yet");
    }
  }
}

void Gateway::schedule_delete(Order& order) {
  const bool wanted = !order.fate && order.wanted(now_.tick);
  // A command that nothing was ever sent for stands in the queue, whatever happened to it there.
  const bool untried = wanted && order.untouched_by_us();
  if (untried && order.next_delete == Never) order.next_delete = now_.tick;
  const bool due = wanted && !order.in_flight() && order.next_delete <= now_.tick && order.withheld_until <= now_.tick;
  if (!due) {
    queue_.remove(order.id);
    return;
  }
  const Command* leader = nullptr;
  for (const Command& command : order.commands) {
    if (now_.tick >= command.expires) continue;
    const bool higher = leader && command.record.order.priority > leader->record.order.priority;
    if (!leader || higher) leader = &command;
  }
  const std::pair<Priority, std::string> place{leader->record.order.priority, leader->record.key.sender};
  if (queue_.contains(order.id)) {
    if (queue_.where(order.id) == place) return;
    queue_.remove(order.id);
  }
  queue_.push(order.id, place.first, place.second, order.repeat ? CancelQueue::Place::Front : CancelQueue::Place::Back);
}

void Gateway::schedule_query(Order& order) {
  if (order.query != 0) return;
  if (order.fate) {
    const bool waiting = std::any_of(order.commands.begin(), order.commands.end(),
                                     [&](const Command& command) { return !concludes(order, command); });
    if (!waiting) {
      order.next_query = Never;
      return;
    }
    // For the sake of exact quantities.
    if (order.query_sent < order.left_book_at) order.next_query = now_.tick;
  }
  if (order.owes_proof()) {
    order.next_query = std::min(order.next_query, order.next_counting_read());
    // An order with a command that is owed a final never goes without a clock.
    if (order.next_query == Never && !order.in_flight()) order.next_query = now_.tick;
  }
  if (order.next_query != Never && order.query_sent != Tick::min()) {
    order.next_query = std::max(order.next_query, order.query_sent + Order::QueriesApart);
  }
}

Tick Gateway::next_wake(const Order& order) const {
  Tick at = Never;
  const auto consider = [&](Tick tick) {
    if (tick > now_.tick) at = std::min(at, tick);
  };
  for (const Command& command : order.commands) {
    consider(command.expires);
    const Tick since = command.acked() ? Never : order.doubt_since(command);
    if (since != Never) consider(since + options_.doubt_after);
  }
  for (const Attempt& attempt : order.attempts) {
    if (attempt.state == Attempt::State::InFlight) consider(attempt.dispatched + options_.lost_after);
  }
  if (order.query != 0) consider(order.query_sent + options_.lost_after);
  if (order.left_book_proves()) consider(order.left_book_at + options_.edit_grace);
  consider(order.next_delete);
  consider(order.withheld_until);
  consider(order.next_stuck_report);
  return at;
}

// ---- Telling ----

void Gateway::ack_all(Order& order, const Answer& answer, AckStatus status, RejectReason reason) {
  for (Command& command : order.commands) {
    if (command.acked()) continue;
    CancelAck told;
    told.status = status;
    told.reason = reason;
    told.origin = Origin::Exchange;
    told.text = answer.text;
    told.http_status = answer.http_status;
    told.exchange_code = answer.exchange_code;
    told.final_follows = true;
    ack(order, command, std::move(told));
  }
}

void Gateway::refuse_all(Order& order, const Answer& answer, RejectReason reason) {
  if (order.fate) return;  // it says more than the refusal, and is concluded now
  for (Command& command : order.commands) {
    if (command.acked()) continue;
    if (!order.untouched_by_us()) {
      ack_in_doubt(order, command, "refused, but an earlier request may have been processed: " + answer.text);
      continue;
    }
    CancelAck told;
    told.status = AckStatus::Rejected;
    told.reason = reason;
    told.origin = Origin::Exchange;
    told.text = answer.text;
    told.http_status = answer.http_status;
    told.exchange_code = answer.exchange_code;
    ack(order, command, std::move(told));
  }
  save_changed(order);
}

void Gateway::ack_in_doubt(Order& order, Command& command, const std::string& text) {
  CancelAck doubt;
  doubt.status = AckStatus::InDoubt;
  doubt.text = text;
  doubt.final_follows = true;
  ack(order, command, std::move(doubt));
}

void Gateway::ack(Order& order, Command& command, CancelAck told) {
  CommandRecord& record = command.record;
  record.timeline.attempts = order.dispatched;
  record.timeline.sent = order.last_timeline.sent;
  record.timeline.answered = order.last_timeline.answered;
  record.timeline.worker = order.last_timeline.worker;
  told.cl_ord_id = record.key.cl_ord_id;
  told.order_id = order.id;
  record.timeline.acked = now_.wall;
  told.timeline = record.timeline;
  record.ack = told;
  record.ended = !told.final_follows;
  record.ack_seq = publish(client_topic(record.key.sender), std::move(told), record.order.traceparent);
  commands_.at(record.key).ack_seq = record.ack_seq;
  command.changed = true;
}

void Gateway::final(Order& order, Command& command, const Fate& fate) {
  CommandRecord& record = command.record;
  record.timeline.attempts = order.dispatched;
  record.timeline.finalized = now_.wall;
  if (!record.timeline.answered) {
    record.timeline.sent = order.last_timeline.sent;
    record.timeline.answered = order.last_timeline.answered;
    record.timeline.worker = order.last_timeline.worker;
  }
  CancelFinal told;
  told.cl_ord_id = record.key.cl_ord_id;
  told.order_id = order.id;
  told.ord_status = fate.status;
  told.evidence = fate.evidence;
  told.symbol = fate.symbol.empty() ? record.order.symbol : fate.symbol;
  told.quantities = fate.quantities;
  told.timeline = record.timeline;
  record.final = told;
  record.ended = true;
  record.final_seq = publish(client_topic(record.key.sender), std::move(told), record.order.traceparent);
  commands_.at(record.key).final_seq = record.final_seq;
  command.changed = true;
  if (fate.status == OrdStatus::Canceled) order.remember_canceled(record.key);
}

void Gateway::tell(const Order& order, const Command& command, Stage stage, const std::string& text) {
  publish(client_topic(command.record.key.sender),
          CancelStatus{command.record.key.cl_ord_id, order.id, stage, text, now_.wall},
          command.record.order.traceparent);
}

void Gateway::tell_all(Order& order, Stage stage, const std::string& text) {
  note(order, {.what = HistoryLine::What::Status, .status = stage, .text = text});
  for (const Command& command : order.commands) tell(order, command, stage, text);
}

// ---- Remembering and forgetting ----

void Gateway::note(Order& order, HistoryLine line) {
  line.order_id = order.id;
  line.at = now_.wall;
  line.line = ++order.history_lines;
  if (line.line > HistoryLine::MaxLines) line.drops = line.line - HistoryLine::MaxLines / 2;
  out_.records.push_back(std::move(line));
}

void Gateway::save_changed(Order& order) {
  for (Command& command : order.commands) {
    if (!std::exchange(command.changed, false)) continue;
    CommandRecord& record = command.record;
    record.last_dispatch = order.last_dispatch;
    record.doubt = order.in_doubt();
    record.answered = order.answered;
    record.last_answer = order.last_answer;
    record.updated = now_.wall;
    out_.records.push_back(record);
    if (record.ended) end(command);
  }
  std::erase_if(order.commands, [](const Command& command) { return command.record.ended; });
}

void Gateway::end(const Command& command) {
  const CommandKey& key = command.record.key;
  commands_.at(key).ended = true;
  ended_.emplace_back(now_.wall, key);
  --open_;
  const auto mine = open_by_sender_.find(key.sender);
  mine->second.erase(key.cl_ord_id);
  if (mine->second.empty()) open_by_sender_.erase(mine);
}

void Gateway::unindex(Order& order) {
  wakes_.erase({order.wake, order.id});
  questions_.erase({order.indexed_query.first, order.indexed_query.second, order.id});
  doubts_.erase({order.indexed_doubt, order.id});
}

void Gateway::forget_ended() {
  for (size_t i = 0; i < MaxForgottenPerTurn && !ended_.empty(); ++i) {
    if (now_.wall - ended_.front().first < options_.retention) return;
    forget_command(ended_.front().second);
    ended_.pop_front();
  }
}

void Gateway::forget_command(const CommandKey& key) {
  const auto ref = commands_.find(key);
  const OrderId id = ref->second.order_id;
  commands_.erase(ref);
  const auto count = remembered_by_sender_.find(key.sender);
  if (--count->second == 0) remembered_by_sender_.erase(count);
  out_.records.push_back(CommandForgotten{key});
  Order* order = find_order(id);
  if (order && --order->remembered == 0) {
    orders_.erase(id);
    out_.records.push_back(HistoryForgotten{id});
  }
}

}  // namespace cancelbus::core
