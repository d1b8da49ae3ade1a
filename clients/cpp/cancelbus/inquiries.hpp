// What a Session asks of the bus about commands, each answered by one reply with its number: a page of undecided ones,
// one of the history, or a retry.
//
// Used by Session. Pure, as that is. Inquiries are answered in turn, with one on its way at a time, because a Reject
// names the kind alone; it is repeated every second until it is answered.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cancelbus/event_reader.hpp"
#include "cancelbus/v1/session.pb.h"

namespace cancelbus::client {

/// The bus did not answer it: it is of an earlier version, or the key may not ask this.
struct InquiryRefused {
  uint64_t request_id = 0;  ///< as ask() returned it
  std::string why;          ///< a sentence for people
};

/// The inquiries of one session, in the order in which they were asked.
class Inquiries {
 public:
  static constexpr auto RepeatAfter = std::chrono::seconds(1);  ///< without an answer
  /// What an inquiry ends with: the bus's reply, or why there is none.
  using Told = std::variant<v1::Commands, v1::History, v1::RetryReply, InquiryRefused>;

  /// A commands_request, a history_request or a retry. Returns the request_id that it sets, from 1.
  uint64_t ask(v1::SessionRequest request);
  /// What was under way may never have arrived.
  void on_reconnected() { due_ = {}; }

  /// What is to be sent now.
  std::optional<v1::SessionRequest> due(Time now);
  /// When due() will have something; Never: nothing is asked.
  Time next_deadline() const { return asked_.empty() ? Never : due_; }

  // What of it is to be told.
  /// Of a reply to one of these; a second copy tells nothing.
  std::vector<Told> on_answer(v1::SessionReply& reply);
  /// The one that is under way is refused, if the reject is of its kind.
  std::vector<Told> on_reject(const v1::Reject& reject);
  /// Every inquiry is refused for this reason.
  std::vector<Told> end_all(const std::string& why);

 private:
  struct Asked {
    uint64_t id = 0;
    v1::SessionRequest request;
  };
  std::vector<Told> end(Told told);

  std::deque<Asked> asked_;  ///< the first is under way
  uint64_t last_id_ = 0;
  Time due_{};  ///< when the first is sent, or sent again
};

}  // namespace cancelbus::client
