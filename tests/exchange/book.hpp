// The account's orders: what is true of each, and what REST shows of it (REST lags the stream a little). Market changes
// them, RestApi and Control read them. Bounded: finished orders make room for new ones, oldest first.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/exchange/decimal.hpp"
#include "tests/exchange/instant.hpp"

namespace exchange_sim {

enum class OrderStatus { Untouched, Partial, Canceled, Closed };
inline constexpr std::array kOrderStatuses = {OrderStatus::Untouched, OrderStatus::Partial, OrderStatus::Canceled,
                                              OrderStatus::Closed};
std::string_view status_name(OrderStatus status);
inline bool is_open(OrderStatus status) { return status == OrderStatus::Untouched || status == OrderStatus::Partial; }

enum class Side { Buy, Sell };
enum class Method { Limit, Market, StopLimit, StopMarket };
std::string_view side_name(Side side);
std::string_view method_name(Method method);

struct OrderSpec {
  std::string pair_symbol = "BTCTRY";
  std::string client_id;
  Side side = Side::Buy;
  Method method = Method::Limit;
  Decimal price;
  Decimal stop_price;
  Decimal quantity;
};

// What became true of an order, and when.
struct OrderChange {
  Instant at{};
  OrderStatus status = OrderStatus::Untouched;
  Decimal left;
  Decimal quantity;
};

struct Order {
  // Of its changes the first and the latest are kept.
  static constexpr std::size_t kMaxChanges = 64;

  std::int64_t id = 0;
  OrderSpec spec;
  Decimal left;
  OrderStatus status = OrderStatus::Untouched;
  bool cancel_pending = false;  // answered 200, not yet taken off the book
  Instant placed{};
  Instant updated{};
  Decimal shown_left;  // what REST reads
  OrderStatus shown_status = OrderStatus::Untouched;
  std::vector<OrderChange> changes;  // from its placing on; never empty
};

class Book {
 public:
  Book(std::int64_t first_id, std::size_t max_orders) : next_id_(first_id), max_orders_(max_orders) {}

  bool has_room_for(std::size_t count) const { return open_ + count <= max_orders_; }
  // Room must have been checked.
  Order& add(Instant now, OrderSpec spec);
  Order* find(std::int64_t id);
  const Order* find(std::int64_t id) const;
  // Status and remaining amount change here only, so that the counts below stay right.
  void set(Order& order, OrderStatus status, Decimal left, Instant now);
  // REST catches up with the truth.
  void show(Order& order);

  const std::set<std::int64_t>& shown_open() const { return shown_open_; }
  // Those that were open then, by id, as they were: without lag. Looks at every order.
  std::vector<Order> open_at(Instant then) const;
  std::size_t count(OrderStatus status) const { return by_status_[static_cast<std::size_t>(status)]; }
  // Ids are handed out in rising order.
  std::vector<std::int64_t> ids_in_order() const;

 private:
  void make_room();
  static void note_change(Order& order, Instant now);
  std::size_t& tally(OrderStatus status) { return by_status_[static_cast<std::size_t>(status)]; }

  std::int64_t next_id_;
  std::size_t max_orders_;
  std::unordered_map<std::int64_t, Order> orders_;
  std::deque<std::int64_t> finished_;  // in the order they ended
  std::set<std::int64_t> shown_open_;
  std::size_t open_ = 0;
  std::array<std::size_t, kOrderStatuses.size()> by_status_{};
};

}  // namespace exchange_sim
