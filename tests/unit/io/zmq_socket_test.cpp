#include "service/io/zmq_socket.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/patience.hpp"

namespace cancelbus::io {
namespace {

class ZmqSocketTest : public testing::Test {
 protected:
  ZmqSocketTest() { zmq.set(zmq::ctxopt::blocky, false); }

  /// Runs until the condition holds; false after a minute, which is long for a busy machine, too.
  bool run_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + Patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      context.restart();
      context.run_one_for(std::chrono::milliseconds(50));
    }
    return true;
  }

  zmq::context_t zmq;
  asio::io_context context;
};

// Each answer is sent from inside the handler that received the question, which is where a bell is easily lost.
void ping_pong(ZmqSocket& router, ZmqSocket& dealer, int rounds, int burst, int& answered) {
  router.on_ready([&] {
    Frames frames;
    while (router.receive(frames)) {
      ASSERT_EQ(frames.size(), 2U);
      ASSERT_EQ(router.send({frames[0], frames[1]}), SendResult::Sent);
    }
  });
  dealer.on_ready([&, rounds, burst] {
    Frames frames;
    while (dealer.receive(frames)) {
      ASSERT_EQ(frames[0], std::to_string(answered));
      ++answered;
      if (answered + burst - 1 < rounds) dealer.send({std::to_string(answered + burst - 1)});
    }
  });
}

TEST_F(ZmqSocketTest, LosesNoWakeUpInPingPongOverTcp) {
  ZmqSocket router(context, zmq, zmq::socket_type::router);
  ZmqSocket dealer(context, zmq, zmq::socket_type::dealer);
  ASSERT_TRUE(router.bind("tcp://127.0.0.1:*").ok());
  ASSERT_TRUE(dealer.connect(router.last_endpoint()).ok());
  constexpr int Rounds = 20'000;
  int answered = 0;
  ping_pong(router, dealer, Rounds, 1, answered);
  ASSERT_TRUE(run_until([&] { return dealer.send({"0"}) == SendResult::Sent; }));
  EXPECT_TRUE(run_until([&] { return answered == Rounds; })) << answered;
}

TEST_F(ZmqSocketTest, LosesNoWakeUpInBurstsOverInproc) {
  ZmqSocket router(context, zmq, zmq::socket_type::router);
  ZmqSocket dealer(context, zmq, zmq::socket_type::dealer);
  ASSERT_TRUE(router.bind("inproc://bursts").ok());
  ASSERT_TRUE(dealer.connect("inproc://bursts").ok());
  constexpr int Rounds = 20'000;
  constexpr int Burst = 100;
  int answered = 0;
  ping_pong(router, dealer, Rounds, Burst, answered);
  for (int i = 0; i < Burst; ++i) ASSERT_EQ(dealer.send({std::to_string(i)}), SendResult::Sent);
  EXPECT_TRUE(run_until([&] { return answered == Rounds; })) << answered;
}

TEST_F(ZmqSocketTest, SaysNoneAtEitherDrainLimitAndCallsAgainForTheRest) {
  ZmqOptions ten_messages, thousand_bytes;
  ten_messages.drain_limit = 10;
  thousand_bytes.drain_bytes = 1'000;
  // With the routing id of 5 bytes, the second takes 100.
  for (const auto& [options, text] :
       {std::pair(ten_messages, std::string("x")), std::pair(thousand_bytes, std::string(95, 'x'))}) {
    ZmqSocket router(context, zmq, zmq::socket_type::router, options);
    ZmqSocket dealer(context, zmq, zmq::socket_type::dealer);
    const std::string endpoint = "inproc://drain-" + std::to_string(text.size());
    ASSERT_TRUE(router.bind(endpoint).ok());
    ASSERT_TRUE(dealer.connect(endpoint).ok());
    for (int i = 0; i < 35; ++i) ASSERT_EQ(dealer.send({text}), SendResult::Sent);
    std::vector<int> taken;
    router.on_ready([&] {
      Frames frames;
      taken.push_back(0);
      while (router.receive(frames)) ++taken.back();
      EXPECT_EQ(router.has_message(), taken.size() < 4);
    });
    ASSERT_TRUE(run_until([&] { return taken.size() >= 4; }));
    EXPECT_EQ(taken, (std::vector<int>{10, 10, 10, 5}));
  }
}

TEST_F(ZmqSocketTest, CallsAgainForWhatAHandlerLeft) {
  ZmqSocket router(context, zmq, zmq::socket_type::router);
  ZmqSocket dealer(context, zmq, zmq::socket_type::dealer);
  ASSERT_TRUE(router.bind("inproc://left").ok());
  ASSERT_TRUE(dealer.connect("inproc://left").ok());
  for (int i = 0; i < 3; ++i) ASSERT_EQ(dealer.send({"x"}), SendResult::Sent);
  int taken = 0;
  router.on_ready([&] {
    Frames frames;
    if (router.receive(frames)) ++taken;
  });
  EXPECT_TRUE(run_until([&] { return taken == 3; }));
}

TEST_F(ZmqSocketTest, ARouterSaysWhenNoPeerHasThatId) {
  ZmqSocket router(context, zmq, zmq::socket_type::router);
  ASSERT_TRUE(router.bind("inproc://unconnected").ok());
  EXPECT_EQ(router.send({"absent", "news"}), SendResult::NoRoute);
}

TEST_F(ZmqSocketTest, ARouterSaysWhenAPeerDoesNotRead) {
  ZmqOptions options;
  options.send_hwm = 5;
  ZmqSocket router(context, zmq, zmq::socket_type::router, options);
  ZmqOptions small;
  small.receive_hwm = 5;
  ZmqSocket dealer(context, zmq, zmq::socket_type::dealer, small);
  ASSERT_TRUE(router.bind("inproc://full").ok());
  ASSERT_TRUE(dealer.connect("inproc://full").ok());
  ASSERT_EQ(dealer.send({"hello"}), SendResult::Sent);
  Frames frames;
  ASSERT_TRUE(router.receive(frames));
  SendResult last = SendResult::Sent;
  int accepted = 0;
  while (accepted < 100 && (last = router.send({frames[0], "news"})) == SendResult::Sent) ++accepted;
  EXPECT_EQ(last, SendResult::WouldBlock);
  EXPECT_EQ(accepted, 10);
}

TEST_F(ZmqSocketTest, ADealerWithoutAConnectionKeepsNothing) {
  ZmqSocket dealer(context, zmq, zmq::socket_type::dealer);
  ASSERT_TRUE(dealer.connect("tcp://127.0.0.1:1").ok());
  EXPECT_EQ(dealer.send({"news"}), SendResult::WouldBlock);
}

TEST_F(ZmqSocketTest, AnOversizedMessageDisturbsNoOtherPeer) {
  ZmqSocket router(context, zmq, zmq::socket_type::router);
  ZmqSocket rude(context, zmq, zmq::socket_type::dealer);
  ZmqSocket polite(context, zmq, zmq::socket_type::dealer);
  ASSERT_TRUE(router.bind("tcp://127.0.0.1:*").ok());
  ASSERT_TRUE(rude.connect(router.last_endpoint()).ok());
  ASSERT_TRUE(polite.connect(router.last_endpoint()).ok());
  std::vector<std::string> heard;
  router.on_ready([&] {
    Frames frames;
    while (router.receive(frames)) heard.push_back(frames[1]);
  });
  ASSERT_TRUE(run_until([&] { return rude.send({std::string(128 * 1024 + 1, 'x')}) == SendResult::Sent; }));
  ASSERT_TRUE(run_until([&] { return polite.send({std::string(128 * 1024, 'y')}) == SendResult::Sent; }));
  ASSERT_TRUE(run_until([&] { return !heard.empty(); }));
  EXPECT_EQ(heard.front(), std::string(128 * 1024, 'y'));
  // The rude one's connection was closed; it comes back, and is heard.
  ASSERT_TRUE(run_until([&] {
    rude.send({"sorry"});
    return heard.back() == "sorry";
  }));
}

TEST_F(ZmqSocketTest, SubscriptionsArriveAsMessages) {
  ZmqSocket xpub(context, zmq, zmq::socket_type::xpub);
  ASSERT_TRUE(xpub.bind("inproc://events").ok());
  zmq::socket_t sub(zmq, zmq::socket_type::sub);
  sub.connect("inproc://events");
  sub.set(zmq::sockopt::subscribe, "client.");
  Frames frames;
  ASSERT_TRUE(run_until([&] { return xpub.receive(frames); }));
  EXPECT_EQ(frames, Frames{"\x01"
                           "client."});
}

TEST_F(ZmqSocketTest, MayBeDestroyedByItsOwnHandler) {
  auto router = std::make_unique<ZmqSocket>(context, zmq, zmq::socket_type::router);
  ZmqSocket dealer(context, zmq, zmq::socket_type::dealer);
  ASSERT_TRUE(router->bind("inproc://gone").ok());
  ASSERT_TRUE(dealer.connect("inproc://gone").ok());
  ASSERT_EQ(dealer.send({"x"}), SendResult::Sent);
  router->on_ready([&] { router.reset(); });
  EXPECT_TRUE(run_until([&] { return router == nullptr; }));
  context.poll();
}

TEST_F(ZmqSocketTest, ErrorsNameTheEndpoint) {
  ZmqSocket first(context, zmq, zmq::socket_type::router);
  ZmqSocket second(context, zmq, zmq::socket_type::router);
  ASSERT_TRUE(first.bind("tcp://127.0.0.1:*").ok());
  const absl::Status status = second.bind(first.last_endpoint());
  EXPECT_EQ(status.message(), "cannot bind " + first.last_endpoint() + ": Address already in use");
}

}  // namespace
}  // namespace cancelbus::io
