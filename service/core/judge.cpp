#include "service/core/judge.hpp"

#include <algorithm>

namespace cancelbus::core {

Order* Judge::find(OrderId id) {
  Order* order = book_.find_order(id);
  if (order && order->gap(book_.gap)) touch(*order);
  return order;
}

void Judge::join(const std::string& sender, const CancelOrder& request, std::optional<Duration> ttl, bool counted) {
  find(request.order_id);  // takes a gap of the stream into account before it joins
  Order& order = book_.order(request.order_id);
  const bool maybe_back = order.may_be_back(book_.gap);
  // What was told stands, and nothing of it is about the order that this command may find.
  if (maybe_back && order.effort && order.known_gone()) end_with_published(order);
  if (maybe_back) order.proof.reset();
  if (maybe_back && order.effort) order.effort->attempts.last_accepted = Tick::min();
  const bool maybe_gone = !order.effort && (maybe_back || book_.facts.is_gone(order.id));
  order.override_status.reset();
  Command command;
  command.received = now_.tick;
  command.record.key = {sender, request.cl_ord_id};
  command.record.order = request;
  command.record.timeline.received = now_.wall;
  if (ttl) {
    command.expires = now_.tick + *ttl;
    command.record.expires = now_.wall + *ttl;
    command.record.expires_tick = command.expires;
    command.record.expires_run_time = book_.run_time + *ttl;
  }
  book_.commands.add(command.record.key, order.id, counted);
  book_.out.applied(command.record.key, request);
  ++order.remembered;
  Effort& effort = order.begin(book_.gap);
  effort.schedule.joined = now_.tick;
  effort.commands.push_back(std::move(command));
  carry_out(order, verdicts_.joined(order, maybe_gone, now_.tick));
  touch(order);
}

void Judge::judge_touched() {
  while (!touched_.empty()) judge(*book_.orders.at(*touched_.begin()));
}

void Judge::gap() {
  book_.gap = {book_.gap.number + 1, now_.tick};
  book_.facts.gap();
  book_.sweeps.gap(now_.tick);
  gap_after_ = 0;
}

void Judge::catch_up() {
  const std::vector<OrderId> due = book_.timers.due(now_.tick, left_);
  touched_.insert(due.begin(), due.end());
  left_ -= due.size();
  continue_gap();
  continue_reports();
}

void Judge::continue_gap() {
  for (; gap_after_ && left_ > 0; --left_) {
    gap_after_ = book_.timers.after(*gap_after_);
    if (gap_after_) touched_.insert(*gap_after_);
  }
}

// Senders in turns, so that none waits for all commands of another.
void Judge::continue_reports() {
  while (!reports_.empty() && left_ > 0) {
    for (auto it = reports_.begin(); it != reports_.end() && left_ > 0; --left_) {
      auto& [sender, place] = *it;
      const auto next = book_.commands.next_undecided(sender, place);
      if (!next) {
        it = reports_.erase(it);
        continue;
      }
      place = *next;
      const Order& order = *book_.find_order(place.first);
      const auto is_it = [&, key = CommandKey{sender, place.second}](const Command& c) { return c.record.key == key; };
      const Command& command = *std::ranges::find_if(order.effort->commands, is_it);
      book_.out.status(order, command, order.effort->stage(), "undecided");
      ++it;
    }
  }
}

void Judge::publish_statuses() {
  while (book_.statuses.due(now_.tick)) {
    StatusQueue::Waiting next = book_.statuses.take(now_.tick);
    book_.out.status(next.sender, std::move(next.status), next.traceparent);
  }
}

void Judge::expire_permits() {
  for (const TaskId id : book_.tasks.expire(book_.out.records())) {
    const Task* task = book_.tasks.find(id);
    Order* order = task ? find(task->order_id) : nullptr;
    Attempt* attempt = order ? order->find_attempt(id) : nullptr;
    if (!attempt) {
      book_.tasks.drop(id);
      continue;
    }
    // The store has known of the request by its permit. From now on its commands say that it may have been processed.
    if (attempt->state == Attempt::State::InFlight) too_old(*order, *attempt);
    order->effort->changed();
    touch(*order);
  }
}

void Judge::judge(Order& order) {
  touched_.erase(order.id);
  if (!order.effort) return;
  order.gap(book_.gap);
  const Effort& effort = *order.effort;
  judge_requests(order);
  verdicts_.prove(order, now_.tick);
  if (order.proof && !effort.attempts.in_flight()) {
    carry_out(order, verdicts_.conclude(order, now_.tick));
    if (!order.proof->fate.gone()) carry_out(order, verdicts_.still_open(order, now_.tick));
  }
  if (!effort.attempts.in_flight()) carry_out(order, verdicts_.overridden(order));
  carry_out(order, verdicts_.stuck(order, now_.tick));
  carry_out(order, verdicts_.overdue(order, now_.tick));
  save(order);
  if (!effort.commands.empty()) return place(order);
  book_.queue.remove(order.id);
  book_.timers.erase(order.id);
  for (const Attempt& attempt : effort.attempts.list) book_.tasks.drop(attempt.task);
  order.rest();
}

// What has become of the requests under way since the order was judged last.
void Judge::judge_requests(Order& order) {
  Attempts& attempts = order.effort->attempts;
  for (Attempt& attempt : attempts.list) {
    // Of two that were given out one is in flight, and when it has ended the other, as long as its worker holds it.
    const bool silent = attempt.state == Attempt::State::Silent;
    if (silent && !attempts.in_flight() && book_.tasks.held_again(attempt.task)) {
      book_.out.note(order, {.what = HistoryLine::What::WorkerBack, .task = attempt.task});
      verdicts_.worker_back(order, attempt);
    }
    const bool overlong = verdicts_.is_too_old(attempt.dispatched, now_.tick);
    if (attempt.state == Attempt::State::InFlight && overlong) too_old(order, attempt);
  }
  Reads& reads = order.effort->reads;
  if (reads.task != 0 && verdicts_.is_too_old(reads.sent, now_.tick)) reads.unanswered(now_.tick);
}

void Judge::too_old(Order& order, Attempt& attempt) {
  book_.out.note(order, {.what = HistoryLine::What::Answer,
                         .status = Verdict::Doubtful,
                         .text = "none: no request lives so long",
                         .task = attempt.task});
  verdicts_.too_old(order, attempt, now_.tick);
}

void Judge::end_with_published(Order& order) {
  order.proof->unreadable = true;
  carry_out(order, verdicts_.conclude(order, now_.tick));
  if (!order.effort->attempts.in_flight()) judge(order);
}

void Judge::carry_out(Order& order, const Ruling& ruling) {
  bool ended = false;
  for (const Decision& decision : ruling.decisions) {
    if (decision.ack) book_.out.ack(order, *decision.command, *decision.ack);
    if (decision.final) {
      book_.out.final(order, *decision.command, *decision.final);
      publish_to_owner(order, decision.command->record, *decision.final);
    }
    if (!decision.command->record.ended) continue;
    ended = true;
    book_.statuses.drop(decision.command->record.key);
  }
  if (ended) save(order);
  if (ruling.status) status_of_all(order, ruling.status->first, ruling.status->second);
}

// A mass cancel may be about another sender's orders.
void Judge::publish_to_owner(const Order& order, const CommandRecord& command, const Fate& fate) {
  const MassCancel* mass = book_.mass_cancels.parent_of(command.key);
  const std::string owner = mass ? mass->owner_of(order.id) : "";
  if (!owner.empty() && fate.gone()) book_.out.unsolicited_to(owner, command, fate);
}

// To every undecided command, when there is room for it, and once into the order's history.
void Judge::status_of_all(Order& order, Stage stage, const std::string& text) {
  book_.out.note(order, {.what = HistoryLine::What::Status, .status = stage, .text = text});
  for (const Command& command : order.effort->commands) {
    const CommandRecord& record = command.record;
    MassCancel* mass = stage == Stage::Stuck ? book_.mass_cancels.parent_of(record.key) : nullptr;
    if (mass) mass->child_stuck(order.id, text);
    book_.statuses.add({record.key.sender, CancelStatus{record.key.cl_ord_id, order.id, stage, text, now_.wall},
                        record.order.traceparent});
  }
}

void Judge::save(Order& order) {
  std::vector<Command>& commands = order.effort->commands;
  for (Command& command : commands) {
    if (!command.changed) continue;
    book_.out.save(order, command);
    book_.commands.update(command.record, book_.run_time);
    if (MassCancel* mass = book_.mass_cancels.parent_of(command.record.key)) {
      mass->child_changed(command.record, now_.tick);
    }
  }
  std::erase_if(commands, [](const Command& command) { return command.record.ended; });
}

// In the queue if a DELETE is due, and with its timers.
void Judge::place(Order& order) {
  const bool due = verdicts_.wants_delete(order, now_.tick);
  verdicts_.plan_query(order, now_.tick);
  book_.timers.set(order.id, verdicts_.times(order, now_.tick));
  if (!due) {
    book_.queue.remove(order.id);
    return;
  }
  const Effort& effort = *order.effort;
  const Command& leader = *effort.leader(now_.tick);
  CancelQueue::Standing standing{leader.record.order.priority, leader.record.key.sender};
  if (effort.repeats()) standing.repeat = verdicts_.delete_due(order);
  standing.kill = book_.mass_cancels.any_engaged() && std::ranges::any_of(effort.commands, [this](const Command& c) {
                    return book_.mass_cancels.is_of_kill_switch(c.record.key);
                  });
  if (book_.queue.contains(order.id)) {
    if (book_.queue.where(order.id) == standing) return;
    book_.queue.remove(order.id);
  }
  const bool kept = effort.attempts.dispatched > 0;  // it was sent to no avail, and keeps its place
  book_.queue.push(order.id, std::move(standing), kept ? CancelQueue::Place::Front : CancelQueue::Place::Back);
}

}  // namespace cancelbus::core
