// Dead man's switches: which senders have armed theirs, and who of them has been silent for too long.
//
// Guarantees: a switch is due when nothing was heard of its sender for its window, of the time in which the bus ran: a
// pause between two turns counts for LongestTurn at most, and a start of the bus begins every window anew. One that has
// fired is not due again before its sender has been heard.
#pragma once

#include <absl/container/btree_map.h>

#include <optional>
#include <string>
#include <vector>

#include "service/core/records.hpp"
#include "service/core/status.hpp"

namespace cancelbus::core {

class DeadMan {
 public:
  static constexpr Duration LeastWindow = std::chrono::seconds(2);
  static constexpr Duration MostWindow = std::chrono::minutes(10);
  /// While a switch is armed the bus turns twice as often: longer it has stood still, and heard nothing of anyone.
  static constexpr Duration LongestTurn = std::chrono::milliseconds(500);

  explicit DeadMan(Tick started) : turned_(started) {}

  /// The bus turns. What follows happens now.
  void begin(Tick now);
  /// Arms it, or gives it another window. True if the store must know.
  bool arm(const std::string& sender, Duration window);
  /// False if it is not armed.
  bool disarm(const std::string& sender) { return armed_.erase(sender) == 1; }
  /// True if the store must know: it had fired, and may fire again.
  bool heard(const std::string& sender);
  bool is_armed(const std::string& sender) const { return armed_.contains(sender); }
  /// Its window, if it is armed and its sender was silent for so long, and it has not fired.
  std::vector<std::string> due() const;
  Duration window(const std::string& sender) const { return armed_.at(sender).window; }
  void fired(const std::string& sender) { armed_.at(sender).fired = true; }
  /// Its row.
  DeadManRecord record(const std::string& sender, WallTime now) const;
  void restore(const DeadManRecord& record);

  /// By when the bus must turn for the time to count.
  Tick next_deadline() const;
  /// The first by name.
  std::vector<DeadManStatus> status() const;
  size_t size() const { return armed_.size(); }
  /// Broken invariant: heard of in the future.
  void check() const;

 private:
  struct Armed {
    Duration window{};
    Duration heard{};  ///< of ran_
    bool fired = false;
  };

  Tick turned_;
  Duration ran_{};  ///< since the start, without the pauses
  absl::btree_map<std::string, Armed> armed_;
};

}  // namespace cancelbus::core
