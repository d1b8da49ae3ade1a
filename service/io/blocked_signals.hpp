// For a thread that is to take no signals, which are for the loop: it inherits the mask of the thread that makes it.
#pragma once

#include <signal.h>

namespace cancelbus::io {

/// Every signal is blocked in this thread for as long as this lives, and afterwards those that were before.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace cancelbus::io
