#include "cancelbus/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <set>

#include "tests/unit/clients/environment.hpp"
#include "tests/unit/clients/fake_bus.hpp"
#include "tests/unit/patience.hpp"

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

  void open_without_bus() {
    bus_.start();  // for its ports
    bus_.stop();
    open();
  }

  /// As a strategy with a loop of its own would: nothing but poll(2) says when there is something to do.
  bool poll_until(const std::function<bool()>& enough) {
    const auto deadline = steady_clock::now() + Patience;
    pollfd one{client_->fd(), POLLIN, 0};
    while (!enough() && steady_clock::now() < deadline) {
      if (::poll(&one, 1, 5'000) == 1) process();
    }
    return enough();
  }

  void process() {
    ++turns_;
    for (auto& notice : client_->process()) notices_.push_back(std::move(notice));
  }

  /// Reads notices until `enough` says so.
  bool read_until(const std::function<bool()>& enough) {
    const auto deadline = steady_clock::now() + Patience;
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
  int turns_ = 0;
};

TEST_F(ClientTest, ACancelGetsReceiptAckAndFinal) {
  bus_.start();
  open();
  const std::string id = client_->cancel(123).cl_ord_id();
  ASSERT_TRUE(read_until([&] { return any<v1::CancelFinal>(); }));
  EXPECT_EQ(seen<v1::CancelAck>().at(0).cl_ord_id(), id);
  EXPECT_EQ(seen<v1::CancelFinal>().at(0).order_id(), 123);
  EXPECT_EQ(seen<v1::Event>().size(), 2u);
  EXPECT_EQ(client_->undecided(), 0u);
}

TEST_F(ClientTest, ManyOrdersAreGivenAThousandAtATime) {
  bus_.start();
  open();
  std::vector<int64_t> order_ids;
  for (int64_t id = 1; id <= 2'500; ++id) order_ids.push_back(id);
  bool done = false;
  const auto summary = client_->cancel_many(order_ids, {}, [&](const CancelSummary& all) { done = all.all_gone(); });
  EXPECT_EQ(client_->undecided(), 2'500U);
  ASSERT_TRUE(poll_until([&] { return done; })) << text(*summary);
  EXPECT_EQ(client_->undecided(), 0U);
  EXPECT_EQ(summary->count<OrderGone>(), 2'500U);
}

TEST_F(ClientTest, OfManyOrdersWhatIsRefusedHereEndsWithoutTheBus) {
  open_without_bus();
  bool done = false;
  const auto summary =
      client_->cancel_many({-1, -2}, {}, [&](const CancelSummary& all) { done = all.count<Refused>() == 2; });
  EXPECT_TRUE(poll_until([&] { return done; })) << text(*summary);
}

TEST_F(ClientTest, TheCallbackOfManyOrdersMayDestroyTheClient) {
  bus_.start();
  open();
  const auto destroy = [this](const CancelSummary&) { client_.reset(); };
  client_->cancel_many({1, 2}, {}, destroy);
  client_->cancel_many({3}, {}, destroy);
  const auto deadline = steady_clock::now() + Patience;
  while (client_ && steady_clock::now() < deadline) client_->run_once(milliseconds(100));
  EXPECT_FALSE(client_);
}

TEST_F(ClientTest, OptionsTravelWithTheCommand) {
  v1::CancelOrder order;
  bus_.on_cancel = [&](const FakeBus::Desk& desk) {
    order = desk.order;
    desk.receipt(v1::RECEIPT_STATUS_REFUSED);
  };
  bus_.start();
  open();
  client_->cancel(123, {.time_to_live = seconds(3600), .urgent = true, .exact_quantities = true});
  ASSERT_TRUE(read_until([&] { return any<v1::Receipt>(); }));
  bus_.stop();
  EXPECT_EQ(order.order_id(), 123);
  EXPECT_EQ(order.priority(), v1::PRIORITY_URGENT);
  EXPECT_TRUE(order.exact_quantities());
  EXPECT_GE(order.time_to_live().seconds(), 3600 - Patience.count());
  EXPECT_LE(order.time_to_live().seconds(), 3600);
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
  for (int64_t order_id = 1; order_id <= 3'000; ++order_id) asked.insert(client_->cancel(order_id).cl_ord_id());
  EXPECT_EQ(asked.size(), 3'000u);
  ASSERT_TRUE(read_until([&] { return client_->undecided() == 0; }));
  std::set<std::string> decided;
  for (const auto& final : seen<v1::CancelFinal>()) EXPECT_TRUE(decided.insert(final.cl_ord_id()).second);
  EXPECT_EQ(decided, asked);
  EXPECT_EQ(seen<v1::CancelAck>().size(), 3'000u);
  uint64_t next = 1;
  for (const auto& event : seen<v1::Event>()) EXPECT_EQ(event.seq(), next++);
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

// More than one turn reads: what is left over must show at once, and not when the next heartbeat is due.
TEST_F(ClientTest, TheDescriptorShowsWhatATurnLeftOver) {
  static constexpr int Flood = 90 * Client::MaxFramesPerTurn;
  bus_.on_cancel = [](const FakeBus::Desk& desk) {
    for (int n = 0; n < Flood; ++n) desk.ack(v1::CANCEL_ACK_STATUS_ACCEPTED);
  };
  bus_.start();
  open();
  client_->cancel(1);
  int events = 0;
  EXPECT_TRUE(poll_until([&] {
    for (const auto& notice : std::exchange(notices_, {})) events += std::holds_alternative<v1::Event>(notice);
    return events == Flood;
  }));
}

TEST_F(ClientTest, TheDescriptorStaysReadableUntilItWasProcessed) {
  bus_.start();
  open();
  ASSERT_TRUE(poll_until([&] { return any<Connected>(); }));
  client_->cancel(1);
  pollfd one{client_->fd(), POLLIN, 0};
  for (int n = 0; n < 3; ++n) EXPECT_EQ(::poll(&one, 1, std::chrono::milliseconds(Patience).count()), 1);
  ASSERT_TRUE(poll_until([&] { return client_->undecided() == 0; }));
}

TEST_F(ClientTest, TheDescriptorIsQuietWhenThereIsNothingToDo) {
  bus_.start();
  open();
  ASSERT_TRUE(poll_until([&] { return any<Connected>(); }));
  turns_ = 0;
  const auto until = steady_clock::now() + milliseconds(1'500);
  ASSERT_TRUE(poll_until([&] { return steady_clock::now() >= until; }));
  EXPECT_LE(turns_, 20) << "a heartbeat a second, its answer, and what connections report";
}

TEST_F(ClientTest, AnImpairedBusIsAProblemUntilItSaysOtherwise) {
  bus_.start();
  open();
  ASSERT_TRUE(poll_until([&] { return any<Connected>(); }));
  EXPECT_FALSE(client_->problem());
  bus_.impair(v1::CAUSE_KIND_NO_WORKER);
  ASSERT_TRUE(poll_until([&] { return client_->problem().has_value(); }));
  EXPECT_EQ(client_->problem()->kind, Problem::Kind::BusImpaired);
  EXPECT_EQ(client_->problem()->text, "NO_WORKER: of a test, 7 s left");
  ASSERT_EQ(client_->causes().size(), 1U);
  EXPECT_TRUE(any<Causes>());
  bus_.impair(v1::CAUSE_KIND_UNSPECIFIED);
  ASSERT_TRUE(poll_until([&] { return !client_->problem(); }));
  EXPECT_TRUE(client_->causes().empty());
}

TEST_F(ClientTest, TheDescriptorTellsOfABusThatDiesAndComesBack) {
  bus_.start();
  open();
  client_->cancel(1);
  ASSERT_TRUE(poll_until([&] { return client_->undecided() == 0; }));
  bus_.stop();
  client_->cancel(2);
  ASSERT_TRUE(poll_until([&] { return any<Silent>(); }));
  ASSERT_TRUE(client_->problem());
  EXPECT_THAT(client_->problem()->text, HasSubstr("nothing answers at " + bus_.session_endpoint()));
  bus_.start();
  ASSERT_TRUE(poll_until([&] { return client_->undecided() == 0; }));
  EXPECT_EQ(seen<v1::CancelFinal>().size(), 2u);
  ASSERT_TRUE(poll_until([&] { return !client_->problem(); }));
}

TEST_F(ClientTest, SwappedEndpointsAreSuspectedByName) {
  bus_.start();
  ClientOptions options{bus_.event_endpoint(), bus_.session_endpoint(), {.sender_comp_id = "desk-a"}, {}, {}, true};
  std::string error;
  client_ = Client::open(options, error);
  ASSERT_TRUE(client_) << error;
  const std::string suspicion = "perhaps session_endpoint (" + options.session_endpoint + ") and event_endpoint (" +
                                options.event_endpoint + ") are swapped";
  ASSERT_TRUE(
      poll_until([&] { return client_->problem() && client_->problem()->text.find(suspicion) != std::string::npos; }));
  EXPECT_EQ(client_->problem()->kind, Problem::Kind::BusUnreachable);
  ASSERT_TRUE(poll_until([&] {
    const auto said = seen<NotReached>();
    return std::ranges::any_of(said,
                               [&](const auto& notice) { return notice.why.find(suspicion) != std::string::npos; });
  }));
}

// A bus bars a key that subscribes to what it may not read.
TEST_F(ClientTest, NoTopicIsSubscribedToWhileTheBusDoesNotWelcomeUs) {
  bus_.reject_hello("hello.topics[0]");
  bus_.start();
  open();
  ASSERT_TRUE(read_until([&] { return seen<v1::Reject>().size() >= 2; }));
  EXPECT_THAT(bus_.subscriptions(), testing::IsEmpty());
  ASSERT_TRUE(client_->problem());
  EXPECT_EQ(client_->problem()->kind, Problem::Kind::KeyRefused);
  EXPECT_EQ(client_->problem()->text, "hello.topics[0]: of a test");

  bus_.reject_hello("");
  ASSERT_TRUE(read_until([&] { return bus_.subscriptions().contains("client.desk-a."); }));
  EXPECT_FALSE(client_->problem());

  bus_.stop();
  ASSERT_TRUE(read_until([&] { return any<Silent>(); }));
  bus_.reject_hello("hello.topics[0]");
  notices_.clear();
  bus_.start();
  ASSERT_TRUE(read_until([&] { return seen<v1::Reject>().size() >= 2; }));
  EXPECT_THAT(bus_.subscriptions(), testing::IsEmpty()) << "the bus that comes back may have another policy";
}

TEST_F(ClientTest, AHandleAndItsCallbacksAreTold) {
  bus_.start();
  open();
  std::vector<std::string> called;
  const Cancel cancel = client_->cancel(123, {},
                                        {.on_received = [&](const Receiving& r) { called.push_back(text(r)); },
                                         .on_ack = [&](const Ack& a) { called.push_back(text(a)); },
                                         .on_final = [&](const Final& f) { called.push_back(text(f)); }});
  EXPECT_EQ(cancel.received(), nullptr);
  EXPECT_EQ(cancel.ack(), nullptr);
  EXPECT_EQ(cancel.final(), nullptr);
  ASSERT_TRUE(poll_until([&] { return cancel.final() != nullptr; }));
  EXPECT_TRUE(std::holds_alternative<Received>(*cancel.received()));
  EXPECT_TRUE(std::holds_alternative<Accepted>(*cancel.ack()));
  EXPECT_EQ(std::get<OrderGone>(*cancel.final()).final.order_id(), 123);
  EXPECT_THAT(called, ElementsAre("received", "ack ACCEPTED; final follows", "final CANCELED (CHANNEL_452)"));
}

TEST_F(ClientTest, ACallbackMayGiveCommands) {
  bus_.start();
  open();
  int finals = 0;
  std::function<void(const Final&)> again = [&](const Final&) {
    if (++finals < 5) client_->cancel(finals, {}, {.on_final = again});
    EXPECT_TRUE(client_->process().empty()) << "not within itself";
  };
  client_->cancel(1, {}, {.on_final = again});
  EXPECT_TRUE(poll_until([&] { return finals == 5 && client_->undecided() == 0; }));
}

TEST_F(ClientTest, ACallbackMayDestroyTheClient) {
  bus_.start();
  open();
  int called = 0;
  const Callbacks callbacks{.on_final = [&](const Final&) { ++called, client_.reset(); }};
  const Cancel first = client_->cancel(1, {}, callbacks), second = client_->cancel(2, {}, callbacks);
  const auto deadline = steady_clock::now() + Patience;
  while (client_ && steady_clock::now() < deadline) client_->run_once(milliseconds(100));
  EXPECT_EQ(called, 1);
  EXPECT_NE(first.final(), nullptr);
}

TEST_F(ClientTest, WhatIsRefusedHereIsToldByTheNextTurn) {
  open_without_bus();
  std::vector<std::string> told;
  const Callbacks callbacks{.on_final = [&](const Final& final) { told.push_back(text(final)); }};
  const Cancel good = client_->cancel(1, {.cl_ord_id = "mine"});
  client_->cancel(0, {}, callbacks);
  client_->cancel(1, {.time_to_live = milliseconds(0)}, callbacks);
  client_->cancel(1, {.cl_ord_id = "mine"}, callbacks);
  client_->cancel(1, {.symbol = std::string(33, 'B')}, callbacks);
  client_->cancel(1, {.traceparent = "\n"}, callbacks);
  EXPECT_EQ(told.size(), 0u);
  EXPECT_EQ(client_->undecided(), 6u);
  process();
  EXPECT_THAT(told, ElementsAre(HasSubstr("MALFORMED: order_id: 0 is not"), HasSubstr("time_to_live: 0 ms is not from"),
                                HasSubstr("cl_ord_id: mine names an undecided command already"),
                                HasSubstr("symbol is not at most 32"), HasSubstr("traceparent is not at most 55")));
  EXPECT_EQ(seen<v1::Receipt>().size(), 4u) << "not of the one that bears another's name";
  EXPECT_EQ(good.final(), nullptr);
  EXPECT_EQ(client_->undecided(), 1u);
}

TEST_F(ClientTest, MoreThanABusTakesIsRefusedHere) {
  open_without_bus();
  for (size_t n = 0; n < MaxUndecided; ++n) client_->cancel(1);
  const Cancel one_more = client_->cancel(1);
  process();
  ASSERT_NE(one_more.final(), nullptr);
  EXPECT_TRUE(std::get<Refused>(*one_more.final()).queue_full());
  EXPECT_THAT(text(*one_more.ack()), HasSubstr("wait for finals"));
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

TEST(ClientOpen, AnEndpointThatCannotBeMeantIsNamed) {
  const auto refusal = [](const std::string& session, const std::string& event) {
    std::string error;
    const auto client =
        Client::open({session, event, {.sender_comp_id = "a"}, {}, {}, /*insecure_loopback=*/true}, error);
    return client ? "" : error;
  };
  const std::string event = "tcp://127.0.0.1:2";
  EXPECT_EQ(refusal("tcp://[::1]:1", event), "");
  EXPECT_EQ(refusal("ipc:///tmp/cancelbus-session", event), "");
  EXPECT_EQ(refusal("tcp://::1:5550", event),
            "session_endpoint \"tcp://::1:5550\" is an IPv6 address without brackets: write tcp://[::1]:5550");
  EXPECT_THAT(refusal("tcp://[::1]:9:5550", event), HasSubstr("is neither a name nor an address with a port"));
  EXPECT_THAT(refusal("tcp://[1::2::3]:5550", event), HasSubstr("is neither a name nor an address with a port"));
  for (const std::string none :
       {"tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://:5550", "ipc://", "", "tcp://127.0.0.1:a"}) {
    EXPECT_THAT(refusal(none + ",tcp://127.0.0.1:3", event + ",tcp://127.0.0.1:4"),
                HasSubstr("is not an endpoint such as"))
        << none;
  }
  EXPECT_THAT(refusal(event, event), HasSubstr("are both \"" + event + "\"; a bus has one for each"));
  EXPECT_THAT(refusal("tcp://127.0.0.1:1,tcp://127.0.0.1:1", event + ",tcp://127.0.0.1:3"),
              HasSubstr("session_endpoint \"tcp://127.0.0.1:1\" stands there twice"));
}

TEST(ClientOpen, WhatIsNotGivenComesFromTheEnvironment) {
  std::string error;
  const Environment sender("CANCELBUS_SENDER", "desk a");
  EXPECT_EQ(Client::open({}, error), nullptr);
  EXPECT_THAT(error, HasSubstr("sender_comp_id (or CANCELBUS_SENDER) \"desk a\""));
  const SessionOptions named{.sender_comp_id = "desk-a"};
  EXPECT_EQ(Client::open({.session = named}, error), nullptr);
  EXPECT_THAT(error, HasSubstr("curve_key_file is missing"));
  {
    const Environment loopback("CANCELBUS_INSECURE_LOOPBACK", "perhaps");
    EXPECT_EQ(Client::open({.session = named}, error), nullptr);
    EXPECT_THAT(error, HasSubstr("CANCELBUS_INSECURE_LOOPBACK=perhaps is neither true nor false"));
  }
  const Environment loopback("CANCELBUS_INSECURE_LOOPBACK", "true");
  const Environment endpoint("CANCELBUS_EVENT_ENDPOINT", "tcp://192.0.2.1:5551");
  EXPECT_EQ(Client::open({.session = named}, error), nullptr);
  EXPECT_THAT(error, HasSubstr("event_endpoint \"tcp://192.0.2.1:5551\" is not on this machine"));
  EXPECT_EQ(Client::open({.session = named, .curve_key_file = "/nowhere"}, error), nullptr);
  EXPECT_THAT(error, HasSubstr("curve_server_key_file is missing"));
  EXPECT_NE(Client::open({.event_endpoint = "tcp://127.0.0.1:1", .session = named}, error), nullptr) << error;
}

}  // namespace
}  // namespace cancelbus::client
