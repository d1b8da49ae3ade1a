// Which commands are known, by sender and cl_ord_id: undecided ones, and ended ones until their retention is over.
//
// Guarantees: a key is one command as long as it is known; the counts for the limits are those of the entries, without
// commands of mass cancels, of which a bounded number waits at a time; ended
// commands are forgotten in the order of their end, a bounded number at a time.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/core/gateway_options.hpp"
#include "service/core/records.hpp"

namespace cancelbus::core {

class CommandIndex {
 public:
  static constexpr size_t MaxForgotten = 1'000;

  /// Where a cl_ord_id leads.
  struct Entry {
    OrderId order_id = 0;
    uint64_t ack_seq = 0;    ///< 0: no ack yet
    uint64_t final_seq = 0;  ///< 0: no final yet, or none ever
    bool ended = false;
    std::optional<OrdStatus> override_status = std::nullopt;  ///< by which an operator has settled it
    bool counted = true;                                      ///< against the limits
  };
  struct Forgotten {
    CommandKey key;
    OrderId order_id;
  };

  explicit CommandIndex(const GatewayOptions& options)
      : max_undecided_(options.max_open),
        max_undecided_per_sender_(options.max_open_per_sender),
        max_known_per_sender_(options.max_remembered_per_sender),
        retention_(options.retention) {}

  /// Null if it is not known.
  const Entry* find(const CommandKey& key) const;
  /// Why one more command of this sender is refused; empty if there is room.
  std::string why_full(const std::string& sender) const;
  /// A new command; its key must not be known. `counted`: against the limits.
  void add(const CommandKey& key, OrderId order, bool counted = true);
  /// The command's record has changed. One that has ended then is forgotten when its retention is over.
  /// `run_time`: how long the bus has run.
  void update(const CommandRecord& record, Duration run_time);
  /// Commands whose retention is over by then, at most MaxForgotten; they are not known any more.
  std::vector<Forgotten> forget(Duration run_time);

  /// A command from the store; all of them before anything else, and restored() after the last.
  void restore(const CommandRecord& record, bool counted = true);
  void restored();

  size_t undecided() const { return undecided_; }
  /// Of an undecided command among those of its sender: by order, then by cl_ord_id.
  using Place = std::pair<OrderId, std::string>;
  /// The sender has an undecided command whose cl_ord_id begins so. Looks at each of them.
  bool has_undecided(const std::string& sender, std::string_view prefix) const;
  /// The sender's first undecided command after this place; the default is before all.
  std::optional<Place> next_undecided(const std::string& sender, const Place& after) const;

  const absl::flat_hash_map<CommandKey, Entry>& entries() const { return entries_; }
  /// Broken invariant: counts that are not those of the entries.
  void check() const;

 private:
  void end(const CommandKey& key, const Entry& entry, Duration run_time);

  size_t max_undecided_;
  size_t max_undecided_per_sender_;
  size_t max_known_per_sender_;
  Duration retention_;
  absl::flat_hash_map<CommandKey, Entry> entries_;
  /// The undecided commands of each sender that has any.
  absl::flat_hash_map<std::string, absl::btree_set<Place>> undecided_by_sender_;
  size_t undecided_ = 0;
  size_t uncounted_ = 0;                                          ///< of these
  absl::flat_hash_map<std::string, size_t> uncounted_by_sender_;  ///< of undecided ones
  absl::flat_hash_map<std::string, size_t> known_by_sender_;      ///< how many of entries_ are counted
  std::deque<std::pair<Duration, CommandKey>> ended_;             ///< in the order of their end, by the bus's run time
};

}  // namespace cancelbus::core
