// All that commits have written, as the tables of a store.
//
// Of a store of one bus there is one; of a database each server has its own.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "service/io/store.hpp"
#include "tests/simulation/time.hpp"

namespace cancelbus::simulation {

struct Rows {
  struct Event {
    Duration run_time{};
    std::string payload;
  };
  struct Topic {
    uint64_t next_seq = 1;
    std::map<uint64_t, Event> kept;
  };

  uint64_t boot = 0;    ///< of the latest batch
  Duration run_time{};  ///< likewise
  core::Term leader;
  std::optional<core::Term> behind;  ///< what it lacks, until the first batch after that
  uint64_t epoch = 77;
  std::map<core::CommandKey, core::CommandRecord> commands;
  std::map<core::TaskId, core::PermitRecord> permits;
  std::map<core::LimiterKind, core::HoldRecord> holds;
  std::map<std::string, Topic> topics;
  core::LoweredLimits lowered;
  core::UnauthorizedCount unauthorized;
  core::FactPosition facts;
  std::set<core::OrderId> back_on_book;
  std::map<core::CommandKey, core::MassCancelRecord> mass_cancels;
  std::map<std::pair<core::CommandKey, core::OrderId>, core::MassCancelOrder> mass_cancel_orders;
  std::map<std::string, core::DeadManRecord> dead_men;

  /// `now`: how long a bus has run on the store.
  void apply(const io::Batch& batch, Duration now);
  /// Forgets events that were inserted earlier, but for those that are needed.
  void prune(Duration before);
  /// What a restart needs, without what only the store knows.
  core::Snapshot snapshot() const;
  std::vector<std::string> read_events(const std::string& topic, uint64_t from_seq, uint32_t count) const;
  uint64_t first_kept(const std::string& topic) const;
  uint64_t next_seq(const std::string& topic) const;
};

}  // namespace cancelbus::simulation
