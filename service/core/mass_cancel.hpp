// One mass cancel: which orders it is about, what became of each, and when it is complete.
//
// Life: ACCEPTED; the orders in scope that are known become pending at once, and the rest when the sweep that it asked
// for completes; each pending order becomes a command of the sender, its child, or leaves by itself; COMPLETED when
// every child has ended or is reported as not affected. With `until_empty` an order that appears in scope later is
// added or canceled again, and it is complete only when two sweeps that began 2 s apart, both after the last child
// ended, and the registry show nothing in scope. That of a kill switch does not end before the switch is released; that
// of a dead man's switch is `until_empty` for DeadManWatches, and then as any other.
//
// Guarantees:
// - an order is in one state, and each of the report's counts is the number of orders in some of these states;
// - without `until_empty`, no order is added once the first sweep is taken: after a restart as before;
// - a child exists exactly if the command exists: the change to Child and the command are made in one turn;
// - complete() is never true while a child is undecided, unless the bus reports it as STUCK.
//
// It knows neither registry, queue nor limiter: mass_cancel_runner.hpp passes facts in and does what it says.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/core/records.hpp"

namespace cancelbus::core {

class MassCancel {
 public:
  /// Of those that are not affected, the report names so many.
  static constexpr size_t MostNamed = 200;
  /// Between the beginnings of the two sweeps that prove a scope empty.
  static constexpr Duration SweepsApart = std::chrono::seconds(2);
  /// A sweep that finds an order whose child has ended makes a new child no sooner than this after that end, twice as
  /// long each time.
  static constexpr Duration FirstReissue = std::chrono::seconds(1);
  static constexpr Duration LongestReissue = std::chrono::seconds(30);
  /// While one of these waits, a sweep is asked for so often.
  static constexpr Duration LookAgain = std::chrono::seconds(10);
  static constexpr Duration BetweenReports = std::chrono::seconds(1);
  /// Since the orders in scope are known, or the switch has fired again.
  static constexpr Duration DeadManWatches = std::chrono::seconds(60);

  /// `now`: it is new, or the bus starts. Sweeps that began before count for nothing.
  MassCancel(MassCancelRecord record, Tick now);
  /// An order of it, from the store.
  void restore(const MassCancelOrder& order);
  /// After all of them, and child_changed() for each undecided child. An order whose child is not known any more is not
  /// affected.
  void restored();

  const MassCancelRecord& record() const { return record_; }
  const MassCancelRequest& request() const { return record_.request; }
  bool ended() const { return record_.ended; }
  /// It is that of a kill switch that is engaged.
  bool is_engaged() const { return request().cause == MassCancelRequest::Cause::KillSwitch && !record_.release; }
  /// The kill switch is released: orders without a child are left alone, and no more are added.
  void release(KillSwitchRelease release);
  /// The dead man's switch has fired again: it watches for its time from now on.
  void fire_again(Tick now);

  // Which orders.
  /// The registry holds this order, which is in scope. `appeared`: it has entered the book, or its scope, just now;
  /// else a sweep that began at `as_of` shows it.
  void found(OrderId order, const std::string& owner, bool appeared, Tick as_of, Tick now);
  /// A sweep that began at `as_of` is complete, and found() was called with every order in scope that the registry
  /// holds since; `empty`: with none.
  void swept(Instant as_of, bool empty, Tick now);
  /// A pending order; absent: there is none.
  std::optional<OrderId> next_pending() const;
  bool has_pending() const { return !pending_.empty(); }
  /// The pending order left the book, or its scope, by itself.
  void left(OrderId order);
  /// The pending order has a child now.
  void issued(OrderId order);

  // Its children.
  /// The child's record has changed.
  void child_changed(const CommandRecord& child, Tick now);
  /// A child of the order is restored: it is remembered until child_forgotten().
  void child_restored(OrderId order);
  /// Past retention. True: it was the last of an order that is done with, which is forgotten with it: the report counts
  /// it no more. So a kill switch that stays engaged grows no further.
  bool child_forgotten(OrderId order);
  /// The bus has reported the child as STUCK.
  void child_stuck(OrderId order, const std::string& text);
  /// Children without an ack.
  size_t waiting() const { return waiting_; }
  size_t pending() const { return pending_.size(); }
  /// It has an undecided child.
  bool is_canceling(OrderId order) const;
  /// How many have. Looks at each.
  size_t canceling() const;
  /// To whom else the child's final goes; empty: to none.
  std::string owner_of(OrderId order) const;

  // When it is complete.
  /// From when on a sweep must have begun to be of use; Never: none is needed.
  Tick wants_sweep() const;
  /// Orders that appear in scope are added.
  bool watches() const { return request().until_empty && !record_.release && !ended(); }
  /// A dead man's switch stops watching when its time is over.
  void look_at_watch(Tick now);
  /// When look_at_watch() changes something; Never: not any more.
  Tick watch_ends() const;
  /// With `until_empty`: no order in scope that was placed 2 s or more before the record's complete_as_of is open.
  bool proven_empty() const { return proven_empty_; }
  /// Why it is not; empty: its orders are being canceled.
  std::string why_not_empty(const std::string& why_no_sweep) const;
  bool complete() const;
  /// Its undecided children.
  std::vector<OrderId> undecided() const;

  // What leaves.
  /// `why_no_sweep`: why sweeps do not come to an end; empty if they do.
  /// Its status is COMPLETED if it is complete; the estimate is left out.
  MassCancelReport report(const std::string& why_no_sweep) const;
  /// Something that a report tells has changed since the last one.
  bool news(const std::string& why_no_sweep) const;
  /// From when on another may leave that is not the last.
  Tick next_report() const { return reported_at_ == Tick::min() ? reported_at_ : reported_at_ + BetweenReports; }
  /// With COMPLETED or REJECTED it has ended.
  void reported(const MassCancelReport& report, uint64_t seq, Tick now);
  /// Orders whose state has changed since this was called last.
  std::vector<MassCancelOrder> take_changes();
  /// The record has changed since this was called last.
  bool take_changed() { return std::exchange(changed_, false); }
  /// It has ended, and what became of its orders is stored: only those with an undecided child are kept.
  void forget_orders();
  /// How many orders are kept, whatever became of them.
  size_t size() const { return items_.size(); }

  /// Broken invariant: counts that are not those of the orders.
  void check() const;

 private:
  using State = MassCancelOrder::State;
  struct Item {
    State state = State::Pending;
    RejectReason reason = RejectReason::None;
    std::string text = {};
    std::string owner = {};
    uint32_t children = 0;  ///< that are remembered; in memory alone
    // Of the latest child, likewise.
    bool known = false;
    bool acked = false;
    bool sent = false;
    bool doubt = false;
    bool stuck = false;
    Tick ended = Tick::min();
    Duration reissue = FirstReissue;  ///< the distance from the last end to the next child
  };
  enum class Count : uint8_t { Canceled, Filled, StillOpen, InDoubt, Unsent, NotAffected, Left };

  static Count count_of(const Item& item);
  static bool is_awaited(const Item& item) { return item.state == State::Canceling && !item.stuck; }
  /// `by`: 1 or -1.
  void count(OrderId order, const Item& item, int by);
  template <typename Change>
  void change(OrderId order, Item& item, Change make);
  void make_pending(OrderId order, Item& item);
  static void end(Item& item, const CommandRecord& child);
  bool may_reissue(const Item& item, bool appeared, Tick as_of, Tick now) const;
  uint32_t count(Count of) const { return counts_[static_cast<size_t>(of)]; }
  std::string text(const std::string& why_no_sweep) const;
  void disprove();

  MassCancelRecord record_;
  bool changed_ = true;
  Tick since_;  ///< the sweep that it asks for began after this
  absl::btree_map<OrderId, Item> items_;
  absl::btree_set<OrderId> pending_;
  absl::btree_set<OrderId> not_affected_;
  absl::btree_set<OrderId> touched_;  ///< orders whose state the store does not know
  std::array<uint32_t, 7> counts_{};
  size_t awaited_ = 0;  ///< undecided children that are not stuck
  size_t waiting_ = 0;
  Tick last_end_;                 ///< of a child
  std::optional<Tick> empty_;     ///< the beginning of the first sweep since then that showed nothing in scope
  bool proven_empty_ = false;     ///< and so did one that began SweepsApart later
  Tick watch_from_;               ///< of a dead man's switch
  std::optional<Tick> blocked_;   ///< the beginning of the latest sweep since then that showed what may not be reissued
  std::optional<Instant> as_of_;  ///< the beginning of the latest sweep that counts
  Tick reported_at_ = Tick::min();
  bool news_ = true;
  std::string reported_text_;
};

/// For people: "OWN", "SENDER alice, BTCTRY, BUY, client order ids dA-...".
std::string scope_text(const MassCancelRequest& request);

}  // namespace cancelbus::core
