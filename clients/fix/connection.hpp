// One accepted connection, plain or TLS: bytes in, bytes out, and its end.
//
// Used by acceptor.cpp and gateway.cpp. Everything here is bounded: the time until the first message, and the bytes
// that wait for a counterparty that does not read. Handlers are called from the io_context, never from within a call.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace boost::asio::ssl {
class context;
}

namespace cancelbus::fix {

namespace asio = boost::asio;
using TlsServer = std::shared_ptr<asio::ssl::context>;

class Connection {
 public:
  /// From the accept until accepted(): the handshake of TLS and the Logon.
  static constexpr std::chrono::seconds LogonWithin{10};
  /// What waits beyond it ends the connection: the messages are kept, and are asked for after the next logon.
  static constexpr size_t MaxWaitingBytes = 64 << 20;

  struct Handlers {
    std::function<void(std::string_view bytes)> on_bytes;
    /// All that waited was written.
    std::function<void()> on_drained;
    /// Once, with what ended it; nothing is called afterwards.
    std::function<void(const std::string& why)> on_closed;
  };

  virtual ~Connection() = default;
  virtual void start(Handlers handlers) = 0;
  /// The time for the Logon no longer runs.
  virtual void accepted() = 0;
  virtual void send(std::string bytes) = 0;
  /// Closes when all that waits is written, TLS with close_notify, or after a second.
  virtual void close() = 0;
  virtual size_t waiting_bytes() const = 0;
  /// The subject's common name of the client's certificate, which was verified; empty without one.
  virtual std::string certificate_name() const = 0;
};

/// Without `tls` it is plain.
std::shared_ptr<Connection> make_connection(asio::ip::tcp::socket socket, const TlsServer& tls);

/// For an acceptor: TLS 1.2 or newer with this certificate. With `client_ca_file` a client without a certificate that
/// one of its authorities has signed is refused. Null and a sentence in `error`, which names the setting.
TlsServer make_tls_server(const std::string& certificate_file, const std::string& key_file,
                          const std::string& client_ca_file, std::string& error);

}  // namespace cancelbus::fix
