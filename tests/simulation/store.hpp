// The bus's store, in memory: what a commit brings is there whole or not at all, and outlives the bus.
//
// The same seam as the real one. The bus asks `may_write` before each commit, which is where a simulated kill -9
// strikes, and where a disk is full.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "service/io/store.hpp"
#include "tests/simulation/rows.hpp"
#include "tests/simulation/time.hpp"

namespace cancelbus::simulation {

class Store : public io::Store {
 public:
  /// `synced`: as with --store_sync=full. Else a power cut takes what has not reached the disk.
  Store(Duration retention, bool synced) : retention_(retention), synced_(synced) {}

  /// Before a start of the bus: counts the start. `boot`: which boot of the machine, from 1; `now`: its tick.
  void opened(uint64_t boot, Tick now);
  /// The machine has ended: what was only in its memory is gone.
  void cut_power();
  /// As an operator does who saves the file and puts it back later.
  void keep_copy() { copy_ = rows_; }
  /// Whether what a worker has seen shows that the copy is older.
  bool shows_copy(const core::Term& seen) const;
  void put_back_copy();
  /// Since the latest start: what is in place is older than what the bus had committed before.
  bool is_older() const { return older_; }
  /// Of the bus's machine, as the latest start of the bus found it.
  uint64_t boot() const { return boot_; }
  bool same_boot() const { return boot_ == rows_.boot; }
  /// New whenever commits may have been lost.
  uint64_t epoch() const { return rows_.epoch; }
  void set_full(bool full) { full_ = full; }
  bool full() const { return full_; }
  /// The path leads to another file, or to none, until it is put back.
  void set_misplaced(bool misplaced) { misplaced_ = misplaced; }
  bool misplaced() const { return misplaced_; }
  /// As the bus must know it. That the disk is full only a commit shows.
  bool refuses() const { return misplaced_ || (full_ && refused_); }

  void load(Done<core::Snapshot> done) override { done(snapshot()); }
  void commit(const io::Batch& batch, std::function<void(absl::Status)> done) override;
  void read_events(const std::string& topic, uint64_t from_seq, uint32_t count,
                   Done<std::vector<std::string>> done) override;
  void first_kept(const std::string& topic, Done<uint64_t> done) override;
  /// No client asks for it here.
  void read_history(const core::HistoryQuery&, Done<core::HistoryPage> done) override {
    done(absl::UnimplementedError("this store keeps no history"));
  }
  absl::Status check() override { return misplaced_ ? absl::UnavailableError("the file is gone") : absl::OkStatus(); }
  io::StoreBytes bytes() override { return {}; }
  const core::Term& term() const override { return rows_.leader; }
  void begin_again(const core::Term& seen, Done<core::Snapshot> done) override;
  core::Snapshot snapshot() const;

  // Of a database that several buses share this is what the judge looks at: what no fault takes any more.

  /// A bus leads now, and has found this.
  void led_by(const Rows& rows, uint64_t boot);
  /// Its batch is where every later leader reads.
  void replicated(const io::Batch& batch, uint64_t boot, Duration run_time);

  /// Asked before each commit; false: the process died before it.
  std::function<bool()> may_write = [] { return true; };
  /// Asked after each commit of a store that is not synced: all so far has reached the disk.
  std::function<bool()> reaches_disk = [] { return true; };
  std::function<void(const io::Batch&)> on_committed = [](const io::Batch&) {};
  /// What answers a read: at once or later, and never once the bus is gone.
  std::function<void(std::function<void()>)> answer = [](const std::function<void()>& read) { read(); };
  /// Now, on the bus's steady clock.
  std::function<Tick()> tick;
  /// Of several buses, the one that leads has found out that it cannot rely on the store now.
  std::function<bool()> in_trouble = [] { return false; };
  /// Likewise, on its wall clock.
  std::function<core::WallTime()> wall;

  const std::map<core::CommandKey, core::MassCancelRecord>& mass_cancels() const { return rows_.mass_cancels; }
  const std::map<std::pair<core::CommandKey, core::OrderId>, core::MassCancelOrder>& mass_cancel_orders() const {
    return rows_.mass_cancel_orders;
  }
  const std::map<std::string, core::DeadManRecord>& dead_men() const { return rows_.dead_men; }
  const std::map<core::CommandKey, core::CommandRecord>& commands() const { return rows_.commands; }
  const std::map<core::TaskId, core::PermitRecord>& permits() const { return rows_.permits; }
  const std::map<core::LimiterKind, core::HoldRecord>& holds() const { return rows_.holds; }
  const core::LoweredLimits& lowered() const { return rows_.lowered; }
  uint64_t next_seq(const std::string& topic) const { return rows_.next_seq(topic); }
  uint32_t unauthorized_in_a_row() const { return rows_.unauthorized.in_a_row; }

 private:
  void begin_term();
  Duration run_time() const { return run_clock_.at(tick()); }

  Duration retention_;
  bool synced_;
  bool full_ = false;
  bool misplaced_ = false;
  bool refused_ = false;  ///< the latest commit
  bool commits_lost_ = false;
  uint64_t boot_ = 0;
  core::RunClock run_clock_;
  core::Term stored_term_;    ///< before the latest start
  uint64_t starts_ = 0;       ///< of buses, on this store and its copies
  uint64_t last_epoch_ = 77;  ///< likewise
  Rows rows_;
  Rows on_disk_;  ///< of a store that is not synced
  std::optional<Rows> copy_;
  bool older_ = false;
};

}  // namespace cancelbus::simulation
