// Which mass cancels are known, by sender and cl_ord_id: open ones, and ended ones until their retention is over.
//
// Guarantees: a command whose cl_ord_id is that of a known mass cancel of its sender, a slash and more, is a child of
// it, and no other command is; a mass cancel is known for at least as long as its children.
#pragma once

#include <absl/container/btree_map.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "service/core/mass_cancel.hpp"

namespace cancelbus::core {

class MassCancels {
 public:
  /// Open at a time. Each costs a look at every order in its scope for every sweep.
  static constexpr size_t MostOpen = 32;
  static constexpr size_t MostOpenOfASender = 8;

  explicit MassCancels(Duration retention) : retention_(retention) {}

  /// Null if it is not known.
  MassCancel* find(const CommandKey& key);
  const MassCancel* find(const CommandKey& key) const { return const_cast<MassCancels*>(this)->find(key); }
  /// Of which this command is a child; null if it is none's.
  MassCancel* parent_of(const CommandKey& command);
  const MassCancel* parent_of(const CommandKey& command) const {
    return const_cast<MassCancels*>(this)->parent_of(command);
  }
  bool is_child(const CommandKey& command) const { return parent_of(command) != nullptr; }
  /// Of those that clients have asked for. Why one more of this sender is refused; empty if there is room.
  std::string why_full(const std::string& sender) const;
  /// Its key must not be known. The reference is valid until it is forgotten.
  MassCancel& add(MassCancelRecord record, Tick now);
  /// From the store; all of them before anything else, and restored() after the last.
  void restore(const MassCancelRecord& record, Tick now);
  void restored();

  /// Those that have not ended, by key.
  const std::vector<MassCancel*>& open() const { return open_; }
  /// Takes those that have ended, and are stored, out of the open ones. `run_time`: of the bus.
  void close_ended(Duration run_time);
  /// Those whose retention is over by then; they are not known any more.
  std::vector<CommandKey> forget(Duration run_time);

  // Those of kill switches.
  static constexpr size_t MostEngaged = 32;  ///< half of them by strategies
  static constexpr size_t MostEngagedOfASender = 4;
  /// In the order in which they were engaged.
  std::vector<MassCancel*> engaged() const;
  bool any_engaged() const;
  /// The command is a child of one that is engaged.
  bool is_of_kill_switch(const CommandKey& command) const;
  /// The one over this scope that was released last, if it is still known.
  const MassCancel* released(const Scope& scope) const;

  /// Orders with an undecided child, of all.
  size_t canceling() const;
  void check() const;

 private:
  Duration retention_;
  absl::btree_map<CommandKey, std::unique_ptr<MassCancel>> all_;
  std::vector<MassCancel*> open_;
  std::deque<std::pair<Duration, CommandKey>> ended_;  ///< in the order of their end, by the bus's run time
};

}  // namespace cancelbus::core
