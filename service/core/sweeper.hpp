// Asks the exchange for everything that is open, and has the registry of open orders take what it answers.
//
// Part of the gateway, like judge.hpp: `sweeps` says when which pair is asked for, `open_orders` what an answer means.
#pragma once

#include <string>

#include "service/core/book.hpp"
#include "service/core/counters.hpp"
#include "service/core/events.hpp"

namespace cancelbus::core {

class Sweeper {
 public:
  Sweeper(Book& book, GatewayCounters& counters) : book_(book), counters_(counters) {}

  /// After cancels and queries: a sweep takes what they leave.
  void dispatch();
  /// A part of an answer has come. True if the task has ended with it: nothing more of it is awaited.
  bool take_part(const TaskEnded& ended);
  /// A task of the kind OpenOrders has ended.
  void ended(const TaskEnded& ended);
  /// The request under way will not be answered. `of_this_pair`: the exchange refuses it, and may answer others.
  void failed(const std::string& why, bool of_this_pair);
  /// Why sweeps do not come to an end; empty if they do.
  std::string trouble(Tick now) const;
  void add_to(BusStatus& status, Instant now) const;

 private:
  void finish();

  Book& book_;
  GatewayCounters& counters_;
};

}  // namespace cancelbus::core
