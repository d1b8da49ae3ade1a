// Reading the machine's clocks, and one timer that waits for a core::Tick.
//
// Used by the shells: they pass the time to the core, which never reads a clock. CLOCK_BOOTTIME also counts while the
// machine sleeps, asio's timers do not, so after a sleep a timer comes late; every shell judges by now(), not by the
// fact that a timer fired.
#pragma once

#include <time.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <fstream>
#include <functional>
#include <string>
#include <utility>

#include "service/core/types.hpp"

namespace cancelbus::io {

namespace asio = boost::asio;

inline core::Duration read_clock(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

/// Both clocks, read together.
inline core::Instant now() {
  return {core::Tick(read_clock(CLOCK_BOOTTIME)), core::WallTime(read_clock(CLOCK_REALTIME))};
}

/// Names this boot of the machine: ticks of another boot mean nothing. Empty if the kernel does not say.
inline std::string boot_id() {
  std::string id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id);
  return id;
}

/// Calls back once when a tick is reached; arming again forgets the former tick (a call already under way still comes).
class TickTimer {
 public:
  explicit TickTimer(asio::io_context& context) : timer_(context) {}

  void arm(core::Tick tick, std::function<void()> handler) {
    if (tick == core::Never) {
      cancel();
      return;
    }
    // Far deadlines are cut to an hour: the shell is woken, finds nothing due and arms again.
    const auto wait = std::clamp<core::Duration>(tick - now().tick, core::Duration::zero(), std::chrono::hours(1));
    timer_.expires_after(wait);
    timer_.async_wait([handler = std::move(handler)](const boost::system::error_code& error) {
      if (!error) handler();
    });
  }
  void cancel() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

}  // namespace cancelbus::io
