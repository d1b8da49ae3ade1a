#include "service/io/websocket_client.hpp"

#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "tests/unit/io/tls_server.hpp"
#include "tests/unit/patience.hpp"

namespace cancelbus::io {
namespace {

constexpr int Text = 1;
constexpr int Close = 8;
constexpr int Ping = 9;
constexpr int Pong = 10;

/// Remembers what it heard, and may do something about it at once.
class Listener final : public WebsocketListener {
 public:
  void on_open(const WebsocketPeer& peer) override {
    opened = peer;
    if (when_open) when_open();
  }
  void on_message(std::string_view text) override {
    messages.emplace_back(text);
    if (when_message) when_message();
  }
  void on_control() override { ++controls; }
  void on_closed(const WebsocketEnd& end) override { ends.push_back(end); }

  std::function<void()> when_open;
  std::function<void()> when_message;
  std::optional<WebsocketPeer> opened;
  std::vector<std::string> messages;
  std::vector<WebsocketEnd> ends;
  int controls = 0;
};

class WebsocketClientTest : public testing::Test {
 protected:
  void make_client(const std::string& host, uint16_t port) {
    WebsocketOptions options;
    options.url = {host, port, "/feed", host + ":" + std::to_string(port)};
    options.connect_timeout = connect_timeout;
    options.close_timeout = std::chrono::seconds(2);
    options.max_message_bytes = 1000;
    auto tls = make_tls_context(authority.ca_file());
    ASSERT_TRUE(tls.ok()) << tls.status();
    client = std::make_unique<WebsocketClient>(io, *tls, options, listener);
  }
  /// Runs until the condition holds; false if it does not within Patience.
  bool run_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + Patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      io.restart();
      io.run_one_for(std::chrono::milliseconds(50));
    }
    return true;
  }
  bool run_until_closed() {
    return run_until([this] { return !listener.ends.empty(); });
  }
  void connect(const TlsServer& server, const std::string& host = "localhost") {
    make_client(host, server.port());
    client->connect();
  }

  TestAuthority authority;
  boost::asio::io_context io;
  Listener listener;
  std::chrono::milliseconds connect_timeout = Patience;
  std::unique_ptr<WebsocketClient> client;
};

TEST_F(WebsocketClientTest, TextGoesBothWays) {
  std::string request;
  std::promise<ServerConnection::Frame> received;
  TlsServer server(authority.issue("DNS:localhost"), [&](ServerConnection& connection) {
    connection.accept_upgrade();
    connection.send_frame(Text, "banner");
    if (auto frame = connection.read_frame()) received.set_value(*frame);
    connection.read_frame();
  });
  listener.when_open = [this] { client->send("login"); };
  connect(server);
  ASSERT_TRUE(run_until([this] { return !listener.messages.empty(); }));
  EXPECT_EQ(listener.messages[0], "banner");
  auto frame = received.get_future();
  ASSERT_TRUE(run_until([&] { return frame.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
  const auto sent = frame.get();
  EXPECT_EQ(sent.opcode, Text);
  EXPECT_EQ(sent.payload, "login");
  const std::string addresses = "127.0.0.1:" + std::to_string(server.port()) + " from 127.0.0.1:";
  EXPECT_EQ(listener.opened->address.substr(0, addresses.size()), addresses);
  EXPECT_EQ(listener.opened->tls.substr(0, 5), "TLSv1");
  EXPECT_NE(listener.opened->tls.find("cancelbus test server"), std::string::npos);
  client->abort();
}

TEST_F(WebsocketClientTest, AsksForTheHostAndPathOfItsUrl) {
  std::promise<std::string> request;
  TlsServer server(authority.issue("DNS:localhost"),
                   [&](ServerConnection& connection) { request.set_value(connection.read_request()); });
  connect(server);
  ASSERT_TRUE(run_until_closed());
  const std::string text = request.get_future().get();
  EXPECT_EQ(text.substr(0, text.find("\r\n")), "GET /feed HTTP/1.1");
  EXPECT_NE(text.find("Host: localhost:" + std::to_string(server.port()) + "\r\n"), std::string::npos) << text;
}

TEST_F(WebsocketClientTest, AnAddressIsVerifiedByItsIpEntry) {
  auto script = [](ServerConnection& connection) {
    connection.accept_upgrade();
    connection.read_frame();
  };
  TlsServer server(authority.issue("IP:127.0.0.1"), script);
  connect(server, "127.0.0.1");
  EXPECT_TRUE(run_until([this] { return listener.opened.has_value(); }));
  client->abort();

  TlsServer only_named(authority.issue("DNS:localhost"), script);
  connect(only_named, "127.0.0.1");
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(listener.ends[0].text, "TLS: the certificate was refused: IP address mismatch");
}

TEST_F(WebsocketClientTest, ACertificateForAnotherHostIsRefused) {
  TlsServer server(authority.issue("DNS:other.example"), [](ServerConnection&) {});
  connect(server);
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(listener.ends[0].text, "TLS: the certificate was refused: hostname mismatch");
  EXPECT_FALSE(listener.opened);
}

TEST_F(WebsocketClientTest, ACertificateOfAnUnknownAuthorityIsRefused) {
  const TestAuthority stranger;
  TlsServer server(stranger.issue("DNS:localhost"), [](ServerConnection&) {});
  connect(server);
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(listener.ends[0].text.substr(0, 34), "TLS: the certificate was refused: ") << listener.ends[0].text;
  EXPECT_FALSE(listener.opened);
}

TEST_F(WebsocketClientTest, ARefusedUpgradeTellsStatusAndRetryAfter) {
  TlsServer server(authority.issue("DNS:localhost"), [](ServerConnection& connection) {
    connection.read_request();
    connection.write("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 53\r\nContent-Length: 2\r\n\r\n{}");
  });
  connect(server);
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(listener.ends[0].http_status, 429);
  EXPECT_EQ(listener.ends[0].retry_after, std::chrono::seconds(53));
  EXPECT_EQ(listener.ends[0].text, "WebSocket upgrade refused: HTTP 429");
}

TEST_F(WebsocketClientTest, ARetryAfterThatIsADateIsReadAgainstTheAnswersOwn) {
  TlsServer server(authority.issue("DNS:localhost"), [](ServerConnection& connection) {
    connection.read_request();
    connection.write(
        "HTTP/1.1 503 No\r\nDate: Fri, 31 Dec 1999 23:59:50 GMT\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"
        "Content-Length: 0\r\n\r\n");
  });
  connect(server);
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(listener.ends[0].retry_after, std::chrono::seconds(9));
}

TEST_F(WebsocketClientTest, ARetryAfterThatIsADateIsNotReadAgainstOurClock) {
  TlsServer server(authority.issue("DNS:localhost"), [](ServerConnection& connection) {
    connection.read_request();
    connection.write("HTTP/1.1 503 No\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n");
  });
  connect(server);
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(listener.ends[0].http_status, 503);
  EXPECT_FALSE(listener.ends[0].retry_after);
}

TEST_F(WebsocketClientTest, PingsAreAnsweredAndReported) {
  std::promise<ServerConnection::Frame> answer;
  TlsServer server(authority.issue("DNS:localhost"), [&](ServerConnection& connection) {
    connection.accept_upgrade();
    connection.send_frame(Ping, "are you there");
    if (auto frame = connection.read_frame()) answer.set_value(*frame);
  });
  connect(server);
  ASSERT_TRUE(run_until_closed());
  const auto pong = answer.get_future().get();
  EXPECT_EQ(pong.opcode, Pong);
  EXPECT_EQ(pong.payload, "are you there");
  EXPECT_EQ(listener.controls, 1);
  EXPECT_TRUE(listener.messages.empty());
}

TEST_F(WebsocketClientTest, AnEndWithoutACloseFrameIsAnEnd) {
  TlsServer server(authority.issue("DNS:localhost"), [](ServerConnection& connection) {
    connection.accept_upgrade();
    connection.send_frame(Text, "banner");
  });
  connect(server);
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(listener.messages.size(), 1U);
  EXPECT_EQ(listener.ends[0].text, "closed by the peer without a close frame");
}

TEST_F(WebsocketClientTest, ACloseFrameEndsItEvenIfTheSocketStaysOpen) {
  TlsServer server(authority.issue("DNS:localhost"), [](ServerConnection& connection) {
    connection.accept_upgrade();
    connection.send_frame(Close, "\x03\xe9going away");  // 1001
    while (connection.read_frame()) continue;
  });
  connect(server);
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(listener.ends[0].text, "closed by the peer, code 1001: going away");
}

TEST_F(WebsocketClientTest, CloseSaysGoodbyeAndIsReportedOnce) {
  std::promise<ServerConnection::Frame> goodbye;
  TlsServer server(authority.issue("DNS:localhost"), [&](ServerConnection& connection) {
    connection.accept_upgrade();
    if (auto frame = connection.read_frame()) goodbye.set_value(*frame);
    connection.send_frame(Close, "\x03\xe8");
  });
  listener.when_open = [this] { client->close(); };
  connect(server);
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(goodbye.get_future().get().opcode, Close);
  EXPECT_EQ(listener.ends[0].text, "closed by us");
  io.restart();
  io.run();
  EXPECT_EQ(listener.ends.size(), 1U);
}

TEST_F(WebsocketClientTest, CloseDoesNotWaitForAPeerThatDoesNotAnswer) {
  TlsServer server(authority.issue("DNS:localhost"), [](ServerConnection& connection) {
    connection.accept_upgrade();
    while (connection.read_frame()) continue;
  });
  listener.when_open = [this] { client->close(); };
  connect(server);
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(listener.ends[0].text, "closed by us");
}

TEST_F(WebsocketClientTest, AfterAbortNothingIsHeardAndTheClientCanConnectAgain) {
  TlsServer server(authority.issue("DNS:localhost"), [](ServerConnection& connection) {
    connection.accept_upgrade();
    connection.send_frame(Text, "first");
    connection.send_frame(Text, "second");
    while (connection.read_frame()) continue;
  });
  listener.when_message = [this] { client->abort(); };
  connect(server);
  ASSERT_TRUE(run_until([this] { return !listener.messages.empty(); }));
  io.restart();
  io.run();  // returns: nothing is left to wait for
  EXPECT_EQ(listener.messages, std::vector<std::string>{"first"});
  EXPECT_TRUE(listener.ends.empty());
  client->connect();
  EXPECT_TRUE(run_until([this] { return listener.messages.size() == 2; }));
  EXPECT_TRUE(listener.ends.empty());
}

TEST_F(WebsocketClientTest, AMessageOverTheLimitEndsTheConnection) {
  TlsServer server(authority.issue("DNS:localhost"), [](ServerConnection& connection) {
    connection.accept_upgrade();
    connection.send_frame(Text, std::string(1001, 'x'));
    while (connection.read_frame()) continue;
  });
  connect(server);
  ASSERT_TRUE(run_until_closed());
  EXPECT_TRUE(listener.messages.empty());
  EXPECT_EQ(listener.ends[0].text, "a message exceeded 1000 bytes");
}

TEST_F(WebsocketClientTest, AServerThatNeverAnswersTheUpgradeIsGivenUp) {
  connect_timeout = std::chrono::seconds(2);  // time enough for the steps before it
  TlsServer server(authority.issue("DNS:localhost"), [](ServerConnection& connection) {
    connection.read_request();
    connection.read_frame();
  });
  connect(server);
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(listener.ends[0].text, "WebSocket upgrade timed out");
}

TEST_F(WebsocketClientTest, AnAddressWhereNothingListensIsAnEnd) {
  uint16_t free_port = 0;
  {
    free_port = TlsServer(authority.issue("DNS:localhost"), [](ServerConnection&) {}).port();
  }
  make_client("127.0.0.1", free_port);
  client->connect();
  ASSERT_TRUE(run_until_closed());
  EXPECT_EQ(listener.ends[0].text, "TCP connect: 127.0.0.1:" + std::to_string(free_port) + ": Connection refused");
}

TEST_F(WebsocketClientTest, TheClientMayGoWhileItConnects) {
  TlsServer server(authority.issue("DNS:localhost"), [](ServerConnection& connection) { connection.accept_upgrade(); });
  connect(server);
  io.run_one_for(std::chrono::seconds(1));
  client.reset();
  io.restart();
  io.run();
  EXPECT_FALSE(listener.opened);
  EXPECT_TRUE(listener.ends.empty());
}

}  // namespace
}  // namespace cancelbus::io
