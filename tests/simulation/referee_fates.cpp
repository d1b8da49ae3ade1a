// The truth of what is told: acks and finals against the exchange's own book.
#include <algorithm>
#include <chrono>

#include "service/core/names.hpp"
#include "tests/simulation/describe.hpp"
#include "tests/simulation/referee.hpp"

namespace cancelbus::simulation {

bool Referee::was_answered(core::OrderId order, int http_status) const {
  const auto& arrivals = exchange_.seen().arrivals.kept();
  return std::any_of(arrivals.begin(), arrivals.end(), [&](const exchange_sim::Arrival& arrival) {
    return arrival.endpoint == exchange_sim::Endpoint::CancelOrder && arrival.order_id == order &&
           arrival.outcome == std::to_string(http_status);
  });
}

void Referee::set_barrier(core::OrderId id, const std::string& by) {
  Order& order = orders_[id];
  if (order.deletes.empty()) return;
  order.barrier = tasks_[order.deletes.back()].number;
  order.barrier_by = by;
}

void Referee::told(const CommandSeen& command, const core::CancelAck& ack) {
  const std::string name = command.key.cl_ord_id;
  const Order& order = orders_[command.order.order_id];
  if (ack.origin == core::Origin::Exchange && !was_answered(ack.order_id, ack.http_status)) {
    world_.fail("promise 2: the exchange never answered ", ack.http_status, ", as the ack of ", name, " says");
  }
  if (ack.status == core::AckStatus::InDoubt && !order.permitted) {
    world_.fail("promise 2: ", name, " is in doubt, and nothing was ever sent");
  }
  if (ack.final_follows) return;
  // Nothing happened, it says: then nothing may have, and nothing may come of what was sent.
  for (const core::TaskId id : order.deletes) {
    const Task& task = tasks_[id];
    if (task.acted && task.sent >= command.received) {
      world_.fail("promise 2: ", name, " ends as if nothing had happened, after task ", task_name(id), " has acted");
    }
  }
  set_barrier(ack.order_id, "the ack of " + name);
  rests(ack.order_id);
}

void Referee::told(const CommandSeen& command, const core::CancelFinal& final) {
  Order& order = orders_[final.order_id];
  if (final.evidence == core::Evidence::Operator) {
    check_word(command, final);
    order.overridden = true;
    return rests(final.order_id);
  }
  const exchange_sim::Order* truth = book(final.order_id);
  order.gone_at = world_.now();
  const std::string name = command.key.cl_ord_id;
  const bool by_452 = final.evidence == core::Evidence::Channel452;
  // A newer command has come after a gap of the stream: of the order that may be there since, nothing is known.
  const bool superseded =
      by_452 && order.last_heard_of >= turn_of_batch_.value_or(world_.now()) && maybe_gap_at_ >= order.left_book_heard;
  const auto wrong = [&](const char* says) {
    world_.fail("promise 2: the final of ", name, " says ", says, ", the book says ",
                truth ? std::string(exchange_sim::status_name(truth->status)) : "no such order");
  };
  switch (final.ord_status) {
    case core::OrdStatus::Canceled:
      if (!truth || truth->status != exchange_sim::OrderStatus::Canceled) check_left_book(command, final, order);
      // REST may never show what the stream has said.
      if (by_452 && command.order.exact_quantities && !read_open_twice(order) && !superseded) {
        world_.fail("the final of ", name, " did not wait for exact quantities");
      }
      if (by_452 && !told_before_start(command, order)) {
        // Of one that was published before, the grace was judged then.
        if (!superseded) check_edit_grace(command, order);
        check_no_gap_between(command, order);
      }
      order.gone_in_life = superseded ? 0 : life_;
      // What looked like a newer command may have been one that was repeated.
      order.perhaps_gone |= superseded;
      order.gone_by_stream = by_452;
      order.known_since = by_452 ? order.left_book : world_.now();
      break;
    case core::OrdStatus::Filled:
      if (!truth || truth->status != exchange_sim::OrderStatus::Closed) wrong("FILLED");
      order.gone_in_life = life_;
      order.gone_by_stream = false;
      break;
    case core::OrdStatus::Rejected:
      if (truth) wrong("REJECTED");
      break;
    case core::OrdStatus::New:
    case core::OrdStatus::PartiallyFilled:
      if (!truth) wrong("open");
      check_open(command, truth, order);
      break;
  }
  check_quantities(command, final, order);
  rests(final.order_id);
}

void Referee::told(const CommandSeen& command, const core::CancelStatus& status) {
  if (status.stage != core::Stage::Stuck) return;
  const core::OrderId id = command.order.order_id;
  Order& order = orders_[id];
  order.stuck_at = world_.now();
  const std::string name = command.key.cl_ord_id;
  const bool unread = order.queries_refused_since != Never &&
                      order.queries_refused_until - order.queries_refused_since >= 60s - ClockSlack;
  // One that has waited is of before.
  if (unread || rules_.options.statuses_per_second < core::GatewayOptions().statuses_per_second) return;
  if (thrift_.answered(id) < rules_.options.max_attempts) {
    world_.fail("promise 2: ", name, " is told STUCK after ", thrift_.answered(id), " cancels that were answered");
  }
  if (chronicle_.gone_at(id) < order.open_read_at - chronicle_.read_lag()) {
    world_.fail("promise 2: ", name, " is told STUCK, and its order had left the book before it was read");
  }
}

bool Referee::told_gone(core::OrderId id, bool told_back) const {
  return std::ranges::any_of(ledger_.commands(), [&](const auto& entry) {
    const CommandSeen& command = entry.second;
    const bool gone = command.final && (command.final->ord_status == core::OrdStatus::Canceled ||
                                        command.final->ord_status == core::OrdStatus::Filled);
    return command.order.order_id == id && gone && (told_back || !command.back_on_book);
  });
}

bool Referee::known_gone(core::OrderId id, const Order& order, Time gap) const {
  const bool told = order.unsolicited_in_life == life_ && gap < order.unsolicited_at;
  return told || ((order.gone_in_life != 0 || told_gone(id, false)) && !maybe_back(order, gap));
}

// On venue. stands once what left the book without a command of ours, by its 452 alone, and the quantities are bounds.
void Referee::told_unsolicited(const core::CancelFinal& final) {
  const std::string name = order_name(final.order_id);
  const bool well_formed = final.unsolicited && final.cl_ord_id.empty() && !final.quantities.exact &&
                           final.evidence == core::Evidence::Channel452;
  if (!well_formed) world_.fail("the unsolicited final of ", name, " is not what it should be");
  Order& order = orders_[final.order_id];
  if (order.overridden) return;
  if (departed_.erase(final.order_id) + perhaps_departed_.erase(final.order_id) == 0) {
    world_.fail("promise 2: an unsolicited final of ", name, ", and no 452 of an order that was not known to be gone");
  }
  order.unsolicited_in_life = life_;
  order.unsolicited_at = world_.now();
  const exchange_sim::Order* truth = chronicle_.order(final.order_id);
  const auto left = exchange_sim::Decimal::parse(final.quantities.leaves_qty);
  if (truth && (!left || *left < truth->left))
    world_.fail("promise 2: an unsolicited final of ", name, " says too little left");
  // Nothing is left only of what has filled.
  const bool filled = left && !left->positive();
  if (filled != (final.ord_status == core::OrdStatus::Filled)) {
    world_.fail("promise 2: an unsolicited final of ", name, " says ", core::name_of(final.ord_status), " with ",
                final.quantities.leaves_qty, " left");
  }
}

void Referee::came_back(core::OrderId id) {
  for (const auto& [key, command] : ledger_.commands()) {
    const bool canceled = command.final && command.final->ord_status == core::OrdStatus::Canceled;
    if (command.order.order_id == id && canceled && !command.back_on_book) owed_back_on_book_.insert(key);
  }
}

void Referee::batch_judged() {
  for (const core::CommandKey& key : std::exchange(owed_back_on_book_, {})) {
    const CommandSeen* command = ledger_.find(key);
    if (!command || command->back_on_book) continue;
    world_.fail("promise 2: ", key.cl_ord_id, " was told CANCELED, a 451 came, and it is not told BACK_ON_BOOK");
  }
  perhaps_departed_.clear();
  came_in_batch_.clear();
  for (const core::OrderId id : std::exchange(departed_, {})) {
    const Order& order = orders_[id];
    // A command of the same turn may have come before the 452.
    if (order.overridden || order.last_command_at == world_.now()) continue;
    world_.fail("promise 2: ", order_name(id), " left the book without a command, and venue. does not tell");
  }
}

// Without a command the bus forgets what it sent; a worker that was out of hearing then is not waited for,
// also not by a bus that starts later.
void Referee::rests(core::OrderId id) {
  const auto open = undecided(id);
  // Those that came in the same turn have come after it, or before.
  const bool all_new = std::ranges::all_of(open, [&](const CommandSeen* c) { return c->received == world_.now(); });
  if (!all_new) return;
  distance_.rests(id, open.empty());
  thrift_.rests(id);
  if (!open.empty()) return thrift_.command_came(id);
  Order& order = orders_[id];
  order.first_delete = Never;
  order.doubtful = order.unsure = false;
  order.open_since_life = 0;
  if (order.gone_in_life == 0 && !order.perhaps_gone) order.left_book_first = Never;
  std::erase_if(open_deletes_, [&](core::TaskId task) { return tasks_[task].order == id && tasks_[task].released; });
}

// The one limit of promise 2: an edit of the same order at the same moment makes a 452 like a cancel's. It counts only
// after a request of ours, and only until the 451 that follows it.
void Referee::check_left_book(const CommandSeen& command, const core::CancelFinal& final, Order& order) {
  const bool by_452 = final.evidence == core::Evidence::Channel452;
  const bool left = order.last_book_fact == core::FactType::Deleted452 &&
                    (order.left_book >= order.first_delete || told_before_start(command, order));
  order.looked_gone |= by_452 && left && chronicle_.was_edited(final.order_id);
  if (by_452 && order.looked_gone) return;
  world_.fail("promise 2: the final of ", command.key.cl_ord_id, " says CANCELED, the book does not, and no 452 of an ",
              "edit between our request and a 451 made it look so");
}

bool Referee::told_before_start(const CommandSeen& command, const Order& order) const {
  if (order.left_book != Time::min() || command.received >= bus_started_at_ || !command.ack) return false;
  const core::CancelAck& ack = *command.ack;
  return told_gone(command.order.order_id, false) || ack.status == core::AckStatus::InDoubt ||
         ack.reason == core::RejectReason::TooLate;
}

// What the stream said before it missed something answers nothing for a command that came after that.
void Referee::check_no_gap_between(const CommandSeen& command, const Order& order) {
  const auto gap = gap_before_.find(command.key);
  if (gap == gap_before_.end() || order.left_book >= gap->second) return;
  world_.fail("promise 2: the final of ", command.key.cl_ord_id,
              " is by a 452 from before a gap of the stream, and the ", "command came after it");
}

void Referee::check_edit_grace(const CommandSeen& command, const Order& order) {
  const Duration waited = world_.now() - order.left_book_first;
  if (order.left_book_first != Never && waited >= rules_.options.edit_grace - ClockSlack) return;
  world_.fail("promise 2: the final of ", command.key.cl_ord_id, " has not waited for --edit_grace after its 452");
}

// Of what a query read the quantities are exact, and they are the book's. After a 452 alone they are bounds: at most so
// much was left, at least so much was filled.
void Referee::check_quantities(const CommandSeen& command, const core::CancelFinal& final, const Order& order) {
  const core::Quantities& told = final.quantities;
  const auto wrong = [&](const std::string& what) {
    world_.fail("promise 2: the quantities of the final of ", command.key.cl_ord_id, ": ", what, " (order ",
                told.order_qty, ", left ", told.leaves_qty, ", filled ", told.cum_qty, told.exact ? ", exact)" : ")");
  };
  const exchange_sim::Order* truth = chronicle_.order(final.order_id);
  if (final.ord_status == core::OrdStatus::Rejected) {
    if (told.exact) wrong("exact, and there is no order");
    return;
  }
  const auto quantity = exchange_sim::Decimal::parse(told.order_qty);
  const auto left = exchange_sim::Decimal::parse(told.leaves_qty);
  const auto filled = exchange_sim::Decimal::parse(told.cum_qty);
  if (!quantity || !left || !filled) return wrong("not all of them are known");
  if (*quantity - *left != *filled) return wrong("they do not add up");
  if (*quantity != truth->spec.quantity) return wrong("the order's is another");
  const bool by_query = final.evidence == core::Evidence::OrderQuery;
  const bool open = final.ord_status != core::OrdStatus::Canceled && final.ord_status != core::OrdStatus::Filled;
  if (told.exact && !by_query) return wrong("exact are those that a query read, and no others");
  if (by_query && !told.exact && (open || !order.contradiction_stands)) {
    return wrong("a query has read them, and no reading contradicted itself twice, 2 s apart");
  }
  if (told.exact && !open && !order.read_gone) return wrong("exact, and every reading contradicted itself");
  if (open && filled->positive() != (final.ord_status == core::OrdStatus::PartiallyFilled)) {
    return wrong("ord_status does not agree with them");
  }
  if (!told.exact && *left < truth->left) wrong("more is left than at most " + told.leaves_qty);
  if (by_query && !open && *left != truth->left) wrong("the book says " + truth->left.trimmed() + " left");
  if (told.exact && open && !chronicle_.had_left(final.order_id, *left, order.open_read_at - chronicle_.read_lag())) {
    wrong("when it was read the book said something else");
  }
}

bool Referee::read_open_twice(const Order& order) {
  return order.first_open_read && *order.last_open_read - *order.first_open_read >= Duration(2s) - ClockSlack;
}

void Referee::check_open(const CommandSeen& command, const exchange_sim::Order* truth, Order& order) {
  const std::string name = command.key.cl_ord_id;
  if (order.last_read != core::ReadStatus::Open) {
    world_.fail("promise 2: the final of ", name, " says open, and no query says so");
  }
  if (!read_open_twice(order)) {
    world_.fail("promise 2: the final of ", name, " says open, and no two reads 2 s apart say so");
  }
  // What acted and was not taken back by an edit takes it off the book, or has.
  const auto pending = cancels_pending_.find(command.order.order_id);
  if (truth && pending != cancels_pending_.end() && pending->second != 0) {
    world_.fail("promise 2: the final of ", name, " says open, and task ", task_name(pending->second),
                " has acted on it");
  }
  // Between the last reading and the final it may have gone by another's hand, and not before.
  if (chronicle_.gone_at(command.order.order_id) < order.open_read_at - chronicle_.read_lag()) {
    world_.fail("promise 2: the final of ", name, " says open, and the order had left the book before it was read");
  }
  set_barrier(command.order.order_id, "the final of " + name);
}

}  // namespace cancelbus::simulation
