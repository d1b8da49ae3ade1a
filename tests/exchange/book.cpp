#include "tests/exchange/book.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace exchange_sim {

std::string_view status_name(OrderStatus status) {
  switch (status) {
    case OrderStatus::Untouched:
      return "Untouched";
    case OrderStatus::Partial:
      return "Partial";
    case OrderStatus::Canceled:
      return "Canceled";
    case OrderStatus::Closed:
      break;
  }
  return "Closed";
}

std::string_view side_name(Side side) { return side == Side::Buy ? "buy" : "sell"; }

std::string_view method_name(Method method) {
  switch (method) {
    case Method::Limit:
      return "limit";
    case Method::Market:
      return "market";
    case Method::StopLimit:
      return "stoplimit";
    case Method::StopMarket:
      break;
  }
  return "stopmarket";
}

Order& Book::add(Instant now, OrderSpec spec) {
  make_room();
  const std::int64_t id = next_id_++;
  Order& order = orders_[id];
  order.id = id;
  order.left = order.shown_left = spec.quantity;
  order.spec = std::move(spec);
  order.placed = order.updated = now;
  note_change(order, now);
  ++open_;
  ++tally(order.status);
  shown_open_.insert(id);
  return order;
}

void Book::make_room() {
  while (orders_.size() >= max_orders_ && !finished_.empty()) {
    const auto oldest = orders_.find(finished_.front());
    finished_.pop_front();
    --tally(oldest->second.status);
    shown_open_.erase(oldest->first);
    orders_.erase(oldest);
  }
}

Order* Book::find(std::int64_t id) {
  const auto found = orders_.find(id);
  return found == orders_.end() ? nullptr : &found->second;
}

const Order* Book::find(std::int64_t id) const {
  const auto found = orders_.find(id);
  return found == orders_.end() ? nullptr : &found->second;
}

void Book::set(Order& order, OrderStatus status, Decimal left, Instant now) {
  --tally(order.status);
  ++tally(status);
  if (is_open(order.status) && !is_open(status)) {
    --open_;
    finished_.push_back(order.id);
  }
  order.status = status;
  order.left = left;
  order.updated = now;
  note_change(order, now);
}

void Book::note_change(Order& order, Instant now) {
  if (order.changes.size() == Order::kMaxChanges) order.changes.erase(order.changes.begin() + 1);
  order.changes.push_back({now, order.status, order.left, order.spec.quantity});
}

void Book::show(Order& order) {
  order.shown_status = order.status;
  order.shown_left = order.left;
  if (!is_open(order.status)) shown_open_.erase(order.id);
}

std::vector<Order> Book::open_at(Instant then) const {
  std::vector<Order> open;
  for (const std::int64_t id : ids_in_order()) {
    Order order = *find(id);
    const auto later = std::ranges::upper_bound(order.changes, then, {}, &OrderChange::at);
    if (later == order.changes.begin() || !is_open(std::prev(later)->status)) continue;
    const OrderChange& was = *std::prev(later);
    order.shown_status = was.status;
    order.shown_left = was.left;
    order.spec.quantity = was.quantity;
    open.push_back(std::move(order));
  }
  return open;
}

std::vector<std::int64_t> Book::ids_in_order() const {
  std::vector<std::int64_t> ids;
  for (const auto& entry : orders_) ids.push_back(entry.first);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace exchange_sim
