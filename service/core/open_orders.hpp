// The account's open orders: which there are, whose they are, and how much of that is known.
//
// Two sources feed it. The private stream tells of each order that enters or leaves the book, and may miss some in a
// gap. A sweep asks the exchange for everything that is open, and REST lags the stream by up to RestLag. So what one
// request of a sweep says of an order counts only if the order's last fact is at least RestLag older than the sending
// of the request; otherwise the fact stands. Guarantees, for a request that lists all orders of a pair:
//
// - an order that the request does not list leaves, unless its last fact is younger;
// - an order that it lists and that is not here enters, unless it left by a younger fact;
// - an order whose owner is known belongs to the sender with a prefix of its client order id, and to no other.
//
// Facts are dated by their receipt and requests by their dispatch, on the bus's steady clock. Both err on the side of
// the fact. Two requests for one pair must lie so far apart that the later is sent RestLag after the earlier's answer
// (sweeps.hpp sees to that), because the exchange may answer them from views of different age.
//
// A gap of the stream clears nothing. complete_as_of() stays the time of the last complete sweep, which remains true as
// of then; the gap asks for another sweep.
//
// Costs: a fact takes logarithmic time. request_complete() looks at every order of its pair, set_owners(), count() and
// matching() at every order in scope. Not thread-safe.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/core/answer.hpp"
#include "service/core/open_order.hpp"
#include "service/core/owners.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

class OpenOrders {
 public:
  /// Orders beyond that are not taken; a sweep that lists more is not complete.
  static constexpr size_t Most = 100'000;
  static constexpr Duration RestLag = std::chrono::seconds(2);
  static constexpr size_t PageSize = 200;
  /// One page looks at no more orders than that.
  static constexpr size_t PageLooksAt = 2'000;
  /// Nor holds it more than about that.
  static constexpr size_t PageBytes = 50'000;
  /// Orders that left lately, at most. If more do, a request that was sent before is not complete.
  static constexpr size_t MostDepartures = 100'000;
  /// Pairs that are remembered as seen.
  static constexpr size_t MostPairs = 256;

  // What is open.
  /// Null: not known to be open. Valid until the next change.
  const OpenOrder* find(OrderId id) const;
  size_t size() const { return entries_.size(); }

  struct Page {
    std::vector<OpenOrder> orders;  ///< by order id
    OrderId next = 0;  ///< where the next page begins; 0: there is none. A page may be short, or empty, before
  };
  /// Those in scope from `from` on, at most `most`.
  Page page(const Scope& scope, OrderId from, size_t most = PageSize) const;
  /// All in scope, by order id.
  std::vector<OrderId> matching(const Scope& scope) const;
  size_t count(const Scope& scope) const;
  /// How many each owner has, by name; those without a known owner under "".
  std::vector<std::pair<std::string, size_t>> counts() const;

  /// Every order that was placed RestLag or longer before this, and is open, is here: the sending of the oldest request
  /// of the last complete sweep. Absent before the first. Missing may be one whose last fact is a 452 that is younger
  /// than RestLag before its request: if an edit sent it, the order enters again with its 451, or the next sweep.
  std::optional<Instant> complete_as_of() const { return complete_as_of_; }

  /// Orders that entered, or whose owner, pair or side became another, since this was called last. Some may have left.
  /// Call it in each turn in which something new may be begun.
  std::vector<OrderId> take_entered() { return std::exchange(entered_, {}); }

  // The stream, and proofs.
  /// True if the order is here and the stream says that all of it is filled. It stays until a sweep or a proof confirms
  /// that, because a fill may be told after a sweep has counted it.
  bool fact(const OrderFact& fact, Instant now);
  /// Its end is proven by a query.
  void gone(OrderId id, Instant now);
  /// Pairs that the stream or a sweep has named since the start, the first MostPairs.
  const absl::btree_set<std::string>& pairs() const { return pairs_; }

  // Sweeps. `sent`: when the request was given to a worker.
  /// One order that the request lists; its owner, evidence and as_of are ignored. False if it cannot be taken, and the
  /// sweep is not complete: there is no room, or it is not known any more whether the order has left since.
  bool listed(const OpenOrder& order, Instant sent);
  /// Everything that the request lists was passed to listed(). `symbol`: the pair that it asked for; empty: all.
  void request_complete(const std::string& symbol, Instant sent);
  /// So is every request of a sweep. `oldest`: when the first of them was sent.
  void sweep_complete(Instant oldest);
  /// No request that was sent before is listed any more: departures that only such a request asks for are forgotten.
  void forget_departures(Tick oldest_request);

  // Owners.
  void set_owners(Owners owners);
  const Owners& owners() const { return owners_; }

  /// Departures that are remembered.
  size_t departures() const { return departed_.size(); }
  /// Broken invariant: an index that is not that of the entries, or an owner that is not that of the prefixes.
  void check() const;

 private:
  using Ids = absl::btree_set<OrderId>;
  using Index = absl::btree_map<std::string, Ids>;
  struct Entry {
    OpenOrder order;
    Tick fact = Tick::min();    ///< receipt of the last one
    Tick listed = Tick::min();  ///< sending of the latest request that listed it
  };
  /// The request, not the fact, says what is so.
  static bool settled(Tick fact, Tick sent) { return fact + RestLag <= sent; }

  Entry& put(OpenOrder order);
  void erase(OrderId id);
  void remember_departure(OrderId id, Tick now);
  void see(const std::string& symbol);
  /// A request that was sent at `sent` and asked for it would have listed it, were it open.
  static bool shown_gone(const Entry& entry, Tick sent) { return entry.listed < sent && settled(entry.fact, sent); }
  void drop_gone(const Ids* of_pair, Tick sent);
  /// Calls `visit` with the orders of the narrowest index of the scope from `from` on, until it returns false.
  template <typename Visit>
  void walk(const Scope& scope, OrderId from, Visit visit) const;

  static void remove(Index& index, const std::string& name, OrderId id);
  static const Ids* ids(const Index& index, const std::string& name);

  Owners owners_;
  absl::btree_map<OrderId, Entry> entries_;
  Index by_owner_;
  Index by_symbol_;
  absl::btree_set<std::string> pairs_;
  std::optional<Instant> complete_as_of_;
  std::vector<OrderId> entered_;
  absl::flat_hash_map<OrderId, Tick> departed_;
  std::deque<std::pair<Tick, OrderId>> departures_;  ///< as they came; one that is not that of departed_ is void
  Tick knows_from_ = Tick::min();                    ///< a request that was sent before may list what has left since
};

}  // namespace cancelbus::core
