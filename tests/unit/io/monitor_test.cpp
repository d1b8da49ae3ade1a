#include "service/io/monitor.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <prometheus/counter.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <future>
#include <list>
#include <thread>

namespace cancelbus::io {
namespace {

using asio::ip::tcp;

constexpr std::chrono::hours Ever{1};
constexpr size_t ManyConnections = 45;           // more than a monitor keeps
constexpr size_t LargeBytes = 12 * 1024 * 1024;  // more than the kernel takes for a peer that does not read
const char* const Request = "GET /healthz HTTP/1.1\r\n\r\n";

class MonitorTest : public testing::Test {
 protected:
  explicit MonitorTest(MonitorLimits limits = {}) : monitor(context, pages(), limits) {
    EXPECT_EQ(monitor.listen({"127.0.0.1", 0}), absl::OkStatus());
    thread = std::thread([this] { context.run(); });
  }
  ~MonitorTest() override {
    context.stop();
    thread.join();
  }

  Monitor::Pages pages() {
    return {[this] { return metrics; }, [] { return ""; }, [this] { return trouble; }};
  }

  tcp::socket connect(const std::string& bytes) {
    tcp::socket socket(own, tcp::v4());
    socket.set_option(tcp::socket::receive_buffer_size(16 * 1024));  // what is not read soon stays at the server
    socket.connect({asio::ip::address_v4::loopback(), monitor.port()});
    asio::write(socket, asio::buffer(bytes));
    return socket;
  }

  /// All that the server says before it ends the connection.
  static std::string hear(tcp::socket& socket) {
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    EXPECT_TRUE(end == asio::error::eof || end == asio::error::connection_reset) << end.message();
    return answer;
  }

  std::string ask(const std::string& request) {
    tcp::socket socket = connect(request);
    return hear(socket);
  }

  static std::string first_bytes(tcp::socket& socket) {
    std::string bytes(4096, '\0');
    boost::system::error_code ignored;
    bytes.resize(socket.read_some(asio::buffer(bytes), ignored));
    return bytes;
  }

  /// Sends byte after byte until the server has closed the connection.
  static void drip_until_ended(tcp::socket& socket) {
    boost::system::error_code gone;
    while (!gone) {
      asio::write(socket, asio::buffer("x", 1), gone);
      pollfd until_next{socket.native_handle(), 0, 0};
      ::poll(&until_next, 1, 5);
    }
  }

  /// Until what is ready now has been handled, and what that makes ready at once.
  void let_handlers_run() {
    for (int i = 0; i < 5; ++i) {
      std::promise<void> ran;
      asio::post(context, [&] { ran.set_value(); });
      ran.get_future().wait();
    }
  }

  /// So many connections, each with this sent.
  std::list<tcp::socket> crowd(size_t number, const std::string& bytes) {
    std::list<tcp::socket> sockets;
    while (sockets.size() < number) sockets.push_back(connect(bytes));
    return sockets;
  }

  asio::io_context own;
  asio::io_context context;
  std::string trouble;
  std::string metrics = "requests_total 1\n";
  Monitor monitor;
  std::thread thread;
};

/// Nothing ends by time here, only by the number of connections.
class PatientMonitorTest : public MonitorTest {
 protected:
  PatientMonitorTest() : MonitorTest({.head = Ever, .answer = Ever, .linger = Ever}) {}
};

/// The same with room for few, where each holds much memory.
class SmallMonitorTest : public MonitorTest {
 protected:
  SmallMonitorTest() : MonitorTest({.connections = 4, .head = Ever, .answer = Ever, .linger = Ever}) {
    metrics = std::string(LargeBytes, 'x');
  }
};

/// Only heads end by time.
class QuickHeadTest : public MonitorTest {
 protected:
  QuickHeadTest() : MonitorTest({.head = std::chrono::milliseconds(50), .answer = Ever, .linger = Ever}) {}
};

/// Only answers end by time.
class QuickAnswerTest : public MonitorTest {
 protected:
  QuickAnswerTest() : MonitorTest({.head = Ever, .answer = std::chrono::milliseconds(50), .linger = Ever}) {}
};

class QuickLingerTest : public MonitorTest {
 protected:
  QuickLingerTest() : MonitorTest({.head = Ever, .answer = Ever, .linger = std::chrono::milliseconds(50)}) {}
};

bool is_ok(const std::string& answer) { return answer.starts_with("HTTP/1.1 200 OK\r\n"); }

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
  const std::string refused = ask("POST /metrics HTTP/1.1\r\n\r\n");
  EXPECT_EQ(refused.find("HTTP/1.1 405 "), 0U);
  EXPECT_NE(refused.find("\r\nAllow: GET, HEAD\r\n"), std::string::npos);
  EXPECT_EQ(ask("get /healthz HTTP/1.1\r\n\r\n").find("HTTP/1.1 405 "), 0U);
  EXPECT_EQ(ask("OPTIONS * HTTP/1.1\r\n\r\n").find("HTTP/1.1 405 "), 0U);
  EXPECT_EQ(ask("GET /healthz\r\n\r\n").find("HTTP/1.1 400 "), 0U);
  EXPECT_EQ(ask("GET /healthz HTTP/2.0\r\n\r\n").find("HTTP/1.1 400 "), 0U);
  EXPECT_EQ(ask("GET /secrets HTTP/1.1\r\n\r\n").find("HTTP/1.1 404 "), 0U);
  EXPECT_EQ(ask("hello\r\n\r\n").find("HTTP/1.1 400 "), 0U);
  EXPECT_EQ(ask("GET / HTTP/1.1\r\nX: " + std::string(8 * 1024, 'x')).find("HTTP/1.1 431 "), 0U);
  EXPECT_EQ(ask("GET /" + std::string(8 * 1024, 'x')).find("HTTP/1.1 414 "), 0U);
}

TEST_F(MonitorTest, AnswersHeadAsGetWithoutTheBody) {
  const std::string get = ask("GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_EQ(ask("HEAD /metrics HTTP/1.1\r\n\r\n"), get.substr(0, get.find("\r\n\r\n") + 4));
  EXPECT_NE(get.find("\r\nContent-Length: 17\r\n"), std::string::npos);
  trouble = "no clock reading yet";
  const std::string unready = ask("HEAD /readyz HTTP/1.1\r\n\r\n");
  EXPECT_EQ(unready.find("HTTP/1.1 503 "), 0U);
  EXPECT_TRUE(unready.ends_with("\r\n\r\n"));
}

TEST_F(MonitorTest, AnswersAbsoluteTargets) {
  EXPECT_TRUE(is_ok(ask("GET http://127.0.0.1:9550/healthz HTTP/1.1\r\nHost: 127.0.0.1:9550\r\n\r\n")));
  EXPECT_TRUE(is_ok(ask("GET HTTP://bus/readyz?verbose HTTP/1.1\r\n\r\n")));
  EXPECT_TRUE(is_ok(ask("HEAD http://bus/metrics HTTP/1.0\r\n\r\n")));
  EXPECT_EQ(ask("GET http://bus HTTP/1.1\r\n\r\n").find("HTTP/1.1 404 "), 0U);
  EXPECT_EQ(ask("GET http://healthz HTTP/1.1\r\n\r\n").find("HTTP/1.1 404 "), 0U);
  EXPECT_EQ(ask("GET http://bus?/healthz HTTP/1.1\r\n\r\n").find("HTTP/1.1 404 "), 0U);
}

TEST_F(MonitorTest, AnswersHeadsWithBareLineFeeds) {
  EXPECT_TRUE(is_ok(ask("GET /healthz HTTP/1.1\n\n")));
  EXPECT_TRUE(is_ok(ask("GET /healthz HTTP/1.1\r\nHost: x\n\r\n")));
  EXPECT_TRUE(is_ok(ask("GET /healthz HTTP/1.0\nHost: x\r\n\n")));
}

TEST_F(MonitorTest, TakesEachPathAsItIsWritten) {
  for (const char* path : {"//healthz", "/healthz/", "/%68ealthz", "/./healthz", "healthz", "/HEALTHZ", "*"}) {
    EXPECT_EQ(ask(std::string("GET ") + path + " HTTP/1.1\r\n\r\n").find("HTTP/1.1 404 "), 0U) << path;
  }
}

// The rest is read, or the kernel would reset the connection, and the answer with it.
TEST_F(MonitorTest, AnswersTheFirstOfPipelinedRequests) {
  const std::string answer = ask(std::string(Request) + Request + std::string(4'000, '\0'));
  EXPECT_TRUE(is_ok(answer));
  EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos);
}

TEST_F(PatientMonitorTest, AnswersAmongSlowHeads) {
  std::list<tcp::socket> slow = crowd(ManyConnections, "GET /heal");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(is_ok(ask(Request)));
    EXPECT_TRUE(is_ok(ask("GET /readyz HTTP/1.1\r\n\r\n")));
  }
  // It was never one of the oldest.
  asio::write(slow.back(), asio::buffer(std::string("thz HTTP/1.1\r\n\r\n")));
  EXPECT_TRUE(is_ok(first_bytes(slow.back())));
}

TEST_F(PatientMonitorTest, DropsTheOldestThatIsIdle) {
  std::list<tcp::socket> slow = crowd(MonitorLimits{}.connections, "GET /heal");
  tcp::socket probe = connect(Request);
  EXPECT_TRUE(is_ok(first_bytes(probe)));
  EXPECT_EQ(hear(slow.front()), "");
  for (auto next = std::next(slow.begin()); next != slow.end(); ++next) {
    asio::write(*next, asio::buffer(std::string("thz HTTP/1.1\r\n\r\n")));
    EXPECT_TRUE(is_ok(first_bytes(*next)));
  }
}

TEST_F(PatientMonitorTest, AnswersAmongThoseThatDoNotCloseAfterTheirAnswer) {
  std::list<tcp::socket> answered;
  while (answered.size() < ManyConnections) {
    answered.push_back(connect(Request));
    EXPECT_TRUE(is_ok(first_bytes(answered.back())));
  }
}

TEST_F(SmallMonitorTest, AnswersAmongSlowReaders) {
  std::list<tcp::socket> slow;
  while (slow.size() < 6) {
    slow.push_back(connect("GET /metrics HTTP/1.1\r\n\r\n"));
    EXPECT_TRUE(is_ok(first_bytes(slow.back())));
  }
  EXPECT_TRUE(is_ok(ask(Request)));
}

// An idle connection goes before one that is being answered, however old that is.
TEST_F(SmallMonitorTest, EndsAnAnswerOnlyWhereNoneIsIdle) {
  tcp::socket reader = connect("GET /metrics HTTP/1.1\r\n\r\n");
  std::string answer = first_bytes(reader);
  std::list<tcp::socket> slow = crowd(6, "GET /heal");
  EXPECT_TRUE(is_ok(ask(Request)));
  answer += hear(reader);
  EXPECT_EQ(answer.size(), answer.find("\r\n\r\n") + 4 + LargeBytes);
}

/// No descriptor can be opened as long as this lives, or only so many.
class NoDescriptors {
 public:
  explicit NoDescriptors(rlim_t but = 0) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::dup(STDERR_FILENO);
    ::close(lowest_free);
    const rlimit none{static_cast<rlim_t>(lowest_free) + but, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_F(PatientMonitorTest, WithoutDescriptorsGivesUpAnIdleConnectionForAProbe) {
  tcp::socket idle = connect(Request);
  EXPECT_TRUE(is_ok(first_bytes(idle)));
  tcp::socket probe(own, tcp::v4());
  const NoDescriptors none;
  probe.connect({asio::ip::address_v4::loopback(), monitor.port()});
  asio::write(probe, asio::buffer(std::string(Request)));
  EXPECT_TRUE(is_ok(first_bytes(probe)));
}

// accept() wants a descriptor before it looks whether a client waits: that it fails does not mean that one does.
TEST_F(PatientMonitorTest, AnswersAProbeThatTookTheLastDescriptor) {
  tcp::socket probe(own, tcp::v4());
  const NoDescriptors but_one(1);
  probe.connect({asio::ip::address_v4::loopback(), monitor.port()});
  let_handlers_run();  // it is accepted, and the next accept() has failed
  asio::write(probe, asio::buffer(std::string(Request)));
  EXPECT_TRUE(is_ok(first_bytes(probe)));
}

TEST_F(QuickHeadTest, EndsAHeadThatIsNotComplete) {
  EXPECT_EQ(ask(""), "");
  EXPECT_EQ(ask("GET /healthz HTTP/1.1\r\n"), "");
}

// Each byte comes in time, the whole does not.
TEST_F(QuickHeadTest, EndsAHeadThatDripsIn) {
  tcp::socket socket = connect("GET /");
  drip_until_ended(socket);
}

TEST_F(QuickAnswerTest, EndsAnAnswerThatIsNotRead) {
  metrics = std::string(LargeBytes, 'x');
  tcp::socket reader = connect("GET /metrics HTTP/1.1\r\n\r\n");
  std::string answer = first_bytes(reader);
  drip_until_ended(reader);
  answer += hear(reader);
  EXPECT_LT(answer.size(), LargeBytes);
}

TEST_F(QuickLingerTest, EndsAClientThatNeverCloses) {
  tcp::socket socket = connect(Request);
  EXPECT_TRUE(is_ok(hear(socket)));
  drip_until_ended(socket);
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
