#include "service/io/zmq_monitor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>

#include "service/io/curve.hpp"
#include "service/io/zap.hpp"

namespace cancelbus::io {
namespace {

using asio::ip::tcp;
using Kind = HandshakeFailure::Kind;

CurveKey make_key() {
  std::array<char, CurveKeyCharacters + 1> public_key{}, secret_key{};
  zmq_curve_keypair(public_key.data(), secret_key.data());
  return {Secret(secret_key.data()), public_key.data()};
}

/// A server with a key, whose ZAP handler accepts every client key, or none.
class ServerMonitorTest : public testing::Test {
 protected:
  ServerMonitorTest() : zap(context, zmq, [this](const ZapRequest&) { return lets_in; }) {
    EXPECT_TRUE(zap.open().ok());
    encrypt_as_server(server, key, "test");
    EXPECT_TRUE(server.bind("tcp://127.0.0.1:*").ok());
  }

  bool run_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      context.restart();
      context.run_one_for(std::chrono::milliseconds(50));
    }
    return true;
  }

  tcp::socket stranger() {
    const std::string endpoint = server.last_endpoint();
    tcp::socket socket(context);
    socket.connect(
        {asio::ip::address_v4::loopback(), static_cast<uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)))});
    return socket;
  }

  static void say(tcp::socket& socket, const std::string& text) { asio::write(socket, asio::buffer(text)); }

  /// Of the failures reported, the ports, sorted.
  std::vector<uint16_t> ports() const {
    std::vector<uint16_t> ports;
    for (const auto& failure : failures) ports.push_back(failure.peer ? failure.peer->port : 0);
    return sorted(ports);
  }

  static std::vector<uint16_t> sorted(std::vector<uint16_t> ports) {
    std::ranges::sort(ports);
    return ports;
  }

  /// Until the server has closed it, and so has reported its end.
  static void wait_closed(tcp::socket& socket) {
    std::string rest;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(rest), end);
  }

  zmq::context_t zmq{1};
  asio::io_context context;
  bool lets_in = true;
  ZapHandler zap;
  CurveKey key = make_key();
  ZmqSocket server{context, zmq, zmq::socket_type::router};
  std::vector<HandshakeFailure> failures;
  ZmqMonitor monitor{
      context, zmq, server, ZmqMonitor::Side::Server, {.failed = [this](const HandshakeFailure& failure) {
        failures.push_back(failure);
      }}};
};

/// A client with a key of its own, and what it learns.
struct Client {
  Client(asio::io_context& context, zmq::context_t& zmq, ZmqSocket& server, const CurveKey& key)
      : socket(context, zmq, zmq::socket_type::dealer),
        monitor(context, zmq, socket, ZmqMonitor::Side::Client,
                {.failed = [this](const auto& failure) { refused = failure.kind == Kind::Refused; },
                 .connected = [this] { connected = true; }}) {
    encrypt_as_client(socket, {make_key(), {key.public_key}, ""});
    EXPECT_TRUE(socket.connect(server.last_endpoint()).ok());
  }

  bool connected = false;
  bool refused = false;
  ZmqSocket socket;
  ZmqMonitor monitor;
};

TEST_F(ServerMonitorTest, NamesEachOfManyThatLeaveAtOnce) {
  std::vector<uint16_t> expected;
  for (int i = 0; i < 50; ++i) {
    tcp::socket socket = stranger();
    say(socket, "GET / HTTP/1.1\r\n\r\n");
    expected.push_back(socket.local_endpoint().port());
  }
  ASSERT_TRUE(run_until([&] { return failures.size() == expected.size(); })) << failures.size();
  EXPECT_EQ(ports(), sorted(expected));
  for (const auto& failure : failures) {
    EXPECT_EQ(failure.kind, Kind::NotZmtp3);
    EXPECT_EQ(failure.peer->host, "127.0.0.1");
  }
}

TEST_F(ServerMonitorTest, SaysNothingOfAClientThatLeaves) {
  {
    Client client(context, zmq, server, key);
    ASSERT_TRUE(run_until([&] { return client.connected; }));
  }
  tcp::socket fence = stranger();
  say(fence, "GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until([&] { return !failures.empty(); }));
  EXPECT_EQ(ports(), std::vector{fence.local_endpoint().port()});
}

TEST_F(ServerMonitorTest, LeavesThoseThatWereRefusedToTheZapHandler) {
  lets_in = false;
  {
    Client client(context, zmq, server, key);
    ASSERT_TRUE(run_until([&] { return client.refused; }));
  }
  tcp::socket fence = stranger();
  say(fence, "GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until([&] { return !failures.empty(); }));
  EXPECT_EQ(ports(), std::vector{fence.local_endpoint().port()});
}

// It may be the one that succeeded. What libzmq gives a reason for is reported even then.
TEST_F(ServerMonitorTest, RatherMissesAFailureThanInventsOne) {
  tcp::socket before = stranger();
  tcp::socket before_and_half = stranger();
  std::array<char, 1> greeting;
  asio::read(before, asio::buffer(greeting));
  asio::read(before_and_half, asio::buffer(greeting));
  Client client(context, zmq, server, key);
  ASSERT_TRUE(run_until([&] { return client.connected; }));
  say(before, "GET / HTTP/1.1\r\n\r\n");
  wait_closed(before);
  const uint16_t half = before_and_half.local_endpoint().port();
  before_and_half.close();
  tcp::socket after = stranger();
  say(after, "GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until([&] { return failures.size() == 2; }));
  EXPECT_EQ(ports(), sorted({half, after.local_endpoint().port()}));
}

}  // namespace
}  // namespace cancelbus::io
