// Lines to a descriptor, written by a thread of its own: a reader that is slow or gone never blocks or ends the
// process.
//
// Used by output.hpp for standard output and standard error. The queue is bounded; a line that finds it full is dropped
// and counted. The descriptor's flags are left alone, because other processes may share them (O_NONBLOCK included).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace cancelbus::io {

class LineWriter {
 public:
  /// Makes the line that reports how many were dropped, with its line feed. Called by the writer's thread.
  using Report = std::function<std::string(uint64_t dropped)>;

  /// A stalled reader costs at most twice this much memory: what waits, and what is being written.
  static constexpr size_t MostBytes = 8U << 20;
  /// finish() gives up after this long without progress, and after this long in all.
  static constexpr std::chrono::milliseconds Stalled{1'000};
  static constexpr std::chrono::milliseconds FinishWithin{5'000};

  /// The descriptor stays the caller's and must stay open.
  LineWriter(int descriptor, Report report, size_t most_bytes = MostBytes);
  /// As finish(); a thread that still waits for its reader is left to itself.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// Until then write() itself writes, and may block. The thread blocks all signals. Throws std::system_error if the
  /// system refuses a thread.
  void start();

  /// `lines` are one or more whole lines, each with its line feed; they stay together. Any thread may call it.
  void write(std::string_view lines);

  /// Lines that the queue had no room for or that could not be written, since the start.
  uint64_t dropped() const;

  /// Waits until all that was given has been written, within the bounds above. False: something is left.
  bool finish();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace cancelbus::io
