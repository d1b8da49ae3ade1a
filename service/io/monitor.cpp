#include "service/io/monitor.hpp"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string_view>
#include <utility>
#include <vector>

#include "service/io/log.hpp"
#include "service/io/process_metrics.hpp"
#include "service/io/spawn.hpp"

namespace cancelbus::io {
namespace {

using asio::ip::tcp;

constexpr size_t MostRequestBytes = 8 * 1024;
/// Of what a client sends after its request; more, and it is not waited for.
constexpr size_t MostIgnoredBytes = 64 * 1024;
/// Out of descriptors: a probe of health should not wait for longer than they are short.
constexpr std::chrono::milliseconds UntilNextAccept{200};

struct Response {
  const char* status = "200 OK";
  std::string body;
  const char* type = "text/plain; charset=utf-8";
  std::string more_headers = {};
};

const char* const NotKept = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";

Response page_for_people(const WebPage& page) {
  return {"200 OK", page.html, "text/html; charset=utf-8",
          absl::StrCat(NotKept, "Content-Security-Policy: ", page.policy, "\r\nReferrer-Policy: no-referrer\r\n")};
}

Response verdict(const std::string& trouble, const std::string& good = "ok") {
  if (trouble.empty()) return {"200 OK", good + "\n"};
  return {"503 Service Unavailable", trouble + "\n"};
}

Response page_at(const Monitor::Pages& pages, std::string_view path) {
  if (path == "/metrics") return {"200 OK", pages.metrics(), "text/plain; version=0.0.4; charset=utf-8"};
  if (path == "/healthz") return verdict(pages.unhealthy());
  if (path == "/readyz") return verdict(pages.unready(), pages.ready);
  if (path == "/leaderz" && pages.not_leading) return verdict(pages.not_leading(), "ok, leading");
  if (pages.page.html.empty()) return {"404 Not Found", "there is /metrics, /healthz and /readyz\n"};
  if (path == "/") return page_for_people(pages.page);
  if (path == "/status") return {"200 OK", pages.status(), "application/json", NotKept};
  return {"404 Not Found", "there is /, /status, /metrics, /healthz, /readyz and /leaderz\n"};
}

/// Of `/path?query` and of `http://host:port/path?query`.
std::string_view path_of(std::string_view target) {
  constexpr std::string_view Scheme = "http://";
  target = target.substr(0, target.find('?'));
  if (!absl::EqualsIgnoreCase(absl::string_view(target.data(), std::min(target.size(), Scheme.size())),
                              absl::string_view(Scheme.data(), Scheme.size()))) {
    return target;
  }
  const size_t path = target.find('/', Scheme.size());
  return path == std::string_view::npos ? "/" : target.substr(path);
}

/// Where the empty line after the head begins, npos while there is none. Lines end with CR LF, or with a bare LF.
size_t end_of_head(std::string_view head) { return std::min(head.find("\n\r\n"), head.find("\n\n")); }

Response respond(const Monitor::Pages& pages, std::string_view request_line, bool& head_only) {
  const size_t first = request_line.find(' ');
  const size_t second = request_line.find(' ', first + 1);
  if (second == std::string_view::npos || !request_line.substr(second + 1).starts_with("HTTP/1.")) {
    return {"400 Bad Request", "expected an HTTP/1.1 request\n"};
  }
  const std::string_view method = request_line.substr(0, first);
  head_only = method == "HEAD";
  if (method != "GET" && !head_only) {
    return {"405 Method Not Allowed", "only GET and HEAD\n", "text/plain; charset=utf-8", "Allow: GET, HEAD\r\n"};
  }
  return page_at(pages, path_of(request_line.substr(first + 1, second - first - 1)));
}

Response respond_to_head(const Monitor::Pages& pages, std::string_view head, bool& head_only) {
  const size_t line_end = head.find('\n');
  if (line_end == std::string_view::npos) return {"414 URI Too Long", "a request has at most 8 KiB\n"};
  if (end_of_head(head) == std::string_view::npos) {
    return {"431 Request Header Fields Too Large", "a request has at most 8 KiB\n"};
  }
  std::string_view request_line = head.substr(0, line_end);
  if (request_line.ends_with('\r')) request_line.remove_suffix(1);
  return respond(pages, request_line, head_only);
}

/// Up to the empty line, or as much as is read at most.
asio::awaitable<std::string> read_head(tcp::socket& socket) {
  std::string head;
  std::array<char, 1024> chunk;
  while (end_of_head(head) == std::string::npos && head.size() < MostRequestBytes) {
    const size_t n = co_await socket.async_read_some(asio::buffer(chunk), asio::use_awaitable);
    head.append(chunk.data(), n);
  }
  co_return head;
}

asio::awaitable<void> answer(tcp::socket& socket, const Monitor::Pages& pages, const std::string& head) {
  bool head_only = false;
  const Response response = respond_to_head(pages, head, head_only);
  const std::string answer_head = absl::StrCat("HTTP/1.1 ", response.status, "\r\nContent-Type: ", response.type,
                                               "\r\nContent-Length: ", response.body.size(), "\r\n",
                                               response.more_headers, "Connection: close\r\n\r\n");
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(answer_head),
                                                  head_only ? asio::const_buffer() : asio::buffer(response.body)};
  co_await asio::async_write(socket, buffers, asio::use_awaitable);
}

// The client closes first, else the time limit does: closing at once could reset the connection under the answer.
asio::awaitable<void> linger(tcp::socket& socket) {
  socket.shutdown(tcp::socket::shutdown_send);
  std::array<char, 1024> rest;
  for (size_t ignored = 0; ignored < MostIgnoredBytes;) {
    ignored += co_await socket.async_read_some(asio::buffer(rest), asio::use_awaitable);
  }
}

struct Connection {
  explicit Connection(const tcp::acceptor::executor_type& executor) : socket(executor), limit(executor) {}

  void end() {
    boost::system::error_code ignored;
    socket.close(ignored);
    limit.cancel();
  }

  tcp::socket socket;
  asio::steady_timer limit;
  bool answering = false;
};

/// Ends the connection unless another limit is set before.
void set_limit(const std::shared_ptr<Connection>& connection, std::chrono::milliseconds limit) {
  connection->limit.expires_after(limit);
  connection->limit.async_wait([weak = std::weak_ptr(connection)](const boost::system::error_code& stopped) {
    const auto alive = weak.lock();
    // It may have fired already when it was set anew.
    if (stopped || !alive || alive->limit.expiry() > asio::steady_timer::clock_type::now()) return;
    alive->end();
  });
}

}  // namespace

struct Monitor::Server : std::enable_shared_from_this<Monitor::Server> {
  Server(asio::io_context& context, Pages p, MonitorLimits l) : acceptor(context), pages(std::move(p)), limits(l) {}

  asio::awaitable<void> accept_loop() {
    const auto self = shared_from_this();
    while (acceptor.is_open()) {
      const auto connection = std::make_shared<Connection>(acceptor.get_executor());
      boost::system::error_code error;
      co_await acceptor.async_accept(connection->socket, asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted || !acceptor.is_open()) co_return;
      if (error) {
        co_await recover(error);
        continue;
      }
      accept_failed = false;
      if (connections.size() >= limits.connections) end_one();
      connections.push_back(connection);
      spawn(acceptor.get_executor(), serve(connection));
    }
  }

  // Out of descriptors, mostly: those of idle clients are better used for the next one. accept() wants its descriptor
  // before it looks whether a client waits, so the first failure may be due to the one that was accepted just now: it
  // gets its answer.
  asio::awaitable<void> recover(boost::system::error_code error) {
    if (!accept_failed) {
      log_warn("monitor_accept_failed", {{"error", error.message()}});
    } else if (!connections.empty()) {
      end_one();
    }
    accept_failed = true;
    co_await asio::steady_timer(acceptor.get_executor(), UntilNextAccept).async_wait(asio::use_awaitable);
  }

  /// The oldest that is idle, else the oldest.
  void end_one() {
    auto chosen = std::ranges::find_if(connections, [](const auto& connection) { return !connection->answering; });
    if (chosen == connections.end()) chosen = connections.begin();
    (*chosen)->end();
    connections.erase(chosen);
  }

  asio::awaitable<void> serve(std::shared_ptr<Connection> connection) {
    const auto self = shared_from_this();
    try {
      set_limit(connection, limits.head);
      const std::string head = co_await read_head(connection->socket);
      set_limit(connection, limits.answer);
      connection->answering = true;
      co_await answer(connection->socket, pages, head);
      connection->answering = false;
      set_limit(connection, limits.linger);
      co_await linger(connection->socket);
    } catch (const boost::system::system_error&) {
      // How every connection ends: the client has closed it, its time is over, or another needed its place.
    }
    connection->end();
    std::erase(connections, connection);
  }

  tcp::acceptor acceptor;
  Pages pages;
  const MonitorLimits limits;
  std::vector<std::shared_ptr<Connection>> connections;  ///< the oldest first
  bool accept_failed = false;                            ///< the last one; it is logged once
};

Monitor::Monitor(asio::io_context& context, Pages pages, MonitorLimits limits)
    : server_(std::make_shared<Server>(context, std::move(pages), limits)) {}

Monitor::~Monitor() { close(); }

absl::Status Monitor::listen(const HostPort& address) {
  auto& acceptor = server_->acceptor;
  try {
    tcp::resolver resolver(acceptor.get_executor());
    const tcp::endpoint endpoint =
        *resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive).begin();
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
  } catch (const boost::system::system_error& error) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", to_text(address), ": ", error.code().message()));
  }
  spawn(acceptor.get_executor(), server_->accept_loop());
  return absl::OkStatus();
}

uint16_t Monitor::port() const {
  boost::system::error_code error;
  return server_->acceptor.local_endpoint(error).port();
}

void Monitor::close() {
  boost::system::error_code ignored;
  server_->acceptor.close(ignored);
}

std::string prometheus_text(const prometheus::Registry& registry) {
  return prometheus::TextSerializer().Serialize(registry.Collect()) + process_metrics();
}

}  // namespace cancelbus::io
