// The subscriber's shell, with a bus and an exchange that the test plays: real sockets, real TLS.
#include "service/subscriber/subscriber.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tests/unit/io/tls_server.hpp"
#include "tests/unit/patience.hpp"
#include "tests/unit/wire/samples.hpp"

namespace cancelbus::subscriber {
namespace {

using namespace std::chrono_literals;

constexpr int Text = 1;
constexpr int Close = 8;

std::string deleted(int64_t order) {
  return "[452,{\"type\":452,\"id\":" + std::to_string(order) + ",\"symbol\":\"BTCTRY\",\"numLeft\":\"1.50\"}]";
}

/// A stream that accepts every login, and then sends what the test has prepared for that connection, the first being 1.
class Exchange {
 public:
  using Prepared = std::function<std::vector<std::string>(int connection)>;
  Exchange(const io::TestAuthority& authority, Prepared prepared)
      : prepared_(std::move(prepared)),
        server_(authority.issue("IP:127.0.0.1"), [this](io::ServerConnection& connection) { serve(connection); }) {}

  uint16_t port() const { return server_.port(); }
  /// The first login frame. Only after the subscriber has logged in.
  const std::string& login() const { return login_; }

 private:
  void serve(io::ServerConnection& connection) {
    connection.accept_upgrade();
    connection.send_frame(Text, R"([991,{"type":991,"current":"6.0.0","min":"2.3.0"}])");
    const auto login = connection.read_frame();
    if (!login || login->opcode != Text) return;
    if (login_.empty()) login_ = login->payload;
    connection.send_frame(Text, R"([114,{"type":114,"id":7,"ok":true,"message":null}])");
    for (const std::string& frame : prepared_(++connections_)) connection.send_frame(Text, frame);
    while (const auto frame = connection.read_frame()) {
      if (frame->opcode != Close) continue;
      connection.send_frame(Close, frame->payload);
      return;
    }
  }

  Prepared prepared_;
  std::string login_;
  int connections_ = 0;
  io::TlsServer server_;
};

/// Takes news strictly in sequence, as the bus does.
class Bus {
 public:
  Bus(asio::io_context& context, zmq::context_t& zmq) : router_(context, zmq, zmq::socket_type::router) {
    EXPECT_TRUE(router_.bind("tcp://127.0.0.1:*").ok());
    router_.on_ready([this] { take(); });
  }
  std::string endpoint() const { return router_.last_endpoint(); }
  void confirm() { send(wire::encode_confirm({{}, 0, last_})); }
  void send(const std::string& reply) { EXPECT_EQ(router_.send({peer_, reply}), io::SendResult::Sent); }
  const core::StreamReport* state() const { return states.empty() ? nullptr : &states.back(); }
  bool has_fact(core::OrderId order) const { return std::find(facts.begin(), facts.end(), order) != facts.end(); }

  bool confirming = true;
  std::vector<core::StreamReport> states;
  std::vector<core::OrderId> facts;
  std::vector<std::string> told;  ///< `fact 7`, `logged in 1`, `down 1`, as they were taken
  int repeats = 0;
  int heartbeats = 0;

 private:
  void take() {
    io::Frames frames;
    while (router_.receive(frames)) {
      ASSERT_EQ(frames.size(), 2U);
      peer_ = frames[0];
      auto event = wire::decode_backend_request(frames[1], peer_);
      ASSERT_TRUE(event.ok()) << event.status();
      if (const auto* fact = std::get_if<core::StreamFact>(&*event)) {
        if (is_next(fact->seq)) on(*fact);
      } else {
        const auto& report = std::get<core::StreamReport>(*event);
        if (report.seq == 0) {
          ++heartbeats;
        } else if (is_next(report.seq)) {
          on(report);
        }
      }
      if (confirming) confirm();
    }
  }
  bool is_next(uint64_t seq) {
    if (seq <= last_) ++repeats;
    if (seq != last_ + 1) return false;
    last_ = seq;
    return true;
  }
  void on(const core::StreamFact& fact) {
    facts.push_back(fact.fact.order_id);
    told.push_back("fact " + std::to_string(fact.fact.order_id));
  }
  void on(const core::StreamReport& report) {
    states.push_back(report);
    told.push_back((report.logged_in ? "logged in " : "down ") + std::to_string(report.logins));
  }

  io::ZmqSocket router_;
  std::string peer_;
  uint64_t last_ = 0;
};

class SubscriberTest : public testing::Test {
 protected:
  /// `prepared`: what the stream sends after each login.
  void start(Exchange::Prepared prepared, const Outbox::Limits& limits = {}) {
    exchange = std::make_unique<Exchange>(authority, std::move(prepared));
    const std::string host = "127.0.0.1";
    auto tls = io::make_tls_context(authority.ca_file());
    ASSERT_TRUE(tls.ok()) << tls.status();
    Options options{{{bus.endpoint()}, *tls, *btcturk::Signer::make("PUB", "c2VjcmV0"), {"", ""}},
                    {host, exchange->port(), "/", host},
                    3000,
                    15s};
    subscriber = std::make_unique<Subscriber>(
        context, zmq, std::move(options), [this] { done = true; }, limits);
    ASSERT_TRUE(subscriber->start().ok());
  }
  bool run_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + Patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      context.restart();
      context.run_one_for(50ms);
    }
    return true;
  }
  bool run_until_logged_in(uint64_t logins) {
    return run_until([&] { return bus.state() && bus.state()->logged_in && bus.state()->logins == logins; });
  }

  io::TestAuthority authority;
  zmq::context_t zmq{1};
  asio::io_context context{1};
  Bus bus{context, zmq};
  std::unique_ptr<Exchange> exchange;
  std::unique_ptr<Subscriber> subscriber;
  bool done = false;
};

std::vector<std::string> nothing(int) { return {}; }

TEST_F(SubscriberTest, LogsInAndTellsTheBusWhatTheStreamSays) {
  start([](int) {
    return std::vector<std::string>{deleted(25338392433), deleted(0), "[777,{}]", "rubbish", deleted(2)};
  });
  ASSERT_TRUE(run_until([&] { return bus.has_fact(2); }));
  EXPECT_EQ(bus.facts, (std::vector<core::OrderId>{25338392433, 2}));
  EXPECT_NE(exchange->login().find("\"nonce\":3000"), std::string::npos) << exchange->login();
  EXPECT_NE(exchange->login().find("F9RVly8uNZL0TB2aDJiqDjYYsVHDwvK0O6AwUQzL57A="), std::string::npos);
  EXPECT_EQ(std::vector<std::string>(bus.told.end() - 3, bus.told.end()),
            (std::vector<std::string>{"logged in 1", "fact 25338392433", "fact 2"}));
  EXPECT_NE(bus.state()->subscriber, 0U);
}

TEST_F(SubscriberTest, RepeatsItsNewsUntilConfirmedAndBeatsOnlyThen) {
  bus.confirming = false;
  start([](int) { return std::vector<std::string>{deleted(1)}; });
  ASSERT_TRUE(run_until([&] { return bus.has_fact(1) && bus.repeats >= 6; }));
  EXPECT_EQ(bus.heartbeats, 0);
  EXPECT_EQ(bus.facts.size(), 1U);
  bus.confirm();
  ASSERT_TRUE(run_until([&] { return bus.heartbeats >= 1; }));
  const int repeats = bus.repeats;
  ASSERT_TRUE(run_until([&] { return bus.heartbeats >= 3; }));
  EXPECT_EQ(bus.repeats, repeats);
}

TEST_F(SubscriberTest, LogsInAgainWhenTheBusAsksForIt) {
  start(nothing);
  ASSERT_TRUE(run_until_logged_in(1));
  bus.send(wire::encode_relogin());
  ASSERT_TRUE(run_until_logged_in(2));
  const auto down = std::find(bus.told.begin(), bus.told.end(), "logged in 1") + 1;
  EXPECT_EQ(std::vector<std::string>(down, bus.told.end()),
            (std::vector<std::string>{"down 1", "down 1", "logged in 2"}));  // closed, connected
}

// Ten facts, room for four, and a bus that takes none: what was dropped must show as a new login.
TEST_F(SubscriberTest, DroppedFactsEndInANewLogin) {
  bus.confirming = false;
  start(
      [](int connection) {
        std::vector<std::string> frames;
        for (int64_t order = 1; connection == 1 && order <= 10; ++order) frames.push_back(deleted(order));
        if (connection == 2) frames.push_back(deleted(99));
        return frames;
      },
      {.facts = 4, .window = 3});
  ASSERT_TRUE(run_until([&] { return bus.repeats >= 3; }));
  bus.confirming = true;
  ASSERT_TRUE(run_until([&] { return bus.has_fact(99); }));
  ASSERT_GE(bus.facts.size(), 2U);
  for (std::size_t i = 0; i + 1 < bus.facts.size(); ++i) EXPECT_EQ(bus.facts[i], static_cast<core::OrderId>(i + 1));
  EXPECT_LE(bus.facts.size(), 5U);
  const auto new_login = std::find(bus.told.begin(), bus.told.end(), "logged in 2");
  ASSERT_NE(new_login, bus.told.end());
  EXPECT_EQ(std::vector<std::string>(new_login + 1, bus.told.end()), std::vector<std::string>{"fact 99"});
}

TEST_F(SubscriberTest, KeepsItsFactsAndItsLoginThroughRubbishFromTheBus) {
  bus.confirming = false;
  start([](int connection) { return std::vector<std::string>{deleted(connection)}; });
  ASSERT_TRUE(run_until([&] { return bus.has_fact(1); }));
  bus.send("rubbish");
  bus.send(wire::samples::drain());
  const int repeats = bus.repeats;
  ASSERT_TRUE(run_until([&] { return bus.repeats >= repeats + 6; })) << "the fact is still repeated";
  EXPECT_EQ(bus.state()->logins, 1U);
  bus.send(wire::encode_relogin());
  bus.confirming = true;
  ASSERT_TRUE(run_until([&] { return bus.has_fact(2); }));
  EXPECT_EQ(bus.facts, (std::vector<core::OrderId>{1, 2}));
}

TEST_F(SubscriberTest, AConfirmationOfMoreThanWasSentConfirmsNothingThatComesLater) {
  start([](int connection) { return std::vector<std::string>{deleted(connection)}; });
  ASSERT_TRUE(run_until([&] { return bus.has_fact(1); }));
  bus.send(wire::encode_confirm({{}, 0, 1000}));
  bus.send(wire::encode_relogin());
  ASSERT_TRUE(run_until([&] { return bus.has_fact(2); }));
  EXPECT_EQ(bus.facts, (std::vector<core::OrderId>{1, 2}));
}

TEST_F(SubscriberTest, StopSaysGoodbyeToBothSides) {
  start(nothing);
  ASSERT_TRUE(run_until_logged_in(1));
  // Both have answered, so it does not wait for its grace to end: as long as a timer beside it that began when it did.
  bool grace_over = false;
  asio::steady_timer grace(context, 1500ms);
  grace.async_wait([&](const boost::system::error_code& error) { grace_over = !error; });
  subscriber->stop();
  ASSERT_TRUE(run_until([&] { return done; }));
  EXPECT_FALSE(grace_over);
  EXPECT_FALSE(bus.state()->connected);
  EXPECT_EQ(bus.state()->text, "stopped");
}

TEST_F(SubscriberTest, StopDoesNotWaitForABusThatIsSilent) {
  bus.confirming = false;
  start(nothing);
  ASSERT_TRUE(run_until_logged_in(1));
  subscriber->stop();
  EXPECT_TRUE(run_until([&] { return done; }));
}

}  // namespace
}  // namespace cancelbus::subscriber
