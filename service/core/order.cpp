#include "service/core/order.hpp"

#include <algorithm>
#include <utility>

#include "service/core/check.hpp"
#include "service/core/decimal.hpp"

namespace cancelbus::core {

namespace {

bool says_gone(const Reading& reading) {
  return reading.status == ReadStatus::Canceled || reading.status == ReadStatus::Closed;
}

Fate fate_of(const Reading& reading) {
  Fate fate;
  fate.evidence = Evidence::OrderQuery;
  fate.symbol = reading.symbol;
  const auto filled = difference(reading.quantity, reading.left_amount);
  const bool exact = filled.has_value() && !contradicts_itself(reading);
  fate.quantities = {reading.price, reading.quantity, reading.left_amount, filled.value_or(""), exact};
  if (contradicts_itself(reading)) {
    // That it is gone has been read twice. What is left of it outweighs the word.
    fate.status = is_positive(reading.left_amount) ? OrdStatus::Canceled : OrdStatus::Filled;
    return fate;
  }
  switch (reading.status) {
    case ReadStatus::Canceled:
      fate.status = OrdStatus::Canceled;
      break;
    case ReadStatus::Closed:
      fate.status = OrdStatus::Filled;
      break;
    case ReadStatus::NotFound:
      fate.status = OrdStatus::Rejected;
      break;
    case ReadStatus::Open:
      fate.status = filled && is_positive(*filled) ? OrdStatus::PartiallyFilled : OrdStatus::New;
      break;
  }
  return fate;
}

}  // namespace

bool contradicts_itself(const Reading& reading) {
  if (!says_gone(reading) || !difference(reading.quantity, reading.left_amount)) return false;
  return is_positive(reading.left_amount) == (reading.status == ReadStatus::Closed);
}

Quantities quantities_of(const OrderFact& fact) {
  const auto filled = difference(fact.amount, fact.num_left);
  return {fact.price, fact.amount, fact.num_left, filled.value_or(""), false};
}

std::string text_of(const LastAnswer& answer) {
  const std::string status = "HTTP " + std::to_string(answer.http_status);
  if (answer.http_status == 0 || answer.text.starts_with(status)) return answer.text;
  return status + ": " + answer.text;
}

// ---- Attempts ----

Tick Attempt::quiet_at() const {
  if (state == State::InFlight) return Never;
  return state == State::Denied ? denied : dispatched + Attempts::StampDead;
}

bool Attempts::in_flight() const {
  return std::ranges::any_of(list, [](const Attempt& a) { return a.state == Attempt::State::InFlight; });
}

bool Attempts::in_doubt() const {
  return earlier_doubt || std::ranges::any_of(list, [](const Attempt& a) {
           return a.unresolved() && a.state != Attempt::State::InFlight;
         });
}

Tick Attempts::quiet_at() const {
  Tick at = earlier_quiet;
  for (const Attempt& attempt : list) at = std::max(at, attempt.quiet_at());
  return at;
}

bool Attempts::freshly_accepted(Tick now, Duration final_wait) const {
  return last_accepted != Tick::min() && now - last_accepted < final_wait;
}

bool Attempts::superseded(const Attempt& attempt) const {
  return answered_at >= attempt.dispatched ||
         std::ranges::any_of(list, [&](const Attempt& a) { return a.dispatched > attempt.dispatched; });
}

Attempt* Attempts::find(TaskId task) {
  const auto it = std::ranges::find(list, task, &Attempt::task);
  return it == list.end() ? nullptr : &*it;
}

void Attempts::add(TaskId task, WorkerId worker, Tick now) {
  if (list.size() >= Most) {
    const auto ended = std::ranges::find_if(list, [](const Attempt& a) { return a.state != Attempt::State::InFlight; });
    CANCELBUS_CHECK(ended != list.end());
    fold(*ended);
    list.erase(ended);
  }
  list.push_back({task, worker, now, Attempt::State::InFlight});
  ++dispatched;
  ++counted;
  first_dispatch = std::min(first_dispatch, now);
}

void Attempts::fold(const Attempt& ended) {
  earlier_doubt |= ended.unresolved();
  earlier_quiet = std::max(earlier_quiet, ended.quiet_at());
}

void Attempts::denied(TaskId task, Tick now) {
  Attempt& attempt = *find(task);
  attempt.state = Attempt::State::Denied;
  attempt.denied = now;
}

void Attempts::erase(TaskId task) {
  std::erase_if(list, [task](const Attempt& a) { return a.task == task; });
  if (none_acted()) first_dispatch = Never;
}

// ---- Reads ----

bool Reads::refused_for_long() const {
  return refused_since != Never && refused_until - refused_since >= RefusedForLong;
}

bool Reads::first_says_gone() const { return first == ReadStatus::Canceled || first == ReadStatus::Closed; }

void Reads::news(Tick at) {
  next = std::min(next, at);
  interval = FirstInterval;
}

void Reads::unanswered(Tick now) {
  task = 0;
  next = std::min(next, now);
}

void Reads::later(Tick now) {
  next = now + interval;
  interval = std::min(interval * 2, LongestInterval);
}

// ---- Schedule ----

void Schedule::begin_stuck(Tick now) {
  if (next_stuck_report != Never) return;
  next_stuck_report = now;
  stuck_since = now;
}

// ---- Effort ----

Tick Effort::doubt_since(const Command& command) const {
  Tick since = attempts.earlier_doubt ? command.received : Never;
  for (const Attempt& attempt : attempts.list) {
    if (attempt.unresolved()) since = std::min(since, std::max(attempt.dispatched, command.received));
  }
  return since;
}

WallTime Effort::first_sent() const {
  const auto sent = [](const Command& c) {
    const Timeline& timeline = c.record.timeline;
    return timeline.dispatched ? *timeline.dispatched : *timeline.received;
  };
  return sent(*std::ranges::min_element(commands, {}, sent));
}

bool Effort::left_book_proves() const {
  // A 452 of before our first request is not our cancel's; one after a fill can be the fill's; and nothing left says
  // that it filled.
  return heard.left_book && heard.left_book_at > attempts.first_dispatch && heard.filled_at < attempts.first_dispatch &&
         is_positive(heard.left_book->num_left);
}

void Effort::changed() {
  for (Command& command : commands) command.changed = true;
}

bool Effort::any_acked() const {
  return std::ranges::any_of(commands, [](const Command& c) { return c.acked(); });
}

const Command* Effort::first_wanting(Tick now) const {
  const auto it = std::ranges::find_if(commands, [now](const Command& c) { return now < c.expires; });
  return it == commands.end() ? nullptr : &*it;
}

const Command* Effort::leader(Tick now) const {
  const Command* leader = nullptr;
  for (const Command& command : commands) {
    if (now >= command.expires) continue;
    const bool higher = leader && command.record.order.priority > leader->record.order.priority;
    if (!leader || higher) leader = &command;
  }
  return leader;
}

Tick Effort::next_counting_read() const {
  const Tick second = reads.first ? reads.first_at + Reads::Apart : Tick::min();
  if (reads.first_says_gone() && second > reads.sent) return second;
  const Tick quiet = attempts.quiet_at();
  if (quiet > reads.sent) return quiet;
  return second > reads.sent ? second : Never;
}

Stage Effort::stage() const {
  if (schedule.next_stuck_report != Never) return Stage::Stuck;
  if (attempts.in_flight()) return Stage::Sent;
  if (attempts.in_doubt()) return Stage::InDoubt;
  return attempts.answered > 0 && schedule.next_delete == Never ? Stage::WaitingFinal : Stage::Queued;
}

std::string Effort::why_stuck() const {
  if (reads.refused_for_long()) return "the exchange refuses to say what became of the order";
  return std::to_string(attempts.answered) + " cancels were answered and the order is still open";
}

// ---- Order ----

Duration Deletes::distance() const {
  if (count == 0) return Duration::zero();
  return std::min(FirstDistance * (int64_t{1} << std::min(count - 1, 5u)), Duration(LongestDistance));
}

Tick Order::next_delete_allowed() const {
  const Schedule& schedule = effort->schedule;
  if (deletes.count == 0 || schedule.exempt || schedule.retried) return Tick::min();
  const bool joined = schedule.joined > deletes.ended;
  return deletes.ended + (joined ? Deletes::FirstDistance : deletes.distance());
}

bool Order::read_gone() const {
  if (!proof || proof->fate.evidence != Evidence::OrderQuery) return false;
  return proof->fate.gone() || proof->fate.status == OrdStatus::Rejected;
}

bool Order::may_be_back(const StreamGap& gap) const {
  return proof && proof->fate.evidence == Evidence::Channel452 && proof->at <= gap.at;
}

bool Order::override_agrees(const OrderFact& fact) const {
  const bool something_left = is_positive(fact.num_left);
  return *override_status == OrdStatus::New ||
         *override_status == (something_left ? OrdStatus::Canceled : OrdStatus::Filled);
}

bool Order::take_override(const CommandKey& key, OrdStatus as) {
  bool news = false;
  for (Command& command : effort->commands) {
    // Gone, or never there, it is so for every command; that it is open is no reason to give up another's.
    if (as == OrdStatus::New && command.record.key != key) continue;
    news |= std::exchange(command.override_status, as) != as;
  }
  return news;
}

bool Order::retry(Tick now, Duration final_wait) {
  Schedule& schedule = effort->schedule;
  const Attempts& attempts = effort->attempts;
  const bool may_send =
      !proof && effort->first_wanting(now) && !attempts.in_flight() && !attempts.freshly_accepted(now, final_wait);
  if (!may_send) {
    effort->reads.news(now);
    return false;
  }
  schedule.retried = true;
  schedule.next_delete = now;
  return true;
}

Effort& Order::begin(const StreamGap& gap) {
  if (!effort) {
    effort = std::make_unique<Effort>();
    effort->heard.gap = gap.number;
  }
  return *effort;
}

void Order::dispatched(TaskId task, WorkerId worker, Instant now) {
  effort->attempts.add(task, worker, now.tick);
  effort->schedule.next_delete = Never;
  effort->schedule.exempt = effort->schedule.retried = false;
  ++deletes.count;
  if (!effort->reads.first_says_gone()) effort->reads.first.reset();
  last_dispatch = now;
}

void Order::attempt_void(TaskId task, bool counts) {
  effort->attempts.erase(task);
  if (!counts) {
    if (deletes.count > 0) --deletes.count;  // a 451 may have begun the count anew
    --effort->attempts.counted;
  }
  // Without a request of ours a 452 proves nothing.
  if (effort->attempts.none_acted()) retract_unpublished_452();
}

void Order::retract_unpublished_452() {
  if (proof && !proof->published && proof->fate.evidence == Evidence::Channel452) proof.reset();
}

void Order::fact(const OrderFact& fact, Tick now) {
  Heard& heard = effort->heard;
  heard.any_at = now;
  effort->reads.first.reset();
  switch (fact.type) {
    case FactType::Inserted451:
      // An edit is delete and insert: what was known of the order before is not about the order that is there now.
      inserted_at = now;
      heard.left_book.reset();
      proof.reset();
      // While a cancel is in flight its answer says when to ask.
      if (!effort->attempts.none_acted() && !effort->attempts.in_flight()) effort->reads.news(now);
      return;
    case FactType::Deleted452:
      heard.left_book = fact;
      heard.left_book_at = now;
      break;
    case FactType::Matched441:
    case FactType::Trade423:
      heard.filled_at = now;
      retract_unpublished_452();
      break;
  }
  if (!effort->left_book_proves()) effort->reads.news(now);
}

void Order::read(const Reading& reading, Tick now) {
  Reads& reads = effort->reads;
  effort->schedule.withheld_until = Tick::min();
  // The order that was read is not the one that has been inserted since.
  if (reads.sent <= inserted_at) return reads.news(now);
  const bool counts =
      reads.sent >= effort->attempts.quiet_at() && reads.sent > effort->heard.any_at && effort->owes_proof();
  if (says_gone(reading)) {
    const bool stands = reads.first == reading.status && reads.sent - reads.first_at >= Reads::Apart;
    if (contradicts_itself(reading) && !stands) {
      if (reads.first != reading.status) reads.first_at = now;
      reads.first = reading.status;
      effort->schedule.withheld_until = reads.first_at + Reads::Apart + Schedule::ReadPatience;
      return;
    }
    if (!proof) proof.emplace();
    proof->fate = fate_of(reading);
    proof->at = now;
    proof->unreadable = false;
  } else if (counts && reads.first != reading.status) {
    reads.first = reading.status;
    reads.first_at = now;
  } else if (counts && reads.sent - reads.first_at >= Reads::Apart) {
    // What a 452 has proven only a 451 undoes.
    if (proof && proof->fate.gone()) {
      proof->unreadable = true;
    } else {
      proof = Proof{fate_of(reading), now};
    }
  }
}

bool Order::gap(const StreamGap& gap) {
  if (!effort || effort->heard.gap == gap.number) return false;
  effort->heard.gap = gap.number;
  effort->heard.filled_at = gap.at;
  retract_unpublished_452();
  effort->reads.news(gap.at);
  return true;
}

void Order::inserted() {
  if (effort && known_gone()) effort->changed();
  proof.reset();
  deletes = {};
  override_status.reset();
}

void Order::rest() {
  effort.reset();
  if (proof && !proof->fate.gone()) proof.reset();
  if (proof) proof->published = true;
}

void Order::remember_canceled(const CommandKey& key) {
  if (canceled_finals.size() == MaxCanceledFinals) canceled_finals.erase(canceled_finals.begin());
  canceled_finals.push_back(key);
}

}  // namespace cancelbus::core
