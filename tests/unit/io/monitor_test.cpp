#include "service/io/monitor.hpp"

#include <gtest/gtest.h>
#include <prometheus/counter.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <thread>

namespace cancelbus::io {
namespace {

using asio::ip::tcp;

class MonitorTest : public testing::Test {
 protected:
  MonitorTest() {
    EXPECT_EQ(monitor.listen({"127.0.0.1", 0}), absl::OkStatus());
    thread = std::thread([this] { context.run(); });
  }
  ~MonitorTest() override {
    context.stop();
    thread.join();
  }

  /// All that the server says before it ends the connection.
  std::string ask(const std::string& request) const {
    asio::io_context own;
    tcp::socket socket(own);
    socket.connect({asio::ip::address_v4::loopback(), monitor.port()});
    asio::write(socket, asio::buffer(request));
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    EXPECT_EQ(end, asio::error::eof);
    return answer;
  }

  asio::io_context context;
  std::string trouble;
  Monitor monitor{context, {[] { return "requests_total 1\n"; }, [] { return ""; }, [this] { return trouble; }}};
  std::thread thread;
};

TEST_F(MonitorTest, ServesItsThreePages) {
  EXPECT_EQ(ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: 17\r\n"
            "Connection: close\r\n\r\nrequests_total 1\n");
  EXPECT_EQ(ask("GET /healthz HTTP/1.1\r\n\r\n").find("HTTP/1.1 200 OK\r\n"), 0U);
  EXPECT_EQ(ask("GET /readyz?verbose HTTP/1.0\r\n\r\n").find("HTTP/1.1 200 OK\r\n"), 0U);
}

TEST_F(MonitorTest, SaysWhyItIsNotReady) {
  trouble = "no clock reading yet";
  const std::string answer = ask("GET /readyz HTTP/1.1\r\n\r\n");
  EXPECT_EQ(answer.find("HTTP/1.1 503 Service Unavailable\r\n"), 0U);
  EXPECT_NE(answer.find("\r\n\r\nno clock reading yet\n"), std::string::npos);
}

TEST_F(MonitorTest, RefusesTheRest) {
  EXPECT_EQ(ask("POST /metrics HTTP/1.1\r\n\r\n").find("HTTP/1.1 405 "), 0U);
  EXPECT_EQ(ask("GET /secrets HTTP/1.1\r\n\r\n").find("HTTP/1.1 404 "), 0U);
  EXPECT_EQ(ask("hello\r\n\r\n").find("HTTP/1.1 400 "), 0U);
  EXPECT_EQ(ask("GET / HTTP/1.1\r\nX: " + std::string(8 * 1024, 'x')).find("HTTP/1.1 431 "), 0U);
}

TEST(Monitor, ErrorsNameTheAddress) {
  asio::io_context context;
  Monitor first(context, {});
  ASSERT_TRUE(first.listen({"127.0.0.1", 0}).ok());
  Monitor second(context, {});
  EXPECT_EQ(second.listen({"127.0.0.1", first.port()}).message(),
            "cannot listen on 127.0.0.1:" + std::to_string(first.port()) + ": Address already in use");
}

TEST(Monitor, WritesARegistryAsPrometheusReadsIt) {
  prometheus::Registry registry;
  prometheus::BuildCounter()
      .Name("tasks_total")
      .Help("Tasks.")
      .Register(registry)
      .Add({{"kind", "cancel"}})
      .Increment();
  const std::string text = prometheus_text(registry);
  const std::string own = "# HELP tasks_total Tasks.\n# TYPE tasks_total counter\ntasks_total{kind=\"cancel\"} 1\n";
  EXPECT_EQ(text.substr(0, own.size()), own);
  EXPECT_NE(text.find("\n# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes "),
            std::string::npos);
}

TEST_F(MonitorTest, WithoutAPageThereIsNone) {
  EXPECT_EQ(ask("GET / HTTP/1.1\r\n\r\n").find("HTTP/1.1 404 Not Found\r\n"), 0U);
  EXPECT_EQ(ask("GET /status HTTP/1.1\r\n\r\n").find("HTTP/1.1 404 Not Found\r\n"), 0U);
}

TEST(WebPage, AllowsItsOwnStyleAndScriptAndNothingElse) {
  const WebPage page = web_page("<p>x</p><style></style><script></script>", "p {}", "go();");
  EXPECT_EQ(page.html, "<p>x</p><style>p {}</style><script>go();</script>");
  // As `printf '%s' 'go();' | openssl dgst -sha256 -binary | base64` says.
  EXPECT_NE(page.policy.find("script-src 'sha256-bYOqbsii8BMz1hC57p5sZG4K4cMuk6QQDiwupM2aRMM='"), std::string::npos);
  EXPECT_NE(page.policy.find("style-src 'sha256-SNJDlN1Iy2mnt7DOjQIyDb2LQE6O5PQiSZomcdzawQ4='"), std::string::npos);
  EXPECT_EQ(page.policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(page.policy.find("default-src 'none'; "), 0U);
}

}  // namespace
}  // namespace cancelbus::io
