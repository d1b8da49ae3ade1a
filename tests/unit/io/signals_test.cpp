#include "service/io/signals.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "service/io/blocked_signals.hpp"

namespace cancelbus::io {
namespace {

TEST(StopSignals, AskForADrainOnce) {
  asio::io_context context;
  StopSignals signals(context);
  int asked = 0;
  signals.on_stop([&] {
    ++asked;
    signals.cancel();
  });
  ::raise(SIGTERM);
  context.run();
  EXPECT_EQ(asked, 1);
}

// As when the bus asks for the drain and an orchestrator does, too.
TEST(StopSignals, ASignalThatComesAtTheEndDoesNotKeepTheProcess) {
  asio::io_context context;
  StopSignals signals(context);
  int asked = 0;
  signals.on_stop([&] { ++asked; });
  ::raise(SIGTERM);
  context.poll_one();  // It has been read, and its call is due.
  ASSERT_EQ(asked, 0);
  signals.cancel();
  context.poll();
  EXPECT_TRUE(context.stopped()) << "something still waits";
}

bool blocked(int number) {
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return ::sigismember(&mask, number) == 1;
}

TEST(BlockedSignals, BlocksAllAndGivesBackWhatWasBlocked) {
  block_signals();
  ASSERT_TRUE(blocked(SIGTERM));
  ASSERT_FALSE(blocked(SIGUSR1));
  {
    const BlockedSignals all;
    EXPECT_TRUE(blocked(SIGTERM));
    EXPECT_TRUE(blocked(SIGUSR1));
  }
  EXPECT_TRUE(blocked(SIGTERM));
  EXPECT_FALSE(blocked(SIGUSR1));
  unblock_signals({SIGTERM, SIGINT, SIGHUP});
}

}  // namespace
}  // namespace cancelbus::io
