#include "service/core/open_orders.hpp"

#include <algorithm>

#include "service/core/check.hpp"
#include "service/core/decimal.hpp"

namespace cancelbus::core {

namespace {

size_t size_of(const OpenOrder& order) {
  constexpr size_t Numbers = 64;
  return Numbers + order.symbol.size() + order.price.size() + order.quantity.size() + order.leaves_qty.size() +
         order.client_order_id.size() + order.owner.size();
}

OpenOrder order_of(const OrderFact& fact) {
  OpenOrder order;
  order.order_id = fact.order_id;
  order.symbol = fact.symbol;
  order.side = fact.side;
  order.price = fact.price;
  order.quantity = fact.amount;
  order.leaves_qty = fact.num_left.empty() ? fact.amount : fact.num_left;
  order.client_order_id = fact.client_order_id;
  return order;
}

}  // namespace

// ---- What is open ----

const OpenOrder* OpenOrders::find(OrderId id) const {
  const auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : &it->second.order;
}

template <typename Visit>
void OpenOrders::walk(const Scope& scope, OrderId from, Visit visit) const {
  const Ids* narrow = nullptr;
  if (scope.whose != Scope::Whose::All) {
    narrow = ids(by_owner_, scope.whose == Scope::Whose::Owner ? scope.owner : "");
  } else if (!scope.symbol.empty()) {
    narrow = ids(by_symbol_, scope.symbol);
  } else {
    for (auto it = entries_.lower_bound(from); it != entries_.end() && visit(it->second.order); ++it) {
    }
    return;
  }
  if (!narrow) return;
  for (auto it = narrow->lower_bound(from); it != narrow->end() && visit(entries_.at(*it).order); ++it) {
  }
}

OpenOrders::Page OpenOrders::page(const Scope& scope, OrderId from, size_t most) const {
  Page page;
  size_t looked_at = 0, bytes = 0;
  walk(scope, from, [&](const OpenOrder& order) {
    if (page.orders.size() == most || looked_at++ == PageLooksAt || bytes > PageBytes) {
      page.next = order.order_id;
      return false;
    }
    if (!scope.contains(order)) return true;
    page.orders.push_back(order);
    bytes += size_of(order);
    return true;
  });
  return page;
}

std::vector<OrderId> OpenOrders::matching(const Scope& scope) const {
  std::vector<OrderId> out;
  walk(scope, 0, [&](const OpenOrder& order) {
    if (scope.contains(order)) out.push_back(order.order_id);
    return true;
  });
  return out;
}

size_t OpenOrders::count(const Scope& scope) const {
  const bool owned = scope.whose != Scope::Whose::All;
  const bool narrowed = scope.side || !scope.client_order_id_prefix.empty() || (owned && !scope.symbol.empty());
  if (!narrowed && !owned && scope.symbol.empty()) return entries_.size();
  if (!narrowed) {
    const std::string owner = scope.whose == Scope::Whose::Owner ? scope.owner : "";
    const Ids* of_it = owned ? ids(by_owner_, owner) : ids(by_symbol_, scope.symbol);
    return of_it ? of_it->size() : 0;
  }
  size_t out = 0;
  walk(scope, 0, [&](const OpenOrder& order) {
    out += scope.contains(order);
    return true;
  });
  return out;
}

std::vector<std::pair<std::string, size_t>> OpenOrders::counts() const {
  std::vector<std::pair<std::string, size_t>> out;
  for (const auto& [owner, ids] : by_owner_) out.emplace_back(owner, ids.size());
  return out;
}

// ---- The stream, and proofs ----

bool OpenOrders::fact(const OrderFact& fact, Instant now) {
  if (fact.type == FactType::Deleted452) {
    gone(fact.order_id, now);
    return false;
  }
  auto it = entries_.find(fact.order_id);
  if (fact.type == FactType::Inserted451) {
    departed_.erase(fact.order_id);
    see(fact.symbol);
    if (it == entries_.end() && entries_.size() == Most) return false;
    Entry& entry = put(order_of(fact));
    entry.fact = now.tick;
    entry.order.as_of = now.wall;
    return false;
  }
  if (it == entries_.end()) return false;
  OpenOrder& order = it->second.order;
  it->second.fact = now.tick;
  order.evidence = OpenOrder::Evidence::Stream;
  order.as_of = now.wall;
  // 441 and 423 tell of one fill both: only one of them may count.
  if (fact.type != FactType::Matched441 || !is_positive(fact.amount) || order.leaves_qty.empty()) return false;
  order.leaves_qty = difference(order.leaves_qty, fact.amount).value_or("0");
  return !is_positive(order.leaves_qty);
}

void OpenOrders::gone(OrderId id, Instant now) {
  erase(id);
  remember_departure(id, now.tick);
}

void OpenOrders::remember_departure(OrderId id, Tick now) {
  departed_[id] = now;
  departures_.emplace_back(now, id);
  if (departures_.size() <= MostDepartures) return;
  const Tick oldest = departures_.front().first;
  knows_from_ = std::max(knows_from_, oldest + RestLag);
  forget_departures(oldest + RestLag);
}

void OpenOrders::forget_departures(Tick oldest_request) {
  while (!departures_.empty() && settled(departures_.front().first, oldest_request)) {
    const auto [at, id] = departures_.front();
    departures_.pop_front();
    const auto known = departed_.find(id);
    if (known != departed_.end() && known->second == at) departed_.erase(known);
  }
}

void OpenOrders::see(const std::string& symbol) {
  if (is_pair(symbol) && pairs_.size() < MostPairs) pairs_.insert(symbol);
}

// ---- Sweeps ----

bool OpenOrders::listed(const OpenOrder& order, Instant sent) {
  see(order.symbol);
  if (const auto it = entries_.find(order.order_id); it != entries_.end()) {
    it->second.listed = sent.tick;
    if (!settled(it->second.fact, sent.tick)) return true;
  } else {
    const auto left = departed_.find(order.order_id);
    if (left != departed_.end() && !settled(left->second, sent.tick)) return true;
    if (sent.tick < knows_from_ || entries_.size() == Most) return false;
  }
  departed_.erase(order.order_id);
  Entry& entry = put(order);
  entry.listed = sent.tick;
  entry.order.evidence = OpenOrder::Evidence::Sweep;
  entry.order.as_of = sent.wall;
  return true;
}

void OpenOrders::request_complete(const std::string& symbol, Instant sent) {
  if (!symbol.empty()) return drop_gone(ids(by_symbol_, symbol), sent.tick);
  std::vector<OrderId> gone;
  for (const auto& [id, entry] : entries_) {
    if (shown_gone(entry, sent.tick)) gone.push_back(id);
  }
  for (const OrderId id : gone) erase(id);
}

void OpenOrders::sweep_complete(Instant oldest) {
  complete_as_of_ = oldest;
  // No pair's request would list an order whose pair is not known, but one of them all.
  drop_gone(ids(by_symbol_, ""), oldest.tick);
}

void OpenOrders::drop_gone(const Ids* of_pair, Tick sent) {
  if (!of_pair) return;
  std::vector<OrderId> gone;
  for (const OrderId id : *of_pair) {
    if (shown_gone(entries_.at(id), sent)) gone.push_back(id);
  }
  for (const OrderId id : gone) erase(id);
}

// ---- Owners and indexes ----

void OpenOrders::set_owners(Owners owners) {
  owners_ = std::move(owners);
  std::vector<OpenOrder> changed;
  for (const auto& [id, entry] : entries_) {
    if (entry.order.owner != owners_.of(entry.order.client_order_id)) changed.push_back(entry.order);
  }
  for (OpenOrder& order : changed) put(std::move(order));
}

OpenOrders::Entry& OpenOrders::put(OpenOrder order) {
  order.owner = owners_.of(order.client_order_id);
  if (!is_pair(order.symbol)) order.symbol.clear();
  auto [it, entered] = entries_.try_emplace(order.order_id);
  OpenOrder& known = it->second.order;
  const bool moved = entered || known.owner != order.owner || known.symbol != order.symbol;
  if (!entered && moved) {
    remove(by_owner_, known.owner, known.order_id);
    remove(by_symbol_, known.symbol, known.order_id);
  }
  if (moved) {
    by_owner_[order.owner].insert(order.order_id);
    by_symbol_[order.symbol].insert(order.order_id);
  }
  if (moved || known.side != order.side) entered_.push_back(order.order_id);
  known = std::move(order);
  return it->second;
}

void OpenOrders::erase(OrderId id) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  remove(by_owner_, it->second.order.owner, id);
  remove(by_symbol_, it->second.order.symbol, id);
  entries_.erase(it);
}

void OpenOrders::remove(Index& index, const std::string& name, OrderId id) {
  const auto it = index.find(name);
  it->second.erase(id);
  if (it->second.empty()) index.erase(it);
}

const OpenOrders::Ids* OpenOrders::ids(const Index& index, const std::string& name) {
  const auto it = index.find(name);
  return it == index.end() ? nullptr : &it->second;
}

void OpenOrders::check() const {
  CANCELBUS_CHECK(entries_.size() <= Most && departures_.size() <= MostDepartures && pairs_.size() <= MostPairs);
  size_t owned = 0, paired = 0;
  for (const auto& [owner, ids] : by_owner_) owned += ids.size();
  for (const auto& [symbol, ids] : by_symbol_) paired += ids.size();
  CANCELBUS_CHECK(owned == entries_.size() && paired == entries_.size());
  for (const auto& [id, entry] : entries_) {
    const OpenOrder& order = entry.order;
    CANCELBUS_CHECK(order.order_id == id && order.owner == owners_.of(order.client_order_id));
    CANCELBUS_CHECK(by_owner_.at(order.owner).contains(id) && by_symbol_.at(order.symbol).contains(id));
    CANCELBUS_CHECK(!departed_.contains(id));
  }
  CANCELBUS_CHECK(departed_.size() <= departures_.size());
}

}  // namespace cancelbus::core
