// What a client does with kill switches and goodbyes besides its session: options checked, callbacks, futures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "cancelbus/blocking.hpp"
#include "tests/unit/clients/fake_bus.hpp"
#include "tests/unit/patience.hpp"

namespace cancelbus::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class SwitchBookTest : public testing::Test {
 protected:
  SwitchBookTest() {
    bus_.on_request = [this](const v1::SessionRequest& request, v1::SessionReply& reply) {
      if (request.has_kill_switch()) {
        const std::lock_guard lock(mutex_);
        asked_ = request.kill_switch();
        reply.mutable_kill_switch()->set_request_id(asked_.request_id());
        reply.mutable_kill_switch()->set_status(v1::KILL_SWITCH_STATUS_ENGAGED);
        reply.mutable_kill_switch()->set_still_open(7);
      } else if (request.has_goodbye()) {
        reply.mutable_goodbye()->set_text(request.goodbye().keep_orders() ? "disarmed" : "fired");
      }
      return request.has_kill_switch() || request.has_goodbye();
    };
  }

  ClientOptions options() const {
    return {bus_.session_endpoint(), bus_.event_endpoint(), {.sender_comp_id = "desk-a"}, {}, {}, true};
  }
  void open() {
    bus_.start();
    blocking::Problem problem;
    client_ = blocking::Client::open(options(), problem);
    ASSERT_TRUE(client_) << problem.text;
  }
  template <typename Value>
  static Value value(const std::shared_future<Value>& future) {
    if (future.wait_for(Patience) == std::future_status::ready) return future.get();
    ADD_FAILURE() << "nothing came";
    return ClientClosed{};
  }
  v1::KillSwitchReply engage(const KillSwitchOptions& kill) {
    const auto answer = value(client_->kill_switch(kill));
    const auto* reply = std::get_if<v1::KillSwitchReply>(&answer);
    return reply != nullptr ? *reply : v1::KillSwitchReply();
  }

  std::mutex mutex_;
  v1::KillSwitchRequest asked_;
  FakeBus bus_;
  std::unique_ptr<blocking::Client> client_;
};

TEST_F(SwitchBookTest, AKillSwitchIsAnswered) {
  open();
  const auto reply = engage({.symbol = "BTCTRY", .side = v1::SIDE_SELL, .reason = "runaway quotes"});
  EXPECT_EQ(reply.status(), v1::KILL_SWITCH_STATUS_ENGAGED);
  EXPECT_EQ(reply.still_open(), 7U);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(asked_.action(), v1::KILL_SWITCH_ACTION_ENGAGE);
  EXPECT_EQ(asked_.scope(), v1::MASS_CANCEL_SCOPE_OWN);
  EXPECT_EQ(asked_.symbol() + asked_.reason(), "BTCTRYrunaway quotes");
  EXPECT_EQ(asked_.side(), v1::SIDE_SELL);
}

TEST_F(SwitchBookTest, WhatIsWrongWithItIsRefusedByName) {
  open();
  const auto complaint = [this](const KillSwitchOptions& kill) {
    const auto reply = engage(kill);
    EXPECT_EQ(reply.status(), v1::KILL_SWITCH_STATUS_REFUSED);
    return reply.text();
  };
  EXPECT_THAT(complaint({}), HasSubstr("reason is missing"));
  EXPECT_THAT(complaint({.reason = std::string(129, 'r')}), HasSubstr("reason is not at most 128"));
  EXPECT_THAT(complaint({.reason = "a\nb"}), HasSubstr("reason is not at most 128"));
  EXPECT_THAT(complaint({.owner = "desk-b", .reason = "r"}), HasSubstr("owner: scope SENDER"));
  EXPECT_THAT(complaint({.symbol = std::string(33, 's'), .reason = "r"}), HasSubstr("symbol is not at most 32"));
}

TEST_F(SwitchBookTest, AfterGoodbyeEverythingIsRefused) {
  open();
  EXPECT_EQ(text(value(client_->goodbye(true))), "goodbye: disarmed");
  EXPECT_THAT(text(value(client_->goodbye(false))), HasSubstr("goodbye refused, goodbye was said before"));
  EXPECT_THAT(engage({.reason = "r"}).text(), HasSubstr("goodbye was said"));
  EXPECT_THAT(text(client_->cancel(5).final().get()), HasSubstr("goodbye was said"));
  EXPECT_THAT(text(client_->mass_cancel().end().get()), HasSubstr("goodbye was said"));
  EXPECT_THAT(client_->open_orders().get().refused, HasSubstr("goodbye was said"));
}

TEST_F(SwitchBookTest, AClosedClientSaysWhatIsNotKnown) {
  open();
  bus_.stop();
  const auto kill = client_->kill_switch({.reason = "r"});
  const auto goodbye = client_->goodbye(true);
  EXPECT_EQ(goodbye.wait_for(milliseconds(100)), std::future_status::timeout);
  client_.reset();
  EXPECT_THAT(text(kill.get()), HasSubstr("may be engaged or not"));
  EXPECT_THAT(text(goodbye.get()), HasSubstr("fires after its window"));
}

TEST_F(SwitchBookTest, ACallbackMayDestroyTheClient) {
  bus_.start();
  std::unique_ptr<Client> client;
  const auto ends_in = [&](const std::function<void()>& give) {
    std::string error;
    client = Client::open(options(), error);
    ASSERT_TRUE(client) << error;
    give();
    const auto deadline = std::chrono::steady_clock::now() + Patience;
    while (client && std::chrono::steady_clock::now() < deadline) client->run_once(milliseconds(100));
    EXPECT_FALSE(client);
  };
  ends_in([&] { client->kill_switch({.reason = "r"}, [&](const auto&) { client.reset(); }); });
  ends_in([&] { client->kill_switch({}, [&](const auto&) { client.reset(); }); });
  ends_in([&] { client->goodbye(true, [&](const auto&) { client.reset(); }); });
}

TEST_F(SwitchBookTest, ABusOfAnEarlierVersionIsNamed) {
  bus_.on_request = [](const v1::SessionRequest& request, v1::SessionReply& reply) {
    reply.mutable_reject()->set_field("request");
    return request.has_kill_switch() || request.has_goodbye();
  };
  open();
  EXPECT_THAT(engage({.reason = "r"}).text(), HasSubstr("earlier version"));
  EXPECT_THAT(text(value(client_->goodbye(false))), HasSubstr("earlier version"));
}

TEST_F(SwitchBookTest, AWindowOutOfRangeIsRefusedByName) {
  bus_.start();
  std::string error;
  ClientOptions bad = options();
  for (const milliseconds window : {milliseconds(1'999), milliseconds(600'001), milliseconds(-1)}) {
    bad.session.cancel_on_disconnect = window;
    EXPECT_FALSE(Client::open(bad, error));
    EXPECT_EQ(error, "cancel_on_disconnect: " + std::to_string(window.count()) + " ms is not from 2 s to 10 min");
  }
  for (const milliseconds window : {milliseconds(2'000), milliseconds(600'000)}) {
    bad.session.cancel_on_disconnect = window;
    EXPECT_TRUE(Client::open(bad, error)) << error;
  }
}

}  // namespace
}  // namespace cancelbus::client
