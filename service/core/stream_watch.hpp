// What is known of the private stream: whether silence on it means anything.
//
// Logged in is not live: after a reconnect the login can succeed while 441, 451 and 452 stay mute. Live is what has
// shown one of them since the login.
#pragma once

#include <optional>

#include "service/core/events.hpp"
#include "service/core/status.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

class StreamWatch {
 public:
  /// The subscriber repeats its state every second; after so long without a word it is lost.
  static constexpr Duration Lease = std::chrono::seconds(5);
  static constexpr Duration FirstRelogin = std::chrono::seconds(10);
  static constexpr Duration LongestRelogin = std::chrono::seconds(300);

  /// True if events may have been missed: lost, or newly logged in.
  bool report(const StreamReport& report, Instant now);

  /// A 451, 452 or 441 came.
  void proof(const PeerId& peer, Instant now);

  /// True once when the subscriber has been silent for the lease.
  bool lost(Tick now);

  /// The exchange has canceled an order long after it took the cancel at `accepted`, and the stream has been mute
  /// since. True if the subscriber should log in again now.
  bool seems_muted(Tick accepted, Tick now);

  bool live() const { return live_; }
  const PeerId& peer() const { return peer_; }
  Tick next_deadline() const { return heard_ ? *heard_ + Lease + Duration(1) : Never; }
  StreamStatus status() const;

 private:
  PeerId peer_;
  std::optional<Tick> heard_;
  uint64_t subscriber_ = 0;
  uint64_t logins_ = 0;
  bool connected_ = false;
  bool logged_in_ = false;
  bool live_ = false;
  std::optional<Instant> last_proof_;
  Tick next_relogin_ = Tick::min();
  Duration relogin_interval_ = FirstRelogin;
  std::string text_;
};

}  // namespace cancelbus::core
