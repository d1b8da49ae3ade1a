#include "tests/simulation/thrift.hpp"

#include <algorithm>
#include <utility>

#include "tests/simulation/describe.hpp"

namespace cancelbus::simulation {

namespace {

using core::Verdict;

bool passes(Verdict verdict) {
  return verdict == Verdict::Accepted || verdict == Verdict::UnknownOrder || verdict == Verdict::Refused ||
         verdict == Verdict::Blocked || verdict == Verdict::Read;
}

/// How long so many queries without news take at least: 1, 2, 4 ... 30 s apart, and each may be one of the two 2 s
/// apart that prove that the order is open. Three may come at once for reasons of their own.
Duration least_time_of(int queries) {
  Duration least{}, interval = 1s;
  for (int i = 0; i < (queries - 4) / 2; ++i) {
    least += interval;
    interval = std::min<Duration>(interval * 2, 30s);
  }
  return least;
}

}  // namespace

void Thrift::bus_started() {
  for (auto& [id, order] : orders_) {
    order.cause = true;
    ++order.restarts;
    order.query = 0;
    order.asked = 0;
    order.last_query = Time::min();
  }
  for (const auto& [worker, count] : std::exchange(refused_, {})) refused_of_the_gone_ += count;
  to_be_probed_.clear();
  stream_heard_ = Time::min();
  started_ = world_.now();
}

void Thrift::commits_lost() {
  for (auto& [id, order] : orders_) order.restarts += order.answered;
}

void Thrift::orderly_end() {
  refused_.clear();
  refused_of_the_gone_ = 0;
}

void Thrift::stream_heard(bool news) {
  const Time now = world_.now();
  if (news || now - stream_heard_ > core::StreamWatch::Lease - Slack) stream_news_ = now;
  stream_heard_ = now;
}

void Thrift::command_came(core::OrderId id) {
  Order& order = orders_[id];
  order.cause = true;
  order.asked = 0;
}

void Thrift::fact_came(core::OrderId id) {
  const auto found = orders_.find(id);
  if (found == orders_.end()) return;
  found->second.cause = true;
  found->second.asked = 0;
}

// ---- DELETEs ----

void Thrift::delete_sent(core::OrderId id) {
  Order& order = orders_[id];
  if (order.deletes++ > 0 && !order.cause) {
    world_.fail("promise 4: another DELETE of ", order_name(id), " without a cause");
  }
  order.cause = false;
  order.asked = 0;
}

void Thrift::delete_ended(core::OrderId id, const core::Answer& answer) {
  const auto found = orders_.find(id);
  if (found == orders_.end()) return;
  Order& order = found->second;
  order.asked = 0;
  switch (answer.verdict) {
    case Verdict::Blocked:
    case Verdict::WrongRequest:
    case Verdict::Accepted:
    case Verdict::UnknownOrder:
    case Verdict::Refused:
      ++order.answered;
      order.cause = false;
      return;
    default:  // it was not processed, or nothing is known of it
      order.cause = true;
      return;
  }
}

uint32_t Thrift::answered(core::OrderId order) const {
  const auto found = orders_.find(order);
  return found == orders_.end() ? 0 : found->second.answered;
}

// ---- Queries ----

void Thrift::query_sent(core::OrderId id, core::TaskId task, core::WorkerId worker, Time decided) {
  const auto found = orders_.find(id);
  if (found == orders_.end() || probes(worker)) return;
  Order& order = found->second;
  const Duration apart = decided - order.last_query;
  if (order.last_query != Time::min() && apart < core::Reads::QueriesApart - Slack) {
    world_.fail("promise 4: two queries of ", order_name(id), ' ', apart / 1ms, " ms apart");
  }
  const Time stream_lost = stream_heard_ == Time::min() ? Time::min() : stream_heard_ + core::StreamWatch::Lease;
  const bool lost_since = stream_lost <= decided && stream_lost >= order.asked_since;
  // Of one that was never answered nothing is known, and it is asked again.
  if (order.query != 0 || stream_news_ >= order.asked_since || lost_since) order.asked = 0;
  if (order.asked++ == 0) order.asked_since = decided;
  if (decided - order.asked_since < least_time_of(order.asked) - Slack) {
    world_.fail("promise 4: ", order.asked, " queries of ", order_name(id), " within ",
                (decided - order.asked_since) / 1ms, " ms, and none brought anything new");
  }
  order.last_query = decided;
  order.query = task;
}

void Thrift::query_ended(core::OrderId id, core::TaskId task, const core::Answer& answer, bool proves_open) {
  const auto found = orders_.find(id);
  if (found == orders_.end()) return;
  Order& order = found->second;
  if (order.query == task) order.query = 0;
  if (answer.verdict == Verdict::Throttled || answer.arrival == core::Arrival::NeverSent) order.asked = 0;
  // An answer that a former life of the bus heard and did not commit is not counted there.
  order.cause |= proves_open && order.answered < options_.max_attempts + order.restarts;
}

// ---- Keys ----

void Thrift::worker_answered(core::WorkerId worker, core::LimiterKind kind, const core::Answer& answer, Time sent,
                             bool heard_since) {
  if (answer.verdict == Verdict::Unauthorized) {
    ++refused_[worker];
    to_be_probed_.insert(worker);
  }
  // Of a query whose worker was silent meanwhile, or of before its start, the bus knows nothing any more: that it was
  // let in ends no row of refusals there. Better than too early.
  const bool known = heard_since && sent >= started_ && world_.now() - sent <= options_.worker_lease;
  if (passes(answer.verdict) && (answer.verdict != Verdict::Read || known)) {
    refused_[worker] = 0;
    refused_of_the_gone_ = 0;
  }
  // A list of open orders that was asked for before is no probe.
  if (kind == core::LimiterKind::Query && answer.verdict == Verdict::Read && known) to_be_probed_.erase(worker);
}

uint32_t Thrift::refused() const {
  uint32_t sum = refused_of_the_gone_;
  for (const auto& [worker, count] : refused_) sum += count;
  return sum;
}

bool Thrift::probes(core::WorkerId worker) const {
  return to_be_probed_.contains(worker) || refused() >= core::WorkerPool::MostUnauthorized;
}

}  // namespace cancelbus::simulation
