#include "cancelbus/cancel_many.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <numeric>

namespace cancelbus::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::SizeIs;

std::vector<int64_t> ids(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), 1);
  return all;
}

Final refusal(v1::CxlRejReason reason) {
  v1::Receipt receipt;
  receipt.set_reason(reason);
  return Refused{receipt};
}

class CancelManyTest : public testing::Test {
 protected:
  struct Given {
    int64_t order_id;
    CancelOptions options;
    Callbacks callbacks;
  };

  void start(const std::vector<int64_t>& order_ids, CancelOptions options = {}) {
    summary_ = std::make_shared<CancelSummary>(order_ids);
    many_ = std::make_shared<CancelMany>(
        summary_, std::move(options),
        [this](int64_t order_id, const CancelOptions& own, Callbacks callbacks) {
          given_.push_back({order_id, own, std::move(callbacks)});
          return "c" + std::to_string(order_id);
        },
        [this](const CancelSummary& summary) { done_.push_back(text(summary)); }, now_);
    many_->go_on(now_);
  }

  /// The command that was given first and has not ended.
  void end_one(const Final& final) {
    const Given first = std::move(given_.front());
    given_.pop_front();
    first.callbacks.on_final(final);
  }
  void end_all(const Final& final) {
    for (size_t left = given_.size(); left > 0; --left) end_one(final);
    many_->go_on(now_);
  }

  Time now_ = std::chrono::steady_clock::now();
  std::shared_ptr<CancelSummary> summary_;
  std::shared_ptr<CancelMany> many_;
  std::deque<Given> given_;
  std::vector<std::string> done_;
};

TEST_F(CancelManyTest, EachOrderOnceAndTheSummaryWhenAllHaveEnded) {
  start({7, 5, 7});
  ASSERT_THAT(given_, SizeIs(2));
  EXPECT_EQ(given_[0].order_id, 7);
  end_one(OrderGone{});
  many_->go_on(now_);
  EXPECT_THAT(done_, ElementsAre());
  EXPECT_EQ(many_->next_deadline(), Never);
  end_one(OrderOpen{});
  many_->go_on(now_);
  many_->go_on(now_);
  EXPECT_THAT(done_, ElementsAre("2 orders: 1 gone, 1 still open"));
  EXPECT_TRUE(many_->is_done());
  EXPECT_EQ(summary_->orders[0].cl_ord_id, "c7");
  EXPECT_TRUE(std::holds_alternative<OrderOpen>(summary_->orders[1].final));
  EXPECT_FALSE(summary_->all_gone());
}

TEST_F(CancelManyTest, SoManyAtATimeAndTheNextAsFinalsCome) {
  start(ids(CancelMany::MostAtOnce + 2));
  EXPECT_THAT(given_, SizeIs(CancelMany::MostAtOnce));
  EXPECT_EQ(many_->waiting(), 2U);
  end_one(OrderGone{});
  EXPECT_LE(many_->next_deadline(), now_);
  many_->go_on(now_);
  EXPECT_EQ(many_->waiting(), 1U);
  end_all(OrderGone{});
  end_all(OrderGone{});
  EXPECT_THAT(done_, ElementsAre("1002 orders: 1002 gone"));
  EXPECT_TRUE(summary_->all_gone());
}

TEST_F(CancelManyTest, WhatAFullQueueRefusesIsGivenAgainASecondLaterAndNoMoreThanTheBusTook) {
  start(ids(5));
  const Given taken = given_.front();
  given_.pop_front();
  end_all(refusal(v1::CXL_REJ_REASON_BUS_FULL));
  EXPECT_THAT(given_, SizeIs(0)) << "the bus took one, and that is open";
  EXPECT_EQ(many_->waiting(), 4U);
  taken.callbacks.on_final(OrderGone{});
  many_->go_on(now_);
  EXPECT_THAT(given_, SizeIs(0));
  EXPECT_EQ(many_->next_deadline(), now_ + CancelMany::TryAgainAfter);
  now_ += CancelMany::TryAgainAfter;
  many_->go_on(now_);
  EXPECT_THAT(given_, SizeIs(2)) << "as many as the bus took, and one more for its final";
  while (!given_.empty()) end_all(OrderGone{});
  EXPECT_THAT(done_, ElementsAre("5 orders: 5 gone"));
}

TEST_F(CancelManyTest, AQueueThatTakesNoneIsAskedWithOneASecond) {
  start(ids(3));
  for (int round = 0; round < 3; ++round) {
    end_all(refusal(v1::CXL_REJ_REASON_BUS_FULL));
    EXPECT_THAT(given_, SizeIs(0));
    now_ += CancelMany::TryAgainAfter;
    many_->go_on(now_);
    EXPECT_THAT(given_, SizeIs(1));
  }
  EXPECT_THAT(done_, ElementsAre());
}

TEST_F(CancelManyTest, AQueueThatTakesNoneForHalfAMinuteIsAResultForAllThatWait) {
  start(ids(3));
  for (int round = 1; round < CancelMany::MostRefusals; ++round) {
    end_all(refusal(v1::CXL_REJ_REASON_BUS_FULL));
    ASSERT_THAT(done_, ElementsAre()) << round;
    now_ += CancelMany::TryAgainAfter;
    many_->go_on(now_);
  }
  end_all(refusal(v1::CXL_REJ_REASON_BUS_FULL));
  EXPECT_THAT(done_, ElementsAre("3 orders: 3 refused"));
  EXPECT_EQ(many_->waiting(), 0U);
}

TEST_F(CancelManyTest, AnOrderThatIsRefusedIsGivenAgainBehindTheOthers) {
  start(ids(3));
  for (const int64_t next : {1, 2, 3, 1}) {
    end_all(refusal(v1::CXL_REJ_REASON_BUS_FULL));
    now_ += CancelMany::TryAgainAfter;
    many_->go_on(now_);
    ASSERT_THAT(given_, SizeIs(1));
    EXPECT_EQ(given_.front().order_id, next);
  }
}

TEST_F(CancelManyTest, AFullQueueIsAResultOnceTheTimeToLiveIsOver) {
  now_ -= seconds(10);
  start(ids(2), {.time_to_live = milliseconds(1)});
  end_all(refusal(v1::CXL_REJ_REASON_BUS_FULL));
  EXPECT_THAT(done_, ElementsAre("2 orders: 2 refused"));
}

TEST_F(CancelManyTest, AnyOtherRefusalIsAResult) {
  start(ids(2));
  end_all(refusal(v1::CXL_REJ_REASON_MALFORMED));
  EXPECT_THAT(done_, ElementsAre("2 orders: 2 refused"));
}

TEST_F(CancelManyTest, TheTimeToLiveCountsFromTheCall) {
  start(ids(CancelMany::MostAtOnce + 1), {.time_to_live = seconds(5), .cl_ord_id = "night"});
  EXPECT_EQ(given_[0].options.time_to_live, seconds(5));
  EXPECT_EQ(given_[0].options.cl_ord_id, "night-1");
  now_ += seconds(2);
  end_all(OrderGone{});
  ASSERT_THAT(given_, SizeIs(1));
  EXPECT_EQ(given_[0].options.time_to_live, seconds(3));
  EXPECT_EQ(given_[0].options.cl_ord_id, "night-1001");
}

TEST_F(CancelManyTest, OfNoOrdersTheSummaryComesAtOnce) {
  start({});
  EXPECT_THAT(done_, ElementsAre("0 orders"));
}

TEST_F(CancelManyTest, OnceClosedItGivesNothingAndMakesNoCall) {
  start(ids(CancelMany::MostAtOnce + 1));
  many_->close();
  end_all(OrderGone{});
  EXPECT_THAT(given_, SizeIs(0));
  EXPECT_THAT(done_, ElementsAre());
}

}  // namespace
}  // namespace cancelbus::client
