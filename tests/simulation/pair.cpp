#include "tests/simulation/pair.hpp"

#include <algorithm>
#include <utility>

#include "tests/unit/wire/event_decoder.hpp"

namespace cancelbus::simulation {

Pair::Pair(World& world, std::array<Clock, Buses> clocks, const core::GatewayOptions& options, bool synchronous,
           const std::array<std::vector<Path*>, Buses>& to_servers, Path& between, Store& store, Judge& judge)
    : world_(world), store_(store), judge_(judge), database_(world, between, synchronous, options.retention) {
  for (size_t i = 0; i < Buses; ++i) {
    views_[i] = std::make_unique<View>(*this, i);
    buses_[i] = std::make_unique<PairedBus>(world, i == 0 ? "bus-a" : "bus-b", clocks[i], options, database_,
                                            SharedStore::Setup{to_servers[i], synchronous, 2s, i + 1}, *views_[i]);
  }
  database_.on_durable = [this](const DatabaseRecord& record) { durable(record); };
  store_.on_committed = [this](const io::Batch& batch) { judge_.committed(batch); };
  store_.tick = [this] { return current().now().tick; };
  store_.in_trouble = [this] { return current().store_in_trouble(); };
  store_.wall = [this] { return current().now().wall; };
}

void Pair::leads(size_t index) {
  const PairedBus& bus = *buses_[index];
  const Rows& rows = bus.loaded();
  const uint64_t term = bus.term().term;
  if (any_led_ && rows.epoch == epoch_ && term == highest_term_) {
    world_.fail("promise 11: ", bus.name(), " leads in term ", term, ", in which another bus has led");
  }
  // Stopped between its claim and this, it leads no more; it does not know yet.
  if (any_led_ && (rows.epoch < epoch_ || (rows.epoch == epoch_ && term < highest_term_))) {
    superseded_[index] = world_.now();
    return;
  }
  if (any_led_ && current_ != index) {
    world_.happened.add(Fault::Takeover);
    if (current().alive()) world_.happened.add(Fault::TakeoverFromAlive);
    superseded_[current_] = world_.now();
    look_after(current_, EndsWithin + 100ms);
  }
  any_led_ = true;
  decided_.clear();
  current_ = index;
  highest_term_ = term;
  epoch_ = rows.epoch;
  batch_ = bus.term().batch;
  store_.led_by(rows, bus.boot());
  judge_.bus_started();
}

void Pair::decided(const core::Actions& actions, Tick now) {
  if (!actions.records.empty()) decided_.push_back(world_.now());
  judge_.decided(actions, now);
}

void Pair::durable(const DatabaseRecord& record) {
  if (!record.batch) return;
  // A database that had lost it is given it again by the same leader, who does not know what became of it.
  if (record.lease.term == highest_term_ &&
      record.lease.batch <= std::exchange(batch_, std::max(batch_, record.lease.batch)))
    return;
  judge_.referee().batch_of_turn(decided_.empty() ? world_.now() : decided_.front());
  if (!decided_.empty()) decided_.pop_front();
  store_.replicated(*record.batch, record.boot, record.run_time);
}

void Pair::check_ends(size_t index) {
  if (time_to_end(index) >= Duration::zero()) return;
  world_.fail("promise 11: ", buses_[index]->name(), " leads on long after ", current().name(), " has taken over");
}

Duration Pair::time_to_end(size_t index) const {
  return std::max(superseded_[index], buses_[index]->woken_at()) + EndsWithin - world_.now();
}

// Also one that has nothing to decide.
void Pair::look_after(size_t index, Duration wait) {
  world_.agenda.after(wait, [this, index] {
    const PairedBus& bus = *buses_[index];
    if (index == current_ || !bus.alive() || !bus.leads() || bus.closes()) return;
    if (!bus.frozen()) check_ends(index);
    look_after(index, std::max<Duration>(time_to_end(index), 100ms));
  });
}

void Pair::View::sending(const core::Send& send) {
  if (heard()) return pair_.judge_.sending(send);
  if (commits_lost()) return;
  if (const auto* task = std::get_if<core::SendTask>(&send)) {
    pair_.world_.happened.add(Fault::SentLate);
    pair_.judge_.referee().sending_late(*task);
  } else if (const auto* receipt = std::get_if<core::SendReceipt>(&send)) {
    pair_.world_.happened.add(Fault::SentLate);
    pair_.judge_.sending_late(*receipt, senders_[receipt->peer]);
  }
}

void Pair::View::publishing(const io::EventRow& event) {
  if (heard()) return pair_.judge_.publishing(event);
  if (commits_lost()) return;
  pair_.world_.happened.add(Fault::SentLate);
  const auto decoded = wire::decode_event(event.payload);
  const std::string* committed =
      decoded.ok() ? pair_.judge_.ledger().payload(decoded->epoch, event.topic, event.seq) : nullptr;
  if (committed && *committed == event.payload) return;
  pair_.world_.fail("promise 11: ", pair_.buses_[index_]->name(), " publishes ", event.topic, ' ', event.seq,
                    ", which is not committed");
}

}  // namespace cancelbus::simulation
