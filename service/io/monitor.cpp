#include "service/io/monitor.hpp"

#include <absl/strings/str_cat.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string_view>
#include <utility>

#include "service/io/log.hpp"
#include "service/io/process_metrics.hpp"
#include "service/io/spawn.hpp"

namespace cancelbus::io {
namespace {

using asio::ip::tcp;

constexpr int MostConnections = 32;
constexpr size_t MostRequestBytes = 8 * 1024;
constexpr std::chrono::seconds Patience{5};
/// Out of descriptors: a probe of health should not wait for longer than they are short.
constexpr std::chrono::seconds UntilNextAccept{1};

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

Response verdict(const std::string& trouble) {
  if (trouble.empty()) return {"200 OK", "ok\n"};
  return {"503 Service Unavailable", trouble + "\n"};
}

Response respond(const Monitor::Pages& pages, std::string_view request_line) {
  const size_t first = request_line.find(' ');
  const size_t second = request_line.find(' ', first + 1);
  if (second == std::string_view::npos || !request_line.substr(second + 1).starts_with("HTTP/1.")) {
    return {"400 Bad Request", "expected an HTTP/1.1 request\n"};
  }
  if (request_line.substr(0, first) != "GET") {
    return {"405 Method Not Allowed", "only GET\n", "text/plain; charset=utf-8", "Allow: GET\r\n"};
  }
  std::string_view path = request_line.substr(first + 1, second - first - 1);
  path = path.substr(0, path.find('?'));
  if (path == "/metrics") return {"200 OK", pages.metrics(), "text/plain; version=0.0.4; charset=utf-8"};
  if (path == "/healthz") return verdict(pages.unhealthy());
  if (path == "/readyz") return verdict(pages.unready());
  if (pages.page.html.empty()) return {"404 Not Found", "there is /metrics, /healthz and /readyz\n"};
  if (path == "/") return page_for_people(pages.page);
  if (path == "/status") return {"200 OK", pages.status(), "application/json", NotKept};
  return {"404 Not Found", "there is /, /status, /metrics, /healthz and /readyz\n"};
}

asio::awaitable<std::string> read_head(tcp::socket& socket) {
  std::string head;
  std::array<char, 1024> chunk;
  while (head.find("\r\n\r\n") == std::string::npos && head.size() < MostRequestBytes) {
    const size_t n = co_await socket.async_read_some(asio::buffer(chunk), asio::use_awaitable);
    head.append(chunk.data(), n);
  }
  co_return head;
}

asio::awaitable<void> answer(tcp::socket& socket, const Monitor::Pages& pages) {
  const std::string head = co_await read_head(socket);
  const Response response = head.size() < MostRequestBytes
                                ? respond(pages, std::string_view(head).substr(0, head.find("\r\n")))
                                : Response{"431 Request Header Fields Too Large", "at most 8 KiB\n"};
  const std::string text = absl::StrCat("HTTP/1.1 ", response.status, "\r\nContent-Type: ", response.type,
                                        "\r\nContent-Length: ", response.body.size(), "\r\n", response.more_headers,
                                        "Connection: close\r\n\r\n", response.body);
  co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
  // The client closes first, else the timer does: closing at once could reset the connection under the answer.
  socket.shutdown(tcp::socket::shutdown_send);
  std::array<char, 256> rest;
  for (;;) co_await socket.async_read_some(asio::buffer(rest), asio::use_awaitable);
}

}  // namespace

struct Monitor::Server : std::enable_shared_from_this<Monitor::Server> {
  Server(asio::io_context& context, Pages p) : acceptor(context), pages(std::move(p)) {}

  asio::awaitable<void> accept_loop() {
    const auto self = shared_from_this();
    while (acceptor.is_open()) {
      const auto [error, socket] = co_await accept_one();
      if (error == asio::error::operation_aborted || !acceptor.is_open()) co_return;
      if (error) {
        log_warn("monitor_accept_failed", {{"error", error.message()}});
        co_await asio::steady_timer(acceptor.get_executor(), UntilNextAccept).async_wait(asio::use_awaitable);
      } else if (connections < MostConnections) {
        ++connections;
        spawn(acceptor.get_executor(), serve(socket));
      }
    }
  }

  // The socket is shared with the timer, which may fire while the coroutine is on its way out.
  asio::awaitable<std::pair<boost::system::error_code, std::shared_ptr<tcp::socket>>> accept_one() {
    auto socket = std::make_shared<tcp::socket>(acceptor.get_executor());
    boost::system::error_code error;
    co_await acceptor.async_accept(*socket, asio::redirect_error(asio::use_awaitable, error));
    co_return std::pair(error, std::move(socket));
  }

  asio::awaitable<void> serve(std::shared_ptr<tcp::socket> socket) {
    const auto self = shared_from_this();
    asio::steady_timer timer(acceptor.get_executor(), Patience);
    timer.async_wait([socket](const boost::system::error_code& stopped) {
      boost::system::error_code ignored;
      if (!stopped) socket->close(ignored);
    });
    try {
      co_await answer(*socket, pages);
    } catch (const boost::system::system_error&) {
      // How every connection ends: the client has closed it, or the timer has.
    }
    --connections;
  }

  tcp::acceptor acceptor;
  Pages pages;
  int connections = 0;
};

Monitor::Monitor(asio::io_context& context, Pages pages)
    : server_(std::make_shared<Server>(context, std::move(pages))) {}

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
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address.host, ":", address.port, ": ", error.code().message()));
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
