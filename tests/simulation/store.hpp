// The bus's store, in memory: what a commit brings is there whole or not at all, and outlives the bus.
//
// The same seam as the real one. Odd about it: the bus asks `may_write` before each commit, which is where a simulated
// kill -9 strikes, and where a disk is full.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "service/io/store.hpp"
#include "tests/simulation/time.hpp"

namespace cancelbus::simulation {

class Store : public io::Store {
 public:
  explicit Store(Duration retention) : retention_(retention) {}

  /// Before a start of the bus: counts the start. `boot`: which boot of the machine, from 1.
  void opened(uint64_t boot);
  void set_full(bool full) { full_ = full; }
  bool full() const { return full_; }

  absl::StatusOr<core::Snapshot> load() override;
  void commit(const io::Batch& batch, std::function<void(absl::Status)> done) override;
  absl::StatusOr<std::vector<std::string>> read_events(const std::string& topic, uint64_t from_seq,
                                                       uint32_t count) override;
  absl::StatusOr<uint64_t> first_kept(const std::string& topic) override;
  uint64_t size() override { return 0; }

  /// Asked before each commit; false: the process died before it.
  std::function<bool()> may_write = [] { return true; };
  std::function<void(const io::Batch&)> on_committed = [](const io::Batch&) {};
  /// Now, on the bus's wall clock.
  std::function<core::WallTime()> wall;

  const std::map<core::CommandKey, core::CommandRecord>& commands() const { return commands_; }
  const std::map<core::TaskId, core::PermitRecord>& permits() const { return permits_; }
  uint64_t next_seq(const std::string& topic) const;

 private:
  struct Event {
    core::WallTime sent;
    std::string payload;
  };
  struct Topic {
    uint64_t next_seq = 1;
    std::map<uint64_t, Event> kept;
  };

  void put(const core::CommandRecord& record) { commands_[record.key] = record; }
  void put(const core::CommandForgotten& forgotten) { commands_.erase(forgotten.key); }
  void put(const core::PermitRecord& record) { permits_[record.task] = record; }
  void put(const core::PermitForgotten& forgotten) { permits_.erase(forgotten.task); }
  void put(const core::FactPosition& position) { facts_ = position; }
  // Nobody here reads the history.
  void put(const core::HistoryLine&) {}
  void put(const core::HistoryForgotten&) {}
  void put(const io::EventRow& event);
  void prune();

  Duration retention_;
  bool full_ = false;
  uint64_t boot_ = 0;
  uint64_t committed_boot_ = 0;  ///< of the latest batch
  uint64_t term_ = 0;
  std::map<core::CommandKey, core::CommandRecord> commands_;
  std::map<core::TaskId, core::PermitRecord> permits_;
  std::map<std::string, Topic> topics_;
  core::FactPosition facts_;
};

}  // namespace cancelbus::simulation
