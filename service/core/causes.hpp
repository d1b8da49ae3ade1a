// Why commands wait that share a cause: no worker, a backoff, refused keys and so on.
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
  /// So many requests were refused in a row that another might block the address: none is sent.
  bool near_block = false;
};

class Causes {
 public:
  /// So many requests in a row without a usable answer, and the exchange is failing.
  static constexpr uint32_t Failing = 2;

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
  };

  /// `lease`: workers have so long after a start of the bus before they are missed.
  Causes(Duration lease, Tick started) : missed_from_(started + lease) {}

  /// A request ended so, with the worker that had it.
  void ended(const Answer& answer);
  /// The causes that hold now. What has begun or ended since the last call is appended to `changes`.
  void look(const Conditions& conditions, Tick now, std::vector<CauseChange>& changes);
  /// As of the last look(), the most serious first.
  std::vector<Cause> list(Instant now) const;

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
  void add_backoffs(std::vector<Entry>& found, const Conditions& conditions, Tick now);
  static Cause as_of(const Entry& entry, Instant now);

  Tick missed_from_;
  uint32_t failed_ = 0;  ///< requests since one was let in
  Source failure_;       ///< the latest of these
  Source refusal_;       ///< the latest 401 or 403
  Source wait_;          ///< the latest answer that ordered a backoff
  std::array<Source, 2> waits_;
  std::array<Tick, 2> waits_until_ = {Tick::min(), Tick::min()};
  std::vector<Entry> entries_;
};

}  // namespace cancelbus::core
