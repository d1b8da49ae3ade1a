// What the exchange itself did: every change of its book, every frame about an order that it sent, and when each query
// was read. The judge compares with it what the bus heard and published.
//
// Part of the judge. It knows nothing of the product.
#pragma once

#include <map>
#include <utility>

#include "service/core/answer.hpp"
#include "tests/exchange/exchange.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

/// The simulated world's time of a moment of the exchange.
Time time_of(exchange_sim::Instant at);

class Chronicle {
 public:
  explicit Chronicle(const exchange_sim::Exchange& exchange) : exchange_(exchange) {}

  void exchange_moved();
  void frame_leaves(const std::string& text);

  const exchange_sim::Order* order(core::OrderId id) const { return exchange_.book().find(id); }
  /// When it left the book; Never: it has not.
  Time gone_at(core::OrderId id) const;
  /// Exactly so much was left of it at some moment since `from`.
  bool had_left(core::OrderId id, exchange_sim::Decimal left, Time from) const;
  /// When the exchange looked at the request with this stamp; Never: it has not.
  Time read_at(int64_t stamp_ms) const;
  /// A frame about this order was heard. False: the exchange has sent fewer such frames than were heard.
  bool heard(const core::OrderFact& fact);
  /// A 452 left and the order was not canceled: an edit's.
  bool was_edited(core::OrderId id) const { return edits_.contains(id); }
  /// What REST shows is at most so much older than the truth.
  Duration read_lag() const { return exchange_.seen().settings.read_lag; }

 private:
  using Frame = std::pair<core::FactType, core::OrderId>;

  const exchange_sim::Exchange& exchange_;
  uint64_t arrivals_seen_ = 0;
  std::map<int64_t, Time> arrived_;  ///< by stamp
  std::map<Frame, int> unheard_;     ///< frames sent and not heard so far
  std::map<core::OrderId, int> edits_;
};

}  // namespace cancelbus::simulation
