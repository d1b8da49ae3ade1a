#include "service/core/order.hpp"

#include <algorithm>

#include "service/core/check.hpp"
#include "service/core/decimal.hpp"

namespace cancelbus::core {

namespace {

bool unresolved(const Attempt& attempt) {
  return attempt.state == Attempt::State::InFlight || attempt.state == Attempt::State::Silent ||
         attempt.state == Attempt::State::Doubtful;
}

Fate fate_of(const Reading& reading) {
  Fate fate;
  fate.evidence = Evidence::OrderQuery;
  fate.symbol = reading.symbol;
  fate.quantities.price = reading.price;
  fate.quantities.order_qty = reading.quantity;
  fate.quantities.leaves_qty = reading.left_amount;
  const auto filled = difference(reading.quantity, reading.left_amount);
  fate.quantities.cum_qty = filled.value_or("");
  fate.quantities.exact = filled.has_value();
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

bool Order::in_flight() const {
  return std::any_of(attempts.begin(), attempts.end(),
                     [](const Attempt& a) { return a.state == Attempt::State::InFlight; });
}

bool Order::in_doubt() const {
  return earlier_doubt || std::any_of(attempts.begin(), attempts.end(), [](const Attempt& a) {
           return a.state == Attempt::State::Silent || a.state == Attempt::State::Doubtful;
         });
}

Tick Order::quiet_at() const {
  Tick at = earlier_quiet;
  for (const Attempt& attempt : attempts) {
    if (attempt.state == Attempt::State::InFlight) return Never;
    const bool denied = attempt.state == Attempt::State::Denied;
    at = std::max(at, denied ? attempt.denied : attempt.dispatched + StampDead);
  }
  return at;
}

Tick Order::doubt_since(const Command& command) const {
  Tick since = earlier_doubt ? command.received : Never;
  for (const Attempt& attempt : attempts) {
    if (unresolved(attempt)) since = std::min(since, std::max(attempt.dispatched, command.received));
  }
  return since;
}

WallTime Order::first_sent() const {
  const auto sent = [](const Command& c) {
    const Timeline& timeline = c.record.timeline;
    return timeline.dispatched ? *timeline.dispatched : *timeline.received;
  };
  const auto first = std::ranges::min_element(commands, {}, sent);
  return sent(*first);
}

bool Order::left_book_proves() const {
  // A 452 of before our first request is somebody else's; one after a fill can be the fill's; and nothing left says
  // that it filled.
  return left_book && left_book_at > first_dispatch && filled_at < first_dispatch && is_positive(left_book->num_left);
}

bool Order::word_agrees(const OrderFact& fact) const {
  const bool something_left = is_positive(fact.num_left);
  return *word == OrdStatus::New || *word == (something_left ? OrdStatus::Canceled : OrdStatus::Filled);
}

bool Order::any_acked() const {
  return std::any_of(commands.begin(), commands.end(), [](const Command& c) { return c.acked(); });
}

bool Order::wanted(Tick now) const {
  return std::any_of(commands.begin(), commands.end(), [now](const Command& c) { return now < c.expires; });
}

Tick Order::next_counting_read() const {
  const Tick quiet = quiet_at();
  if (quiet > query_sent) return quiet;
  const Tick second = first_read ? first_read_at + ReadsApart : Tick::min();
  return second > query_sent ? second : Never;
}

bool Order::freshly_accepted(Tick now, Duration final_wait) const {
  return last_accepted != Tick::min() && now - last_accepted < final_wait;
}

bool Order::superseded(const Attempt& attempt) const {
  return answered_at >= attempt.dispatched || std::any_of(attempts.begin(), attempts.end(), [&](const Attempt& a) {
           return a.task != 0 && a.dispatched > attempt.dispatched;
         });
}

Attempt* Order::find_attempt(TaskId task) {
  const auto it = std::find_if(attempts.begin(), attempts.end(), [task](const Attempt& a) { return a.task == task; });
  return it == attempts.end() ? nullptr : &*it;
}

Stage Order::stage() const {
  if (next_stuck_report != Never) return Stage::Stuck;
  if (in_flight()) return Stage::Sent;
  if (in_doubt()) return Stage::InDoubt;
  return answered > 0 && next_delete == Never ? Stage::WaitingFinal : Stage::Queued;
}

void Order::attempt_dispatched(TaskId task, WorkerId worker, Tick now) {
  if (attempts.size() >= MaxAttempts) {
    const auto ended = std::find_if(attempts.begin(), attempts.end(),
                                    [](const Attempt& a) { return a.state != Attempt::State::InFlight; });
    CANCELBUS_CHECK(ended != attempts.end());
    earlier_doubt |= unresolved(*ended);
    earlier_quiet = std::max(earlier_quiet, ended->dispatched + StampDead);
    attempts.erase(ended);
  }
  attempts.push_back({task, worker, now, Attempt::State::InFlight});
  ++dispatched;
  first_dispatch = std::min(first_dispatch, now);
  next_delete = Never;
  repeat = false;
  first_read.reset();
  if (fate && !fate->gone()) fate.reset();
}

void Order::attempt_denied(TaskId task, Tick now) {
  Attempt& attempt = *find_attempt(task);
  attempt.state = Attempt::State::Denied;
  attempt.denied = now;
}

void Order::attempt_void(TaskId task) {
  std::erase_if(attempts, [task](const Attempt& a) { return a.task == task; });
  if (!untouched_by_us()) return;
  first_dispatch = Never;
  // Without a request of ours a 452 proves nothing.
  if (fate && fate->evidence == Evidence::Channel452) fate.reset();
}

void Order::fact(const OrderFact& fact, Tick now) {
  touched_at = now;
  first_read.reset();
  switch (fact.type) {
    case FactType::Inserted451:
      // An edit is delete and insert: what was known of the order before is not about the order that is there now.
      inserted_at = now;
      left_book.reset();
      fate.reset();
      read_open.reset();
      proven_gone = false;
      // While a cancel is in flight its answer says when to ask.
      if (!untouched_by_us() && !in_flight()) news(now);
      return;
    case FactType::Deleted452:
      left_book = fact;
      left_book_at = now;
      break;
    case FactType::Matched441:
    case FactType::Trade423:
      filled_at = now;
      // Nobody has been told yet, and a 452 proves less now.
      if (fate && fate->evidence == Evidence::Channel452 && !proven_gone) fate.reset();
      break;
  }
  if (!left_book_proves()) news(now);
}

void Order::read(const Reading& reading, Tick now) {
  withheld_until = Tick::min();
  // The order that was read is not the one that has been inserted since.
  if (query_sent <= inserted_at) return news(now);
  Fate seen = fate_of(reading);
  if (reading.status == ReadStatus::Canceled || reading.status == ReadStatus::Closed) {
    fate = std::move(seen);
    return;
  }
  const bool counts = query_sent >= quiet_at() && query_sent > touched_at && owes_proof();
  read_open = std::move(seen);
  if (!counts) return;
  if (first_read != reading.status) {
    first_read = reading.status;
    first_read_at = now;
  } else if (query_sent - first_read_at >= ReadsApart) {
    // What a 452 has proven only a 451 undoes.
    if (fate && fate->gone()) {
      fate->unreadable = true;
    } else {
      fate = read_open;
    }
  }
}

void Order::news(Tick at) {
  next_query = std::min(next_query, at);
  query_interval = FirstInterval;
}

void Order::ask_later(Tick now) {
  next_query = now + query_interval;
  query_interval = std::min(query_interval * 2, LongestQueryInterval);
}

void Order::remember_canceled(const CommandKey& key) {
  if (canceled_finals.size() == MaxCanceledFinals) canceled_finals.erase(canceled_finals.begin());
  canceled_finals.push_back(key);
}

void Order::rest() {
  Order kept;
  kept.id = id;
  kept.remembered = remembered;
  kept.inserted_at = inserted_at;
  kept.canceled_finals = std::move(canceled_finals);
  kept.word = word;
  kept.history_lines = history_lines;
  kept.last_dispatch = last_dispatch;
  if (fate && fate->gone()) {
    kept.proven_gone = true;
    kept.fate = std::move(fate);
  }
  *this = std::move(kept);
}

}  // namespace cancelbus::core
