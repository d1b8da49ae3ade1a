#include "tests/simulation/store.hpp"

#include <absl/status/status.h>

#include <algorithm>

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
  core::Snapshot snapshot = rows_.snapshot();
  snapshot.term = rows_.leader.term;
  snapshot.leader_id = rows_.leader.leader_id;
  snapshot.stored_term = stored_term_;
  snapshot.same_boot = same_boot();
  snapshot.commits_lost = commits_lost_;
  snapshot.behind = rows_.behind;
  return snapshot;
}

void Store::led_by(const Rows& rows, uint64_t boot) {
  rows_ = rows;
  boot_ = boot;
}

void Store::replicated(const io::Batch& batch, uint64_t boot, Duration run_time) {
  rows_.apply(batch, run_time);
  rows_.boot = boot;
  rows_.run_time = run_time;
  rows_.prune(run_time - retention_);
  on_committed(batch);
}

void Store::commit(const io::Batch& batch, std::function<void(absl::Status)> done) {
  if (!may_write()) return;
  refused_ = full_;
  if (full_) return done(absl::ResourceExhaustedError("disk full"));
  rows_.apply(batch, run_time());
  if (!batch.empty()) {
    rows_.boot = boot_;
    rows_.run_time = run_time();
    ++rows_.leader.batch;
    rows_.behind.reset();
  }
  rows_.prune(run_time() - retention_);
  const bool first_of_boot = on_disk_.boot != boot_;
  const bool asked_for = std::ranges::any_of(batch, [](const io::Row& row) {
    return std::holds_alternative<core::HoldRecord>(row) || std::holds_alternative<core::UnauthorizedCount>(row);
  });
  if (!synced_ && (first_of_boot || asked_for || reaches_disk())) on_disk_ = rows_;
  on_committed(batch);
  done(absl::OkStatus());
}

void Store::read_events(const std::string& topic, uint64_t from_seq, uint32_t count,
                        Done<std::vector<std::string>> done) {
  answer([this, topic, from_seq, count, done = std::move(done)] { done(rows_.read_events(topic, from_seq, count)); });
}

void Store::first_kept(const std::string& topic, Done<uint64_t> done) {
  answer([this, topic, done = std::move(done)] { done(rows_.first_kept(topic)); });
}

}  // namespace cancelbus::simulation
