// Workers, permits, tasks and their outcomes; and giving out work.
#include <algorithm>

#include "service/core/check.hpp"
#include "service/core/gateway.hpp"

namespace cancelbus::core {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration LongestHold = seconds(120);
constexpr Duration HoldIfIllegible = seconds(60);
constexpr Duration HoldMargin = seconds(1);
/// A page from a proxy: past its stamp's 5 s the exchange refuses the request that may still be on its way.
constexpr Duration PageSettles = seconds(6);
/// A worker that cannot connect must not be asked again in a tight loop.
constexpr Duration AfterNeverWritten = milliseconds(100);
/// Whether the exchange has looked past the key: at the order.
bool let_in(Verdict verdict) {
  return verdict == Verdict::Accepted || verdict == Verdict::UnknownOrder || verdict == Verdict::Refused ||
         verdict == Verdict::Blocked || verdict == Verdict::Read;
}

/// Queries of orders asked about for long share this part of the budget at most.
constexpr double ShareOfOld = 0.5;

}  // namespace

void Gateway::on(const WorkerReady& ready) {
  Worker* worker = pool_.heard(ready, now_.tick);
  if (!worker) return;
  const absl::btree_set<TaskId> listed(ready.tasks.begin(), ready.tasks.end());
  // Judged with the deadlines: after a stall a later word that waits as well may list what this one does not.
  worker->unlisted.clear();
  for (const TaskId task : worker->tasks) {
    const auto info = tasks_.find(task);
    // What left just now may not have arrived when this was written.
    const bool young = info != tasks_.end() && now_.tick - info->second.left <= pool_.lease();
    if (!listed.contains(task) && !young) worker->unlisted.push_back(task);
  }
  for (const TaskId task : listed) listed_again(*worker, task);
}

void Gateway::listed_again(Worker& worker, TaskId task) {
  const auto it = tasks_.find(task);
  if (it == tasks_.end()) return;
  TaskInfo& info = it->second;
  if (info.worker != worker.id && info.worker != WorkerPool::BeforeRestart) return;  // nobody takes another's task over
  if (Worker* before = pool_.find(info.worker)) before->tasks.erase(task);
  info.worker = worker.id;
  worker.tasks.insert(task);
  Order* order = find_order(info.order_id);
  if (order && order->find_attempt(task)) touch(*order);
}

bool Gateway::held_again(const Attempt& attempt) const {
  if (attempt.state != Attempt::State::Silent) return false;
  const auto it = tasks_.find(attempt.task);
  const Worker* worker = it == tasks_.end() ? nullptr : pool_.find(it->second.worker);
  return worker && worker->tasks.contains(attempt.task) && !pool_.is_silent(*worker, now_.tick) &&
         now_.tick - attempt.dispatched <= worker->request_timeout;
}

void Gateway::task_silent(TaskId task) {
  const auto it = tasks_.find(task);
  if (it == tasks_.end()) return;
  const TaskInfo info = it->second;
  Order* order = find_order(info.order_id);
  Worker* worker = pool_.find(info.worker);
  if (worker) worker->tasks.erase(task);
  if (info.kind == LimiterKind::Query) {
    tasks_.erase(it);
    if (worker) pool_.met_nothing(*worker, now_.tick);
    if (!order || order->query != task) return;
    order->query = 0;
    note(*order, {.what = HistoryLine::What::WorkerSilent, .task = task, .worker = worker ? worker->name : ""});
    order->news(now_.tick);
    return touch(*order);
  }
  Attempt* attempt = order ? order->find_attempt(task) : nullptr;
  if (!attempt || attempt->state != Attempt::State::InFlight) return;
  ++counters_.leases_lost;
  attempt->state = Attempt::State::Silent;
  note(*order, {.what = HistoryLine::What::WorkerSilent, .task = task, .worker = worker ? worker->name : ""});
  order->news(now_.tick);
  keep_place(*order, *attempt, Duration::zero());
  touch(*order);
}

void Gateway::drop_task(TaskId task) {
  const auto it = tasks_.find(task);
  if (it == tasks_.end()) return;
  if (Worker* worker = pool_.find(it->second.worker)) worker->tasks.erase(task);
  tasks_.erase(it);
}

void Gateway::on(const TaskEnded& ended) {
  const auto it = tasks_.find(ended.task);
  if (it == tasks_.end()) {
    // Confirmed, or it would come for ever. Whose it was is forgotten, so that its permit waits out its time.
    ++counters_.unknown_outcomes;
    out_.sends.push_back(SendConfirm{ended.peer, ended.task, 0});
    const bool permitted = cancel_limiter_.open_until(ended.task) || query_limiter_.open_until(ended.task);
    const bool refused = permitted && ended.answer.verdict == Verdict::Unauthorized;
    if (refused && refused_late_.insert(ended.task).second) pool_.met_unauthorized_unseen();
    return heed_throttling(ended.task, ended.answer);
  }
  const TaskInfo info = it->second;
  Worker* worker = pool_.find(info.worker);
  if (!worker || (worker->peer != ended.peer && info.worker != WorkerPool::BeforeRestart)) {
    // Another's word for it counts for nothing. Its worker on a new connection presents itself, and says it again.
    ++counters_.outcomes_of_others;
    return;
  }
  out_.sends.push_back(SendConfirm{ended.peer, ended.task, 0});
  heed_throttling(ended.task, ended.answer);
  settle_permit(ended.task, info, ended.answer);
  drop_task(ended.task);
  if (ended.answer.verdict == Verdict::StaleStamp) pool_.met_stale_stamp(*worker);
  if (ended.answer.verdict == Verdict::Unauthorized) {
    ++counters_.unauthorized;
    pool_.met_unauthorized(*worker, info.order_id, now_.tick);
  }
  if (let_in(ended.answer.verdict)) pool_.was_let_in(*worker);
  if (info.kind == LimiterKind::Query) return query_ended(info, ended.task, ended.answer);
  Order* order = find_order(info.order_id);
  if (order && order->find_attempt(ended.task)) cancel_ended(*order, ended.task, ended.answer);
}

void Gateway::heed_throttling(TaskId task, const Answer& answer) {
  if (answer.verdict != Verdict::Throttled) return;
  const Duration asked = std::clamp(answer.retry_after.value_or(HoldIfIllegible), Duration::zero(), LongestHold);
  const bool forgotten = now_.tick < distrusts_until_ && !tasks_.contains(task);
  bool counts = forgotten;
  for (const LimiterKind kind : {LimiterKind::Cancel, LimiterKind::Query}) {
    // A worker repeats it until it is confirmed: only the first counts.
    if (!forgotten && !limiter(kind).open_until(task)) continue;
    counts = true;
    hold(kind, now_.tick + std::min(asked + HoldMargin, LongestHold), answer.text);
  }
  counters_.throttled += counts;
}

void Gateway::settle_permit(TaskId task, const TaskInfo& info, const Answer& answer) {
  RateLimiter& budget = limiter(info.kind);
  const auto open = budget.open_until(task);
  if (!open) return;
  if (answer.arrival == Arrival::NeverSent) {
    budget.give_back(task);
    out_.records.push_back(PermitForgotten{task});
    return;
  }
  Tick settles = *open;
  // Without any response nothing is learned: it stays held until it can arrive no more.
  if (answer.arrival == Arrival::Answered) settles = std::min(settles, now_.tick);
  if (answer.arrival == Arrival::Page) settles = std::min(settles, info.dispatched + PageSettles);
  budget.settle(task, settles);
  out_.records.push_back(permit_record(task, info, false, settles));
}

void Gateway::hold(LimiterKind kind, Tick until, const std::string& why) {
  if (until <= limiter(kind).held_until()) return;
  limiter(kind).hold(until, why);
  out_.records.push_back(HoldRecord{kind, until, now_.wall + (until - now_.tick), why});
}

Duration Gateway::longest_hold(LimiterKind kind) {
  return std::max(LongestHold, options_.lost_after + limiter(kind).longest_tail());
}

void Gateway::cancel_ended(Order& order, TaskId task, const Answer& answer) {
  const bool yes_or_no = answer.verdict == Verdict::Accepted || answer.verdict == Verdict::UnknownOrder ||
                         answer.verdict == Verdict::Refused || answer.verdict == Verdict::Blocked ||
                         answer.verdict == Verdict::WrongRequest;
  const Attempt ended = *order.find_attempt(task);
  note_answer(order, HistoryLine::What::Answer, task, ended.worker, answer);
  if (yes_or_no) {
    ++order.answered;
    order.answered_at = now_.tick;
    order.last_answer = answer.verdict;
    order.unauthorized = 0;
    order.next_delete = Never;
    order.delete_interval = Order::FirstInterval;
  }
  order.last_timeline.sent = answer.sent;
  order.last_timeline.answered = answer.answered;
  if (const Worker* worker = pool_.find(ended.worker)) order.last_timeline.worker = worker->name;
  for (Command& command : order.commands) command.changed = true;
  switch (answer.verdict) {
    case Verdict::Accepted: {
      order.find_attempt(task)->state = Attempt::State::Accepted;
      order.last_accepted = now_.tick;
      const bool something_happened = order.left_book || order.filled_at >= order.first_dispatch;
      order.query_interval = Order::FirstInterval;
      order.next_query = something_happened || !stream_.live() ? now_.tick : now_.tick + options_.final_wait;
      ack_all(order, answer, AckStatus::Accepted, RejectReason::None);
      break;
    }
    case Verdict::UnknownOrder:
    case Verdict::Refused:
      order.attempt_denied(task, now_.tick);
      order.news(now_.tick);
      ack_all(order, answer, AckStatus::Rejected,
              answer.verdict == Verdict::UnknownOrder ? RejectReason::UnknownOrder : RejectReason::Other);
      break;
    case Verdict::Blocked:
    case Verdict::WrongRequest:
      order.attempt_void(task);
      refuse_all(order, answer, answer.verdict == Verdict::Blocked ? RejectReason::Blocked : RejectReason::Other);
      break;
    case Verdict::Unauthorized:
      order.attempt_void(task);
      if (++order.unauthorized < 2) {
        keep_place(order, ended, Duration::zero());
        break;
      }
      refuse_all(order, answer, RejectReason::NotAuthorized);
      repeat_later(order, ended);
      break;
    case Verdict::Throttled:
    case Verdict::StaleStamp:
    case Verdict::NeverWritten:
      order.attempt_void(task);
      keep_place(order, ended, answer.verdict == Verdict::NeverWritten ? AfterNeverWritten : Duration::zero());
      break;
    case Verdict::Read:  // a worker that answers a cancel with a reading is broken: nothing is known
    case Verdict::Doubtful:
      order.find_attempt(task)->state = Attempt::State::Doubtful;
      order.news(now_.tick);
      repeat_later(order, ended);
      if (!order.fate) tell_all(order, Stage::InDoubt, answer.text);
      break;
  }
  touch(order);
}

void Gateway::keep_place(Order& order, const Attempt& ended, Duration delay) {
  if (order.superseded(ended)) return;
  order.next_delete = std::min(order.next_delete, now_.tick + delay);
  order.repeat = true;
  const bool stream_spoke = order.left_book || order.filled_at >= ended.dispatched;
  if (!stream_spoke) return;
  order.news(now_.tick);
  order.withheld_until = now_.tick + Order::ReadPatience;
}

void Gateway::repeat_later(Order& order, const Attempt& ended) {
  keep_place(order, ended, order.delete_interval);
  order.delete_interval = std::min(order.delete_interval * 2, Duration(Order::LongestDeleteInterval));
}

void Gateway::query_ended(const TaskInfo& info, TaskId task, const Answer& answer) {
  probe_ended(info, answer);
  Order* order = find_order(info.order_id);
  if (!order || order->query != task) return;
  order->query = 0;
  const bool read = answer.verdict == Verdict::Read;
  note_answer(*order, read ? HistoryLine::What::Read : HistoryLine::What::Query, task, info.worker, answer);
  order->withheld_until = Tick::min();
  const bool news_came = order->next_query != Never;
  // Queued and never sent, it was worth one query for the stream's news, and no more.
  if (!news_came && order->owes_proof()) order->ask_later(now_.tick);
  if (answer.verdict == Verdict::Throttled || answer.arrival == Arrival::NeverSent) order->news(now_.tick);
  if (answer.verdict == Verdict::Read) {
    order->read(answer.reading, now_.tick);
    const bool ours = order->last_accepted != Tick::min() && answer.reading.status == ReadStatus::Canceled;
    if (ours) stream_.owes_frame(order->last_accepted);
  }
  touch(*order);
}

void Gateway::note_answer(Order& order, HistoryLine::What what, TaskId task, WorkerId worker, const Answer& answer) {
  HistoryLine line{.what = what, .status = answer.verdict, .text = answer.text, .task = task};
  if (what == HistoryLine::What::Read) {
    line.status = answer.reading.status;
    line.amount = answer.reading.quantity;
    line.left_amount = answer.reading.left_amount;
  }
  if (const Worker* known = pool_.find(worker)) line.worker = known->name;
  line.http_status = answer.http_status;
  line.exchange_code = answer.exchange_code;
  note(order, std::move(line));
}

void Gateway::probe_ended(const TaskInfo& info, const Answer& answer) {
  Worker* worker = pool_.find(info.worker);
  if (!worker || !worker->unauthorized || answer.verdict == Verdict::Unauthorized) return;
  if (answer.verdict == Verdict::Read) return pool_.met_authorized(*worker);
  pool_.met_nothing(*worker, now_.tick);
}

void Gateway::expire_permits() {
  for (const LimiterKind kind : {LimiterKind::Cancel, LimiterKind::Query}) {
    for (const TaskId task : limiter(kind).expire(now_.tick)) {
      out_.records.push_back(PermitForgotten{task});
      refused_late_.erase(task);
      const auto info = tasks_.find(task);
      Order* order = info == tasks_.end() ? nullptr : find_order(info->second.order_id);
      Attempt* attempt = order ? order->find_attempt(task) : nullptr;
      if (!attempt) {
        drop_task(task);
        continue;
      }
      // The store has known of the request by its permit. That it may have been processed stands with the commands now.
      if (attempt->state == Attempt::State::InFlight) too_old(*order, *attempt);
      for (Command& command : order->commands) command.changed = true;
      touch(*order);
    }
  }
}

// Its worker may live and list it, but no request lives so long.
void Gateway::too_old(Order& order, Attempt& attempt) {
  attempt.state = Attempt::State::Doubtful;
  note(order, {.what = HistoryLine::What::Answer,
               .status = Verdict::Doubtful,
               .text = "none: no request lives so long",
               .task = attempt.task});
  order.news(now_.tick);
  repeat_later(order, attempt);
}

// So that a bus that dies again and again does not forget again and again how near the block is.
void Gateway::save_unauthorized() {
  const UnauthorizedCount count = pool_.unauthorized();
  if (draining_ || std::exchange(saved_unauthorized_, count.in_a_row) == count.in_a_row) return;
  out_.records.push_back(count);
}

void Gateway::on(const DrainRequested&) {
  draining_ = true;
  if (saved_unauthorized_ > 0) out_.records.push_back(UnauthorizedCount{});
}

// Work is given out last in a turn. When the next one begins it has left, however long the commit took.
void Gateway::note_left() {
  for (const TaskId task : std::exchange(leaving_, {})) {
    if (const auto it = tasks_.find(task); it != tasks_.end()) it->second.left = now_.tick;
  }
}

void Gateway::dispatch() {
  next_dispatch_ = Never;
  if (!store_writable_ || draining_) return;
  while (dispatch_probe()) continue;
  // In turns, so that neither starves the other of workers.
  for (bool more = true; more;) {
    more = dispatch_cancel();
    more = dispatch_query() || more;
  }
}

bool Gateway::dispatch_cancel() {
  if (queue_.empty()) return false;
  Worker* worker = pool_.choose(now_.tick);
  if (!worker) return false;  // a worker's next word wakes us
  // Which order goes is decided only once there is a permit for it.
  const TaskId task = grant(LimiterKind::Cancel, 1.0, *worker, 0);
  if (task == 0) return false;
  Order& order = *find_order(queue_.pop());
  tasks_.at(task).order_id = order.id;
  order.attempt_dispatched(task, worker->id, now_.tick);
  order.last_dispatch = now_;
  ++counters_.deletes;
  const TaskInfo& info = tasks_.at(task);
  out_.records.push_back(permit_record(task, info, true, now_.tick + options_.lost_after));
  note(order, {.what = HistoryLine::What::Delete,
               .task = task,
               .attempt = order.dispatched,
               .stamp_ms = info.stamp_ms,
               .worker = worker->name});
  const Command* leader = nullptr;
  for (Command& command : order.commands) {
    if (!leader && now_.tick < command.expires) leader = &command;
    if (!command.record.timeline.dispatched) command.record.timeline.dispatched = now_.wall;
    command.record.timeline.attempts = order.dispatched;
    command.changed = true;
  }
  CANCELBUS_CHECK(leader != nullptr);
  out_.sends.push_back(
      SendTask{worker->peer, task, order.dispatched, info.stamp_ms, LimiterKind::Cancel, leader->record.order});
  judge(order);
  return true;
}

bool Gateway::dispatch_query() {
  for (const bool old : {false, true}) {
    const auto it = questions_.lower_bound({old, Tick::min(), 0});
    if (it == questions_.end() || std::get<0>(*it) != old || std::get<1>(*it) > now_.tick) continue;
    Worker* worker = pool_.choose(now_.tick);
    if (!worker) return false;
    const OrderId id = std::get<2>(*it);
    if (send_query(*worker, id, old ? ShareOfOld : 1.0)) return true;
  }
  return false;
}

bool Gateway::dispatch_probe() {
  Worker* worker = pool_.probe_due(now_.tick);
  if (!worker || !send_query(*worker, worker->probe_order, 1.0)) return false;
  worker->probe_at = Never;
  return true;
}

bool Gateway::send_query(Worker& worker, OrderId order_id, double share) {
  const TaskId task = grant(LimiterKind::Query, share, worker, order_id);
  if (task == 0) return false;
  ++counters_.queries;
  const TaskInfo& info = tasks_.at(task);
  out_.records.push_back(permit_record(task, info, true, now_.tick + options_.lost_after));
  CancelOrder target;
  target.order_id = order_id;
  out_.sends.push_back(SendTask{worker.peer, task, 0, info.stamp_ms, LimiterKind::Query, std::move(target)});
  Order* order = find_order(order_id);
  if (order && !order->commands.empty() && order->query == 0) {
    order->query = task;
    order->query_sent = now_.tick;
    order->next_query = Never;
    judge(*order);
  }
  return true;
}

TaskId Gateway::grant(LimiterKind kind, double share, Worker& worker, OrderId order_id) {
  const Duration stamp_wait = pool_.stamps().wait(now_.wall);
  if (stamp_wait > Duration::zero()) {
    next_dispatch_ = std::min(next_dispatch_, now_.tick + stamp_wait);
    return 0;
  }
  const TaskId task = next_task_;
  if (!limiter(kind).acquire_within(share, task, now_.tick, now_.tick + options_.lost_after)) {
    next_dispatch_ = std::min(next_dispatch_, limiter(kind).next_grant(now_.tick, share));
    return 0;
  }
  const auto stamp = pool_.stamps().issue(now_.wall);
  CANCELBUS_CHECK(stamp.has_value());
  ++next_task_;
  tasks_[task] = {kind, order_id, worker.id, now_.tick, *stamp};
  leaving_.push_back(task);
  worker.tasks.insert(task);
  return task;
}

PermitRecord Gateway::permit_record(TaskId task, const TaskInfo& info, bool open, Tick settles) const {
  return {task, info.kind, info.order_id, info.stamp_ms, open, settles, now_.wall + (settles - now_.tick)};
}

}  // namespace cancelbus::core
