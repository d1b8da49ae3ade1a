#include "cancelbus/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/clients/fake_bus.hpp"

namespace cancelbus::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::HasSubstr;

class ClientTest : public testing::Test {
 protected:
  void open() {
    ClientOptions options{bus_.session_endpoint(), bus_.event_endpoint(), {.sender_comp_id = "desk-a"}, {}, {}, true};
    std::string error;
    client_ = Client::open(options, error);
    ASSERT_TRUE(client_) << error;
  }

  /// Reads notices until `enough` says so.
  bool read_until(const std::function<bool()>& enough) {
    const auto deadline = steady_clock::now() + seconds(20);
    while (!enough() && steady_clock::now() < deadline) {
      for (auto& notice : client_->run_once(milliseconds(100))) notices_.push_back(std::move(notice));
    }
    return enough();
  }

  template <typename Kind>
  std::vector<Kind> seen() const {
    std::vector<Kind> all;
    for (const auto& notice : notices_) {
      if (const auto* one = std::get_if<Kind>(&notice)) all.push_back(*one);
    }
    return all;
  }
  template <typename Kind>
  bool any() const {
    return !seen<Kind>().empty();
  }

  FakeBus bus_;
  std::unique_ptr<Client> client_;
  std::vector<Notice> notices_;
};

TEST_F(ClientTest, ACancelGetsReceiptAckAndFinal) {
  bus_.start();
  open();
  const std::string id = client_->cancel(123);
  ASSERT_TRUE(read_until([&] { return any<v1::CancelFinal>(); }));
  EXPECT_EQ(seen<v1::CancelAck>().at(0).cl_ord_id(), id);
  EXPECT_EQ(seen<v1::CancelFinal>().at(0).order_id(), 123);
  EXPECT_EQ(seen<v1::Event>().size(), 2u);
  EXPECT_EQ(client_->undecided(), 0u);
}

TEST_F(ClientTest, OptionsTravelWithTheCommand) {
  v1::CancelOrder order;
  bus_.on_cancel = [&](const FakeBus::Desk& desk) {
    order = desk.order;
    desk.receipt(v1::RECEIPT_STATUS_REFUSED);
  };
  bus_.start();
  open();
  client_->cancel(123, {.time_to_live = seconds(60), .urgent = true, .exact_quantities = true});
  ASSERT_TRUE(read_until([&] { return any<v1::Receipt>(); }));
  bus_.stop();
  EXPECT_EQ(order.order_id(), 123);
  EXPECT_EQ(order.priority(), v1::PRIORITY_URGENT);
  EXPECT_TRUE(order.exact_quantities());
  EXPECT_GE(order.time_to_live().seconds(), 40);
  EXPECT_LE(order.time_to_live().seconds(), 60);
  EXPECT_TRUE(order.has_transact_time());
}

TEST_F(ClientTest, AnAckLostOnTheWayIsFetched) {
  bus_.on_cancel = [](const FakeBus::Desk& desk) {
    desk.receipt(v1::RECEIPT_STATUS_APPLIED);
    desk.ack_lost_on_the_way();
  };
  bus_.start();
  open();
  client_->cancel(123);
  ASSERT_TRUE(read_until([&] { return any<v1::CancelAck>(); }));
  EXPECT_TRUE(seen<v1::Event>().at(0).poss_dup());
}

TEST_F(ClientTest, ThousandsOfCommandsAreEachDecidedOnce) {
  bus_.start();
  open();
  std::set<std::string> asked;
  for (int64_t order_id = 1; order_id <= 3'000; ++order_id) asked.insert(client_->cancel(order_id));
  EXPECT_EQ(asked.size(), 3'000u);
  ASSERT_TRUE(read_until([&] { return client_->undecided() == 0; }));
  std::set<std::string> decided;
  for (const auto& final : seen<v1::CancelFinal>()) EXPECT_TRUE(decided.insert(final.cl_ord_id()).second);
  EXPECT_EQ(decided, asked);
  EXPECT_EQ(seen<v1::CancelAck>().size(), 3'000u);
  uint64_t next = 1;
  for (const auto& event : seen<v1::Event>()) EXPECT_EQ(event.seq(), next++);
}

TEST_F(ClientTest, TheBusMayStartLater) {
  bus_.start();
  open();
  bus_.stop();
  client_->cancel(123);
  ASSERT_TRUE(read_until([&] { return any<Silent>(); }));
  bus_.start();
  ASSERT_TRUE(read_until([&] { return any<v1::CancelFinal>(); }));
}

TEST_F(ClientTest, ARestartedBusIsGreetedAndHearsWhatItMissed) {
  bus_.start();
  open();
  client_->cancel(1);
  ASSERT_TRUE(read_until([&] { return any<v1::CancelFinal>(); }));
  bus_.stop();
  client_->cancel(2);
  bus_.start();
  ASSERT_TRUE(read_until([&] { return seen<v1::CancelFinal>().size() == 2; }));
  EXPECT_GE(seen<Connected>().size(), 2u);
  EXPECT_FALSE(any<NewEpoch>());
}

TEST_F(ClientTest, RunOnceReturnsWhenItsTimeIsOver) {
  bus_.start();
  open();
  ASSERT_TRUE(read_until([&] { return any<Connected>(); }));
  const auto start = steady_clock::now();
  EXPECT_TRUE(client_->run_once(milliseconds(50)).empty());
  EXPECT_GE(steady_clock::now() - start, milliseconds(50));
}

TEST(ClientOpen, ABadEndpointIsNamed) {
  std::string error;
  EXPECT_EQ(
      Client::open({.session_endpoint = "tcp://nowhere", .session = {.sender_comp_id = "a"}, .insecure_loopback = true},
                   error),
      nullptr);
  EXPECT_THAT(error, HasSubstr("session_endpoint \"tcp://nowhere\""));
  EXPECT_EQ(
      Client::open({.event_endpoint = "smoke://signals", .session = {.sender_comp_id = "a"}, .insecure_loopback = true},
                   error),
      nullptr);
  EXPECT_THAT(error, HasSubstr("event_endpoint \"smoke://signals\""));
}

}  // namespace
}  // namespace cancelbus::client
