// Which news of the stream has been taken, and which orders left the book without a command of ours.
//
// Guarantees: the facts and reports of a subscriber are taken once each and without a gap, whatever is repeated or lost
// on the way, and across restarts; the orders that are remembered as gone are the latest MaxGone.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <list>
#include <optional>

#include "service/core/events.hpp"
#include "service/core/records.hpp"

namespace cancelbus::core {

class FactLog {
 public:
  static constexpr size_t MaxGone = 100'000;

  explicit FactLog(const FactPosition& position) : position_(position) {}

  enum class Taken : uint8_t {
    Early,  ///< it skips ahead: not confirmed, so that it comes again after what it skips
    Known,  ///< taken before: to be confirmed again
    Fresh   ///< to be acted on, and confirmed with the new position
  };
  /// `news`: a StreamFact or a StreamReport, with a seq above 0.
  template <typename News>
  Taken take(const News& news) {
    return take(news.subscriber, news.seq, news.oldest);
  }
  /// The last one taken.
  const FactPosition& position() const { return position_; }

  /// The stream may have missed something: what is remembered may be back on the book.
  void gap() { ++gap_; }
  /// False if it was remembered already, and cannot have come back since. `proven`: by more than the stream, so that no
  /// gap puts it in question.
  bool remember_gone(OrderId order, bool proven = false);
  void forget_gone(OrderId order);
  bool is_gone(OrderId order) const { return gone_.contains(order); }

 private:
  Taken take(uint64_t subscriber, uint64_t seq, uint64_t oldest);

  struct Gone {
    std::list<OrderId>::iterator position;  ///< in gone_in_order_
    std::optional<uint64_t> gap;            ///< the latest when it was remembered; absent: it is proven
  };

  FactPosition position_;
  uint64_t gap_ = 0;  ///< how many there were
  std::list<OrderId> gone_in_order_;
  absl::flat_hash_map<OrderId, Gone> gone_;
};

}  // namespace cancelbus::core
