#include "tests/unit/core/random_world.hpp"

#include <algorithm>

namespace cancelbus::core {

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration Trouble = seconds(100);
constexpr Duration End = minutes(25);

GatewayOptions options() {
  GatewayOptions options;
  options.max_attempts = 3;
  return options;
}

}  // namespace

RandomWorld::RandomWorld(uint64_t seed) : random_(seed), options_(options()) {
  for (OrderId id = 1; id <= Orders; ++id) {
    if (pick(20) == 0) continue;  // the exchange knows no such order
    ExchangeOrder& order = orders_[id];
    order.quantity = order.left = static_cast<int>(1 + pick(9));
  }
  for (size_t i = 0; i < workers_.size(); ++i) new_worker(i);
  start_bus(true);
  login();
  stream_beat();
  in(ms(0, 100), [this] { strategy(); });
  in(seconds(1), [this] { market(); });
  in(seconds(2), [this] { trouble(); });
}

void RandomWorld::run() {
  while (now_ < End && !::testing::Test::HasFatalFailure()) {
    Duration next = agenda_.begin()->first;
    if (gateway_) {
      const Tick deadline = gateway_->next_deadline(instant().tick);
      ASSERT_GT(deadline, instant().tick) << "the gateway's next deadline never passes";
      if (deadline != Never) next = std::min(next, deadline - boot_);
    }
    now_ = std::max(now_, next);
    while (!agenda_.empty() && agenda_.begin()->first <= now_) {
      const auto what = std::move(agenda_.begin()->second);
      agenda_.erase(agenda_.begin());
      what();
    }
    deadlines();
    if (!calm_ && now_ > Trouble) calm_ = true;
    if (now_ > End - minutes(5)) {
      // What the bus has given up to cancel fills at last.
      for (auto& [id, order] : orders_) {
        if (order.state == State::Open) set_state(order, State::Closed);
      }
    }
  }
  if (::testing::Test::HasFatalFailure()) return;
  for (const auto& [key, since] : applied_) {
    const auto& command = store_.commands().at(key);
    EXPECT_TRUE(command.ended) << key.sender << "/" << key.cl_ord_id << " of order " << command.order.order_id;
    const auto told = store_.told().find(key);
    ASSERT_NE(told, store_.told().end());
    EXPECT_EQ(told->second.acks, 1);
    EXPECT_EQ(told->second.finals, told->second.final_follows ? 1 : 0);
  }
  EXPECT_TRUE(store_.permits().empty());
}

Duration RandomWorld::ms(int64_t from, int64_t to) {
  return milliseconds(from + static_cast<int64_t>(pick(static_cast<uint64_t>(to - from + 1))));
}

Instant RandomWorld::instant() const { return {boot_ + now_, WallTime(seconds(1'800'000'000)) + now_}; }

// ---- The bus ----

void RandomWorld::start_bus(bool same_boot) {
  if (!same_boot) {
    boot_ = Tick(seconds(pick(1'000))) - now_;
    other_boot_ = now_;
  }
  ++generation_;
  for (Worker& worker : workers_) {
    worker.heard = -std::chrono::hours(1);
    worker.listed.clear();
  }
  // What left the book is known after a restart as worth one query, not as proven.
  gone_told_.clear();
  gateway_ = std::make_unique<Gateway>(options_, store_.start(same_boot), instant());
  say_hello();
}

void RandomWorld::stop_bus() {
  drop_last_sends_ = pick(2) == 0;
  gateway_.reset();
  in(ms(10, 3'000), [this] { start_bus(pick(4) != 0); });
}

void RandomWorld::feed(const Event& event) {
  if (!gateway_) return;
  ++steps_;
  const Actions actions = gateway_->step(instant(), event);
  store_.commit(actions.records);
  for (const Record& record : actions.records) {
    if (const auto* publication = std::get_if<Publication>(&record)) did(*publication);
  }
  for (const Send& send : actions.sends) {
    std::visit([this](const auto& s) { sent(s); }, send);
  }
}

void RandomWorld::deadlines() {
  feed(DeadlinePassed{});
  if (!gateway_) return;
  // After another boot whatever may still count counts as answered just then.
  if (now_ - other_boot_ < minutes(2)) return;
  for (const WindowStatus& window : gateway_->status(instant()).windows) ASSERT_LE(window.used, window.rule.limit);
}

void RandomWorld::note(const std::string& text) {
  fingerprint_ = fingerprint_ * 1'000'003 + std::hash<std::string>{}(std::to_string(now_.count()) + text);
}

void RandomWorld::did(const Publication& publication) {
  note(publication.topic + std::to_string(publication.seq) + "/" + std::to_string(publication.body.index()));
  if (publication.topic == "venue.") return;
  const std::string sender = publication.topic.substr(7, publication.topic.size() - 8);
  if (const auto* final = std::get_if<CancelFinal>(&publication.body)) {
    check_final(*final);
  } else if (const auto* ack = std::get_if<CancelAck>(&publication.body)) {
    if (!ack->final_follows) check_end_without_final({sender, ack->cl_ord_id}, *ack);
  }
}

void RandomWorld::check_final(const CancelFinal& final) {
  const bool gone = final.ord_status == OrdStatus::Canceled || final.ord_status == OrdStatus::Filled;
  // What an operator said binds no later command: it may be sent.
  if (gone && final.evidence != Evidence::Operator) gone_told_.insert(final.order_id);
  const auto it = orders_.find(final.order_id);
  if (final.ord_status == OrdStatus::Rejected) {
    EXPECT_EQ(it, orders_.end()) << "order " << final.order_id << " exists";
    return;
  }
  ASSERT_NE(it, orders_.end()) << "order " << final.order_id << " does not exist";
  ExchangeOrder& order = it->second;
  if (!gone && final.evidence != Evidence::Operator) order.told_open = now_;
  if (order.edited) return;  // who edits by hand at the same moment may be told too much
  if (final.ord_status == OrdStatus::Canceled) {
    EXPECT_EQ(order.state, State::Canceled) << "order " << final.order_id;
  } else if (final.ord_status == OrdStatus::Filled) {
    EXPECT_EQ(order.state, State::Closed) << "order " << final.order_id;
  } else {
    const bool was_open = order.state == State::Open || now_ - order.changed < seconds(8);
    EXPECT_TRUE(was_open) << "order " << final.order_id << " has long been gone";
  }
}

void RandomWorld::check_end_without_final(const CommandKey& key, const CancelAck& ack) {
  const auto it = orders_.find(ack.order_id);
  if (it == orders_.end()) return;
  for (const Duration given_out : it->second.processed) {
    EXPECT_LT(given_out, applied_.at(key)) << key.cl_ord_id << " ended as if nothing had happened: " << ack.text;
  }
}

void RandomWorld::check_delete(const SendTask& send) {
  const OrderId id = send.order.order_id;
  EXPECT_FALSE(gone_told_.contains(id)) << "a DELETE for order " << id << ", which was proven gone";
  for (const Worker& worker : workers_) {
    if (!worker.alive || now_ - worker.heard > options_.worker_lease) continue;
    for (const TaskId task : worker.listed) {
      const Request& other = requests_.at(task);
      const bool in_flight = !other.ended && now_ - other.given_out <= RequestTimeout;
      const bool same = other.kind == LimiterKind::Cancel && other.order == id && task != send.task;
      EXPECT_FALSE(same && in_flight) << "order " << id << " has a DELETE in flight on a living worker";
    }
  }
}

void RandomWorld::sent(const SendReceipt& send) {
  note(send.peer + send.cl_ord_id + std::to_string(static_cast<int>(send.status)));
  if (send.status == ReceiptStatus::Applied) applied_[{send.peer, send.cl_ord_id}] = now_;
}

void RandomWorld::sent(const SendTask& send) {
  note(send.peer + std::to_string(send.task) + "/" + std::to_string(send.order.order_id));
  const Request request{send.task, send.kind, send.order.order_id, now_};
  EXPECT_TRUE(requests_.emplace(send.task, request).second) << "a task id was used twice";
  if (send.kind == LimiterKind::Cancel) check_delete(send);
  for (size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i].peer != send.peer) continue;
    in(ms(0, 3), [this, i, id = workers_[i].id, request, generation = generation_] {
      if (generation == generation_ || !drop_last_sends_) take(i, id, request);
    });
  }
}

void RandomWorld::sent(const SendConfirm& send) {
  in(ms(0, 3), [this, send] {
    if (send.fact_seq != 0) {
      while (!facts_.empty() && facts_.front().seq <= send.fact_seq) facts_.pop_front();
    }
    for (Worker& worker : workers_) {
      if (worker.peer != send.peer) continue;
      worker.outcomes.erase(send.task);
      worker.holding.erase(send.task);
    }
  });
}

void RandomWorld::sent(const SendRelogin&) {
  note("relogin");
  in(ms(10, 500), [this] { login(); });
}

}  // namespace cancelbus::core
