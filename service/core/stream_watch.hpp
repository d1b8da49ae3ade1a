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

  /// `patience`: a frame that is owed for so long is missing.
  explicit StreamWatch(Duration patience) : patience_(patience) {}

  /// True if events may have been missed: lost, or newly logged in.
  bool report(const StreamReport& report, Instant now);

  /// A 451, 452 or 441 came.
  void proof(const PeerId& peer, Instant now);

  /// True once when the subscriber has been silent for the lease.
  bool lost(Tick now);

  /// The exchange took a cancel at `accepted`, and a query read the order canceled: of that the stream must speak.
  void owes_frame(Tick accepted);

  /// True once when a frame is missing and the subscriber should log in again; not more often than after 10, 20, 40 ...
  /// 300 s, until a frame comes.
  bool seems_muted(Tick now);

  bool live() const { return live_; }
  /// Why it does not tell of orders; empty if it does, or may be truly quiet.
  std::string trouble() const;
  /// It is connected and logged in, and a frame that was owed has not come, nor any since.
  bool muted() const { return heard_ && logged_in_ && muted_; }
  const PeerId& peer() const { return peer_; }
  Tick next_deadline(Tick now) const;
  StreamStatus status() const;

 private:
  Duration patience_;
  PeerId peer_;
  std::optional<Tick> heard_;
  uint64_t subscriber_ = 0;
  uint64_t logins_ = 0;
  bool connected_ = false;
  bool logged_in_ = false;
  bool live_ = false;
  std::optional<Instant> last_proof_;
  std::optional<Tick> owed_since_;
  bool muted_ = false;  ///< a frame was missing, and none has come since
  Tick next_relogin_ = Tick::min();
  Duration relogin_interval_ = FirstRelogin;
  std::string text_;
};

}  // namespace cancelbus::core
