// A restart: what the store holds becomes the book again.
//
// What was with workers is unknown until they report: their leases start anew, their outcomes still count by task id,
// and every undecided order is queried. The rate limiter goes on where it stood.
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <utility>

#include "service/core/book.hpp"

namespace cancelbus::core {

namespace {

class Restore {
 public:
  Restore(Book& book, const Snapshot& snapshot, Instant now)
      : book_(book),
        snapshot_(snapshot),
        now_(now),
        records_(book.out.records()),
        back_on_book_(snapshot.back_on_book.begin(), snapshot.back_on_book.end()) {}

  void run() {
    for (const TopicPosition& topic : snapshot_.topics) book_.out.topics().restore(topic);
    for (const MassCancelRecord& record : snapshot_.mass_cancels) book_.mass_cancels.restore(record, now_.tick);
    for (const MassCancelOrder& order : snapshot_.mass_cancel_orders) {
      if (MassCancel* mass = book_.mass_cancels.find(order.mass)) mass->restore(order);
    }
    for (const CommandRecord& record : snapshot_.commands) command(record);
    book_.commands.restored();
    book_.mass_cancels.restored();
    // All tasks of before are with one silent worker, until a real one lists them or the lease ends.
    WorkerReady before;
    before.worker = WorkerPool::BeforeRestart;
    book_.tasks.heard(before);
    for (const PermitRecord& record : snapshot_.permits) permit(record);
    book_.tasks.restore(snapshot_.unauthorized);
    for (const HoldRecord& backoff : snapshot_.holds) hold(backoff);
    book_.tasks.restore(snapshot_.lowered);
    for (const DeadManRecord& record : snapshot_.dead_men) book_.dead_man.restore(record);
    if (snapshot_.commits_lost) distrust_store();
    for (auto& [id, order] : book_.orders) {
      if (order->effort) undecided(*order);
    }
  }

 private:
  void command(const CommandRecord& record) {
    Order& order = book_.order(record.order.order_id);
    order.back_on_book = back_on_book_.contains(order.id);
    MassCancel* mass = book_.mass_cancels.parent_of(record.key);
    book_.commands.restore(record, mass == nullptr);
    if (mass) mass->child_restored(order.id);
    if (mass && !record.ended) mass->child_changed(record, now_.tick);
    ++order.remembered;
    last_dispatch(order, record);
    record.ended ? ended(order, record) : undecided(order, record);
  }

  void ended(Order& order, const CommandRecord& record) {
    if (!record.final) return;
    const OrdStatus status = record.final->ord_status;
    const bool gone = status == OrdStatus::Canceled || status == OrdStatus::Filled;
    if (gone && !order.back_on_book) {
      if (status == OrdStatus::Canceled) order.remember_canceled(record.key);
      // It may have come back while the bus was down: a later command costs one query.
      book_.facts.remember_gone(order.id, record.final->evidence != Evidence::Channel452);
    }
    if (record.final->evidence == Evidence::Operator) order.override_status = status;
  }

  void undecided(Order& order, const CommandRecord& record) {
    Command command;
    command.record = record;
    if (const auto told = std::exchange(command.record.final, std::nullopt)) {
      // To another command, or by this one's ack. As after any gap, it answers nothing for a command that comes later.
      order.proof = Proof{{told->ord_status, told->evidence, told->quantities, told->symbol}, Tick::min(), true};
    }
    command.received = now_.tick;
    if (record.timeline.received) {
      command.age_at_start = std::max(Duration::zero(), now_.wall - *record.timeline.received);
    }
    command.changed = !snapshot_.same_boot;  // ticks of another boot must not be taken for this one's by the next start
    expiry(command);
    Effort& effort = order.begin(book_.gap);
    Attempts& attempts = effort.attempts;
    attempts.earlier_doubt |= record.doubt;
    attempts.answered = std::max(attempts.answered, record.answered);
    attempts.dispatched = std::max(attempts.dispatched, record.timeline.attempts);
    attempts.counted = std::max(attempts.counted, std::min(record.deletes, record.timeline.attempts));
    if (record.last_answer) attempts.last_answer = record.last_answer;
    if (record.undecided_answer) (record.doubt ? attempts.doubtful : attempts.unprocessed) = record.undecided_answer;
    effort.commands.push_back(std::move(command));
  }

  void expiry(Command& command) {
    CommandRecord& record = command.record;
    if (!record.expires) return;
    Duration left = *record.expires - now_.wall;
    if (record.expires_tick && snapshot_.same_boot) {
      left = *record.expires_tick - now_.tick;
    } else if (record.expires_tick) {
      left = std::min(left, record.expires_run_time - snapshot_.run_time);
    }
    command.expires = now_.tick + left;
    record.expires_tick = command.expires;
    record.expires_run_time = book_.run_time + left;
  }

  void last_dispatch(Order& order, const CommandRecord& record) {
    if (!record.last_dispatch) return;
    Instant dispatch = *record.last_dispatch;
    // Of another boot the tick means nothing: it counts from this start, and so does what lies beyond.
    dispatch.tick = snapshot_.same_boot ? std::min(dispatch.tick, now_.tick) : now_.tick;
    const auto& latest = order.last_dispatch;
    const bool later = !latest || (snapshot_.same_boot ? latest->tick < dispatch.tick : latest->wall < dispatch.wall);
    if (!later) return;
    order.last_dispatch = dispatch;
    // When it ended is not stored: not before it left, and it keeps the next at its distance.
    order.deletes = {record.deletes, dispatch.tick};
  }

  void permit(const PermitRecord& permit) {
    const auto seen = snapshot_.followed.settled.find(permit.task);
    const bool settled = !permit.open && seen != snapshot_.followed.settled.end();
    book_.tasks.restore(permit, snapshot_.same_boot, records_, settled ? std::optional(seen->second) : std::nullopt);
    Order* order = book_.find_order(permit.order_id);
    if (!permit.open || permit.limiter != LimiterKind::Cancel || !order || !order->effort) return;
    Attempts& attempts = order->effort->attempts;
    if (attempts.list.size() == Attempts::Most) {
      attempts.earlier_doubt = true;
      return;
    }
    // The stored count may include it, and when it left is not stored: no later than now.
    const uint32_t count = attempts.dispatched, counted = attempts.counted;
    attempts.add(permit.task, WorkerPool::BeforeRestart, now_.tick);
    const auto known = static_cast<uint32_t>(attempts.list.size());
    attempts.dispatched = std::max(count, known);
    attempts.counted = std::max(counted, known);
    order->deletes.count = std::max(order->deletes.count, known);
    if (!snapshot_.same_boot || permit.settles > now_.tick) may_live_.insert(order->id);
    book_.tasks.restore_task(permit.task, order->id, permit.stamp_ms);
  }

  void hold(const HoldRecord& backoff) {
    // Nothing else tells of another boot's that it was over while the bus ran.
    const bool over = backoff.length > Duration::zero() && backoff.run_time + backoff.length <= snapshot_.run_time;
    if (snapshot_.same_boot || !over) {
      const auto seen = snapshot_.followed.holds.find(backoff.limiter);
      const bool followed = seen != snapshot_.followed.holds.end() && seen->second.until_wall == backoff.until_wall;
      const auto since = followed ? std::optional(seen->second.since) : std::nullopt;
      return book_.tasks.restore(backoff, snapshot_.same_boot, records_, since);
    }
    // Its tick must not be taken for one of this boot by the next start.
    records_.push_back(
        HoldRecord{backoff.limiter, now_.tick, now_.wall, backoff.text, Duration(1), snapshot_.run_time});
  }

  // What the missing commits let out has happened. So requests may be under way of which nothing is known here, and
  // each command may be one that was sent.
  void distrust_store() {
    const std::string why =
        snapshot_.behind ? Causes::older_store(*snapshot_.behind)
                         : "requests of before the machine's end may be missing from the store, which was not synced";
    book_.tasks.distrust(why, records_);
    for (auto& [id, order] : book_.orders) {
      if (!order->effort) continue;
      order->effort->attempts.earlier_doubt = true;
      for (Command& command : order->effort->commands) command.changed = true;
    }
    records_.push_back(book_.facts.position());
  }

  void undecided(Order& order) {
    Effort& effort = *order.effort;
    Attempts& attempts = effort.attempts;
    order.override_status.reset();
    std::ranges::sort(effort.commands, {}, [](const Command& c) { return c.record.timeline.received; });
    if (const auto state = trace_of(attempts.last_answer, effort.any_acked())) {
      attempts.fold({0, WorkerPool::BeforeRestart, now_.tick, *state, now_.tick});
      attempts.first_dispatch = std::min(attempts.first_dispatch, now_.tick);
    }
    // An outcome of a request that can live no more is waited for as any, and the request is not handed over.
    if (!may_live_.contains(order.id)) effort.schedule.handed_over.push_back(WorkerPool::BeforeRestart);
    if (attempts.earlier_doubt) attempts.earlier_quiet = now_.tick + Attempts::StampDead;
    if (effort.owes_proof()) {
      effort.reads.news(now_.tick);
      // A fill that the bus had seen, or missed while it was away, would make a 452 prove too much.
      effort.heard.filled_at = now_.tick;
    }
    const bool all_acked = std::ranges::all_of(effort.commands, [](const Command& c) { return c.acked(); });
    // How an attempt in flight ends says when the next is wanted.
    const bool wants = !attempts.in_flight() && (attempts.answered == 0 || !all_acked);
    if (wants) effort.schedule.next_delete = now_.tick;
  }

  /// The attempt that the exchange's last answer speaks of, or nothing if that answer left no trace.
  static std::optional<Attempt::State> trace_of(const std::optional<Verdict>& answer, bool any_acked) {
    if (!answer) return std::nullopt;
    if (answer == Verdict::Accepted) return Attempt::State::Accepted;
    // Nothing happened. Only a command that was in doubt before still waits.
    if (answer == Verdict::Blocked && !any_acked) return std::nullopt;
    return Attempt::State::Denied;
  }

  Book& book_;
  const Snapshot& snapshot_;
  const Instant now_;
  std::vector<Record>& records_;
  const absl::flat_hash_set<OrderId> back_on_book_;
  absl::flat_hash_set<OrderId> may_live_;  ///< orders of which a DELETE without an outcome may be under way still
};

}  // namespace

void restore(Book& book, const Snapshot& snapshot, Instant now) { Restore(book, snapshot, now).run(); }

}  // namespace cancelbus::core
