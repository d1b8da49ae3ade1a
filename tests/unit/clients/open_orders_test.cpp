#include "cancelbus/open_orders.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>

namespace cancelbus::client {
namespace {

class OpenOrdersReaderTest : public testing::Test {
 protected:
  /// What is answered to the request that is due.
  std::optional<OpenOrders> page(std::initializer_list<int64_t> order_ids, int64_t next_order_id) {
    const auto request = reader_.due(now_);
    if (!request) return std::nullopt;
    from_.push_back(request->from_order_id());
    v1::OpenOrders page;
    page.set_request_id(request->request_id());
    page.set_next_order_id(next_order_id);
    page.mutable_complete_as_of()->set_seconds(42);
    for (const int64_t id : order_ids) page.add_open_order()->set_order_id(id);
    return reader_.on_page(page);
  }

  OpenOrdersReader reader_;
  std::vector<int64_t> from_;  ///< where the pages began
  Time now_{};
};

TEST_F(OpenOrdersReaderTest, OneOrderIsAskedForByOnePage) {
  reader_.ask({.order_id = 5});
  const auto answer = page({5, 6, 9}, 10);
  ASSERT_TRUE(answer);
  EXPECT_THAT(from_, testing::ElementsAre(5));
  ASSERT_EQ(answer->orders.size(), 1U);
  EXPECT_EQ(answer->orders[0].order_id(), 5);
  EXPECT_EQ(answer->complete_as_of->seconds(), 42);
}

TEST_F(OpenOrdersReaderTest, AnOrderThatIsNotOpenIsNotListed) {
  reader_.ask({.order_id = 5});
  const auto answer = page({6}, 0);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->orders.empty());
}

TEST_F(OpenOrdersReaderTest, AnEmptyPageBeforeTheOrderIsNotTheEnd) {
  reader_.ask({.order_id = 5});
  EXPECT_FALSE(page({}, 5));
  const auto answer = page({5}, 6);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->orders.size(), 1U);
}

TEST_F(OpenOrdersReaderTest, AListingThatBeginsAnewAsksForTheSameOrder) {
  reader_.ask({.order_id = 5});
  (void)reader_.due(now_);
  reader_.restart();
  EXPECT_TRUE(page({5}, 0));
  EXPECT_THAT(from_, testing::ElementsAre(5));
}

TEST_F(OpenOrdersReaderTest, AllOrdersComeInPages) {
  reader_.ask({});
  EXPECT_FALSE(page({1, 2}, 3));
  const auto answer = page({3}, 0);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->orders.size(), 3U);
  EXPECT_THAT(from_, testing::ElementsAre(0, 3));
}

}  // namespace
}  // namespace cancelbus::client
