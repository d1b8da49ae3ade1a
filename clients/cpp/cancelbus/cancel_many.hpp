// Many orders canceled as one: so many commands at a time, the next ones as finals come, until each order has a result.
//
// Used by Client. What a full queue refuses waits here behind the others and is given again: then only as many are open
// as the bus took, and one more for each final. Pure: commands are given by a function, the time is an argument.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "cancelbus/cancel_summary.hpp"
#include "cancelbus/command.hpp"
#include "cancelbus/event_reader.hpp"

namespace cancelbus::client {

class CancelMany : public std::enable_shared_from_this<CancelMany> {
 public:
  /// Without a final, of one call.
  static constexpr size_t MostAtOnce = 1'000;
  static constexpr auto TryAgainAfter = std::chrono::seconds(1);
  /// So often in a row while none is open: then others fill the queue, or a limit that no wait ends. What waits is
  /// refused.
  static constexpr int MostRefusals = 30;
  /// Gives a command, and says its name.
  using Give = std::function<std::string(int64_t order_id, const CancelOptions& options, Callbacks callbacks)>;
  using Done = std::function<void(const CancelSummary&)>;

  /// The time to live counts from `now`.
  CancelMany(std::shared_ptr<CancelSummary> summary, CancelOptions options, Give give, Done done, Time now);

  /// Gives what may be given. After the last result it calls `done`, which may destroy this.
  void go_on(Time now);
  /// When go_on() has something to do; the past if at once.
  Time next_deadline() const;
  /// Orders without a command.
  size_t waiting() const { return waiting_.size(); }
  bool is_done() const { return done_called_; }
  /// Gives no more commands and makes no more calls.
  void close();

 private:
  void give(size_t index, Time now);
  void ended(size_t index, const Final& final);
  void give_up(const Final& refused);
  bool is_over(Time now) const { return until_ && now >= *until_; }

  const std::shared_ptr<CancelSummary> summary_;
  const CancelOptions options_;
  const Give give_;
  Done done_;
  std::optional<Time> until_;
  /// Places in the summary.
  std::deque<size_t> waiting_;
  size_t open_ = 0;
  size_t room_ = MostAtOnce;
  /// Since a full queue has refused one: that refusal.
  std::optional<Final> refused_;
  int refusals_ = 0;  ///< in a row, while none was open
  Time not_before_ = Time::min();
  bool done_called_ = false;
};

}  // namespace cancelbus::client
