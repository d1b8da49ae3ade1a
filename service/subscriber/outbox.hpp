// News for the bus that it has not confirmed yet: numbered, sent in order, repeated until confirmed.
//
// The subscriber's shell owns one. Pure: it holds encoded messages, time comes in. The bus takes only the next number,
// so after a loss everything from the oldest unconfirmed message on is sent again. Memory is bounded, so while the bus
// is away for long, facts are refused in the end. The shell then lets the bus see the gap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "service/core/types.hpp"

namespace cancelbus::subscriber {

class Outbox {
 public:
  struct Limits {
    std::size_t facts = 100'000;                                  ///< unconfirmed ones kept, about 15 MB
    std::size_t window = 1'000;                                   ///< messages under way at once
    core::Duration patience = std::chrono::milliseconds(500);     ///< without a confirmation: send again
    core::Duration retry_after = std::chrono::milliseconds(100);  ///< when the socket took nothing
  };
  /// Writes the message that carries this number.
  using Encode = std::function<std::string(uint64_t seq)>;

  Outbox() : Outbox(Limits{}) {}
  explicit Outbox(const Limits& limits) : limits_(limits) {}

  /// False: full, the fact is not kept.
  bool add_fact(const Encode& encode);
  /// Always kept: a state that was never sent is replaced by its successor, which says all that matters of it.
  void add_state(const Encode& encode);

  /// The next message to hand to the socket; null if there is none for now. Follow with sent() or blocked().
  const std::string* next(core::Tick now);
  void sent(core::Tick now);
  void blocked(core::Tick now);
  /// Everything up to and including `seq` has arrived. A number that was never sent is ignored.
  void confirm(uint64_t seq, core::Tick now);

  /// When next() may have something to say without other news; core::Never if it will not.
  core::Tick next_deadline() const;

  /// The number of the oldest message that is not confirmed.
  uint64_t oldest() const { return first_seq_; }

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  /// Has room for a good many facts again.
  bool relieved() const { return entries_.size() <= limits_.facts / 2; }

 private:
  struct Entry {
    std::string message;
    bool is_state = false;
  };
  uint64_t end_seq() const { return first_seq_ + entries_.size(); }

  Limits limits_;
  std::deque<Entry> entries_;
  uint64_t first_seq_ = 1;      // of entries_.front(), or of the next one to come
  std::size_t under_way_ = 0;   // entries_ up to here are sent and unconfirmed
  uint64_t last_sent_ = 0;      // highest number ever sent
  core::Tick waiting_since_{};  // under_way_ > 0: since the first of them was sent, or since the last confirmation
  core::Tick blocked_until_{};
};

}  // namespace cancelbus::subscriber
