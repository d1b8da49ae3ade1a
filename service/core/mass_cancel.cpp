#include "service/core/mass_cancel.hpp"

#include <algorithm>

#include "service/core/check.hpp"
#include "service/core/names.hpp"

namespace cancelbus::core {

MassCancel::MassCancel(MassCancelRecord record, Tick now)
    : record_(std::move(record)), since_(now), last_end_(now), watch_from_(now) {
  news_ = record_.report_seq == 0;
  if (record_.complete_as_of) as_of_ = Instant{Tick::min(), *record_.complete_as_of};
}

// ---- Which orders ----

void MassCancel::restore(const MassCancelOrder& order) {
  Item item{.state = order.state, .reason = order.reason, .text = order.text, .owner = order.owner, .ended = since_};
  if (item.state == State::Pending) pending_.insert(order.order_id);
  const auto [at, added] = items_.emplace(order.order_id, std::move(item));
  CANCELBUS_CHECK(added);
  count(order.order_id, at->second, 1);
}

void MassCancel::restored() {
  for (auto& [id, item] : items_) {
    if (item.state != State::Canceling || item.known) continue;
    change(id, item, [](Item& it) {
      it.state = State::NotAffected;
      it.reason = RejectReason::Other;
      it.text = "its command is not known any more";
    });
  }
}

void MassCancel::found(OrderId order, const std::string& owner, bool appeared, Tick as_of, Tick now) {
  const auto at = items_.find(order);
  // Whatever becomes of it, one is open.
  disprove();
  if (at == items_.end()) {
    if (record_.release || (record_.swept && !request().until_empty)) return;
    Item& item = items_[order];
    item.owner = owner == record_.key.sender ? "" : owner;
    pending_.insert(order);
    touched_.insert(order);
    count(order, item, 1);
    news_ = true;
    return;
  }
  Item& item = at->second;
  const bool back = item.state == State::Left;
  if (!back && !may_reissue(item, appeared, as_of, now)) return;
  if (!back) item.reissue = std::min(item.reissue * 2, Duration(LongestReissue));
  make_pending(order, item);
}

bool MassCancel::may_reissue(const Item& item, bool appeared, Tick as_of, Tick now) const {
  if (!watches() || item.state == State::Pending || item.state == State::Canceling) return false;
  return appeared || (as_of > item.ended && now >= item.ended + item.reissue);
}

void MassCancel::make_pending(OrderId order, Item& item) {
  change(order, item, [](Item& it) { it.state = State::Pending; });
  pending_.insert(order);
}

void MassCancel::disprove() {
  empty_.reset();
  news_ |= std::exchange(proven_empty_, false);
}

void MassCancel::swept(Instant as_of, bool empty, Tick now) {
  if (as_of.tick <= since_) return;
  const bool first = !std::exchange(record_.swept, true);
  changed_ |= first;
  if (first) watch_from_ = std::max(watch_from_, now);
  if (first || watches()) {
    as_of_ = as_of;
    record_.complete_as_of = as_of.wall;
  }
  if (!watches() || as_of.tick <= last_end_ || awaited_ > 0 || has_pending()) return;
  if (!empty) {
    empty_.reset();
    proven_empty_ = false;
    blocked_ = as_of.tick;
  } else if (!empty_) {
    empty_ = as_of.tick;
    blocked_.reset();
  } else {
    proven_empty_ = as_of.tick >= *empty_ + SweepsApart;
  }
}

std::optional<OrderId> MassCancel::next_pending() const {
  return pending_.empty() ? std::nullopt : std::optional(*pending_.begin());
}

void MassCancel::left(OrderId order) {
  pending_.erase(order);
  change(order, items_.at(order), [](Item& item) { item.state = State::Left; });
}

void MassCancel::issued(OrderId order) {
  pending_.erase(order);
  change(order, items_.at(order), [](Item& item) {
    item.state = State::Canceling;
    ++item.children;
    item.known = true;
    item.acked = item.sent = item.doubt = item.stuck = false;
  });
}

// ---- Its children ----

void MassCancel::child_changed(const CommandRecord& child, Tick now) {
  const auto at = items_.find(child.order.order_id);
  if (at == items_.end() || at->second.state != State::Canceling) return;
  change(at->first, at->second, [&](Item& item) {
    item.known = true;
    item.acked = child.ack.has_value();
    item.sent = child.timeline.dispatched || child.ack;
    item.doubt = child.doubt;
    if (!child.ended) return;
    item.ended = now;
    end(item, child);
  });
  if (!child.ended) return;
  last_end_ = now;
  disprove();
}

void MassCancel::end(Item& item, const CommandRecord& child) {
  item.reason = RejectReason::None;
  item.text.clear();
  const auto not_affected = [&item](RejectReason reason, std::string text) {
    item.state = State::NotAffected;
    item.reason = reason;
    item.text = std::move(text);
  };
  if (!child.final) return not_affected(child.ack->reason, child.ack->text);
  switch (child.final->ord_status) {
    case OrdStatus::Canceled:
      item.state = State::Canceled;
      return;
    case OrdStatus::Filled:
      item.state = State::Filled;
      return;
    case OrdStatus::New:
    case OrdStatus::PartiallyFilled:
      item.state = State::Open;
      return;
    case OrdStatus::Rejected:
      return not_affected(RejectReason::UnknownOrder, "the exchange knows no such order");
  }
}

void MassCancel::child_restored(OrderId order) {
  const auto at = items_.find(order);
  if (at != items_.end()) ++at->second.children;
}

bool MassCancel::child_forgotten(OrderId order) {
  const auto at = items_.find(order);
  if (at == items_.end() || at->second.children == 0) return false;
  const State state = at->second.state;
  if (--at->second.children > 0 || state == State::Pending || state == State::Canceling) return false;
  count(order, at->second, -1);
  items_.erase(at);
  touched_.erase(order);
  return true;
}

void MassCancel::child_stuck(OrderId order, const std::string& text) {
  const auto at = items_.find(order);
  if (at == items_.end() || at->second.state != State::Canceling || at->second.stuck) return;
  change(order, at->second, [&](Item& item) {
    item.stuck = true;
    item.reason = RejectReason::Other;
    item.text = "STUCK: " + text;
  });
}

bool MassCancel::is_canceling(OrderId order) const {
  const auto at = items_.find(order);
  return at != items_.end() && at->second.state == State::Canceling;
}

size_t MassCancel::canceling() const {
  return static_cast<size_t>(
      std::ranges::count(items_, State::Canceling, [](const auto& entry) { return entry.second.state; }));
}

std::vector<OrderId> MassCancel::undecided() const {
  std::vector<OrderId> out;
  for (const auto& [order, item] : items_) {
    if (item.state == State::Canceling) out.push_back(order);
  }
  return out;
}

std::string MassCancel::owner_of(OrderId order) const {
  const auto at = items_.find(order);
  return at == items_.end() ? "" : at->second.owner;
}

// ---- When it is complete ----

void MassCancel::release(KillSwitchRelease release) {
  // What is not proven is not claimed.
  record_.request.until_empty = proven_empty_;
  record_.release = std::move(release);
  changed_ = news_ = true;
  while (const auto order = next_pending()) left(*order);
}

void MassCancel::fire_again(Tick now) {
  watch_from_ = last_end_ = now;
  disprove();
}

void MassCancel::look_at_watch(Tick now) {
  if (now < watch_ends()) return;
  record_.request.until_empty = false;
  changed_ = news_ = true;
}

Tick MassCancel::watch_ends() const {
  const bool has_end = request().cause == MassCancelRequest::Cause::DeadMan && watches() && record_.swept;
  return has_end ? watch_from_ + DeadManWatches : Never;
}

Tick MassCancel::wants_sweep() const {
  if (ended() || record_.release) return Never;
  if (!record_.swept) return since_ + Duration(1);
  if (!watches() || awaited_ > 0 || has_pending() || proven_empty_) return Never;
  if (empty_) return *empty_ + SweepsApart;
  if (blocked_) return *blocked_ + LookAgain;
  return last_end_ + Duration(1);
}

bool MassCancel::complete() const {
  if (ended() || is_engaged() || has_pending() || awaited_ > 0) return false;
  return (record_.swept || record_.release) && (!request().until_empty || proven_empty_);
}

// ---- What leaves ----

MassCancelReport MassCancel::report(const std::string& why_no_sweep) const {
  MassCancelReport report;
  report.cl_ord_id = record_.key.cl_ord_id;
  const MassCancelStatus open =
      reported_at_ == Tick::min() && record_.report_seq == 0 ? MassCancelStatus::Accepted : MassCancelStatus::Progress;
  report.status = complete() ? MassCancelStatus::Completed : open;
  report.canceled = count(Count::Canceled);
  report.filled = count(Count::Filled);
  report.still_open = count(Count::StillOpen);
  report.in_doubt = count(Count::InDoubt);
  report.unsent = count(Count::Unsent);
  report.total_affected = report.canceled + report.filled + report.still_open + report.in_doubt + report.unsent;
  report.not_affected_total = count(Count::NotAffected);
  for (const OrderId order : not_affected_) {
    if (report.not_affected.size() == MostNamed) break;
    const Item& item = items_.at(order);
    report.not_affected.push_back({order, item.reason, item.text});
  }
  report.text = text(why_no_sweep);
  report.complete_as_of = as_of_;
  return report;
}

std::string MassCancel::text(const std::string& why_no_sweep) const {
  const std::string empty = "no order in scope that was placed 2 s or more before complete_as_of is open";
  const std::string now = proven_empty_ ? empty : why_not_empty(why_no_sweep);
  if (request().cause == MassCancelRequest::Cause::Client) return now;
  std::string text = request().cause == MassCancelRequest::Cause::KillSwitch ? "kill switch" : "dead man's switch";
  if (record_.release) {
    text += " released by " + record_.release->by + (record_.release->forced ? ", by force" : "");
    text += ": " + record_.release->reason;
  } else {
    text += ": " + request().reason;
  }
  return now.empty() ? text : text + "; " + now;
}

std::string MassCancel::why_not_empty(const std::string& why_no_sweep) const {
  const std::string why = why_no_sweep.empty() ? "" : ": " + why_no_sweep;
  const bool claims = request().cause == MassCancelRequest::Cause::Client || request().until_empty;
  if (!claims) return "it is not proven that no order in scope is open" + why;
  if (!record_.swept) return "waits for a complete list of the open orders" + why;
  if (!request().until_empty || awaited_ > 0 || has_pending()) return "";
  if (blocked_ && !empty_) return "orders in scope are open after their commands have ended or got stuck" + why;
  return "every command has ended; two sweeps 2 s apart have to show nothing in scope" + why;
}

bool MassCancel::news(const std::string& why_no_sweep) const { return news_ || text(why_no_sweep) != record_.text; }

void MassCancel::reported(const MassCancelReport& report, uint64_t seq, Tick now) {
  record_.status = report.status;
  record_.text = report.text;
  record_.report_seq = seq;
  if (report.complete_as_of) record_.complete_as_of = report.complete_as_of->wall;
  record_.ended = report.status == MassCancelStatus::Completed || report.status == MassCancelStatus::Rejected;
  reported_at_ = now;
  news_ = false;
  changed_ = true;
}

std::vector<MassCancelOrder> MassCancel::take_changes() {
  std::vector<MassCancelOrder> changes;
  changes.reserve(touched_.size());
  for (const OrderId order : std::exchange(touched_, {})) {
    const Item& item = items_.at(order);
    changes.push_back({record_.key, order, item.state, item.reason, item.text, item.owner});
  }
  return changes;
}

void MassCancel::forget_orders() {
  for (auto it = items_.begin(); it != items_.end();) {
    if (it->second.state == State::Canceling) {
      ++it;
      continue;
    }
    count(it->first, it->second, -1);
    it = items_.erase(it);
  }
  pending_.clear();
}

// ---- Counts ----

MassCancel::Count MassCancel::count_of(const Item& item) {
  switch (item.state) {
    case State::Pending:
      return Count::Unsent;
    case State::Canceling:
      if (item.stuck) return Count::NotAffected;
      if (item.doubt) return Count::InDoubt;
      return item.sent ? Count::StillOpen : Count::Unsent;
    case State::Canceled:
      return Count::Canceled;
    case State::Filled:
      return Count::Filled;
    case State::Open:
      return Count::StillOpen;
    case State::NotAffected:
      return Count::NotAffected;
    case State::Left:
      return Count::Left;
  }
  return Count::Left;
}

void MassCancel::count(OrderId order, const Item& item, int by) {
  const Count of = count_of(item);
  counts_[static_cast<size_t>(of)] += static_cast<uint32_t>(by);
  awaited_ += static_cast<size_t>(is_awaited(item) ? by : 0);
  waiting_ += static_cast<size_t>(is_awaited(item) && !item.acked ? by : 0);
  if (of != Count::NotAffected) return;
  by > 0 ? void(not_affected_.insert(order)) : void(not_affected_.erase(order));
}

template <typename Change>
void MassCancel::change(OrderId order, Item& item, Change make) {
  const State state = item.state;
  const Count before = count_of(item);
  count(order, item, -1);
  make(item);
  count(order, item, 1);
  if (item.state != state) touched_.insert(order);
  news_ |= count_of(item) != before;
}

void MassCancel::check() const {
  std::array<uint32_t, 7> counts{};
  size_t awaited = 0, waiting = 0, pending = 0;
  for (const auto& [order, item] : items_) {
    ++counts[static_cast<size_t>(count_of(item))];
    awaited += is_awaited(item);
    waiting += is_awaited(item) && !item.acked;
    pending += item.state == State::Pending;
    CANCELBUS_CHECK((item.state == State::Pending) == pending_.contains(order));
    CANCELBUS_CHECK((count_of(item) == Count::NotAffected) == not_affected_.contains(order));
  }
  CANCELBUS_CHECK(counts == counts_ && awaited == awaited_ && waiting == waiting_ && pending == pending_.size());
}

std::string scope_text(const MassCancelRequest& request) {
  std::string text(name_of(request.whose));
  if (request.whose == MassCancelRequest::Whose::Sender) text += " " + request.scope.owner;
  const bool of_known = request.whose == MassCancelRequest::Whose::Own && !request.scope.owner.empty();
  if (of_known) text += " of " + request.scope.owner;
  if (!request.scope.symbol.empty()) text += ", " + request.scope.symbol;
  if (request.scope.side) text += ", " + std::string(name_of(*request.scope.side));
  if (!request.scope.client_order_id_prefix.empty()) {
    text += ", client order ids " + request.scope.client_order_id_prefix + "...";
  }
  return text;
}

}  // namespace cancelbus::core
