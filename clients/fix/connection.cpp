#include "clients/fix/connection.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <type_traits>
#include <utility>

namespace cancelbus::fix {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using TlsStream = asio::ssl::stream<tcp::socket>;

constexpr std::chrono::seconds CloseWithin{1};

template <typename Stream>
class StreamConnection final : public Connection, public std::enable_shared_from_this<StreamConnection<Stream>> {
 public:
  StreamConnection(Stream stream, TlsServer tls)
      : tls_(std::move(tls)), stream_(std::move(stream)), deadline_(stream_.get_executor()) {}

  void start(Handlers handlers) override {
    handlers_ = std::move(handlers);
    end_after(LogonWithin, "no Logon in time");
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](const error_code& error) {
                                if (error) return self->end("TLS: " + error.message());
                                self->shaken_ = true;
                                self->read();
                              });
    } else {
      asio::post(stream_.get_executor(), [self = this->shared_from_this()] { self->read(); });
    }
  }

  void accepted() override { deadline_.cancel(); }

  void send(std::string bytes) override {
    if (ended_ || bytes.empty()) return;
    waiting_.append(bytes);
    if (waiting_bytes() > MaxWaitingBytes) {
      asio::post(stream_.get_executor(),
                 [self = this->shared_from_this()] { self->end("the counterparty does not read"); });
      return;
    }
    write();
  }

  void close() override {
    closing_ = true;
    end_after(CloseWithin, "closed");
    if (writing_.empty() && waiting_.empty()) {
      asio::post(stream_.get_executor(), [self = this->shared_from_this()] { self->finish(); });
    }
  }

  size_t waiting_bytes() const override { return writing_.size() + waiting_.size(); }

  std::string certificate_name() const override {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      auto* tls = const_cast<Stream&>(stream_).native_handle();  // NOLINT(cppcoreguidelines-pro-type-const-cast)
      const X509* certificate = SSL_get0_peer_certificate(tls);
      if (certificate == nullptr) return {};
      std::array<char, 128> text{};
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text.data(), text.size());
      return text.data();
    }
    return {};
  }

 private:
  void read() {
    if (ended_) return;
    stream_.async_read_some(
        asio::buffer(buffer_), [self = this->shared_from_this()](const error_code& error, size_t size) {
          if (error) return self->end(error == asio::error::eof ? "the counterparty has closed" : error.message());
          if (self->ended_ || self->closing_) return;
          self->handlers_.on_bytes({self->buffer_.data(), size});
          self->read();
        });
  }

  void write() {
    if (!writing_.empty() || waiting_.empty()) return;
    writing_.swap(waiting_);
    asio::async_write(stream_, asio::buffer(writing_),
                      [self = this->shared_from_this()](const error_code& error, size_t) {
                        self->writing_.clear();
                        if (error) return self->end(error.message());
                        if (self->ended_) return;
                        self->write();
                        if (!self->writing_.empty()) return;
                        if (self->closing_) return self->finish();
                        self->handlers_.on_drained();
                      });
  }

  /// All was written. TLS sends close_notify, without which a client cannot tell the end from a cut connection.
  void finish() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      if (ended_ || std::exchange(finishing_, true)) return;
      if (shaken_) {
        return stream_.async_shutdown([self = this->shared_from_this()](const error_code&) { self->end("closed"); });
      }
    }
    end("closed");
  }

  void end_after(std::chrono::seconds wait, const char* why) {
    deadline_.expires_after(wait);
    deadline_.async_wait([self = this->shared_from_this(), why](const error_code& error) {
      if (!error) self->end(why);
    });
  }

  void end(const std::string& why) {
    if (std::exchange(ended_, true)) return;
    deadline_.cancel();
    error_code ignored;
    lowest().shutdown(tcp::socket::shutdown_both, ignored);
    lowest().close(ignored);
    const auto handlers = std::exchange(handlers_, {});
    if (handlers.on_closed) handlers.on_closed(why);
  }

  tcp::socket& lowest() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }

  TlsServer tls_;  ///< outlives the stream
  Stream stream_;
  asio::steady_timer deadline_;
  Handlers handlers_;
  std::array<char, 16 * 1024> buffer_{};
  std::string writing_;
  std::string waiting_;
  bool shaken_ = false;  ///< the handshake of TLS is done
  bool closing_ = false;
  bool finishing_ = false;
  bool ended_ = false;
};

}  // namespace

std::shared_ptr<Connection> make_connection(tcp::socket socket, const TlsServer& tls) {
  if (!tls) return std::make_shared<StreamConnection<tcp::socket>>(std::move(socket), nullptr);
  return std::make_shared<StreamConnection<TlsStream>>(TlsStream(std::move(socket), *tls), tls);
}

TlsServer make_tls_server(const std::string& certificate_file, const std::string& key_file,
                          const std::string& client_ca_file, std::string& error) {
  auto tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
  error_code code;
  tls->use_certificate_chain_file(certificate_file, code);
  if (code) error = "ServerCertificateFile=" + certificate_file + ": " + code.message();
  if (!code) {
    tls->use_private_key_file(key_file, asio::ssl::context::pem, code);
    if (code) error = "ServerCertificateKeyFile=" + key_file + ": " + code.message();
  }
  if (!code && !client_ca_file.empty()) {
    tls->load_verify_file(client_ca_file, code);
    if (code) error = "CertificationAuthoritiesFile=" + client_ca_file + ": " + code.message();
    tls->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  }
  return code ? nullptr : tls;
}

}  // namespace cancelbus::fix
