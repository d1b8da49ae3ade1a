#include "service/core/sweeper.hpp"

#include <algorithm>
#include <functional>

namespace cancelbus::core {

namespace {

/// Sweeps leave the other half to other programs that ask from this address.
constexpr double ShareOfSweeps = 0.5;
/// A sweep that cannot begin for so long is told of.
constexpr Duration LongWait = std::chrono::seconds(5);

/// In the status; of more the rest are one. No sender is called so.
constexpr size_t MostOwners = 101;
const char* const OtherOwners = "(others)";

}  // namespace

// After cancels and queries: a sweep takes what they leave.
void Sweeper::dispatch() {
  const auto pair = book_.sweeps.next(book_.now.tick, book_.open_orders.pairs());
  if (!pair) return;
  Worker* worker = book_.tasks.workers().choose_for_sweep(book_.now.tick);
  if (!worker) return;
  const TaskId id = book_.tasks.grant(LimiterKind::OpenOrders, {ShareOfSweeps}, *worker);
  if (id == 0) return;
  ++counters_.open_orders_requests;
  const Task& task = book_.tasks.assign(id, 0, book_.out.records());
  book_.sweeps.sent(id, *pair, book_.now);
  CancelOrder query;
  query.symbol = *pair;
  book_.out.send(SendTask{worker->peer, id, 0, task.stamp_ms, LimiterKind::OpenOrders, std::move(query)});
}

// True if the task has ended with it: nothing more of it is awaited.
bool Sweeper::take_part(const TaskEnded& ended) {
  if (!book_.sweeps.awaits(ended.task) || !book_.tasks.is_holders(ended)) return true;
  const Listing& part = *ended.answer.listing;
  if (book_.sweeps.take(part, book_.now.tick)) {
    const Instant sent = book_.sweeps.request()->sent;
    for (const OpenOrder& order : part.orders) {
      if (!book_.open_orders.listed(order, sent)) book_.sweeps.not_taken();
    }
  }
  return book_.sweeps.all_parts();
}

void Sweeper::ended(const TaskEnded& ended) {
  if (!book_.sweeps.awaits(ended.task)) return;
  const Answer& answer = ended.answer;
  if (!answer.listing) {
    const bool of_this_pair = answer.verdict == Verdict::Refused || answer.verdict == Verdict::WrongRequest;
    return failed(answer.text, of_this_pair);
  }
  const Sweeps::Request& request = *book_.sweeps.request();
  book_.open_orders.request_complete(request.pair, request.sent);
  book_.sweeps.answered();
  finish();
}

void Sweeper::failed(const std::string& why, bool of_this_pair) {
  book_.sweeps.failed(why, of_this_pair);
  finish();
}

void Sweeper::finish() {
  std::optional<SweepEnd> end = book_.sweeps.finish(book_.now.tick, book_.open_orders.pairs());
  if (!end) return;
  ++(end->complete ? counters_.sweeps : counters_.sweeps_failed);
  if (end->complete) book_.open_orders.sweep_complete(end->oldest);
  book_.out.swept(*std::move(end));
}

std::string Sweeper::trouble(Tick now) const {
  const auto due = book_.sweeps.due_since(now);
  if (due && now - *due > LongWait) {
    if (!book_.store_writable) return "the bus cannot write its store";
    const bool any = book_.tasks.workers().any_sweeps(now);
    if (!any) return "no worker is connected that knows the task open_orders";
    if (book_.sweeps.trouble().empty()) return "a sweep waits for a worker or for budget";
  }
  return book_.sweeps.trouble();
}

void Sweeper::add_to(BusStatus& status, Instant now) const {
  if (const auto as_of = book_.open_orders.complete_as_of()) status.complete_as_of = as_of->wall;
  auto counts = book_.open_orders.counts();
  std::ranges::sort(counts, std::greater(), &std::pair<std::string, size_t>::second);
  for (auto& [owner, orders] : counts) {
    if (status.open_orders.size() < MostOwners) {
      status.open_orders.push_back({std::move(owner), orders});
    } else {
      status.open_orders.back().owner = OtherOwners;
      status.open_orders.back().orders += orders;
    }
  }
  status.sweep_trouble = trouble(now.tick);
}

}  // namespace cancelbus::core
