#include <gtest/gtest.h>

#include "service/core/gateway.hpp"
#include "tests/scenario/memory_store.hpp"

namespace cancelbus::core {
namespace {

TEST(History, AnOrderKeepsItsFirstAndItsLatestLines) {
  testing::MemoryStore store;
  Instant now{Tick(std::chrono::hours(1)), WallTime(std::chrono::hours(1))};
  Gateway gateway({}, store.start(true), now);
  const auto step = [&](const Event& event) { store.commit(gateway.step(now, event).records); };
  step(Hello{"peer", "desk-a", {}, false});
  CancelOrder order;
  order.cl_ord_id = "c1";
  order.order_id = 100;
  step(CommandReceived{"peer", order});
  OrderFact fill;
  fill.type = FactType::Trade423;
  fill.order_id = 100;
  for (uint64_t seq = 1; seq <= 1'300; ++seq) {
    fill.amount = std::to_string(seq);
    step(StreamFact{"feed", 5, seq, fill});
  }
  const std::vector<HistoryLine>& lines = store.history().at(100);
  ASSERT_EQ(lines.size(), 1'000U);
  EXPECT_EQ(lines.front().amount, "1");
  EXPECT_EQ(lines[499].amount, "500");
  EXPECT_EQ(lines[500].amount, "801");
  EXPECT_EQ(lines.back().amount, "1300");
}

}  // namespace
}  // namespace cancelbus::core
