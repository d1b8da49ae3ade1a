#include "tests/simulation/masses.hpp"

#include <algorithm>

#include "service/core/mass_cancel.hpp"
#include "service/core/mass_cancel_runner.hpp"
#include "tests/simulation/describe.hpp"
#include "tests/simulation/registry.hpp"
#include "tests/simulation/time.hpp"

namespace cancelbus::simulation {

namespace {

using State = core::MassCancelOrder::State;
using core::MassCancelStatus;

std::string mass_name(const core::CommandKey& key) { return key.sender + "/" + key.cl_ord_id; }

bool is_gone(core::OrdStatus status) {
  return status == core::OrdStatus::Canceled || status == core::OrdStatus::Filled;
}

bool is_end(MassCancelStatus status) {
  return status == MassCancelStatus::Completed || status == MassCancelStatus::Rejected;
}

/// The second of an order is `mass/order/2`.
int number_of(const std::string& cl_ord_id) {
  const size_t first = cl_ord_id.find('/'), second = cl_ord_id.find('/', first + 1);
  return second == std::string::npos ? 1 : std::stoi(cl_ord_id.substr(second + 1));
}

}  // namespace

void Masses::bus_started() {
  const std::map<Key, Mass> before = std::exchange(masses_, {});
  children_.clear();
  complete_.clear();
  for (const auto& [key, record] : store_.mass_cancels()) {
    Mass& mass = masses_[key];
    mass.request = record.request;
    mass.swept = record.swept;
    mass.ended = record.ended;
    mass.engaged = record.request.cause == core::MassCancelRequest::Cause::KillSwitch && !record.release;
    mass.forced = record.release && record.release->forced;
    mass.restarted = true;
    if (record.report_seq > 0) mass.told = record.status;
    if (const auto known = before.find(key); known != before.end() && mass.swept) mass.as_of = known->second.as_of;
  }
  for (const auto& [key, row] : store_.mass_cancel_orders()) masses_.at(row.mass).orders[row.order_id] = row.state;
  std::erase_if(applied_, [this](const Key& key) { return !masses_.contains(key); });
  for (const auto& [key, record] : store_.commands()) {
    if (masses_.contains(mass_of(key))) take(record);
  }
  fresh_.clear();
}

// ---- What is decided ----

void Masses::decided(const core::Actions& actions, Tick now) {
  for (const core::SweepEnd& end : actions.sweeps) {
    if (end.complete) complete_[end.oldest.wall] = world_.now() - (now - end.oldest.tick);
  }
  for (const core::Record& record : actions.records) {
    if (const auto* mass = std::get_if<core::MassCancelRecord>(&record)) take(*mass);
    if (const auto* row = std::get_if<core::MassCancelOrder>(&record)) take(*row);
    if (const auto* command = std::get_if<core::CommandRecord>(&record)) take(*command);
    if (const auto* publication = std::get_if<core::Publication>(&record)) take(*publication, now);
    if (const auto* forgotten = std::get_if<core::CommandForgotten>(&record)) children_.erase(forgotten->key);
    if (const auto* order = std::get_if<core::MassCancelOrderForgotten>(&record)) take(*order);
    const auto* gone = std::get_if<core::MassCancelForgotten>(&record);
    if (!gone) continue;
    const auto mass = masses_.find(gone->key);
    if (mass == masses_.end() || !mass->second.ended)
      world_.fail("the open mass cancel ", mass_name(gone->key), " is forgotten");
    masses_.erase(gone->key);
    applied_.erase(gone->key);
  }
  check_children();
  for (const auto& [key, report] : std::exchange(ends_, {})) check_end(key, masses_.at(key), report);
  for (const auto& [order, owner] : std::exchange(owed_, {})) {
    world_.fail("mass cancel: ", owner, " is not told that ", order_name(order), " is gone");
  }
}

void Masses::take(const core::MassCancelRecord& record) {
  Mass& mass = masses_[record.key];
  mass.request = record.request;
  const bool known = mass.swept;
  if (known && !record.swept) {
    world_.fail("mass cancel: the orders of ", mass_name(record.key), " were known, and would be taken anew");
  }
  mass.swept |= record.swept;
  mass.ended = record.ended;
  mass.engaged = record.request.cause == core::MassCancelRequest::Cause::KillSwitch && !record.release;
  mass.forced = record.release && record.release->forced;
  if (known || !record.swept) return;
  const auto sweep = record.complete_as_of ? complete_.find(*record.complete_as_of) : complete_.end();
  if (sweep == complete_.end()) {
    return world_.fail("mass cancel: the orders of ", mass_name(record.key), " are known, and no sweep is complete");
  }
  mass.as_of = sweep->second;
}

void Masses::take(const core::MassCancelOrder& row) {
  const auto at = masses_.find(row.mass);
  // Its record stands behind the first orders in the turn.
  Mass& mass = at == masses_.end() ? masses_[row.mass] : at->second;
  const bool is_new = mass.orders.insert_or_assign(row.order_id, row.state).second;
  mass.changed[row.order_id] = world_.now();
  const bool released = mass.request.cause == core::MassCancelRequest::Cause::KillSwitch && mass.told && !mass.engaged;
  if (is_new && released) {
    world_.fail("mass cancel: ", order_name(row.order_id), " is added to ", mass_name(row.mass), ", which is released");
  }
  if (is_new && mass.swept && !mass.request.until_empty) {
    world_.fail("mass cancel: ", order_name(row.order_id), " is added to ", mass_name(row.mass),
                ", whose orders were known before");
  }
}

void Masses::take(const core::MassCancelOrderForgotten& forgotten) {
  const bool known = std::ranges::any_of(children_, [&](const auto& entry) {
    return mass_of(entry.first) == forgotten.mass && entry.second.order == forgotten.order_id;
  });
  if (known || masses_[forgotten.mass].orders.erase(forgotten.order_id) == 0) {
    world_.fail("mass cancel: ", order_name(forgotten.order_id), " is forgotten before its commands");
  }
}

void Masses::take(const core::CommandRecord& record) {
  if (record.key.cl_ord_id.find('/') == std::string::npos) return;
  const auto [at, is_new] = children_.try_emplace(record.key);
  Child& child = at->second;
  child.order = record.order.order_id;
  child.number = number_of(record.key.cl_ord_id);
  child.acked = record.ack.has_value();
  child.ended = record.ended;
  if (record.final) child.final = record.final->ord_status;
  if (is_new) fresh_.push_back(record.key);
  if (is_new && (record.order.time_to_live || record.key.cl_ord_id.size() > 64)) {
    world_.fail("mass cancel: ", mass_name(record.key), " has a time to live, or a name that is too long");
  }
}

void Masses::check_children() {
  std::map<Key, size_t> waiting;
  for (const auto& [key, child] : children_) waiting[mass_of(key)] += !child.acked;
  for (const Key& key : std::exchange(fresh_, {})) {
    const auto mass = masses_.find(mass_of(key));
    if (mass == masses_.end()) {
      world_.fail("mass cancel: ", mass_name(key), " is a command of none that is known");
      continue;
    }
    const Child& child = children_.at(key);
    const auto row = mass->second.orders.find(child.order);
    if (row == mass->second.orders.end() || row->second == State::Pending || row->second == State::Left) {
      world_.fail("mass cancel: ", mass_name(key), " is a command, and its order is not stored as such");
    }
    const exchange_sim::Order* order = exchange_.book().find(child.order);
    if (!order || !in_scope(mass->second.request, *order)) {
      world_.fail("mass cancel: ", mass_name(key), " is about an order that is not in scope");
    }
    if (waiting[mass->first] > core::MassCancelRunner::MostWaiting) {
      world_.fail("mass cancel: ", waiting[mass->first], " commands of ", mass_name(mass->first), " wait");
    }
  }
}

// ---- What is told ----

void Masses::take(const core::Publication& publication, Tick now) {
  const std::string& topic = publication.topic;
  if (!topic.starts_with("client.")) return;
  const std::string sender = topic.substr(7, topic.size() - 8);
  if (const auto* end = std::get_if<core::CancelFinal>(&publication.body)) final({sender, end->cl_ord_id}, *end);
  if (const auto* status = std::get_if<core::CancelStatus>(&publication.body)) {
    const auto child = children_.find({sender, status->cl_ord_id});
    if (child != children_.end() && status->stage == core::Stage::Stuck) child->second.stuck = true;
  }
  const auto* told = std::get_if<core::MassCancelReport>(&publication.body);
  if (told) report({sender, told->cl_ord_id}, *told, now);
}

void Masses::final(const Key& key, const core::CancelFinal& final) {
  if (final.unsolicited) {
    const auto owed = owed_.find(final.order_id);
    if (owed == owed_.end() || owed->second != key.sender || !final.cl_ord_id.empty()) {
      return world_.fail("mass cancel: ", key.sender, " is told of ", order_name(final.order_id), " unasked");
    }
    owed_.erase(owed);
    return;
  }
  const bool is_child = key.cl_ord_id.find('/') != std::string::npos;
  const exchange_sim::Order* order = exchange_.book().find(final.order_id);
  if (!is_child || !order || !is_gone(final.ord_status)) return;
  const std::string owner(rules_.owners.of(order->spec.client_id));
  const auto mass = masses_.find(mass_of(key));
  if (mass == masses_.end())
    return world_.fail("mass cancel: the parent of ", mass_name(key), " is forgotten before it");
  if (!owner.empty() && owner != key.sender) owed_[final.order_id] = owner;
}

void Masses::report(const Key& key, const core::MassCancelReport& report, Tick now) {
  Mass& mass = masses_[key];
  const std::optional<MassCancelStatus> before = std::exchange(mass.told, report.status);
  const std::optional<Tick> before_at = std::exchange(mass.told_at, now);
  if (before && is_end(*before)) return world_.fail("mass cancel: a report of ", mass_name(key), " after its end");
  if (before.has_value() == (report.status == MassCancelStatus::Accepted)) {
    world_.fail("mass cancel: ACCEPTED of ", mass_name(key), " is not its first report, or the first is another");
  }
  if (report.status == MassCancelStatus::Progress && before_at && now - *before_at < BetweenReports) {
    world_.fail("mass cancel: two reports of ", mass_name(key), " within ", (now - *before_at) / 1ms, " ms");
  }
  if (report.canceled + report.filled + report.still_open + report.in_doubt + report.unsent != report.total_affected) {
    world_.fail("mass cancel: the counts of ", mass_name(key), " do not add up");
  }
  if (report.status == MassCancelStatus::Completed) ends_.emplace_back(key, report);
}

// ---- Its end ----

void Masses::check_end(const Key& key, const Mass& mass, const core::MassCancelReport& report) {
  for (const auto& [name, child] : children_) {
    if (mass_of(name) != key || child.ended || child.stuck) continue;
    world_.fail("mass cancel: ", mass_name(key), " is COMPLETED, and ", name.cl_ord_id, " is undecided");
  }
  if (report.unsent > 0 || report.in_doubt > 0) {
    world_.fail("mass cancel: ", mass_name(key), " is COMPLETED, with ", report.unsent, " unsent and ", report.in_doubt,
                " in doubt");
  }
  if (!rules_.forgets) check_counts(key, report);
  check_book(key, mass, report);
}

void Masses::check_counts(const Key& key, const core::MassCancelReport& report) {
  std::map<core::OrderId, std::pair<int, std::optional<core::OrdStatus>>> last;
  for (const auto& [name, child] : children_) {
    if (mass_of(name) != key || !child.ended) continue;
    auto& [number, status] = last[child.order];
    if (child.number >= number) number = child.number, status = child.final;
  }
  const Mass& mass = masses_.at(key);
  uint32_t canceled = 0, filled = 0;
  for (const auto& [order, end] : last) {
    // One that came back, and then left by itself, is in none of the counts.
    const auto row = mass.orders.find(order);
    if (row != mass.orders.end() && row->second == State::Left) continue;
    canceled += end.second == core::OrdStatus::Canceled;
    filled += end.second == core::OrdStatus::Filled;
  }
  if (report.canceled != canceled || report.filled != filled) {
    world_.fail("mass cancel: ", mass_name(key), " reports ", report.canceled, " canceled and ", report.filled,
                " filled, and its finals say ", canceled, " and ", filled);
  }
}

void Masses::check_book(const Key& key, const Mass& mass, const core::MassCancelReport& report) {
  if (mass.forced) return;
  std::optional<Time> as_of = mass.as_of;
  if (mass.request.until_empty) {
    const auto sweep = report.complete_as_of ? complete_.find(report.complete_as_of->wall) : complete_.end();
    if (sweep == complete_.end()) {
      return world_.fail("mass cancel: ", mass_name(key),
                         " is COMPLETED, and its complete_as_of is no sweep of this life");
    }
    as_of = sweep->second;
    world_.happened.add(Fault::ScopeEmptied);
  }
  if (!as_of || !report.complete_as_of)
    return world_.fail("mass cancel: ", mass_name(key), " is COMPLETED without a sweep");
  if (mass.restarted) world_.happened.add(Fault::MassCancelOverRestart);
  world_.happened.add(report.total_affected > 0 ? Fault::MassCancel : Fault::MassCancelOfNothing);
  for (const exchange_sim::Order* order : open_in_scope(mass.request)) {
    if (placed(*order) + RestLag + Slack > *as_of || !is_swept(*order)) continue;
    const auto row = mass.orders.find(order->id);
    if (!mass.request.until_empty && row != mass.orders.end() && row->second != State::Left) continue;
    // One that is edited at this moment looks as if it had left.
    if (!mass.request.until_empty && row != mass.orders.end() && order->changes.size() > 1) continue;
    world_.fail("mass cancel: ", mass_name(key), " is COMPLETED, and ", order_name(order->id),
                ", which is in scope and was placed over 2 s before its complete_as_of, is open");
  }
}

Time Masses::placed(const exchange_sim::Order& order) {
  return Time(std::chrono::duration_cast<Duration>(order.placed.time_since_epoch()) - Beginning.time_since_epoch());
}

bool Masses::in_scope(const core::MassCancelRequest& request, const exchange_sim::Order& order) const {
  core::OpenOrder as_known;
  as_known.symbol = order.spec.pair_symbol;
  as_known.client_order_id = order.spec.client_id;
  as_known.owner = rules_.owners.of(order.spec.client_id);
  as_known.side = order.spec.side == exchange_sim::Side::Buy ? core::Side::Buy : core::Side::Sell;
  return request.scope.contains(as_known);
}

bool Masses::is_swept(const exchange_sim::Order& order) const {
  const std::string& pair = order.spec.pair_symbol;
  return rules_.pairs.empty() || std::ranges::count(rules_.pairs, pair) > 0 ||
         gateway_()->open_orders().pairs().contains(pair);
}

std::vector<const exchange_sim::Order*> Masses::open_in_scope(const core::MassCancelRequest& request) const {
  std::vector<const exchange_sim::Order*> found;
  for (const int64_t id : exchange_.book().ids_in_order()) {
    const exchange_sim::Order* order = exchange_.book().find(id);
    if (exchange_sim::is_open(order->status) && in_scope(request, *order)) found.push_back(order);
  }
  return found;
}

// ---- Receipts, and the end of the world ----

void Masses::sending(const core::SendReceipt& receipt, const std::string& sender) {
  if (receipt.status != core::ReceiptStatus::Applied) return;
  const Key key{sender, receipt.cl_ord_id};
  if (!applied_.insert(key).second) world_.fail("promise 6: ", mass_name(key), " is applied a second time");
}

bool Masses::may_stay_open(const Key& key) const {
  const auto at = masses_.find(key);
  if (at == masses_.end() || at->second.ended || !at->second.told) return false;
  if (at->second.engaged) return true;
  if (!rules_.can_complete) return true;
  if (!at->second.request.until_empty) return false;
  return std::ranges::any_of(children_, [&](const auto& entry) {
    return mass_of(entry.first) == key && entry.second.stuck && !entry.second.ended;
  });
}

void Masses::at_the_end() const {
  for (const auto& [key, mass] : masses_) {
    if (!mass.engaged || !rules_.can_complete) continue;
    for (const exchange_sim::Order* order : open_in_scope(mass.request)) {
      const auto row = mass.orders.find(order->id);
      const bool begun = row != mass.orders.end() && row->second == State::Canceling;
      if (begun || !is_swept(*order) || world_.now() - placed(*order) < LooksAgain) continue;
      // Its command has ended with the order open: the next comes with a later sweep.
      const auto changed = mass.changed.find(order->id);
      if (changed != mass.changed.end() && world_.now() - changed->second < LooksAgain) continue;
      world_.fail("mass cancel: ", mass_name(key), " is engaged, and ", order_name(order->id), " in its scope is open");
    }
  }
}

bool Masses::settled() const {
  return std::ranges::all_of(masses_, [this](const auto& e) { return e.second.ended || may_stay_open(e.first); });
}

std::string Masses::open() const {
  std::string text;
  for (const auto& [key, mass] : masses_) {
    if (!mass.ended && !may_stay_open(key)) text += " mass cancel " + mass_name(key);
  }
  return text;
}

}  // namespace cancelbus::simulation
