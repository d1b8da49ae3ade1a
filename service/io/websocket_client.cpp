#include "service/io/websocket_client.hpp"

#include <absl/strings/str_cat.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <utility>

#include "service/base/retry_after.hpp"
#include "service/io/spawn.hpp"

namespace cancelbus::io {
namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

std::string_view header_of(const websocket::response_type& response, boost::beast::http::field name) {
  const auto value = response[name];
  return {value.data(), value.size()};
}

std::string read_failure(const error_code& ec) {
  if (ec == asio::error::eof || ec == ssl::error::stream_truncated) return "closed by the peer without a close frame";
  return ec.message();
}

std::string peers_farewell(const websocket::close_reason& reason) {
  const absl::string_view text(reason.reason.data(), reason.reason.size());
  return absl::StrCat("closed by the peer, code ", reason.code, text.empty() ? "" : ": ", text);
}

}  // namespace

/// What outlives a single connection. Shared, because a connection's last handlers may run after the client is gone.
struct WebsocketClient::Shared {
  Shared(asio::io_context& context, WebsocketOptions given, WebsocketListener& heard, TlsContext trust)
      : io(context), options(std::move(given)), listener(heard), tls(std::move(trust)) {}
  asio::io_context& io;
  WebsocketOptions options;
  WebsocketListener& listener;
  TlsContext tls;
};

/// One connection from name lookup to its end. Kept alive by its own pending operations.
class WebsocketClient::Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(std::shared_ptr<Shared> shared)
      : shared_(std::move(shared)),
        listener_(&shared_->listener),
        dialer_(shared_->io.get_executor()),
        deadline_(shared_->io),
        stream_(shared_->io, *shared_->tls) {}

  void start() {
    arm(options().connect_timeout);
    spawn(shared_->io, run(shared_from_this()));
  }
  void send(std::string text);
  void close();
  void abort() {
    listener_ = nullptr;
    end("aborted");
  }

 private:
  const WebsocketOptions& options() const { return shared_->options; }
  SSL* tls() { return stream_.next_layer().native_handle(); }
  tcp::socket& socket() { return stream_.next_layer().next_layer(); }

  // `self` keeps this alive until the last step has returned. Each step answers whether to go on.
  asio::awaitable<void> run(std::shared_ptr<Connection> self);
  asio::awaitable<bool> dial();
  asio::awaitable<bool> secure();
  asio::awaitable<bool> upgrade();
  asio::awaitable<void> read();
  asio::awaitable<void> write(std::shared_ptr<Connection> self);
  void arm(core::Duration timeout);
  void heard(websocket::frame_type kind);
  bool end(std::string text, int http_status = 0, std::optional<core::Duration> retry_after = {});

  std::shared_ptr<Shared> shared_;
  WebsocketListener* listener_;  // null once the last word is said
  Dialer dialer_;
  asio::steady_timer deadline_;
  websocket::stream<ssl::stream<tcp::socket>> stream_;
  std::deque<std::string> unsent_;
  std::string step_ = "name lookup";
  std::string farewell_;  // why it ends, once a close frame has come or gone: more telling than how the socket ends
  bool open_ = false;
  bool ended_ = false;
  bool late_ = false;  // and that is why it ended
};

asio::awaitable<void> WebsocketClient::Connection::run(std::shared_ptr<Connection> self) {
  // Not `if (!co_await ...)`: g++ 12 makes code of that which resumes a wrong frame.
  bool going = co_await self->dial();
  if (going) going = co_await self->secure();
  if (going) going = co_await self->upgrade();
  if (going) co_await self->read();
}

asio::awaitable<bool> WebsocketClient::Connection::dial() {
  error_code ec;
  const auto found = co_await dialer_.look_up(options().url.host, options().url.port, options().ip_family, ec);
  if (ended_) co_return false;
  if (ec) co_return end(lookup_failure(options().url.host, options().ip_family, ec));
  step_ = "TCP connect";
  const absl::Status connected = co_await dialer_.connect(socket(), found);
  if (ended_) co_return false;
  if (!connected.ok()) co_return end(std::string(connected.message()));
  socket().set_option(tcp::no_delay(true), ec);
  co_return true;
}

asio::awaitable<bool> WebsocketClient::Connection::secure() {
  step_ = "TLS handshake";
  if (!expect_host(tls(), options().url.host)) co_return end("TLS: the host name is unusable");
  error_code ec;
  const tcp::endpoint peer = socket().remote_endpoint(ec);
  co_await stream_.next_layer().async_handshake(ssl::stream_base::client,
                                                asio::redirect_error(asio::use_awaitable, ec));
  if (ended_ && !late_) co_return false;
  if (!ec) co_return true;
  const std::string why = late_ ? "no TLS handshake in time" : tls_failure(tls(), ec);
  note_in_vain(peer, why);
  co_return end(why);
}

asio::awaitable<bool> WebsocketClient::Connection::upgrade() {
  step_ = "WebSocket upgrade";
  stream_.set_option(websocket::stream_base::decorator([](websocket::request_type& request) {
    request.set(boost::beast::http::field::user_agent, "cancelbus/" CANCELBUS_VERSION);
  }));
  stream_.control_callback([this](websocket::frame_type kind, boost::beast::string_view) { heard(kind); });
  stream_.text(true);
  websocket::response_type response;
  error_code ec;
  co_await stream_.async_handshake(response, options().url.authority, options().url.path,
                                   asio::redirect_error(asio::use_awaitable, ec));
  if (ended_) co_return false;
  if (ec == websocket::error::upgrade_declined) {
    co_return end(absl::StrCat("WebSocket upgrade refused: HTTP ", response.result_int()),
                  static_cast<int>(response.result_int()),
                  base::read_retry_after(header_of(response, boost::beast::http::field::retry_after),
                                         header_of(response, boost::beast::http::field::date)));
  }
  if (ec) co_return end(absl::StrCat("WebSocket upgrade: ", ec.message()));
  deadline_.cancel();
  open_ = true;
  const tcp::endpoint peer = socket().remote_endpoint(ec);
  listener_->on_open({absl::StrCat(to_text(peer), " from ", to_text(socket().local_endpoint(ec))),
                      tls_description(tls()),
                      base::read_http_date(header_of(response, boost::beast::http::field::date))});
  co_return !ended_;
}

asio::awaitable<void> WebsocketClient::Connection::read() {
  const std::size_t limit = options().max_message_bytes;
  boost::beast::flat_buffer buffer;
  while (!ended_) {
    error_code ec;
    co_await stream_.async_read_some(buffer, limit + 1 - buffer.size(), asio::redirect_error(asio::use_awaitable, ec));
    if (ended_) co_return;
    if (ec) end(read_failure(ec));
    // Beast's own limit would first wait for the peer to close, and then forget why.
    if (buffer.size() > limit) end(absl::StrCat("a message exceeded ", limit, " bytes"));
    if (ended_ || !stream_.is_message_done()) continue;
    const auto bytes = buffer.cdata();
    listener_->on_message(std::string_view(static_cast<const char*>(bytes.data()), bytes.size()));
    buffer.consume(bytes.size());
  }
}

asio::awaitable<void> WebsocketClient::Connection::write(std::shared_ptr<Connection> self) {
  while (!self->ended_ && !self->unsent_.empty()) {
    error_code ec;
    co_await self->stream_.async_write(asio::buffer(self->unsent_.front()),
                                       asio::redirect_error(asio::use_awaitable, ec));
    // The reader meets the same failure and reports it.
    if (ec) co_return;
    self->unsent_.pop_front();
  }
}

void WebsocketClient::Connection::send(std::string text) {
  if (!open_ || ended_) return;
  if (unsent_.size() >= options().max_unsent_messages) {
    // Not from inside the caller's own call: on_closed would surprise it there.
    asio::post(shared_->io, [self = shared_from_this()] { self->end("the peer does not read"); });
    return;
  }
  unsent_.push_back(std::move(text));
  if (unsent_.size() > 1) return;
  spawn(shared_->io, write(shared_from_this()));
}

void WebsocketClient::Connection::close() {
  if (ended_) return;
  farewell_ = "closed by us";
  if (!open_) {
    asio::post(shared_->io, [self = shared_from_this()] { self->end(self->farewell_); });
    return;
  }
  arm(options().close_timeout);
  stream_.async_close(websocket::close_code::normal,
                      [self = shared_from_this()](error_code) { self->end(self->farewell_); });
}

void WebsocketClient::Connection::arm(core::Duration timeout) {
  deadline_.expires_after(timeout);
  deadline_.async_wait([self = shared_from_this()](error_code ec) {
    // A wait that had completed before it was re-armed arrives without an error: the expiry tells.
    if (ec || self->deadline_.expiry() > std::chrono::steady_clock::now()) return;
    self->late_ = true;
    self->end(absl::StrCat(self->step_, " timed out"));
  });
}

void WebsocketClient::Connection::heard(websocket::frame_type kind) {
  if (ended_) return;
  if (kind != websocket::frame_type::close) return listener_->on_control();
  // What remains is the peer's half of the TLS shutdown, which it may never do.
  farewell_ = peers_farewell(stream_.reason());
  arm(options().close_timeout);
}

bool WebsocketClient::Connection::end(std::string text, int http_status, std::optional<core::Duration> retry_after) {
  if (ended_) return false;
  ended_ = true;
  deadline_.cancel();
  dialer_.cancel();
  error_code ignored;
  socket().set_option(asio::socket_base::linger(true, 0), ignored);
  socket().close(ignored);
  if (!farewell_.empty()) text = std::move(farewell_);
  if (listener_ != nullptr) std::exchange(listener_, nullptr)->on_closed({std::move(text), http_status, retry_after});
  return false;
}

WebsocketClient::WebsocketClient(asio::io_context& io, TlsContext tls, WebsocketOptions options,
                                 WebsocketListener& listener)
    : shared_(std::make_shared<Shared>(io, std::move(options), listener, std::move(tls))) {}

WebsocketClient::~WebsocketClient() { abort(); }

void WebsocketClient::connect() {
  abort();
  connection_ = std::make_shared<Connection>(shared_);
  connection_->start();
}

void WebsocketClient::send(std::string text) {
  if (connection_) connection_->send(std::move(text));
}

void WebsocketClient::close() {
  if (connection_) connection_->close();
}

void WebsocketClient::abort() {
  if (auto connection = std::exchange(connection_, nullptr)) connection->abort();
}

}  // namespace cancelbus::io
