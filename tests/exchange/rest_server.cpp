#include "tests/exchange/rest_server.hpp"

#include <array>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace exchange_sim {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMaxConnections = 4096;
constexpr std::uint32_t kMaxHeader = 16 * 1024;
constexpr std::uint64_t kMaxBody = 4 * 1024 * 1024;
constexpr std::size_t kMaxUnread = kMaxHeader + kMaxBody;

class Connection;

class RestServer : public RestDoor, public std::enable_shared_from_this<RestServer> {
 public:
  RestServer(asio::ssl::context& tls, Shell& shell) : tls_(tls), shell_(shell) {}

  void accepted(tcp::socket socket);
  void reply(RequestId request, const HttpAnswer& answer) override;
  void reset(RequestId request) override;

  Shell& shell() { return shell_; }
  void waiting(RequestId request, Connection* connection) { waiting_[request] = connection; }
  void no_longer_waiting(RequestId request) { waiting_.erase(request); }
  void connection_gone() { --connections_; }

 private:
  Connection* take(RequestId request);

  asio::ssl::context& tls_;
  Shell& shell_;
  std::size_t connections_ = 0;
  std::unordered_map<RequestId, Connection*> waiting_;  // a connection takes itself out before it dies
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, asio::ssl::context& tls, std::shared_ptr<RestServer> server)
      : stream_(std::move(socket), tls), server_(std::move(server)) {
    error_code error;
    const auto peer = stream_.lowest_layer().remote_endpoint(error);
    if (!error) ip_ = peer.address().to_string();
  }
  ~Connection() { server_->connection_gone(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    stream_.async_handshake(asio::ssl::stream_base::server, [self = shared_from_this()](error_code error) {
      if (!error) self->read();
    });
  }

  void reply(const HttpAnswer& answer) {
    request_.reset();
    close_after_ = close_after_ || answer.close;
    out_ = absl::StrCat("HTTP/1.1 ", answer.status, " ", reason(answer.status),
                        "\r\nContent-Type: ", std::string(content_type(answer)),
                        "\r\nContent-Length: ", answer.body.size(), "\r\n");
    if (!answer.date.empty()) absl::StrAppend(&out_, "Date: ", answer.date, "\r\n");
    const std::string wait = retry_after_header(answer);
    if (!wait.empty()) absl::StrAppend(&out_, "Retry-After: ", wait, "\r\n");
    absl::StrAppend(&out_, "\r\n", answer.body);
    asio::async_write(stream_, asio::buffer(out_), [self = shared_from_this()](error_code error, std::size_t) {
      self->writing_ = false;
      if (error || self->close_after_) {
        error_code ignored;
        self->stream_.lowest_layer().shutdown(tcp::socket::shutdown_send, ignored);
        self->close();
      } else {
        self->parse();
      }
    });
    writing_ = true;
  }

  void reset() {
    request_.reset();
    error_code ignored;
    stream_.lowest_layer().set_option(asio::socket_base::linger(true, 0), ignored);
    close();
  }

 private:
  static std::string reason(unsigned status) {
    const auto text = http::obsolete_reason(static_cast<http::status>(status));
    return {text.data(), text.size()};
  }

  void read() {
    stream_.async_read_some(asio::buffer(chunk_), [self = shared_from_this()](error_code error, std::size_t size) {
      if (error || self->unread_.size() + size > kMaxUnread) {
        self->peer_gone();
        return;
      }
      self->unread_.append(self->chunk_.data(), size);
      self->parse();
      if (self->stream_.lowest_layer().is_open()) self->read();
    });
  }

  // Takes one request off what has been read, if the previous one is answered and a whole one is there.
  void parse() {
    if (request_ || writing_ || unread_.empty()) return;
    if (!parser_) {
      parser_.emplace();
      parser_->header_limit(kMaxHeader);
      parser_->body_limit(kMaxBody);
      parser_->eager(true);
    }
    error_code error;
    const std::size_t used = parser_->put(asio::buffer(unread_), error);
    unread_.erase(0, used);
    if (error && error != http::error::need_more) {
      close_after_ = true;
      parser_.reset();
      reply({400, R"({"success":false,"message":"Bad Request - not HTTP","code":400})", {}, true});
      return;
    }
    if (parser_->is_done()) submit(parser_->release());
  }

  void submit(http::request<http::string_body> message) {
    parser_.reset();
    close_after_ = !message.keep_alive();
    const auto header = [&](const char* name) {
      const auto value = message[name];
      return std::string(value.data(), value.size());
    };
    HttpRequest request{std::string(message.method_string()),
                        std::string(message.target()),
                        header("X-PCK"),
                        header("X-Stamp"),
                        header("X-Signature"),
                        std::move(message.body()),
                        ip_};
    request_ = server_->shell().next_id();
    server_->waiting(*request_, this);
    server_->shell().request(*request_, std::move(request));
  }

  void peer_gone() {
    if (request_) {
      const RequestId request = *std::exchange(request_, std::nullopt);
      server_->no_longer_waiting(request);
      server_->shell().abandoned(request);
    }
    close();
  }

  void close() {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

  asio::ssl::stream<tcp::socket> stream_;
  std::shared_ptr<RestServer> server_;
  std::string ip_;
  std::array<char, 16 * 1024> chunk_;
  std::string unread_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<RequestId> request_;  // unanswered
  bool writing_ = false;
  bool close_after_ = false;
  std::string out_;
};

void RestServer::accepted(tcp::socket socket) {
  if (connections_ >= kMaxConnections) return;  // the socket closes
  ++connections_;
  std::make_shared<Connection>(std::move(socket), tls_, shared_from_this())->start();
}

Connection* RestServer::take(RequestId request) {
  const auto found = waiting_.find(request);
  if (found == waiting_.end()) return nullptr;
  Connection* connection = found->second;
  waiting_.erase(found);
  return connection;
}

void RestServer::reply(RequestId request, const HttpAnswer& answer) {
  if (Connection* connection = take(request)) connection->reply(answer);
}

void RestServer::reset(RequestId request) {
  if (Connection* connection = take(request)) connection->reset();
}

}  // namespace

std::shared_ptr<RestDoor> serve_rest(asio::ssl::context& tls, Listener& listener, Shell& shell) {
  auto server = std::make_shared<RestServer>(tls, shell);
  listener.run([server](tcp::socket socket) { server->accepted(std::move(socket)); });
  return server;
}

}  // namespace exchange_sim
