// SIGTERM and SIGINT, and SIGHUP, as calls on the io_context.
//
// Used by every main.cpp: the first signal asks for a drain, the second one ends the process at once, because an
// operator who presses Ctrl-C twice means it. process.hpp blocks all three until something here is ready to receive
// them; one that came earlier is received then. Call from the main thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <utility>

namespace cancelbus::io {

namespace asio = boost::asio;

/// SIGTERM, SIGINT and SIGHUP wait from here on.
inline void block_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

/// Also one that the process was started with blocked.
inline void unblock_signals(std::initializer_list<int> numbers) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : numbers) ::sigaddset(&set, number);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

/// For a command that has nothing to drain: each of the three ends the process at once with 128 + its number.
inline void end_on_signals() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    std::signal(number, [](int received) { std::_Exit(128 + received); });
  }
  unblock_signals({SIGTERM, SIGINT, SIGHUP});
}

class StopSignals {
 public:
  explicit StopSignals(asio::io_context& context) : signals_(context, SIGTERM, SIGINT) {
    unblock_signals({SIGTERM, SIGINT});
  }

  void on_stop(std::function<void()> handler) {
    signals_.async_wait([this, handler = std::move(handler)](const boost::system::error_code& error, int) {
      if (error || canceled_) return;
      signals_.async_wait([](const boost::system::error_code& again, int signal) {
        if (!again) std::_Exit(128 + signal);
      });
      handler();
    });
  }
  /// Without this the waiting keeps io_context::run from returning.
  void cancel() {
    canceled_ = true;  // A call that is due already comes all the same.
    signals_.cancel();
  }

 private:
  asio::signal_set signals_;
  bool canceled_ = false;
};

/// SIGHUP as a call, each time: read your files again.
class ReloadSignal {
 public:
  ReloadSignal(asio::io_context& context, std::function<void()> handler)
      : signals_(context, SIGHUP), handler_(std::move(handler)) {
    unblock_signals({SIGHUP});
    wait();
  }

 private:
  void wait() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      wait();
      handler_();
    });
  }

  asio::signal_set signals_;
  std::function<void()> handler_;
};

}  // namespace cancelbus::io
