#include "service/io/dial.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <deque>
#include <future>
#include <stdexcept>

#include "tests/unit/patience.hpp"

namespace cancelbus::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using Endpoint = Dialer::Endpoint;

Endpoint at(const char* address, uint16_t port = 443) { return {asio::ip::make_address(address), port}; }

class DialTest : public testing::Test {
 protected:
  template <typename T>
  T run(asio::awaitable<T> task) {
    auto future = asio::co_spawn(context, std::move(task), asio::use_future);
    const auto give_up = std::chrono::steady_clock::now() + Patience;
    while (future.wait_for(0s) != std::future_status::ready && std::chrono::steady_clock::now() < give_up) {
      context.restart();
      context.run_one_for(50ms);
    }
    if (future.wait_for(0s) != std::future_status::ready) throw std::runtime_error("not done in time");
    return future.get();
  }

  Endpoint listening() {
    acceptors.emplace_back(context, at("127.0.0.1", 0));
    return acceptors.back().local_endpoint();
  }

  Endpoint refusing() {
    tcp::acceptor gone(context, at("127.0.0.1", 0));
    return gone.local_endpoint();
  }

  /// Drops what comes: a full queue of connections that are never accepted.
  Endpoint dropping() {
    acceptors.emplace_back(context);
    acceptors.back().open(tcp::v4());
    acceptors.back().bind(at("127.0.0.1", 0));
    acceptors.back().listen(0);
    const Endpoint address = acceptors.back().local_endpoint();
    for (;;) {
      const auto filler = waiting.emplace_back(std::make_shared<tcp::socket>(context));
      auto connected = std::make_shared<bool>(false);
      filler->async_connect(address, [connected, filler](auto error) { *connected = !error; });
      context.restart();
      context.run_for(100ms);
      if (!*connected) return address;
    }
  }

  absl::Status connect(std::vector<Endpoint> addresses) { return run(dialer.connect(socket, std::move(addresses))); }

  asio::io_context context;
  std::deque<tcp::acceptor> acceptors;
  std::vector<std::shared_ptr<tcp::socket>> waiting;
  Dialer dialer{context.get_executor()};
  tcp::socket socket{context};
};

TEST_F(DialTest, AnAddressThatDropsPacketsIsNotWaitedFor) {
  const Endpoint good = listening();
  ASSERT_TRUE(connect({dropping(), good}).ok());
  EXPECT_EQ(socket.remote_endpoint(), good);
}

TEST_F(DialTest, AnAddressThatRefusesIsFollowedByTheNextAtOnce) {
  const Endpoint good = listening();
  ASSERT_TRUE(connect({refusing(), refusing(), good, dropping()}).ok());
  EXPECT_EQ(socket.remote_endpoint(), good);
}

TEST_F(DialTest, TheFirstIsTakenIfItAnswers) {
  // Of the whole loopback network, so that neither came to nothing in another test.
  acceptors.emplace_back(context, at("127.0.0.7", 0));
  acceptors.emplace_back(context, at("127.0.0.8", 0));
  const Endpoint first = acceptors[0].local_endpoint(), second = acceptors[1].local_endpoint();
  ASSERT_TRUE(connect({first, second}).ok());
  EXPECT_EQ(socket.remote_endpoint(), first);
}

TEST_F(DialTest, AnAddressThatCameToNothingIsTriedBehindTheOthers) {
  const Endpoint silent = listening(), good = listening();
  note_in_vain(silent, "no TLS");
  ASSERT_TRUE(connect({silent, good}).ok());
  EXPECT_EQ(socket.remote_endpoint(), good);
}

TEST_F(DialTest, ANameWithoutAnAddressOfTheFamilySaysSo) {
  EXPECT_EQ(lookup_failure("x.test", IpFamily::V4, asio::error::no_data),
            "name lookup of x.test: it has no IPv4 address; see --exchange_ip_family");
  EXPECT_EQ(lookup_failure("x.test", IpFamily::Any, asio::error::host_not_found),
            "name lookup of x.test: Host not found (authoritative)");
}

TEST_F(DialTest, AllInVainNamesEach) {
  const Endpoint one = refusing(), other = refusing();
  EXPECT_EQ(connect({one, other}).message(),
            "TCP connect: " + to_text(one) + ": Connection refused; " + to_text(other) + ": Connection refused");
}

TEST_F(DialTest, WhatIsCancelledEnds) {
  const Endpoint silent = dropping();
  asio::post(context, [this] { asio::post(context, [this] { dialer.cancel(); }); });  // once it has begun
  EXPECT_EQ(connect({silent}).message(), "TCP connect: " + to_text(silent) + ": no answer yet");
}

TEST_F(DialTest, AnAddressIsUsedWhateverTheFamilyAndLocalhostIsNotLookedUp) {
  boost::system::error_code error;
  const auto found = [&](const std::string& host, IpFamily family) {
    auto addresses = run(dialer.look_up(host, 443, family, error));
    EXPECT_FALSE(error) << error.message();
    EXPECT_EQ(addresses.size(), 1u);
    return to_text(addresses.at(0));
  };
  EXPECT_EQ(found("192.0.2.1", IpFamily::V6), "192.0.2.1:443");
  EXPECT_EQ(found("2001:db8::1", IpFamily::V4), "[2001:db8::1]:443");
  EXPECT_EQ(found("localhost", IpFamily::V4), "127.0.0.1:443");
  EXPECT_EQ(found("localhost", IpFamily::Any), "127.0.0.1:443");
  EXPECT_EQ(found("localhost", IpFamily::V6), "[::1]:443");
}

TEST(DialOrder, FamiliesInTurns) {
  const auto a = at("2001:db8::1"), b = at("2001:db8::2"), c = at("2001:db8::3"), d = at("192.0.2.1"),
             e = at("192.0.2.2");
  EXPECT_EQ(in_turns({a, b, c, d, e}), (std::vector<Endpoint>{a, d, b, e, c}));
  EXPECT_EQ(in_turns({d, e, a}), (std::vector<Endpoint>{d, a, e}));
  EXPECT_EQ(in_turns({d}), (std::vector<Endpoint>{d}));
  EXPECT_TRUE(in_turns({}).empty());
}

}  // namespace
}  // namespace cancelbus::io
