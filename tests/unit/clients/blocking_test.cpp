#include "cancelbus/blocking.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/clients/fake_bus.hpp"
#include "tests/unit/patience.hpp"

namespace cancelbus::blocking {
namespace {

using client::FakeBus;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// What a future holds, of whose coming the test is certain.
template <typename Value>
Value value(const std::shared_future<Value>& future) {
  if (future.wait_for(Patience) != std::future_status::ready) {
    ADD_FAILURE() << "nothing came";
    return client::ClientClosed{};
  }
  return future.get();
}

class BlockingTest : public testing::Test {
 protected:
  void open(Settings settings = {}) {
    Problem problem;
    bus_client_ =
        Client::open({bus_.session_endpoint(), bus_.event_endpoint(), {.sender_comp_id = "desk-a"}, {}, {}, true},
                     problem, std::move(settings));
    ASSERT_TRUE(bus_client_) << problem.text;
  }

  FakeBus bus_;
  std::unique_ptr<Client> bus_client_;
};

TEST_F(BlockingTest, FuturesGetWhatTheCommandIsTold) {
  bus_.start();
  open();
  const Cancel cancel = bus_client_->cancel(123);
  EXPECT_TRUE(std::holds_alternative<client::Received>(value(cancel.received())));
  EXPECT_TRUE(std::holds_alternative<client::Accepted>(value(cancel.ack())));
  EXPECT_EQ(std::get<client::OrderGone>(value(cancel.final())).final.cl_ord_id(), cancel.cl_ord_id());
  EXPECT_EQ(cancel.order_id(), 123);
}

TEST_F(BlockingTest, ManyThreadsMayGiveCommands) {
  bus_.start();
  open();
  std::atomic<int> gone = 0, called = 0;
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < 4; ++n) {
      threads.emplace_back([&] {
        for (int64_t order_id = 1; order_id <= 50; ++order_id) {
          const Cancel cancel = bus_client_->cancel(order_id, {}, {.on_final = [&](const Final&) { ++called; }});
          gone += std::holds_alternative<client::OrderGone>(value(cancel.final()));
        }
      });
    }
  }
  EXPECT_EQ(gone, 200);
  bus_client_.reset();  // the last callback comes after the last future
  EXPECT_EQ(called, 200);
}

TEST_F(BlockingTest, NewsComeInOrder) {
  bus_.start();
  std::vector<uint64_t> seqs;
  std::promise<void> all_came;
  open({.on_notice = [&](const Notice& notice) {
    if (const auto* event = std::get_if<v1::Event>(&notice)) seqs.push_back(event->seq());
    if (std::holds_alternative<v1::Event>(notice) && seqs.size() == 6) all_came.set_value();
  }});
  for (int64_t order_id = 1; order_id <= 3; ++order_id) bus_client_->cancel(order_id);
  EXPECT_EQ(all_came.get_future().wait_for(Patience), std::future_status::ready);
  bus_client_.reset();
  EXPECT_THAT(seqs, testing::ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(BlockingTest, WhatIsNotKnownWhenItIsClosedIsToldAsThat) {
  bus_.on_cancel = [](const FakeBus::Desk& desk) { desk.receipt(v1::RECEIPT_STATUS_APPLIED); };
  bus_.start();
  open();
  std::atomic<int> called = 0;
  const Cancel cancel = bus_client_->cancel(1, {}, {.on_final = [&](const Final&) { ++called; }});
  EXPECT_TRUE(std::holds_alternative<client::Received>(value(cancel.received())));
  bus_client_.reset();
  EXPECT_TRUE(std::holds_alternative<client::ClientClosed>(value(cancel.ack())));
  EXPECT_TRUE(std::holds_alternative<client::ClientClosed>(value(cancel.final())));
  EXPECT_EQ(called, 0);
}

TEST_F(BlockingTest, ACallbackMayDestroyTheClient) {
  bus_.start();
  open();
  std::promise<void> destroyed;
  const Cancel first = bus_client_->cancel(1, {}, {.on_final = [&](const Final&) {
                                             bus_client_.reset();
                                             destroyed.set_value();
                                           }});
  EXPECT_TRUE(std::holds_alternative<client::OrderGone>(value(first.final())));
  EXPECT_EQ(destroyed.get_future().wait_for(Patience), std::future_status::ready);
}

TEST_F(BlockingTest, ARefusalReachesTheCallerThatWaits) {
  bus_.on_cancel = [](const FakeBus::Desk& desk) {
    desk.receipt(v1::RECEIPT_STATUS_REFUSED, v1::CXL_REJ_REASON_BUS_FULL);
  };
  bus_.start();
  open();
  EXPECT_TRUE(std::get<client::Refused>(value(bus_client_->cancel(1).final())).queue_full());
  EXPECT_THAT(text(value(bus_client_->cancel(0).received())), HasSubstr("order_id: 0"));
}

TEST_F(BlockingTest, ManyOrdersHaveOneFuture) {
  std::atomic<int> refused = 0;
  bus_.on_cancel = [&](const FakeBus::Desk& desk) {
    if (desk.order.order_id() == 2) {
      desk.receipt(v1::RECEIPT_STATUS_APPLIED);
      desk.ack(v1::CANCEL_ACK_STATUS_REJECTED, false);
    } else if (desk.order.order_id() == 3 && refused++ == 0) {
      desk.receipt(v1::RECEIPT_STATUS_REFUSED, v1::CXL_REJ_REASON_BUS_FULL);
    } else {
      desk.receipt(v1::RECEIPT_STATUS_APPLIED);
      desk.ack(v1::CANCEL_ACK_STATUS_ACCEPTED);
      desk.final(v1::ORD_STATUS_CANCELED);
    }
  };
  bus_.start();
  open();
  std::promise<size_t> called;
  auto future = bus_client_->cancel_many(
      {1, 2, 3, 0}, {}, [&](const CancelSummary& summary) { called.set_value(summary.orders.size()); });
  ASSERT_EQ(future.wait_for(Patience), std::future_status::ready);
  EXPECT_EQ(text(future.get()), "4 orders: 2 gone, 1 rejected, 1 refused");
  EXPECT_EQ(refused, 2) << "what a full queue refused was given again";
  auto calls = called.get_future();
  ASSERT_EQ(calls.wait_for(Patience), std::future_status::ready);
  EXPECT_EQ(calls.get(), 4U);
}

TEST_F(BlockingTest, WhatIsKnownOfManyOrdersWhenItIsClosedIsInTheSummary) {
  std::promise<void> one_is_gone;
  bus_.on_cancel = [](const FakeBus::Desk& desk) {
    desk.receipt(v1::RECEIPT_STATUS_APPLIED);
    if (desk.order.order_id() != 1) return;
    desk.ack(v1::CANCEL_ACK_STATUS_ACCEPTED);
    desk.final(v1::ORD_STATUS_CANCELED);
  };
  bus_.start();
  open({.on_notice = [&](const Notice& notice) {
    if (std::holds_alternative<v1::CancelFinal>(notice)) one_is_gone.set_value();
  }});
  auto future = bus_client_->cancel_many({1, 2});
  ASSERT_EQ(one_is_gone.get_future().wait_for(Patience), std::future_status::ready);
  bus_client_.reset();
  ASSERT_EQ(future.wait_for(Patience), std::future_status::ready);
  EXPECT_EQ(text(future.get()), "2 orders: 1 gone, 1 without a last word");
}

TEST_F(BlockingTest, ABusThatIsNotThereIsNamed) {
  Problem problem;
  const ClientOptions options{.session_endpoint = "tcp://127.0.0.1:1",
                              .event_endpoint = "tcp://127.0.0.1:2",
                              .session = {.sender_comp_id = "desk-a"},
                              .insecure_loopback = true};
  EXPECT_EQ(Client::open(options, problem, {.connect_timeout = seconds(3)}), nullptr);
  EXPECT_EQ(problem.kind, Problem::Kind::BusUnreachable);
  EXPECT_THAT(problem.text, HasSubstr("nothing answers at tcp://127.0.0.1:1"));
  EXPECT_THAT(problem.text, HasSubstr("CANCELBUS_SESSION_ENDPOINT"));
}

TEST_F(BlockingTest, AWrongOptionIsNamed) {
  Problem problem;
  EXPECT_EQ(Client::open({.session = {.sender_comp_id = "desk a"}}, problem), nullptr);
  EXPECT_EQ(problem.kind, Problem::Kind::OptionError);
  EXPECT_THAT(problem.text, HasSubstr("sender_comp_id"));
}

TEST_F(BlockingTest, ItNeedNotWaitForTheBusAndSaysThatItIsSilent) {
  bus_.start();
  bus_.stop();
  std::promise<std::string> warned;
  open({.connect_timeout = milliseconds(0), .on_warning = [&, first = true](const std::string& sentence) mutable {
          if (std::exchange(first, false)) warned.set_value(sentence);
        }});
  const Cancel cancel = bus_client_->cancel(1);
  auto sentence = warned.get_future();
  ASSERT_EQ(sentence.wait_for(Patience), std::future_status::ready);
  EXPECT_THAT(sentence.get(), HasSubstr("nothing was heard from the bus for 3 s: nothing answers at"));
  EXPECT_EQ(bus_client_->problem()->kind, Problem::Kind::BusUnreachable);
  bus_.start();
  EXPECT_TRUE(std::holds_alternative<client::OrderGone>(value(cancel.final())));
}

TEST_F(BlockingTest, NothingIsWaitedForInSilence) {
  bus_.on_cancel = [](const FakeBus::Desk& desk) { desk.receipt(v1::RECEIPT_STATUS_APPLIED); };
  bus_.start();
  std::promise<std::string> warned;
  open({.on_warning =
            [&, first = true](const std::string& sentence) mutable {
              if (std::exchange(first, false)) warned.set_value(sentence);
            },
        .warn_every = milliseconds(50)});
  bus_client_->cancel(1);
  auto sentence = warned.get_future();
  ASSERT_EQ(sentence.wait_for(Patience), std::future_status::ready);
  EXPECT_THAT(sentence.get(), HasSubstr("1 commands wait for their last word"));
}

}  // namespace
}  // namespace cancelbus::blocking
