#include "service/core/gateway.hpp"

#include <algorithm>

namespace cancelbus::core {

namespace {

/// Ids of one start of the bus share their upper half, which no other start has, of this store or another: a worker may
/// outlive both, and its old outcome must not be taken for a new task's.
TaskId first_task(uint64_t epoch, uint64_t term) {
  uint64_t mixed = epoch ^ (term * 0x9E3779B97F4A7C15u);
  mixed = (mixed ^ (mixed >> 31)) * 0xBF58476D1CE4E5B9u;
  constexpr uint64_t UpperHalf = 0x7FFFFFFF00000000u;  // the store's integers are signed
  return (mixed & UpperHalf) + 1;
}

}  // namespace

Gateway::Gateway(GatewayOptions options, const Snapshot& snapshot, Instant now)
    : options_(std::move(options)),
      epoch_(snapshot.epoch),
      term_(snapshot.term),
      now_(now),
      cancel_limiter_(options_.cancel_limits),
      query_limiter_(options_.query_limits),
      pool_(options_.worker_lease, options_.lost_after),
      stream_(options_.final_wait),
      next_task_(first_task(snapshot.epoch, snapshot.term)),
      // Facts that were confirmed and are missing do not come again: the next one does not follow the last one known.
      facts_(snapshot.commits_lost ? FactPosition{} : snapshot.facts) {
  restore(snapshot);
}

Actions Gateway::step(Instant now, const Event& event) {
  now_ = now;
  note_left();
  std::visit([this](const auto& e) { on(e); }, event);
  judge_touched();
  if (std::holds_alternative<DeadlinePassed>(event)) {
    save_unauthorized();
    dispatch();
  }
  return std::exchange(out_, {});
}

void Gateway::on(const DeadlinePassed&) {
  expire_permits();
  for (const TaskId task : pool_.take_abandoned(now_.tick)) task_silent(task);
  pool_.forget_gone(now_.tick);
  if (stream_.lost(now_.tick)) question_all();
  if (stream_.seems_muted(now_.tick)) {
    ++counters_.relogins;
    out_.sends.push_back(SendRelogin{stream_.peer()});
  }
  for (const auto& [wake, id] : wakes_) {
    if (wake > now_.tick) break;
    touch(*find_order(id));
  }
  sessions_.sweep(now_.tick);
  forget_ended();
}

Tick Gateway::next_deadline(Tick now) const {
  Tick at = std::min({next_dispatch_, pool_.next_deadline(now), stream_.next_deadline(now)});
  if (!wakes_.empty()) at = std::min(at, wakes_.begin()->first);
  // What is due already waits for next_dispatch_.
  for (const bool old : {false, true}) {
    const auto it = questions_.upper_bound({old, now, std::numeric_limits<OrderId>::max()});
    if (it != questions_.end() && std::get<0>(*it) == old) at = std::min(at, std::get<1>(*it));
  }
  return at;
}

BusStatus Gateway::status(Instant now) const {
  BusStatus status;
  for (const auto& [name, limiter] : {std::pair{"cancel", &cancel_limiter_}, {"query", &query_limiter_}}) {
    for (const auto& window : limiter->windows(now.tick)) status.windows.push_back({name, window.used, window.rule});
    if (limiter->held_until() > now.tick) {
      status.holds.push_back({name, now.wall + (limiter->held_until() - now.tick), limiter->hold_text()});
    }
  }
  status.queues = queue_status();
  status.undecided = static_cast<uint32_t>(open_);
  for (const auto& [task, info] : tasks_) {
    ++(info.kind == LimiterKind::Cancel ? status.cancels_in_flight : status.queries_in_flight);
  }
  status.orders_in_doubt = static_cast<uint32_t>(doubts_.size());
  if (!doubts_.empty()) status.oldest_doubt = doubts_.begin()->first;
  status.workers = pool_.status(now.tick);
  status.unauthorized_in_a_row = pool_.unauthorized_in_a_row();
  status.stream = stream_.status();
  status.store_writable = store_writable_;
  status.as_of = now.wall;
  return status;
}

std::vector<QueueStatus> Gateway::queue_status() const {
  std::vector<QueueStatus> queues = queue_.status();
  for (QueueStatus& queue : queues) {
    for (const OrderId id : queue_.next(queue.sender)) {
      const std::optional<WallTime>& received = orders_.at(id)->commands.front().record.timeline.received;
      if (!queue.oldest || received < queue.oldest) queue.oldest = received;
    }
  }
  return queues;
}

bool Gateway::drained() const {
  return draining_ && std::all_of(tasks_.begin(), tasks_.end(), [this](const auto& entry) {
           const auto it = orders_.find(entry.second.order_id);
           if (it == orders_.end()) return true;
           const Order& order = *it->second;
           return !order.in_flight() && order.query != entry.first;
         });
}

Order* Gateway::find_order(OrderId id) {
  const auto it = orders_.find(id);
  return it == orders_.end() ? nullptr : it->second.get();
}

Order& Gateway::order_of(OrderId id) {
  auto& order = orders_[id];
  if (!order) {
    order = std::make_unique<Order>();
    order->id = id;
  }
  return *order;
}

uint64_t Gateway::publish(const std::string& topic, std::variant<CancelAck, CancelFinal, CancelStatus> body,
                          const std::string& traceparent) {
  const uint64_t seq = sessions_.topic(topic).next_seq++;
  out_.records.push_back(Publication{topic, seq, now_.wall, std::move(body), traceparent});
  return seq;
}

}  // namespace cancelbus::core
