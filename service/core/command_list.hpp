// The list of undecided commands: what each waits for, since when, what the bus does next, and what an operator can do.
//
// Used by session_requests. Guarantees: pages follow each other by order id, sender and cl_ord_id, so that a command
// that is undecided throughout is on exactly one of them; one page looks at no more than about MostLookedAt commands,
// however many there are. Nothing is changed.
#pragma once

#include "service/core/actions.hpp"
#include "service/core/book.hpp"
#include "service/core/events.hpp"
#include "service/core/verdicts.hpp"

namespace cancelbus::core {

class CommandList {
 public:
  static constexpr size_t PageSize = 200;
  /// A page ends with the order that reaches this; one with many commands may go beyond it.
  static constexpr size_t MostLookedAt = 2'000;
  /// Nor holds it more bytes than about that.
  static constexpr size_t PageBytes = 50'000;

  CommandList(const Book& book, const Verdicts& verdicts) : book_(book), verdicts_(verdicts) {}

  SendCommands page(const CommandsRequest& request) const;

 private:
  std::optional<OrderId> next_order(const CommandsRequest& request, OrderId after) const;
  bool wanted(const CommandsRequest& request, const Order& order, const Command& command) const;
  UndecidedCommand entry(const Order& order, const Command& command) const;
  std::string symbol_of(const Order& order, const Command& command) const;
  WallTime since(const Effort& effort, const Command& command) const;
  WallTime wall_of(Tick tick) const;
  void next_step(const Order& order, UndecidedCommand& entry) const;

  const Book& book_;
  const Verdicts& verdicts_;
};

}  // namespace cancelbus::core
