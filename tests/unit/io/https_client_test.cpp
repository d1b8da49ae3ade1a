#include "service/io/https_client.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <future>

#include "tests/unit/io/tls_server.hpp"
#include "tests/unit/patience.hpp"

namespace cancelbus::io {
namespace {

using namespace std::chrono_literals;
using End = HttpOutcome::End;

constexpr std::string_view Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

class HttpsClientTest : public testing::Test {
 protected:
  void serve(TlsServer::Script script, const std::string& names = "DNS:localhost,IP:127.0.0.1",
             std::chrono::seconds valid_for = 1h) {
    client.reset();  // The former server waits for it to go.
    server.emplace(authority.issue(names, valid_for), std::move(script));
  }
  void serve_answer(std::string bytes) {
    serve([bytes](ServerConnection& connection) {
      connection.read_request();
      connection.write(bytes);
      connection.read_rest();
    });
  }
  void make_client(uint16_t port, const std::string& host = "localhost") {
    auto tls = make_tls_context(authority.ca_file());
    ASSERT_TRUE(tls.ok()) << tls.status();
    client.emplace(context, HttpsClient::Options{{host, port, "/", "test.example"}, *tls, connect_timeout, timeout});
    client->on_closed([this](const std::string& why) { closed.push_back(why); });
  }
  /// Runs until the condition holds; false if it does not within Patience.
  bool run_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + Patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      context.restart();
      context.run_one_for(50ms);
    }
    return true;
  }
  template <typename T>
  T run(asio::awaitable<T> task) {
    auto future = asio::co_spawn(context, std::move(task), asio::use_future);
    EXPECT_TRUE(run_until([&] { return future.wait_for(0s) == std::future_status::ready; }));
    return future.get();
  }
  absl::Status connect(const std::string& host = "localhost") {
    make_client(server->port(), host);
    return run(client->connect());
  }
  HttpOutcome request(std::function<bool()> may_write = {}) {
    return run(client->request({"DELETE", "/api/v1/order?id=7", {{"X-Stamp", "1"}}}, std::move(may_write)));
  }
  HttpOutcome connect_and_request() {
    const absl::Status connected = connect();
    EXPECT_TRUE(connected.ok()) << connected;
    return request();
  }

  TestAuthority authority;
  asio::io_context context;
  std::optional<TlsServer> server;
  std::optional<HttpsClient> client;
  std::vector<std::string> closed;
  core::Duration connect_timeout = Patience;
  core::Duration timeout = Patience;
};

TEST_F(HttpsClientTest, KeepsOneConnectionForManyRequests) {
  std::vector<std::string> requests;
  serve([&](ServerConnection& connection) {
    for (int i = 0; i < 100; ++i) {
      requests.push_back(connection.read_request());
      connection.write(std::string(Ok));
    }
    connection.read_rest();
  });
  ASSERT_TRUE(connect().ok());
  for (int i = 0; i < 100; ++i) {
    const HttpOutcome outcome = request();
    ASSERT_EQ(outcome.end, End::Answered) << outcome.error;
    EXPECT_EQ(outcome.response.status, 200);
    EXPECT_EQ(outcome.response.body, "{}");
    EXPECT_LE(*outcome.sent, *outcome.answered);
    EXPECT_TRUE(client->idle());
  }
  EXPECT_EQ(requests.at(0),
            "DELETE /api/v1/order?id=7 HTTP/1.1\r\nHost: test.example\r\nUser-Agent: cancelbus/" CANCELBUS_VERSION
            "\r\nX-Stamp: 1\r\n\r\n");
  EXPECT_TRUE(closed.empty());
}

TEST_F(HttpsClientTest, DescribesItsPeer) {
  serve([](ServerConnection& connection) { connection.read_rest(); });
  ASSERT_TRUE(connect().ok());
  const std::string addresses = "127.0.0.1:" + std::to_string(server->port()) + " from 127.0.0.1:";
  EXPECT_EQ(client->description().find(addresses), 0U) << client->description();
  EXPECT_NE(client->description().find(", TLSv1.3, "), std::string::npos);
  EXPECT_NE(client->description().find("certificate of /CN=cancelbus test server by /CN=cancelbus test authority"),
            std::string::npos);
}

// ---- Who is refused ----

TEST_F(HttpsClientTest, VerifiesNamesAndAddresses) {
  serve([](ServerConnection& connection) { connection.read_rest(); });
  EXPECT_EQ(connect("localhost"), absl::OkStatus());
  EXPECT_EQ(connect("127.0.0.1"), absl::OkStatus());
}

TEST_F(HttpsClientTest, RefusesACertificateForAnotherName) {
  serve([](ServerConnection& connection) { connection.read_rest(); }, "DNS:other.example");
  EXPECT_EQ(connect("localhost").message(), "TLS: the certificate was refused: hostname mismatch");
  EXPECT_EQ(connect("127.0.0.1").message(), "TLS: the certificate was refused: IP address mismatch");
  EXPECT_FALSE(client->idle());
  EXPECT_EQ(request().end, End::NeverWritten);
}

TEST_F(HttpsClientTest, RefusesAnUnknownAuthority) {
  const TestAuthority stranger;
  server.emplace(stranger.issue("DNS:localhost"), [](ServerConnection& connection) { connection.read_rest(); });
  const std::string message(connect().message());
  EXPECT_EQ(message.find("TLS: the certificate was refused: "), 0U) << message;
}

TEST_F(HttpsClientTest, RefusesAnExpiredCertificate) {
  serve([](ServerConnection& connection) { connection.read_rest(); }, "DNS:localhost", -60s);
  EXPECT_EQ(connect().message(), "TLS: the certificate was refused: certificate has expired");
}

TEST(TlsContext, RefusesAFileWithoutCertificates) {
  EXPECT_FALSE(make_tls_context("/dev/null").ok());
  EXPECT_FALSE(make_tls_context("/nonexistent.pem").ok());
  EXPECT_TRUE(make_tls_context("").ok());
}

TEST_F(HttpsClientTest, SaysThatNothingListens) {
  make_client(1);
  EXPECT_EQ(run(client->connect()).message(), "TCP connect: 127.0.0.1:1: Connection refused");
}

TEST_F(HttpsClientTest, GivesUpAHandshakeThatStalls) {
  connect_timeout = 50ms;
  asio::ip::tcp::acceptor silent(context, {asio::ip::address_v4::loopback(), 0});
  make_client(silent.local_endpoint().port(), "127.0.0.1");
  EXPECT_EQ(run(client->connect()).message(), "not connected within 50ms");
}

// ---- What may have happened to a request ----

TEST_F(HttpsClientTest, AResetInsteadOfAnAnswerIsNoResponse) {
  serve([](ServerConnection& connection) {
    connection.read_request();
    connection.close_by_reset();
  });
  const HttpOutcome outcome = connect_and_request();
  EXPECT_EQ(outcome.end, End::NoResponse);
  EXPECT_EQ(outcome.error, "Connection reset by peer");
  EXPECT_TRUE(outcome.sent);
  EXPECT_FALSE(outcome.answered);
  EXPECT_EQ(closed.size(), 1U);
}

TEST_F(HttpsClientTest, AResetBeforeReadingIsNoResponseEither) {
  std::promise<void> reset;
  serve([&](ServerConnection& connection) {
    connection.close_by_reset();
    reset.get_future().wait();
  });
  ASSERT_TRUE(connect().ok());
  // The reset comes after the last look at the connection, so the write goes out into doubt.
  const HttpOutcome outcome = request([&] {
    reset.set_value();
    return true;
  });
  EXPECT_EQ(outcome.end, End::NoResponse) << outcome.error;
}

TEST_F(HttpsClientTest, AStallIsNoResponseInTime) {
  timeout = 300ms;
  serve([](ServerConnection& connection) { connection.read_rest(); });
  const HttpOutcome outcome = connect_and_request();
  EXPECT_EQ(outcome.end, End::NoResponse);
  EXPECT_EQ(outcome.error, "no answer within 300ms");
  EXPECT_FALSE(client->idle());
}

TEST_F(HttpsClientTest, HalfAnAnswerIsNoResponse) {
  for (const char* half :
       {"HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "HTTP/1.1 200 OK\r\n\r\n{"}) {
    serve([half](ServerConnection& connection) {
      connection.read_request();
      connection.write(half);
    });
    EXPECT_EQ(connect_and_request().end, End::NoResponse) << half;
  }
}

TEST_F(HttpsClientTest, RubbishIsNoResponse) {
  serve_answer("220 mail.example ESMTP\r\n");
  const HttpOutcome outcome = connect_and_request();
  EXPECT_EQ(outcome.end, End::NoResponse);
  EXPECT_EQ(outcome.error.find("not an HTTP response: "), 0U) << outcome.error;
}

TEST_F(HttpsClientTest, APageIsAnAnswer) {
  serve_answer(
      "HTTP/1.1 503 Service Unavailable\r\nDate: today\r\nRetry-After: 17\r\nContent-Type: "
      "text/html\r\nContent-Length: "
      "13\r\n\r\n<html></html>");
  const HttpOutcome outcome = connect_and_request();
  EXPECT_EQ(outcome.end, End::Answered);
  EXPECT_EQ(outcome.response.status, 503);
  EXPECT_EQ(outcome.response.body, "<html></html>");
  EXPECT_EQ(outcome.response.retry_after, "17");
  EXPECT_EQ(outcome.response.date, "today");
  EXPECT_TRUE(client->idle());
}

TEST_F(HttpsClientTest, ABodyThatIsTooLargeIsMarked) {
  const std::string page(HttpRequest::MaxResponseBytes, 'x');
  serve_answer("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 65536\r\n\r\n" + page);
  const HttpOutcome fits = connect_and_request();
  EXPECT_EQ(fits.end, End::Answered);
  EXPECT_FALSE(fits.response.oversized);
  EXPECT_EQ(fits.response.body, page);
  for (const std::string& head :
       {std::string("Content-Length: 65537\r\n\r\n"), "Transfer-Encoding: chunked\r\n\r\n10001\r\n" + page}) {
    serve_answer("HTTP/1.1 502 Bad Gateway\r\n" + head);
    const HttpOutcome outcome = connect_and_request();
    EXPECT_EQ(outcome.end, End::Answered) << outcome.error;
    EXPECT_EQ(outcome.response.status, 502);
    EXPECT_TRUE(outcome.response.oversized);
    EXPECT_FALSE(client->idle());
  }
}

TEST_F(HttpsClientTest, AnInterimResponseIsNotTheAnswer) {
  serve_answer("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + std::string(Ok));
  const HttpOutcome outcome = connect_and_request();
  EXPECT_EQ(outcome.response.status, 200);
  EXPECT_EQ(outcome.response.body, "{}");
}

TEST_F(HttpsClientTest, ABodyWithoutLengthEndsWithACleanClose) {
  serve([](ServerConnection& connection) {
    connection.read_request();
    connection.write("HTTP/1.1 200 OK\r\n\r\n{}");
    connection.say_goodbye();
  });
  const HttpOutcome outcome = connect_and_request();
  EXPECT_EQ(outcome.end, End::Answered) << outcome.error;
  EXPECT_EQ(outcome.response.body, "{}");
  EXPECT_FALSE(client->idle());
}

// ---- Connections that end ----

TEST_F(HttpsClientTest, HonoursConnectionClose) {
  serve_answer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(connect_and_request().end, End::Answered);
  EXPECT_FALSE(client->idle());
  EXPECT_EQ(closed.size(), 1U);
}

TEST_F(HttpsClientTest, NoticesAnIdleConnectionThatWasClosed) {
  serve([](ServerConnection& connection) {
    connection.read_request();
    connection.write(std::string(Ok));
  });
  EXPECT_EQ(connect_and_request().end, End::Answered);
  EXPECT_TRUE(run_until([&] { return !closed.empty(); }));
  EXPECT_FALSE(client->idle());
  const HttpOutcome outcome = request();
  EXPECT_EQ(outcome.end, End::NeverWritten);
  EXPECT_FALSE(outcome.sent);
  ASSERT_TRUE(run(client->connect()).ok());
  EXPECT_EQ(request().end, End::Answered);
}

TEST_F(HttpsClientTest, WritesNothingToAConnectionThatWasClosedAMomentAgo) {
  std::promise<void> go;
  std::promise<void> said_goodbye;
  std::promise<std::string> rest;
  serve([&](ServerConnection& connection) {
    connection.read_request();
    connection.write(std::string(Ok));
    go.get_future().wait();
    connection.say_goodbye();
    said_goodbye.set_value();
    rest.set_value(connection.read_rest());
  });
  ASSERT_TRUE(connect().ok());
  ASSERT_EQ(request().end, End::Answered);
  // When the request begins, the goodbye lies in the socket's buffer, and the client has had no turn to read it.
  const auto request_at_once = [&]() -> asio::awaitable<HttpOutcome> {
    HttpRequest late{"GET", "/", {}};
    go.set_value();
    said_goodbye.get_future().wait();
    co_return co_await client->request(std::move(late));
  };
  const HttpOutcome outcome = run(request_at_once());
  EXPECT_EQ(outcome.end, End::NeverWritten);
  EXPECT_EQ(outcome.error, "closed by the server");
  client->close();
  EXPECT_EQ(rest.get_future().get(), "");
}

TEST_F(HttpsClientTest, WritesNothingThatIsWithdrawn) {
  std::promise<std::string> heard;
  serve([&](ServerConnection& connection) { heard.set_value(connection.read_rest()); });
  ASSERT_TRUE(connect().ok());
  EXPECT_EQ(request([] { return false; }).end, End::NeverWritten);
  EXPECT_TRUE(client->idle());
  client->close();
  EXPECT_EQ(heard.get_future().get(), "");
  EXPECT_TRUE(closed.empty());
}

TEST_F(HttpsClientTest, ClosesWhenTheServerSpeaksUnasked) {
  serve([](ServerConnection& connection) {
    connection.write(std::string(Ok));
    connection.read_rest();
  });
  ASSERT_TRUE(connect().ok());
  EXPECT_TRUE(run_until([&] { return !closed.empty(); }));
  EXPECT_EQ(closed, std::vector<std::string>{"the server sent what was not asked for"});
}

TEST_F(HttpsClientTest, ASecondAnswerIsNotKeptForTheNextRequest) {
  serve_answer(std::string(Ok) + std::string(Ok));
  EXPECT_EQ(connect_and_request().end, End::Answered);
  EXPECT_TRUE(run_until([&] { return !closed.empty(); }));
  EXPECT_FALSE(client->idle());
}

TEST_F(HttpsClientTest, ARequestUnderWayEndsWithItsClient) {
  std::promise<void> arrived;
  serve([&](ServerConnection& connection) {
    connection.read_request();
    arrived.set_value();
    connection.read_rest();
  });
  ASSERT_TRUE(connect().ok());
  auto outcome = asio::co_spawn(context, client->request({"GET", "/", {}}), asio::use_future);
  auto at_server = arrived.get_future();
  ASSERT_TRUE(run_until([&] { return at_server.wait_for(0s) == std::future_status::ready; }));
  client.reset();
  ASSERT_TRUE(run_until([&] { return outcome.wait_for(0s) == std::future_status::ready; }));
  EXPECT_EQ(outcome.get().end, End::NoResponse);
}

}  // namespace
}  // namespace cancelbus::io
