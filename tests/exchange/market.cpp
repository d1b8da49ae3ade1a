#include "tests/exchange/market.hpp"

#include <algorithm>
#include <utility>

#include "tests/exchange/frames.hpp"

namespace exchange_sim {
namespace {

// Ids that no order here will ever have.
constexpr std::int64_t kFirstForeignId = 7'000'000'000'000'000;
constexpr std::int64_t kFirstTradeId = 1'149'163'839'863'900'657;

}  // namespace

Market::Market(World& world, Streams& streams)
    : world_(world),
      streams_(streams),
      book_(world.settings.first_id, world.settings.max_orders),
      next_trade_id_(kFirstTradeId) {}

std::optional<std::int64_t> Market::place(Instant now, OrderSpec spec) {
  if (!book_.has_room_for(1)) return std::nullopt;
  const Order& order = book_.add(now, std::move(spec));
  streams_.fan_out(now, 451, frames::inserted_451(order));
  streams_.fan_out(now, 201, frames::balance_201());
  return order.id;
}

CancelReceipt Market::request_cancel(Instant now, std::int64_t id) {
  Order* order = book_.find(id);
  if (order == nullptr || order->status == OrderStatus::Closed) return {CancelResult::NoSuchOpenOrder};
  if (order->status == OrderStatus::Canceled && world_.settings.guesses.second_cancel_sends_452) {
    ++world_.counters.guesses["second_cancel_sends_452"];
    const std::string frame = frames::deleted_452(*order, id, order->left);
    world_.agenda.at(now + world_.settings.deleted_delay,
                     [this, frame](Instant at) { streams_.fan_out(at, 452, frame); });
  }
  if (order->status == OrderStatus::Canceled || order->cancel_pending) return {CancelResult::AlreadyDone};

  order->cancel_pending = true;
  Instant due = now + world_.settings.deleted_delay;
  CancelReceipt receipt{CancelResult::Accepted};
  if (world_.settings.guesses.early_452) {
    ++world_.counters.guesses["early_452"];
    receipt.answer_hold = due - now;
    due = now;
  }
  if (const FaultRule* rule = world_.faults.draw(Fault::Early452, world_.random, std::nullopt, id)) {
    due = now;
    receipt.answer_hold = rule->delay;
  }
  if (const FaultRule* rule = world_.faults.draw(Fault::EditDuringCancel, world_.random, std::nullopt, id)) {
    world_.agenda.at(due, [this, id, gap = rule->delay](Instant at) { lose_to_edit(at, id, gap); });
    return receipt;
  }
  if (draw(Fault::FillInstead, id)) {
    world_.agenda.at(due, [this, id](Instant at) { fill(at, id, std::nullopt); });
    return receipt;
  }
  const Decimal num_left = order->left;  // 452 will report the order as it was when the cancel was queued
  if (const FaultRule* rule = world_.faults.draw(Fault::StaleNumLeft, world_.random, std::nullopt, id)) {
    const auto part = static_cast<std::int64_t>(static_cast<double>(num_left.units()) * rule->fraction);
    const auto amount = Decimal::from_units(std::max<std::int64_t>(1, part));
    world_.agenda.at(due, [this, id, amount](Instant at) { fill(at, id, amount); });
  }
  world_.agenda.at(due, [this, id, num_left](Instant at) { take_off_book(at, id, num_left, true); });
  return receipt;
}

bool Market::cancel_by_hand(Instant now, std::int64_t id) {
  const Order* order = book_.find(id);
  if (order == nullptr || !is_open(order->status)) return false;
  take_off_book(now, id, order->left, false);
  return true;
}

void Market::take_off_book(Instant now, std::int64_t id, Decimal num_left, bool by_request) {
  Order* order = book_.find(id);
  if (order == nullptr || !is_open(order->status)) return;  // it filled first, or a hand was quicker
  book_.set(*order, OrderStatus::Canceled, order->left, now);
  if (by_request) {
    announce_deleted(now, *order, num_left);
  } else if (world_.settings.guesses.web_cancel_sends_452) {
    streams_.fan_out(now, 452, frames::deleted_452(*order, id, num_left));
  } else {
    ++world_.counters.guesses["web_cancel_sends_452"];
  }
  streams_.fan_out(now, 201, frames::balance_201());
  show_later(now, id);
}

void Market::announce_deleted(Instant now, const Order& order, Decimal num_left) {
  const std::int64_t id = order.id;
  if (draw(Fault::ZeroId452, id)) streams_.fan_out(now, 452, frames::deleted_452(order, 0, num_left));
  if (draw(Fault::Foreign452, id)) {
    streams_.fan_out(now, 452, frames::deleted_452(order, kFirstForeignId + id, num_left));
  }
  if (draw(Fault::No452, id)) return;
  const std::string frame = frames::deleted_452(order, id, num_left);
  streams_.fan_out(now, 452, frame);
  if (const FaultRule* rule = world_.faults.draw(Fault::Duplicate452, world_.random, std::nullopt, id)) {
    world_.agenda.at(now + rule->delay, [this, frame](Instant at) { streams_.fan_out(at, 452, frame); });
  }
}

void Market::lose_to_edit(Instant now, std::int64_t id, Micros gap) {
  Order* order = book_.find(id);
  if (order == nullptr) return;
  order->cancel_pending = false;
  edit(now, id, Edit{std::nullopt, std::nullopt, gap});
}

bool Market::edit(Instant now, std::int64_t id, const Edit& edit) {
  const Order* order = book_.find(id);
  if (order == nullptr || !is_open(order->status)) return false;
  streams_.fan_out(now, 452, frames::deleted_452(*order, id, order->left));
  if (edit.gap.count() == 0) {
    apply_edit(now, id, edit);
  } else {
    world_.agenda.at(now + edit.gap, [this, id, edit](Instant at) { apply_edit(at, id, edit); });
  }
  return true;
}

void Market::apply_edit(Instant now, std::int64_t id, const Edit& edit) {
  Order* order = book_.find(id);
  if (order == nullptr || !is_open(order->status)) return;
  if (edit.price) order->spec.price = *edit.price;
  if (edit.quantity) {
    const Decimal filled = order->spec.quantity - order->left;
    order->spec.quantity = *edit.quantity;
    book_.set(*order, order->status, std::max(Decimal::from_units(1), *edit.quantity - filled), now);
  }
  show_later(now, id);
  if (!world_.settings.guesses.edit_keeps_id) return replace(now, *order);
  streams_.fan_out(now, 451, frames::inserted_451(*order));
}

void Market::replace(Instant now, Order& order) {
  ++world_.counters.guesses["edit_keeps_id"];
  OrderSpec spec = order.spec;
  spec.quantity = order.left;
  book_.set(order, OrderStatus::Canceled, order.left, now);
  streams_.fan_out(now, 451, frames::inserted_451(book_.add(now, std::move(spec))));
}

bool Market::fill(Instant now, std::int64_t id, std::optional<Decimal> amount) {
  Order* order = book_.find(id);
  if (order == nullptr || !is_open(order->status)) return false;
  const Decimal filled = amount ? std::min(*amount, order->left) : order->left;
  const Decimal left = order->left - filled;
  book_.set(*order, left.positive() ? OrderStatus::Partial : OrderStatus::Closed, left, now);
  const Instant clock = world_.clock(now);
  streams_.fan_out(now, 441, frames::fill_441(*order, filled, clock));
  streams_.fan_out(now, 423, frames::trade_423(*order, filled, next_trade_id_++, clock));
  if (!left.positive() && world_.settings.guesses.fill_sends_452) {
    ++world_.counters.guesses["fill_sends_452"];
    streams_.fan_out(now, 452, frames::deleted_452(*order, id, left));
  }
  streams_.fan_out(now, 201, frames::balance_201());
  show_later(now, id);
  return true;
}

void Market::show_later(Instant now, std::int64_t id) {
  world_.agenda.at(now + world_.settings.read_lag, [this, id](Instant) {
    if (Order* order = book_.find(id)) book_.show(*order);
  });
}

bool Market::draw(Fault fault, std::int64_t id) {
  return world_.faults.draw(fault, world_.random, std::nullopt, id) != nullptr;
}

}  // namespace exchange_sim
