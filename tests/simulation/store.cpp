#include "tests/simulation/store.hpp"

#include <absl/status/status.h>

#include <algorithm>
#include <variant>

namespace cancelbus::simulation {

void Store::opened(uint64_t boot, Tick now) {
  boot_ = boot;
  refused_ = false;
  run_clock_ = {rows_.run_time, now};
  begin_term();
}

void Store::begin_term() {
  stored_term_ = rows_.leader;
  commits_lost_ = (!synced_ && stored_term_.term > 0 && boot_ != rows_.boot) || rows_.behind;
  if (commits_lost_) rows_.epoch = ++last_epoch_;
  const uint64_t above = std::max(stored_term_.term, rows_.behind ? rows_.behind->term : 0);
  rows_.leader = {above + 1, "bus-" + std::to_string(++starts_), stored_term_.batch};
  // The start of a term is synced, and with it all that stands before.
  on_disk_ = rows_;
}

void Store::begin_again(const core::Term& seen, Done<core::Snapshot> done) {
  if (!may_write()) return;
  if (full_) return done(absl::ResourceExhaustedError("disk full"));
  rows_.behind = seen;
  begin_term();
  older_ = false;
  done(snapshot());
}

void Store::cut_power() {
  if (!synced_) rows_ = on_disk_;
}

bool Store::shows_copy(const core::Term& seen) const {
  const core::Term& copied = copy_->leader;
  return seen.term > copied.term || (seen.term == copied.term && seen.batch > copied.batch);
}

void Store::put_back_copy() {
  older_ = rows_.leader != copy_->leader;
  rows_ = *copy_;
}

core::Snapshot Store::snapshot() const {
  core::Snapshot snapshot;
  snapshot.epoch = rows_.epoch;
  snapshot.term = rows_.leader.term;
  snapshot.leader_id = rows_.leader.leader_id;
  snapshot.stored_term = stored_term_;
  snapshot.same_boot = same_boot();
  snapshot.commits_lost = commits_lost_;
  snapshot.behind = rows_.behind;
  snapshot.run_time = rows_.run_time;
  for (const auto& [key, command] : rows_.commands) snapshot.commands.push_back(command);
  for (const auto& [task, permit] : rows_.permits) snapshot.permits.push_back(permit);
  for (const auto& [limiter, hold] : rows_.holds) snapshot.holds.push_back(hold);
  for (const auto& [name, topic] : rows_.topics) snapshot.topics.push_back({name, topic.next_seq});
  snapshot.lowered = rows_.lowered;
  snapshot.unauthorized = rows_.unauthorized;
  snapshot.facts = rows_.facts;
  snapshot.back_on_book.assign(rows_.back_on_book.begin(), rows_.back_on_book.end());
  for (const auto& [key, mass] : rows_.mass_cancels) snapshot.mass_cancels.push_back(mass);
  for (const auto& [key, order] : rows_.mass_cancel_orders) {
    const bool undecided = order.state == core::MassCancelOrder::State::Canceling;
    if (undecided || !rows_.mass_cancels.at(order.mass).ended) snapshot.mass_cancel_orders.push_back(order);
  }
  for (const auto& [sender, record] : rows_.dead_men) snapshot.dead_men.push_back(record);
  return snapshot;
}

void Store::commit(const io::Batch& batch, std::function<void(absl::Status)> done) {
  if (!may_write()) return;
  refused_ = full_;
  if (full_) return done(absl::ResourceExhaustedError("disk full"));
  for (const io::Row& row : batch) {
    std::visit([this](const auto& r) { put(r); }, row);
  }
  if (!batch.empty()) {
    rows_.boot = boot_;
    rows_.run_time = run_time();
    ++rows_.leader.batch;
    rows_.behind.reset();
  }
  prune();
  const bool first_of_boot = on_disk_.boot != boot_;
  const bool asked_for = std::ranges::any_of(batch, [](const io::Row& row) {
    return std::holds_alternative<core::HoldRecord>(row) || std::holds_alternative<core::UnauthorizedCount>(row);
  });
  if (!synced_ && (first_of_boot || asked_for || reaches_disk())) on_disk_ = rows_;
  on_committed(batch);
  done(absl::OkStatus());
}

void Store::put(const io::EventRow& event) {
  Topic& topic = rows_.topics[event.topic];
  topic.next_seq = event.seq + 1;
  topic.kept[event.seq] = {run_time(), event.payload};
}

void Store::prune() {
  const Duration before = run_time() - retention_;
  for (auto& [name, topic] : rows_.topics) {
    if (topic.kept.empty() || topic.kept.begin()->second.run_time >= before) continue;
    // The events of an open command stay, and with them what follows on their topic.
    uint64_t keep_from = ~uint64_t{0};
    for (const auto& [key, command] : rows_.commands) {
      const bool its_own = name == "client." + key.sender + ".";
      if (its_own && !command.ended && command.ack_seq > 0) keep_from = std::min(keep_from, command.ack_seq);
    }
    for (const auto& [key, mass] : rows_.mass_cancels) {
      const bool its_own = name == "client." + key.sender + ".";
      if (its_own && !mass.ended && mass.report_seq > 0) keep_from = std::min(keep_from, mass.report_seq);
    }
    while (!topic.kept.empty() && topic.kept.begin()->first < keep_from &&
           topic.kept.begin()->second.run_time < before) {
      topic.kept.erase(topic.kept.begin());
    }
  }
}

void Store::read_events(const std::string& topic, uint64_t from_seq, uint32_t count,
                        Done<std::vector<std::string>> done) {
  answer([this, topic, from_seq, count, done = std::move(done)] {
    std::vector<std::string> payloads;
    const auto& kept = rows_.topics[topic].kept;
    for (auto it = kept.find(from_seq); it != kept.end() && payloads.size() < count; ++it) {
      payloads.push_back(it->second.payload);
    }
    done(std::move(payloads));
  });
}

void Store::first_kept(const std::string& topic, Done<uint64_t> done) {
  answer([this, topic, done = std::move(done)] {
    const auto& kept = rows_.topics[topic].kept;
    done(kept.empty() ? 0 : kept.begin()->first);
  });
}

uint64_t Store::next_seq(const std::string& topic) const {
  const auto it = rows_.topics.find(topic);
  return it == rows_.topics.end() ? 1 : it->second.next_seq;
}

}  // namespace cancelbus::simulation
