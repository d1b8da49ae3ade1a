// Which requests are in flight for the bus: leases as it heard them, and what a restart makes of them.
#include <algorithm>
#include <map>
#include <utility>

#include "tests/simulation/describe.hpp"
#include "tests/simulation/referee.hpp"

namespace cancelbus::simulation {

void Referee::bus_started() {
  ++life_;
  stream_.reset();
  reports_.clear();
  stream_heard_ = stream_taken_ = Never;
  bus_started_at_ = world_.now();
  waits_.bus_started(store_.snapshot().same_boot);
  thrift_.bus_started();
  distance_.bus_started();
  repeats_.bus_started();
  worker_of_.clear();
  peer_of_.clear();
  last_heard_.clear();
  back_.clear();
  facts_.clear();
  commands_heard_.clear();
  words_.clear();
  take_over_requests();
  for (auto& [id, order] : orders_) {
    order.left_book = order.left_book_heard = Time::min();
    order.left_book_first = Never;
    order.looked_gone &= told_gone(id, false);
    order.doubtful = false;
    order.unsure |= order.permitted;
  }
}

void Referee::take_over_requests() {
  const bool same_boot = store_.snapshot().same_boot;
  const auto over = [&](const core::PermitRecord& permit) {
    return same_boot && true_time(permit.settles) <= world_.now();
  };
  // Of what was decided on and not sent the bus does not know that it was not.
  for (const auto& [id, permit] : store_.permits()) {
    if (permit.limiter != core::LimiterKind::Cancel || !permit.open || tasks_.contains(id)) continue;
    if (!ledger_.has_undecided(permit.order_id)) continue;
    tasks_[id] = {
        .id = id, .number = ++last_number_, .order = permit.order_id, .sent = world_.now(), .decided = decided_[id]};
    open_deletes_.insert(id);
  }
  // What can live no more is handed over no more.
  std::erase_if(open_deletes_, [&](core::TaskId id) {
    const auto permit = store_.permits().find(id);
    return permit != store_.permits().end() && over(permit->second);
  });
  // What the bus knows no more it takes from any connection.
  for (auto& [id, task] : tasks_) {
    if (!task.ended) task.worker = core::WorkerPool::BeforeRestart;
  }
  // The holder of each task of before is one unknown worker, whose lease starts now.
  for (const core::TaskId id : open_deletes_) {
    tasks_[id].worker = 0;
    tasks_[id].released = false;
    tasks_[id].rested |= !ledger_.has_undecided(tasks_[id].order);
    // How long ago it was sent is not stored.
    tasks_[id].decided = world_.now();
  }
  last_heard_[0] = world_.now();
}

// Whatever it was, the bus that leads now has taken it over as one that may have been sent.
void Referee::sending_late(const core::SendTask& sent) {
  const auto permit = store_.permits().find(sent.task);
  const auto decided = decided_.find(sent.task);
  if (decided == decided_.end()) {
    return world_.fail("promise 11: task ", task_name(sent.task), " leaves without a committed permit");
  }
  // Once its permit has settled no worker sends it.
  if (permit == store_.permits().end() || !permit->second.open) return;
  check_stamp(sent);
  by_stamp_[sent.stamp_ms] = sent.task;
  const auto [it, is_new] = tasks_.try_emplace(sent.task);
  Task& task = it->second;
  if (is_new) {
    task.id = sent.task;
    task.number = ++last_number_;
    task.order = sent.order.order_id;
    task.decided = decided->second;
  }
  task.kind = sent.kind;
  task.stamp_ms = sent.stamp_ms;
  task.sent = world_.now();
  if (sent.kind != core::LimiterKind::Cancel) return;
  std::vector<core::TaskId>& deletes = orders_[task.order].deletes;
  const auto later =
      std::ranges::find_if(deletes, [&](core::TaskId other) { return tasks_[other].number > task.number; });
  deletes.insert(later, task.id);
}

void Referee::commits_lost() {
  if (life_ > 1) world_.happened.add(Fault::CommitsLost);
  for (auto& [id, task] : tasks_) task.lost |= !task.ended && !store_.permits().contains(id);
  std::erase_if(open_deletes_, [this](core::TaskId id) { return tasks_[id].lost; });
  for (auto& [id, order] : orders_) {
    if (order.gone_in_life != 0 && !told_gone(id)) order.gone_in_life = 0;
    if (!ledger_.has_undecided(id)) order.open_since_life = 0;
  }
  // A 451 that the bus had taken may be lost, while the proof that it undid was kept.
  for (const auto& [key, row] : store_.commands()) {
    if (row.ended || !row.final || row.final->evidence != core::Evidence::Channel452) continue;
    orders_[row.order.order_id].last_book_fact = core::FactType::Deleted452;
  }
  waits_.commits_lost(store_.lowered());
  // A power cut takes no wait, but an older copy holds only its own.
  if (store_.same_boot()) {
    std::map<core::LimiterKind, Time> waits;
    for (const auto& [kind, hold] : store_.holds()) waits[kind] = true_time(hold.until);
    budget_.commits_lost(waits);
  }
  thrift_.commits_lost();
  distance_.commits_lost();
  // Whether anything was sent of what it still holds, it cannot know.
  for (const auto& [key, command] : ledger_.commands()) {
    if (command.ended()) continue;
    Order& order = orders_[command.order.order_id];
    order.permitted = true;
    order.last_command_at = world_.now();
  }
}

void Referee::heard(const core::WorkerReady& ready) {
  worker_of_[ready.peer] = ready.worker;
  peer_of_[ready.worker] = ready.peer;
  if (!heard_since(ready.worker, world_.now())) back_[ready.worker] = world_.now();
  last_heard_[ready.worker] = world_.now();
  request_timeout_[ready.worker] = ready.request_timeout;
  for (const core::TaskId id : open_deletes_) {
    Task& task = tasks_[id];
    const bool listed = std::find(ready.tasks.begin(), ready.tasks.end(), id) != ready.tasks.end();
    const Duration age = world_.now() - task.sent;
    if (listed) {
      task.worker = ready.worker;
      const bool another = std::any_of(open_deletes_.begin(), open_deletes_.end(), [&](core::TaskId o) {
        return o != id && tasks_[o].order == task.order && !tasks_[o].released;
      });
      if (task.released && !another && age <= ready.request_timeout - ClockSlack) task.released = false;
    }
    // Judged with the deadlines, as by the bus: a later message that waits as well may list it.
    if (task.worker == ready.worker) task.unlisted = !listed && age > rules_.options.worker_lease - ClockSlack;
  }
}

bool Referee::heard_since(core::WorkerId worker, Time since) const {
  const auto heard = last_heard_.find(worker), back = back_.find(worker);
  return heard != last_heard_.end() && world_.now() - heard->second <= rules_.options.worker_lease - ClockSlack &&
         (back == back_.end() || back->second <= since);
}

void Referee::release(Task& task, bool silent, bool overlong) {
  if (std::exchange(task.released, true)) return;
  thrift_.delete_released(task.order);
  if (!silent) return distance_.overlong(task.order);
  // Of one that was both it is not certain for which of the two the bus has given it up.
  distance_.released(task.order, overlong ? core::WorkerPool::BeforeRestart : task.worker);
}

void Referee::judging_deadlines() {
  const auto silent = [&](Time& heard, Time& gap) {
    if (heard == Never || world_.now() - heard <= core::StreamWatch::Lease) return;
    heard = Never;
    gap = world_.now();
  };
  silent(stream_heard_, gap_at_);
  silent(stream_taken_, maybe_gap_at_);
  for (const core::TaskId id : open_deletes_) {
    Task& task = tasks_[id];
    const Duration silence = world_.now() - last_heard_[task.worker];
    // Its stamp is as old as the decision, however late it left: no worker sends it then.
    const bool overlong = world_.now() - task.decided >= rules_.options.lost_after - ClockSlack;
    const bool unlisted = std::exchange(task.unlisted, false);
    const bool unheard = silence > rules_.options.worker_lease - ClockSlack || unlisted;
    if (unheard || overlong) release(task, unheard, overlong);
  }
}

}  // namespace cancelbus::simulation
