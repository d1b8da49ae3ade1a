// A TLS server for the tests of io's clients, and the authority that signs its certificates.
//
// Blocking sockets on a thread of its own, written on OpenSSL alone: each test's script says, byte by byte if it
// likes, what a connection gets. It knows only as much of WebSocket as one frame of at most 65535
// bytes.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace cancelbus::io {

struct OpensslFree {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  void operator()(SSL* p) const { SSL_free(p); }
};
template <typename T>
using Openssl = std::unique_ptr<T, OpensslFree>;

struct TestCertificate {
  Openssl<X509> certificate;
  Openssl<EVP_PKEY> key;
};

/// Makes its own key, and writes its certificate to a file that lives as long as it does.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();
  /// `names` as OpenSSL writes them: "DNS:localhost,IP:127.0.0.1". A negative validity: expired.
  TestCertificate issue(const std::string& names, std::chrono::seconds valid_for = std::chrono::hours(1)) const;
  const std::string& ca_file() const { return ca_file_; }

 private:
  TestCertificate own_;
  std::string ca_file_;
};

class ServerConnection {
 public:
  struct Frame {
    int opcode = 0;
    std::string payload;
  };
  explicit ServerConnection(SSL* tls) : tls_(tls) {}
  /// Reads the client's request, up to the blank line.
  std::string read_request();
  void accept_upgrade();
  void write(const std::string& bytes);
  /// Ends TLS as one should, before the socket is closed.
  void say_goodbye();
  /// The socket will close by reset.
  void close_by_reset();
  /// Waits until the client has closed; what it still said.
  std::string read_rest();
  void send_frame(int opcode, const std::string& payload);
  /// Waits; none when the client has gone.
  std::optional<Frame> read_frame();

 private:
  bool read_exactly(void* into, std::size_t bytes);
  SSL* tls_;
};

class TlsServer {
 public:
  using Script = std::function<void(ServerConnection&)>;
  /// Every connection runs the script; when it returns, the socket is closed with nothing said.
  TlsServer(TestCertificate identity, Script script);
  ~TlsServer();
  uint16_t port() const { return port_; }

 private:
  void serve();
  Openssl<SSL_CTX> context_;
  Script script_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace cancelbus::io
