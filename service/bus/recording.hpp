// Whether an operator records what workers and subscriber receive from the exchange, and how much of it is published.
//
// Used by the shell, beside the engine: nothing of it is stored, sequenced or decided upon. A recording lasts for one
// lease from the last request for it, so it ends with the program that asked, however that ends.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>

#include "service/core/types.hpp"

namespace cancelbus::bus {

class Recording {
 public:
  static constexpr core::Duration Lease = std::chrono::seconds(3);
  /// Workers and subscriber are asked again so often.
  static constexpr core::Duration AskEvery = std::chrono::seconds(1);
  /// Published from one time to the next.
  static constexpr size_t MostBytes = 4 * 1024 * 1024;

  explicit Recording(prometheus::Registry& registry);

  /// `who`: name of the key that asks.
  void ask(const std::string& who, core::Tick now);
  /// Whether workers and subscriber must be asked now; once for each time. Logs when a recording has ended.
  bool due(core::Tick now);
  /// How long it will last unless it is asked for again.
  core::Duration left(core::Tick now) const { return until_ - now; }
  /// When due() wants to be called; core::Never while no operator records.
  core::Tick next_deadline() const { return next_ask_; }

  /// Whether so many bytes may be published; else they are dropped, which shows as a gap in the numbers of their
  /// source.
  bool admits(size_t bytes, core::Tick now);

 private:
  core::Tick until_{};
  core::Tick next_ask_ = core::Never;
  size_t bytes_left_ = 0;
  prometheus::Gauge& on_;
  prometheus::Counter& published_;
  prometheus::Counter& dropped_;
};

}  // namespace cancelbus::bus
