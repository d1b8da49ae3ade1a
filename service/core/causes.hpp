// What is wrong with the bus as a whole: why commands wait that share a cause (no worker, a backoff, refused keys and
// so on), and what stops no request but should be known, as a silent stream.
//
// Derived at each turn from what the owners know, and never stored: so no cause outlives what it is about. What is kept
// here is only since when a cause holds, and how the latest requests ended.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "service/core/answer.hpp"
#include "service/core/records.hpp"
#include "service/core/status.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

/// Which workers could be given a request now. The texts name one worker each.
struct Availability {
  size_t available = 0;
  size_t heard = 0;          ///< within their lease
  std::string unauthorized;  ///< why one that is heard is not available: its key
  std::string clock;         ///< its reading of the exchange's clock
  std::string other;         ///< anything else; also of one that is silent
  std::string missing;       ///< the first of all that are not available, also while others are; empty: none is known
  /// So many requests were refused in a row that another might block the address: none is sent.
  bool near_block = false;
};

class Causes {
 public:
  /// So many requests in a row without a usable answer, or so many cancels, whatever its queries say: the exchange is
  /// failing.
  static constexpr uint32_t Failing = 2;
  /// For so long failed cancels are a cause although queries are answered. A cancel that fails is repeated sooner.
  static constexpr Duration CancelsFailFor = std::chrono::minutes(1);
  /// After a start of the bus workers and subscriber have so long before it is said that some are missing.
  static constexpr Duration Connecting = std::chrono::seconds(5);
  /// Without `expected`, as many workers are expected as could work at once within this time.
  static constexpr Duration WorkersRemembered = std::chrono::hours(1);
  /// A queue is shown from LongQueue on, until it takes less than ShortQueue to be empty.
  static constexpr Duration LongQueue = std::chrono::seconds(5);
  static constexpr Duration ShortQueue = std::chrono::seconds(1);

  /// What the owners know.
  struct Conditions {
    std::optional<std::string> store;  ///< why it takes no writes; absent: it takes them
    bool draining = false;
    Availability workers;
    struct Backoff {
      Tick until = Tick::min();
      std::string text;
    };
    std::array<Backoff, 2> backoffs;     ///< by LimiterKind
    std::array<std::string, 2> lowered;  ///< likewise: "10/1s, lowered to 5"; empty: no limit is
    uint32_t expected = 0;               ///< workers; 0: not given
    std::string stream;                  ///< why finals come by query; empty: nothing is wrong
    bool muted = false;                  ///< it is that the stream says nothing
    /// Keys that are barred from events. Their `remaining` is as of the last call.
    std::vector<EventBar> bars;
    size_t queued = 0;    ///< orders
    Duration empty_in{};  ///< the queue, at least
  };

  /// `lease`: workers have so long after a start of the bus before they are missed.
  Causes(Duration lease, Tick started) : missed_from_(started + lease), connected_from_(started + Connecting) {}

  /// The text of the backoff of a bus whose store lacks what was let out by then: its cause leads to a runbook of its
  /// own.
  static std::string older_store(const Term& seen);

  /// A request ended so, with the worker that had it. `kind`: absent if it is not known any more.
  void ended(std::optional<LimiterKind> kind, const Answer& answer, Tick now);
  /// The causes that hold now. What has begun or ended since the last call is appended to `changes`.
  void look(const Conditions& conditions, Tick now, std::vector<CauseChange>& changes);
  /// As of the last look(), the most serious first.
  std::vector<Cause> list(Instant now) const;
  /// Of these, what commands wait for.
  std::vector<Cause> holding_up(Instant now) const;

 private:
  struct Entry {
    Cause cause;
    Tick since;
    Tick until = Never;
  };
  /// An answer, for people.
  struct Source {
    int http_status = 0;
    int exchange_code = 0;
    std::string text = {};
  };

  void add(std::vector<Entry>& found, CauseKind kind, std::string stops, std::string text) const;
  void add(std::vector<Entry>& found, CauseKind kind, std::string stops, const Source& source, std::string text) const;
  void add_workers(std::vector<Entry>& found, const Availability& workers, Tick now) const;
  void add_lowered(std::vector<Entry>& found, const Conditions& conditions) const;
  void add_fewer(std::vector<Entry>& found, const Conditions& conditions, Tick now);
  void add_bars(std::vector<Entry>& found, const Conditions& conditions, Tick now) const;
  void add_queue(std::vector<Entry>& found, const Conditions& conditions) const;
  void add_backoffs(std::vector<Entry>& found, const Conditions& conditions, Tick now);
  static Cause as_of(const Entry& entry, Instant now);

  Tick missed_from_;
  Tick connected_from_;
  size_t most_workers_ = 0;  ///< that could work at once, of late
  Tick most_workers_at_ = Tick::min();
  /// Requests that failed since one was let in, and the latest of them.
  struct Failures {
    uint32_t count = 0;
    Source last;
    Tick at{};
  };
  Failures failures_, failed_cancels_;
  Source refusal_;  ///< the latest 401 or 403
  Source wait_;     ///< the latest answer that ordered a backoff
  std::array<Source, 2> waits_;
  std::array<Tick, 2> waits_until_ = {Tick::min(), Tick::min()};
  std::vector<Entry> entries_;
};

}  // namespace cancelbus::core
