#include "service/io/clock.hpp"

#include <gtest/gtest.h>

namespace cancelbus::io {
namespace {

using namespace std::chrono_literals;

TEST(Clock, ReadsBothClocksForward) {
  const core::Instant first = now();
  const core::Instant second = now();
  EXPECT_LE(first.tick, second.tick);
  EXPECT_LT(std::chrono::abs(first.wall - std::chrono::system_clock::now()), 10s);
}

TEST(Clock, BootIdIsAUuid) { EXPECT_EQ(boot_id().size(), 36U); }

TEST(TickTimer, FiresNotBeforeItsTick) {
  asio::io_context context;
  TickTimer timer(context);
  const core::Tick due = now().tick + 20ms;
  core::Tick fired;
  timer.arm(due, [&] { fired = now().tick; });
  context.run_for(10s);
  EXPECT_GE(fired, due);
}

TEST(TickTimer, ArmingAgainForgetsTheFormerTick) {
  asio::io_context context;
  TickTimer timer(context);
  int fired = 0;
  timer.arm(now().tick + 1h, [&] { fired += 1; });
  timer.arm(now().tick - 1h, [&] { fired += 10; });
  context.run_for(10s);
  EXPECT_EQ(fired, 10);
  timer.arm(core::Never, [&] { fired += 100; });
  context.restart();
  EXPECT_EQ(context.run(), 0U);
}

}  // namespace
}  // namespace cancelbus::io
