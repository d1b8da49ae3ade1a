// What happens to orders, and what the stream says of it: placing, cancelling (asynchronous: the 200 is only a
// receipt), filling, editing. RestApi cancels and places, Control does what a hand on the web or another trader would
// do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/exchange/book.hpp"
#include "tests/exchange/streams.hpp"
#include "tests/exchange/world.hpp"

namespace exchange_sim {

enum class CancelResult { Accepted, AlreadyDone, NoSuchOpenOrder };

struct CancelReceipt {
  CancelResult result;
  Micros answer_hold{0};  // how long the answer is kept back
};

struct Edit {
  std::optional<Decimal> price;
  std::optional<Decimal> quantity;
  Micros gap{0};  // from the 452 to the 451
};

class Market {
 public:
  Market(World& world, Streams& streams);

  // The id, or nothing when the book is full.
  std::optional<std::int64_t> place(Instant now, OrderSpec spec);
  CancelReceipt request_cancel(Instant now, std::int64_t id);
  // Both need an open order; false without one.
  bool cancel_by_hand(Instant now, std::int64_t id);
  bool edit(Instant now, std::int64_t id, const Edit& edit);
  // As much of `amount` as is left; all that is left without one.
  bool fill(Instant now, std::int64_t id, std::optional<Decimal> amount);

  const Book& book() const { return book_; }

 private:
  void take_off_book(Instant now, std::int64_t id, Decimal num_left, bool by_request);
  void announce_deleted(Instant now, const Order& order, Decimal num_left);
  void lose_to_edit(Instant now, std::int64_t id, Micros gap);
  void apply_edit(Instant now, std::int64_t id, const Edit& edit);
  // It goes on under another id.
  void replace(Instant now, Order& order);
  void show_later(Instant now, std::int64_t id);
  bool draw(Fault fault, std::int64_t id);

  World& world_;
  Streams& streams_;
  Book book_;
  std::int64_t next_trade_id_;
};

}  // namespace exchange_sim
