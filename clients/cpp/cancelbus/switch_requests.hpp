// The kill switch requests of one Session, and its goodbye: each repeated every second until it is answered.
//
// Used by Session. Pure, as that is. They are answered in turn, with one on its way at a time: a late repetition of an
// ENGAGE would undo a RELEASE that was given after it. A goodbye is the last of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <variant>
#include <vector>

#include "cancelbus/event_reader.hpp"
#include "cancelbus/v1/session.pb.h"

namespace cancelbus::client {

/// The bus could not read the kill switch request, or is of an earlier version.
struct KillSwitchUnknown {
  uint64_t request_id = 0;  ///< as Session::kill_switch() returned it
  v1::Reject reject;        ///< with the field and the text
};
/// Likewise the goodbye. The session has ended all the same.
struct GoodbyeUnknown {
  v1::Reject reject;  ///< with the field and the text
};

class SwitchRequests {
 public:
  static constexpr auto RepeatAfter = std::chrono::seconds(1);
  using Told = std::variant<v1::KillSwitchReply, v1::GoodbyeReply, KillSwitchUnknown, GoodbyeUnknown>;

  /// Returns its number, from 1; 0 after a goodbye, when it is not taken.
  uint64_t give(v1::KillSwitchRequest request);
  /// False if it was said before.
  bool say_goodbye(bool keep_orders);
  bool is_leaving() const { return leaving_; }
  bool keeps_orders() const { return keeps_orders_; }
  /// The goodbye has its answer.
  bool has_left() const { return leaving_ && waiting_.empty(); }

  // What happens; what of it is to be told.
  std::vector<Told> on_answer(const v1::KillSwitchReply& reply);
  std::vector<Told> on_answer(const v1::GoodbyeReply& reply);
  /// A bus that cannot read one names its field; one of an earlier version knows no such request.
  std::vector<Told> on_reject(const v1::Reject& reject);
  /// What was under way may never have arrived.
  void on_reconnected() { due_ = {}; }

  // What comes of it, while the session is open.
  std::optional<v1::SessionRequest> take_due(Time now);
  Time next_deadline() const { return waiting_.empty() ? Never : due_; }

 private:
  void add(v1::SessionRequest request);
  void end_first();

  std::deque<v1::SessionRequest> waiting_;  ///< the first is under way
  uint64_t last_id_ = 0;
  bool leaving_ = false;
  bool keeps_orders_ = false;
  Time due_{};  ///< when the first is sent, or sent again
};

}  // namespace cancelbus::client
