#include "service/io/https_client.hpp"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "service/io/clock.hpp"
#include "service/io/spawn.hpp"

namespace cancelbus::io {
namespace {

namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Parser = http::response_parser<http::string_body>;

constexpr size_t ReadBytes = 16 * 1024;
// Turns of the event loop that bytes waiting on an idle connection get to be read, before it is given up as dead.
constexpr int SettleTurns = 100;
// An idle connection whose path has died is noticed after about 25 s, and not by the next request.
constexpr int KeepIdleSeconds = 10;
constexpr int KeepIntervalSeconds = 5;
constexpr int KeepProbes = 3;

int milliseconds(core::Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

std::string seconds_text(core::Duration duration) { return absl::FormatDuration(absl::FromChrono(duration)); }

void set_integer(tcp::socket& socket, int level, int name, int value) {
  ::setsockopt(socket.native_handle(), level, name, &value, sizeof value);
}

// Linger 0 from the start: the kernel resets the connection also if this process is killed, so that a request still in
// its buffers is never delivered late.
void set_options(tcp::socket& socket, core::Duration request_timeout) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(tcp::socket::linger(true, 0), ignored);
  socket.set_option(tcp::socket::keep_alive(true), ignored);
  set_integer(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds(request_timeout));
  set_integer(socket, IPPROTO_TCP, TCP_KEEPIDLE, KeepIdleSeconds);
  set_integer(socket, IPPROTO_TCP, TCP_KEEPINTVL, KeepIntervalSeconds);
  set_integer(socket, IPPROTO_TCP, TCP_KEEPCNT, KeepProbes);
}

std::string serialized(const HttpRequest& request, const std::string& authority) {
  std::string text = absl::StrCat(request.method, " ", request.target, " HTTP/1.1\r\nHost: ", authority,
                                  "\r\nUser-Agent: cancelbus/" CANCELBUS_VERSION "\r\n");
  for (const auto& [name, value] : request.headers) absl::StrAppend(&text, name, ": ", value, "\r\n");
  return text + "\r\n";
}

HttpOutcome never_written(std::string why) {
  HttpOutcome outcome;
  outcome.error = std::move(why);
  return outcome;
}

}  // namespace

/// One connection from name lookup to its end; its pending operations keep it alive.
class HttpsClient::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::io_context& context, std::shared_ptr<const Options> options)
      : options_(std::move(options)),
        dialer_(context.get_executor()),
        timer_(context),
        stream_(context, *options_->tls) {}

  asio::awaitable<absl::Status> establish();
  void start_reading(std::function<void(const std::string&)> closed);
  bool idle() const { return open_ && !busy_; }
  uint64_t answers() const { return answers_; }
  /// Whether a request may be written: lets the reader see what has come in, last of all a close.
  asio::awaitable<bool> settle();
  asio::awaitable<HttpOutcome> exchange(const HttpRequest& request);
  void end(std::string why);
  /// Ends it without calling the handler of on_closed().
  void abandon();
  const std::string& why_ended() const { return why_ended_; }
  std::string description();

 private:
  asio::awaitable<absl::Status> step_by_step();
  asio::awaitable<void> read(std::shared_ptr<Connection> self);
  void expect_response();
  void feed();
  void complete();
  void write(std::string text);
  HttpOutcome take_outcome();

  std::shared_ptr<const Options> options_;
  std::function<void(const std::string&)> closed_;
  Dialer dialer_;
  asio::steady_timer timer_;  // of establishing, then of each request
  asio::ssl::stream<tcp::socket> stream_;
  boost::beast::flat_buffer buffer_;

  bool open_ = false;
  bool ended_ = false;
  bool abandoned_ = false;
  std::string why_ended_;

  uint64_t answers_ = 0;

  // The request under way.
  bool busy_ = false;
  bool writing_ = false;
  bool complete_ = false;
  bool keep_head_ = false;
  std::string request_;
  uint32_t max_body_ = 0;
  std::optional<Parser> parser_;
  HttpOutcome outcome_;
};

// ---- Establishing ----

asio::awaitable<absl::Status> HttpsClient::Connection::establish() {
  const auto self = shared_from_this();
  timer_.expires_after(options_->connect_timeout);
  timer_.async_wait([self](const error_code& stopped) {
    if (stopped || self->open_) return;
    self->end(absl::StrCat("not connected within ", seconds_text(self->options_->connect_timeout)));
  });
  const absl::Status status = co_await step_by_step();
  // The timer or abandon() has closed the socket under the step: that is the reason, not the error that the step met.
  if (ended_) co_return absl::UnavailableError(why_ended_);
  if (!status.ok()) {
    end(std::string(status.message()));
    co_return status;
  }
  open_ = true;
  timer_.cancel();
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> HttpsClient::Connection::step_by_step() {
  const Url& url = options_->url;
  error_code error;
  const auto found = co_await dialer_.look_up(url.host, url.port, options_->ip_family, error);
  if (error) co_return absl::UnavailableError(lookup_failure(url.host, options_->ip_family, error));
  if (ended_) co_return absl::CancelledError("");
  auto& socket = stream_.next_layer();
  const absl::Status connected = co_await dialer_.connect(socket, found);
  if (!connected.ok()) co_return connected;
  if (ended_) co_return absl::CancelledError("");
  const tcp::endpoint peer = socket.remote_endpoint(error);
  set_options(socket, options_->request_timeout);
  if (!expect_host(stream_.native_handle(), url.host)) co_return absl::InvalidArgumentError("TLS: unusable host name");
  co_await stream_.async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
  if (!error) co_return absl::OkStatus();
  const std::string why = ended_ ? why_ended_ : tls_failure(stream_.native_handle(), error);
  if (!abandoned_) note_in_vain(peer, why);
  co_return absl::UnavailableError(why);
}

void HttpsClient::Connection::start_reading(std::function<void(const std::string&)> closed) {
  closed_ = std::move(closed);
  spawn(stream_.get_executor(), read(shared_from_this()));
}

// ---- Reading ----

asio::awaitable<void> HttpsClient::Connection::read(std::shared_ptr<Connection> self) {
  while (!self->ended_) {
    error_code error;
    const size_t n = co_await self->stream_.async_read_some(self->buffer_.prepare(ReadBytes),
                                                            asio::redirect_error(asio::use_awaitable, error));
    if (self->ended_) co_return;
    if (error) {
      // A body without a stated length ends with a clean TLS close; a cut connection ends nothing.
      error_code unfinished;
      if (error == asio::error::eof && self->parser_ && self->parser_->is_header_done() && !self->complete_) {
        self->parser_->put_eof(unfinished);
        if (!unfinished) self->complete();
      }
      self->end(error == asio::error::eof ? "closed by the server" : error.message());
      co_return;
    }
    self->buffer_.commit(n);
    self->feed();
  }
}

void HttpsClient::Connection::expect_response() {
  parser_.emplace();
  parser_->eager(true);
  parser_->header_limit(MaxHeaderBytes);
  parser_->body_limit(max_body_);
}

void HttpsClient::Connection::feed() {
  if (!parser_ || complete_) return end("the server sent what was not asked for");
  while (buffer_.size() > 0 && !complete_) {
    error_code error;
    buffer_.consume(parser_->put(buffer_.data(), error));
    if (error == http::error::need_more) return;
    if (error == http::error::body_limit) {
      outcome_.response.oversized = true;
      return complete();
    }
    if (error) return end(absl::StrCat("not an HTTP response: ", error.message()));
    if (!parser_->is_done()) continue;
    if (parser_->get().result_int() / 100 != 1) return complete();
    expect_response();  // This was an interim one: the real one follows.
  }
}

void HttpsClient::Connection::complete() {
  auto& message = parser_->get();
  outcome_.end = HttpOutcome::End::Answered;
  outcome_.answered = now().wall;
  outcome_.response.status = static_cast<int>(message.result_int());
  if (!outcome_.response.oversized) outcome_.response.body = std::move(message.body());
  if (const auto header = message.find(http::field::retry_after); header != message.end()) {
    outcome_.response.retry_after = std::string(header->value());
  }
  if (const auto header = message.find(http::field::date); header != message.end()) {
    outcome_.response.date = std::string(header->value());
  }
  if (keep_head_) {
    std::string& head = outcome_.response.head;
    for (const auto& header : message) ((head += header.name_string()) += ": ").append(header.value()) += '\n';
  }
  complete_ = true;
  ++answers_;
  if (!writing_) timer_.cancel();
}

// ---- Requests ----

asio::awaitable<bool> HttpsClient::Connection::settle() {
  const auto self = shared_from_this();
  for (int turn = 0; open_ && !ended_ && turn < SettleTurns; ++turn) {
    char byte = 0;
    const ssize_t n = ::recv(stream_.next_layer().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) co_return true;
    // Something has come: a session ticket, which does no harm, or a goodbye. The pending read will tell.
    co_await asio::post(stream_.get_executor(), asio::use_awaitable);
  }
  end("closed by the server");
  co_return false;
}

asio::awaitable<HttpOutcome> HttpsClient::Connection::exchange(const HttpRequest& request) {
  const auto self = shared_from_this();
  busy_ = true;
  complete_ = false;
  keep_head_ = request.keep_head;
  outcome_ = {};
  outcome_.end = HttpOutcome::End::NoResponse;
  outcome_.sent = now().wall;
  max_body_ = request.max_response_bytes;
  expect_response();
  timer_.expires_after(options_->request_timeout);
  write(serialized(request, options_->url.authority));
  error_code ignored;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if (!complete_) end(absl::StrCat("no answer within ", seconds_text(options_->request_timeout)));
  co_return take_outcome();
}

void HttpsClient::Connection::write(std::string text) {
  request_ = std::move(text);
  writing_ = true;
  asio::async_write(stream_, asio::buffer(request_), [self = shared_from_this()](const error_code& error, size_t) {
    self->writing_ = false;
    if (self->complete_) self->timer_.cancel();
    if (error && !self->complete_) self->end(error.message());
  });
}

HttpOutcome HttpsClient::Connection::take_outcome() {
  if (!complete_) outcome_.error = why_ended_;
  const bool keep = complete_ && !outcome_.response.oversized && !writing_ && parser_->keep_alive();
  const bool surplus = buffer_.size() > 0;
  busy_ = false;
  parser_.reset();
  HttpOutcome outcome = std::exchange(outcome_, {});
  if (!keep) end("the server closes after its answer");
  if (surplus) end("the server sent what was not asked for");
  return outcome;
}

// ---- The end ----

void HttpsClient::Connection::end(std::string why) {
  if (ended_) return;
  ended_ = true;
  open_ = false;
  why_ended_ = std::move(why);
  timer_.cancel();
  dialer_.cancel();
  error_code ignored;
  stream_.next_layer().close(ignored);
  if (closed_) std::exchange(closed_, nullptr)(why_ended_);
}

void HttpsClient::Connection::abandon() {
  closed_ = nullptr;
  abandoned_ = true;
  end("closed by us");
}

std::string HttpsClient::Connection::description() {
  if (!open_) return "not connected";
  error_code error;
  const auto& socket = stream_.next_layer();
  return absl::StrCat(to_text(socket.remote_endpoint(error)), " from ", to_text(socket.local_endpoint(error)), ", ",
                      tls_description(stream_.native_handle()));
}

// ---- HttpsClient ----

HttpsClient::HttpsClient(asio::io_context& context, Options options)
    : context_(context), options_(std::make_shared<const Options>(std::move(options))) {}

HttpsClient::~HttpsClient() { close(); }

void HttpsClient::on_closed(std::function<void(const std::string&)> handler) { closed_ = std::move(handler); }

asio::awaitable<absl::Status> HttpsClient::connect() {
  close();
  const auto connection = connection_ = std::make_shared<Connection>(context_, options_);
  const absl::Status status = co_await connection->establish();
  if (status.ok()) connection->start_reading(closed_);
  co_return status;
}

bool HttpsClient::idle() const { return connection_ && connection_->idle(); }

uint64_t HttpsClient::answers() const { return connection_ ? connection_->answers() : 0; }

asio::awaitable<HttpOutcome> HttpsClient::request(HttpRequest request, std::function<bool()> may_write) {
  const auto connection = connection_;
  if (!connection || !connection->idle()) co_return never_written("no connection");
  const bool usable = co_await connection->settle();  // not inside the if: g++ 12 can make code of that which crashes
  if (!usable) co_return never_written(connection->why_ended());
  if (may_write && !may_write()) co_return never_written("withdrawn at the last moment");
  co_return co_await connection->exchange(request);
}

void HttpsClient::close() {
  if (connection_) connection_->abandon();
  connection_.reset();
}

std::string HttpsClient::description() const { return connection_ ? connection_->description() : "not connected"; }

}  // namespace cancelbus::io
