// Promises 1, 2, 5 and 6 as far as they are about commands and events: what was committed and what was said of it.
//
// Part of the judge. It believes only commits: what is said (a receipt, an event, a task) must have been written
// before.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "service/core/actions.hpp"
#include "service/io/store.hpp"
#include "tests/simulation/store.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

/// One command as its commits and events tell it.
struct CommandSeen {
  core::CommandKey key;
  core::CancelOrder order;
  Time received{};
  bool applied = false;  ///< told to a client
  std::optional<core::CancelAck> ack;
  std::optional<core::CancelFinal> final;
  bool stuck = false;
  bool back_on_book = false;

  bool ended() const { return final || (ack && !ack->final_follows); }
};

class Ledger {
 public:
  Ledger(World& world, const Store& store) : world_(world), store_(store) {}

  /// True: the store has another epoch than before. Of what was committed, only what it still holds has been.
  bool bus_started();
  /// True: the command is new.
  bool committed(const core::CommandRecord& record);
  /// The order, if no other command of it is known.
  std::optional<core::OrderId> forgotten(const core::CommandKey& key);
  /// What the event says, if it is about a command: which, and the event.
  std::pair<const CommandSeen*, core::Publication> committed(const io::EventRow& row);
  void sending(const core::SendReceipt& receipt, const std::string& sender);
  void publishing(const io::EventRow& row);

  /// Null: never committed, or forgotten.
  const CommandSeen* find(const core::CommandKey& key) const;
  bool has_undecided(core::OrderId order) const;
  const std::map<core::CommandKey, CommandSeen>& commands() const { return commands_; }
  /// The bytes of an event; null if there never was one.
  const std::string* payload(uint64_t epoch, const std::string& topic, uint64_t seq) const;
  /// Every command that was received has ended, or is stuck.
  bool settled() const;

 private:
  void take(CommandSeen& command, const core::CancelAck& ack);
  void take(CommandSeen& command, const core::CancelFinal& final);
  void take(CommandSeen& command, const core::CancelStatus& status);

  World& world_;
  const Store& store_;
  std::map<core::CommandKey, CommandSeen> commands_;
  std::map<core::CommandKey, CommandSeen> forgotten_;  ///< unless a commit that says so is lost
  uint64_t epoch_ = 0;
  std::map<uint64_t, std::map<std::string, std::vector<std::string>>> events_;  ///< by epoch, topic and seq - 1
};

}  // namespace cancelbus::simulation
