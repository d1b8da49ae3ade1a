#include "service/core/verdicts.hpp"

#include <algorithm>
#include <utility>

namespace cancelbus::core {

namespace {

constexpr Duration StuckReports = std::chrono::seconds(60);

/// Whether the exchange has decided about the request.
bool yes_or_no(Verdict verdict) {
  return verdict == Verdict::Accepted || verdict == Verdict::UnknownOrder || verdict == Verdict::Refused ||
         verdict == Verdict::Blocked || verdict == Verdict::WrongRequest;
}

/// Whether the request was written, or may have been, and was not turned away unread for the budget's sake.
bool was_sent(Verdict verdict) {
  return verdict != Verdict::Throttled && verdict != Verdict::StaleStamp && verdict != Verdict::NeverWritten;
}

CancelAck ack_of(AckStatus status, RejectReason reason, std::string text, bool final_follows) {
  CancelAck ack;
  ack.status = status;
  ack.reason = reason;
  ack.text = std::move(text);
  ack.final_follows = final_follows;
  return ack;
}

/// Of the bus, and with the answer that it rests on, if there was one.
CancelAck with_answer(CancelAck ack, const std::optional<LastAnswer>& answer) {
  if (!answer) return ack;
  ack.http_status = answer->http_status;
  ack.exchange_code = answer->exchange_code;
  ack.text += answer->http_status != 0 ? "; last answer: " : "; ";
  ack.text += text_of(*answer);
  return ack;
}

CancelAck in_doubt(std::string text, const std::optional<LastAnswer>& answer) {
  return with_answer(ack_of(AckStatus::InDoubt, RejectReason::None, std::move(text), true), answer);
}

CancelAck by_exchange(const Answer& answer, AckStatus status, RejectReason reason, bool final_follows) {
  CancelAck ack = ack_of(status, reason, answer.text, final_follows);
  ack.origin = Origin::Exchange;
  ack.http_status = answer.http_status;
  ack.exchange_code = answer.exchange_code;
  return ack;
}

/// Something was sent, and what became of it is known by `by` at most.
CancelAck in_doubt(const Attempts& attempts, const std::string& by) {
  const char* const sent =
      attempts.doubtful ? "sent, and not known whether it was processed" : "sent, and not answered";
  return in_doubt(sent + ("; " + by), attempts.doubtful);
}

/// For every command without an ack.
template <typename AckOf>
Ruling ack_all(Order& order, const AckOf& ack) {
  Ruling ruling;
  for (Command& command : order.effort->commands) {
    if (!command.acked()) ruling.decisions.push_back({&command, ack()});
  }
  return ruling;
}

/// The exchange has refused, and nothing follows if no other attempt may have been processed.
Ruling refuse_all(Order& order, const Answer& answer, RejectReason reason) {
  if (order.proof) return {};  // it says more than the refusal, and is concluded now
  return ack_all(order, [&] {
    if (order.effort->attempts.none_acted()) return by_exchange(answer, AckStatus::Rejected, reason, false);
    return in_doubt("refused, but an earlier request may have been processed",
                    LastAnswer{answer.http_status, answer.exchange_code, answer.text});
  });
}

RejectReason reason_of_override(OrdStatus status) {
  if (status == OrdStatus::New) return RejectReason::Other;
  return status == OrdStatus::Rejected ? RejectReason::UnknownOrder : RejectReason::TooLate;
}

}  // namespace

// ---- What happened ----

Ruling Verdicts::joined(Order& order, bool maybe_gone, Tick now) const {
  Effort& effort = *order.effort;
  if (order.proof) return {};
  if (effort.attempts.freshly_accepted(now, options_.final_wait)) {
    Answer earlier;
    earlier.text = "an earlier cancel of this order was accepted";
    earlier.http_status = 200;
    CancelAck accepted = by_exchange(earlier, AckStatus::Accepted, RejectReason::None, true);
    return {{{&effort.commands.back(), std::move(accepted)}}};
  }
  if (effort.attempts.in_flight()) return {};
  effort.schedule.next_delete = std::min(effort.schedule.next_delete, now);
  if (maybe_gone) {
    // That alone proves nothing: one query may spare the DELETE.
    effort.reads.news(now);
    effort.schedule.withheld_until = now + Schedule::ReadPatience;
  }
  return {};
}

bool Verdicts::needs_permit(const Order& order, const StreamGap& gap, Tick now) const {
  if (order.known_gone() && !order.may_be_back(gap)) return false;
  if (!order.effort) return true;
  const Attempts& attempts = order.effort->attempts;
  return !attempts.in_flight() && !attempts.freshly_accepted(now, options_.final_wait);
}

void Verdicts::note_answer(Effort& effort, const Answer& answer, const std::string& worker, Tick now) const {
  Attempts& attempts = effort.attempts;
  if (yes_or_no(answer.verdict)) {
    ++attempts.answered;
    attempts.answered_at = now;
    attempts.last_answer = answer.verdict;
    attempts.unauthorized = 0;
    effort.schedule.next_delete = Never;
  }
  effort.schedule.exempt = effort.schedule.retried = false;
  effort.schedule.handed_over.clear();
  if (answer.verdict != Verdict::NeverWritten) effort.schedule.unwritten = Schedule::FirstUnwritten;
  const LastAnswer last{answer.http_status, answer.exchange_code, answer.text};
  const bool doubtful = answer.verdict == Verdict::Doubtful || answer.verdict == Verdict::Read;
  if (doubtful) attempts.doubtful = last;
  if (!doubtful && !yes_or_no(answer.verdict)) attempts.unprocessed = last;
  attempts.last_timeline.sent = answer.sent;
  attempts.last_timeline.answered = answer.answered;
  attempts.last_timeline.worker = worker;
  effort.changed();
}

Ruling Verdicts::delete_ended(Order& order, TaskId task, const Answer& answer, const std::string& worker,
                              bool stream_live, Tick now) const {
  Effort& effort = *order.effort;
  Attempts& attempts = effort.attempts;
  const Attempt ended = *attempts.find(task);
  note_answer(effort, answer, worker, now);
  if (was_sent(answer.verdict)) order.deletes.ended = now;
  switch (answer.verdict) {
    case Verdict::Accepted: {
      attempts.find(task)->state = Attempt::State::Accepted;
      attempts.last_accepted = now;
      const bool something_happened =
          effort.heard.left_book || effort.heard.filled_at >= attempts.first_dispatch || !stream_live;
      effort.reads.interval = Reads::FirstInterval;
      effort.reads.next = something_happened ? now : now + options_.final_wait;
      return ack_all(order, [&] { return by_exchange(answer, AckStatus::Accepted, RejectReason::None, true); });
    }
    case Verdict::UnknownOrder:
    case Verdict::Refused:
    case Verdict::WrongRequest: {
      attempts.denied(task, now);
      effort.reads.news(now);
      const bool unknown = answer.verdict == Verdict::UnknownOrder;
      const RejectReason reason = unknown ? RejectReason::UnknownOrder : RejectReason::Other;
      return ack_all(order, [&] { return by_exchange(answer, AckStatus::Rejected, reason, true); });
    }
    case Verdict::Blocked: {
      // Nothing happened. Where a command is owed a final all the same, queries find it, and no DELETE does.
      const bool settles = attempts.list.size() == 1 && !attempts.earlier_doubt && !effort.any_acked();
      if (settles) {
        order.attempt_void(task, true);
      } else {
        attempts.denied(task, now);
        effort.reads.news(now);
      }
      return refuse_all(order, answer, RejectReason::Blocked);
    }
    case Verdict::Unauthorized: {
      order.attempt_void(task, true);
      keep_place(order, ended, now, now);
      if (++attempts.unauthorized > 1) return refuse_all(order, answer, RejectReason::NotAuthorized);
      effort.schedule.exempt = true;  // another worker's key may be let in
      return {};
    }
    case Verdict::Throttled:
    case Verdict::StaleStamp:
      order.attempt_void(task, false);
      keep_place(order, ended, now, now);
      return {};
    case Verdict::NeverWritten: {
      order.attempt_void(task, false);
      Duration& wait = effort.schedule.unwritten;
      keep_place(order, ended, now + wait, now);
      wait = std::min(wait * 2, Duration(Schedule::LongestUnwritten));
      return {};
    }
    case Verdict::Read:  // a worker that answers a cancel with a reading is broken: nothing is known
    case Verdict::Doubtful:
      attempts.find(task)->state = Attempt::State::Doubtful;
      effort.reads.news(now);
      keep_place(order, ended, now, now);
      if (order.proof) return {};
      return {.status = std::pair{Stage::InDoubt, answer.text}};
  }
  return {};
}

void Verdicts::worker_silent(Order& order, Attempt& attempt, Tick now) const {
  attempt.state = Attempt::State::Silent;
  order.deletes.ended = now;
  order.effort->reads.news(now);
  keep_place(order, attempt, now, now);
  // One hand-over for each silent worker. Those that follow keep their distance.
  Schedule& schedule = order.effort->schedule;
  if (std::ranges::find(schedule.handed_over, attempt.worker) != schedule.handed_over.end()) return;
  schedule.handed_over.push_back(attempt.worker);
  schedule.exempt = true;
}

void Verdicts::worker_back(Order& order, Attempt& attempt) const {
  attempt.state = Attempt::State::InFlight;
  if (order.effort->attempts.superseded(attempt)) return;
  // The hand-over is withdrawn, and may come again.
  Schedule& schedule = order.effort->schedule;
  schedule.next_delete = Never;
  schedule.retried = false;
  if (std::exchange(schedule.exempt, false)) std::erase(schedule.handed_over, attempt.worker);
}

void Verdicts::too_old(Order& order, Attempt& attempt, Tick now) const {
  attempt.state = Attempt::State::Doubtful;
  order.deletes.ended = now;
  order.effort->reads.news(now);
  keep_place(order, attempt, now, now);
}

void Verdicts::query_ended(Order& order, const Answer& answer, Tick now) const {
  Effort& effort = *order.effort;
  effort.schedule.withheld_until = Tick::min();
  // Queued and never sent, it was worth one query for the stream's news, and no more.
  if (effort.reads.next == Never && effort.owes_proof()) effort.reads.later(now);
  if (answer.verdict == Verdict::Throttled || answer.arrival == Arrival::NeverSent) effort.reads.news(now);
  if (answer.verdict == Verdict::WrongRequest) {
    effort.reads.refused_since = std::min(effort.reads.refused_since, now);
    effort.reads.refused_until = now;
  } else if (answer.verdict == Verdict::Read) {
    // Only what the queries had to do with it is over.
    const bool unread = std::exchange(effort.reads.refused_since, Never) != Never;
    if (unread && effort.attempts.answered < options_.max_attempts) effort.schedule.next_stuck_report = Never;
    order.read(answer.reading, now);
  }
}

// The order keeps its place in the queue, unless another attempt has settled already whether one follows.
void Verdicts::keep_place(Order& order, const Attempt& ended, Tick at, Tick now) const {
  Effort& effort = *order.effort;
  if (effort.attempts.superseded(ended)) return;
  effort.schedule.next_delete = std::min(effort.schedule.next_delete, at);
  const bool stream_spoke = effort.heard.left_book || effort.heard.filled_at >= ended.dispatched;
  if (!stream_spoke) return;
  effort.reads.news(now);
  effort.schedule.withheld_until = now + Schedule::ReadPatience;
}

// ---- What it means ----

void Verdicts::prove(Order& order, Tick now) const {
  const Effort& effort = *order.effort;
  if (order.proof || !effort.left_book_proves() || now < effort.heard.left_book_at + options_.edit_grace) return;
  const OrderFact& fact = *effort.heard.left_book;
  order.proof =
      Proof{{OrdStatus::Canceled, Evidence::Channel452, quantities_of(fact), fact.symbol}, effort.heard.left_book_at};
}

bool Verdicts::concludes(const Order& order, const Command& command, Tick now) const {
  const Proof& proof = *order.proof;
  const Attempts& attempts = order.effort->attempts;
  const bool exact = proof.fate.evidence != Evidence::Channel452 || proof.unreadable;
  if (proof.fate.gone()) return exact || !command.record.order.exact_quantities;
  // Not gone. A command that the exchange has not answered yet, and may still answer, waits for its own answer.
  if (proof.fate.status == OrdStatus::Rejected) return command.acked() || attempts.in_doubt();
  const bool denied = attempts.last_answer && *attempts.last_answer != Verdict::Accepted;
  return command.acked() && (denied || now >= command.expires);
}

Ruling Verdicts::conclude(Order& order, Tick now) const {
  Ruling ruling;
  Proof& proof = *order.proof;
  if (proof.published != proof.fate.gone()) order.effort->changed();
  proof.published = proof.fate.gone();
  for (Command& command : order.effort->commands) {
    const bool ends = concludes(order, command, now);
    Decision decision{&command};
    if (!command.acked() && (ends || proof.fate.gone())) {
      decision.ack = order.effort->attempts.in_doubt()
                         ? in_doubt(order.effort->attempts, "the order's fate is proven")
                         : ack_of(AckStatus::Rejected, RejectReason::TooLate,
                                  "the order was gone before the cancel could be sent", true);
    }
    if (ends) decision.final = proof.fate;
    if (decision.ack || decision.final) ruling.decisions.push_back(std::move(decision));
  }
  return ruling;
}

Ruling Verdicts::still_open(Order& order, Tick now) const {
  Effort& effort = *order.effort;
  Schedule& schedule = effort.schedule;
  const bool open = order.proof->fate.status != OrdStatus::Rejected;
  order.proof.reset();
  effort.reads.first.reset();
  if (!open || options_.observe || !effort.first_wanting(now) || schedule.next_delete != Never) return {};
  if (effort.attempts.answered < options_.max_attempts) {
    schedule.next_delete = now;
    return {.status =
                std::pair{Stage::Resending, "the order is proven open after an answered cancel; sending another"}};
  }
  schedule.begin_stuck(now);
  return {};
}

Ruling Verdicts::overridden(Order& order) const {
  Ruling ruling;
  for (Command& command : order.effort->commands) {
    // What the exchange has proven while a cancel was in flight outweighs an override. A command that waits for exact
    // quantities still waits for them.
    if (order.proof) command.override_status.reset();
    if (!command.override_status) continue;
    order.override_status = command.override_status;
    Decision decision{&command};
    if (!command.acked()) {
      decision.ack = order.effort->attempts.in_doubt()
                         ? in_doubt(order.effort->attempts, "an operator has settled it")
                         : ack_of(AckStatus::Rejected, reason_of_override(*command.override_status),
                                  "an operator has settled it before the cancel could be sent", true);
    }
    decision.final = Fate{*command.override_status, Evidence::Operator};
    ruling.decisions.push_back(std::move(decision));
  }
  return ruling;
}

Ruling Verdicts::stuck(Order& order, Tick now) const {
  Effort& effort = *order.effort;
  Schedule& schedule = effort.schedule;
  if (effort.reads.refused_for_long()) schedule.begin_stuck(now);
  if (schedule.next_stuck_report > now) return {};
  schedule.next_stuck_report = now + StuckReports;
  return {.status = std::pair{Stage::Stuck, effort.why_stuck()}};
}

Ruling Verdicts::overdue(Order& order, Tick now) const {
  Ruling ruling;
  const Effort& effort = *order.effort;
  for (Command& command : order.effort->commands) {
    if (command.acked()) continue;
    const bool expired = now >= command.expires;
    const Tick since = effort.doubt_since(command);
    const Attempts& attempts = effort.attempts;
    if (options_.observe && attempts.none_acted()) {
      ruling.decisions.push_back({&command, ack_of(AckStatus::Rejected, RejectReason::Observing,
                                                   "the bus runs with --observe and sends no cancel", false)});
    } else if (expired && attempts.none_acted()) {
      const char* const text = attempts.unprocessed ? "time_to_live ended before a cancel was processed"
                                                    : "time_to_live ended before the cancel could be sent";
      CancelAck ack = ack_of(AckStatus::Rejected, RejectReason::Expired, text, false);
      ruling.decisions.push_back({&command, with_answer(std::move(ack), attempts.unprocessed)});
    } else if (expired && !attempts.in_flight()) {
      ruling.decisions.push_back(
          {&command, in_doubt("time_to_live ended; an earlier request may have been processed", attempts.doubtful)});
    } else if (since != Never && now >= since + options_.doubt_after) {
      const char* const text =
          attempts.doubtful ? "sent, and not known whether it was processed" : "sent, and nothing is known of it yet";
      ruling.decisions.push_back({&command, in_doubt(text, attempts.doubtful)});
    }
  }
  return ruling;
}

// ---- What comes next ----

bool Verdicts::wants_delete(Order& order, Tick now) const {
  Effort& effort = *order.effort;
  if (options_.observe || order.proof || !effort.first_wanting(now)) return false;
  // A command that nothing was ever sent for stands in the queue, whatever happened to it there.
  if (effort.attempts.none_acted() && effort.schedule.next_delete == Never) effort.schedule.next_delete = now;
  return !effort.attempts.in_flight() && delete_due(order) <= now;
}

Tick Verdicts::delete_due(const Order& order) const {
  const Schedule& schedule = order.effort->schedule;
  if (schedule.next_delete == Never) return Never;
  return std::max({schedule.next_delete, schedule.withheld_until, order.next_delete_allowed()});
}

void Verdicts::plan_query(Order& order, Tick now) const {
  Effort& effort = *order.effort;
  Reads& reads = effort.reads;
  if (reads.task != 0) return;
  if (order.proof) {
    if (std::ranges::all_of(effort.commands, [&](const Command& c) { return concludes(order, c, now); })) {
      reads.next = Never;
      return;
    }
    // For the sake of exact quantities.
    if (reads.sent < effort.heard.left_book_at) reads.next = now;
  }
  if (effort.owes_proof()) {
    reads.next = std::min(reads.next, effort.next_counting_read());
    // An order with a command that is owed a final never goes without a timer.
    if (reads.next == Never && !effort.attempts.in_flight()) reads.next = now;
  }
  if (reads.next != Never && reads.sent != Tick::min())
    reads.next = std::max(reads.next, reads.sent + Reads::QueriesApart);
}

OrderTimers::Times Verdicts::times(const Order& order, Tick now) const {
  const Effort& effort = *order.effort;
  OrderTimers::Times times;
  const auto consider = [&](Tick tick) {
    if (tick > now) times.wake = std::min(times.wake, tick);
  };
  for (const Command& command : effort.commands) {
    consider(command.expires);
    const Tick since = command.acked() ? Never : effort.doubt_since(command);
    if (since != Never) consider(since + options_.doubt_after);
  }
  for (const Attempt& attempt : effort.attempts.list) {
    if (attempt.state == Attempt::State::InFlight) consider(attempt.dispatched + options_.lost_after);
  }
  if (effort.reads.task != 0) consider(effort.reads.sent + options_.lost_after);
  if (effort.left_book_proves()) consider(effort.heard.left_book_at + options_.edit_grace);
  consider(delete_due(order));
  consider(effort.schedule.next_stuck_report);
  if (effort.attempts.in_doubt()) times.doubt_since = effort.first_sent();
  if (effort.reads.task == 0 && effort.reads.next != Never) {
    // What was never sent waits for the others as what was asked often does.
    const bool old = effort.reads.interval >= Reads::LongestInterval || !effort.owes_proof();
    times.query = {old ? OrderTimers::Tier::Old : OrderTimers::Tier::Fresh, effort.reads.next};
  }
  return times;
}

}  // namespace cancelbus::core
