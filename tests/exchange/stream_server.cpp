#include "tests/exchange/stream_server.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <deque>
#include <map>
#include <utility>

namespace exchange_sim {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMaxStreams = 256;
constexpr std::size_t kMaxQueuedFrames = 100'000;
constexpr std::size_t kMaxMessage = 64 * 1024;

class QuietableTls {
 public:
  using Inner = asio::ssl::stream<tcp::socket>;
  using executor_type = Inner::executor_type;

  QuietableTls(tcp::socket socket, asio::ssl::context& tls) : inner_(std::move(socket), tls) {}

  executor_type get_executor() { return inner_.get_executor(); }
  Inner& inner() { return inner_; }
  tcp::socket& socket() { return inner_.next_layer(); }
  void be_quiet() { quiet_ = true; }

  template <class Buffers, class Handler>
  auto async_read_some(const Buffers& buffers, Handler&& handler) {
    return inner_.async_read_some(buffers, std::forward<Handler>(handler));
  }

  template <class Buffers, class Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    return asio::async_initiate<Handler, void(error_code, std::size_t)>(
        [this](auto completion, const Buffers& data) {
          if (quiet_) {
            asio::post(get_executor(),
                       beast::bind_front_handler(std::move(completion), error_code{}, asio::buffer_size(data)));
          } else {
            inner_.async_write_some(data, std::move(completion));
          }
        },
        handler, buffers);
  }

 private:
  Inner inner_;
  bool quiet_ = false;
};

// Beast ends a WebSocket through these two, found by argument type.
inline void beast_close_socket(QuietableTls& stream) {
  error_code ignored;
  stream.socket().close(ignored);
}

template <class Handler>
void async_teardown(beast::role_type role, QuietableTls& stream, Handler&& handler) {
  beast::async_teardown(role, stream.inner(), std::forward<Handler>(handler));
}

class Session;

class StreamServer : public StreamDoor, public std::enable_shared_from_this<StreamServer> {
 public:
  StreamServer(asio::ssl::context& tls, Shell& shell) : tls_(tls), shell_(shell) {}

  void accepted(tcp::socket socket);
  void send(StreamId stream, std::string text) override;
  void ping(StreamId stream) override;
  void silence(StreamId stream) override;
  void end(StreamId stream, Ending how) override;

  Shell& shell() { return shell_; }
  void opened(StreamId id, Session* session) { sessions_[id] = session; }
  void closed(StreamId id) { sessions_.erase(id); }
  void session_gone() { --count_; }

 private:
  Session* find(StreamId id) {
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : found->second;
  }

  asio::ssl::context& tls_;
  Shell& shell_;
  std::size_t count_ = 0;
  std::map<StreamId, Session*> sessions_;  // a session takes itself out before it dies
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, asio::ssl::context& tls, std::shared_ptr<StreamServer> server)
      : ws_(std::move(socket), tls), server_(std::move(server)), id_(server_->shell().next_id()) {
    error_code error;
    const auto peer = ws_.next_layer().socket().remote_endpoint(error);
    if (!error) ip_ = peer.address().to_string();
  }
  ~Session() { server_->session_gone(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() {
    auto on_tls = [self = shared_from_this()](error_code error) {
      if (!error) self->read_upgrade();
    };
    ws_.next_layer().inner().async_handshake(asio::ssl::stream_base::server, std::move(on_tls));
  }

  void send(std::string text) {
    if (queue_.size() >= kMaxQueuedFrames) {  // the reader is lost; a real exchange drops it too
      end(Ending::Reset);
      return;
    }
    queue_.push_back(std::move(text));
    if (queue_.size() == 1) write();
  }

  void ping() {
    if (pinging_) return;
    pinging_ = true;
    ws_.async_ping({}, [self = shared_from_this()](error_code) { self->pinging_ = false; });
  }

  void silence() { ws_.next_layer().be_quiet(); }

  void end(Ending how) {
    error_code ignored;
    tcp::socket& socket = ws_.next_layer().socket();
    if (how == Ending::CloseFrame) {
      if (std::exchange(closing_, true)) return;
      ws_.async_close(websocket::close_code::normal, [self = shared_from_this()](error_code) {});
      return;
    }
    if (how == Ending::Reset) {
      socket.set_option(asio::socket_base::linger(true, 0), ignored);
    } else {
      socket.shutdown(tcp::socket::shutdown_send, ignored);
    }
    socket.close(ignored);
  }

 private:
  void read_upgrade() {
    auto on_request = [self = shared_from_this()](error_code error, std::size_t) {
      if (!error) self->answer_upgrade();
    };
    http::async_read(ws_.next_layer(), buffer_, upgrade_, std::move(on_request));
  }

  void answer_upgrade() {
    if (!websocket::is_upgrade(upgrade_)) {
      refuse({426, R"({"success":false,"message":"Upgrade Required","code":426})", {}, true});
    } else if (auto refusal = server_->shell().handshake(ip_)) {
      refuse(*refusal);
    } else {
      accept();
    }
  }

  void refuse(const HttpAnswer& answer) {
    refusal_.result(static_cast<http::status>(answer.status));
    const auto type = content_type(answer);
    refusal_.set(http::field::content_type, {type.data(), type.size()});
    if (!answer.date.empty()) refusal_.set(http::field::date, answer.date);
    const std::string wait = retry_after_header(answer);
    if (!wait.empty()) refusal_.set(http::field::retry_after, wait);
    refusal_.body() = answer.body;
    refusal_.keep_alive(false);
    refusal_.prepare_payload();
    http::async_write(ws_.next_layer(), refusal_, [self = shared_from_this()](error_code, std::size_t) {
      error_code ignored;
      self->ws_.next_layer().socket().shutdown(tcp::socket::shutdown_both, ignored);
    });
  }

  void accept() {
    // Beast's own timeouts stay off: what a stream does over time is the model's affair.
    ws_.set_option(
        websocket::stream_base::timeout{websocket::stream_base::none(), websocket::stream_base::none(), false});
    ws_.read_message_max(kMaxMessage);
    ws_.control_callback([this](websocket::frame_type kind, beast::string_view) {
      if (kind == websocket::frame_type::pong) server_->shell().stream_pong(id_);
    });
    ws_.set_option(
        websocket::stream_base::decorator([date = server_->shell().date()](websocket::response_type& response) {
          response.set(http::field::date, date);
        }));
    ws_.async_accept(upgrade_, [self = shared_from_this()](error_code error) {
      if (error) return;
      self->server_->opened(self->id_, self.get());
      self->server_->shell().stream_opened(self->id_);
      self->read();
    });
  }

  void read() {
    buffer_.clear();
    ws_.async_read(buffer_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) {
        self->closed();
        return;
      }
      const auto data = self->buffer_.cdata();
      self->server_->shell().stream_text(self->id_, {static_cast<const char*>(data.data()), data.size()});
      self->read();
    });
  }

  void write() {
    ws_.text(true);
    ws_.async_write(asio::buffer(queue_.front()), [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return;  // the read notices too, and ends the session
      self->queue_.pop_front();
      if (!self->queue_.empty()) self->write();
    });
  }

  void closed() {
    server_->closed(id_);
    server_->shell().stream_closed(id_);
    error_code ignored;
    ws_.next_layer().socket().close(ignored);
  }

  websocket::stream<QuietableTls> ws_;
  std::shared_ptr<StreamServer> server_;
  StreamId id_;
  std::string ip_;
  beast::flat_buffer buffer_{kMaxMessage};
  http::request<http::string_body> upgrade_;
  http::response<http::string_body> refusal_;
  std::deque<std::string> queue_;
  bool pinging_ = false;
  bool closing_ = false;
};

void StreamServer::accepted(tcp::socket socket) {
  if (count_ >= kMaxStreams) return;  // the socket closes
  ++count_;
  std::make_shared<Session>(std::move(socket), tls_, shared_from_this())->start();
}

void StreamServer::send(StreamId stream, std::string text) {
  if (Session* session = find(stream)) session->send(std::move(text));
}

void StreamServer::ping(StreamId stream) {
  if (Session* session = find(stream)) session->ping();
}

void StreamServer::silence(StreamId stream) {
  if (Session* session = find(stream)) session->silence();
}

void StreamServer::end(StreamId stream, Ending how) {
  if (Session* session = find(stream)) session->end(how);
}

}  // namespace

std::shared_ptr<StreamDoor> serve_stream(asio::ssl::context& tls, Listener& listener, Shell& shell) {
  auto server = std::make_shared<StreamServer>(tls, shell);
  listener.run([server](tcp::socket socket) { server->accepted(std::move(socket)); });
  return server;
}

}  // namespace exchange_sim
