// What the programs of the benchmark share: one clock, encrypted ZeroMQ sockets, and a TLS connection that blocks.
#pragma once

#include <openssl/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "service/base/http_request.hpp"
#include "service/btcturk/signer.hpp"

namespace cancelbus::bench {

/// CLOCK_MONOTONIC in nanoseconds, which is the same in all processes of a machine.
int64_t now_ns();
/// Milliseconds since the Unix epoch.
int64_t now_ms();

/// The content of a file, less the newline at its end. Ends the process if it cannot be read.
std::string read_file(const std::string& path);
/// Writes `why` to stderr and ends the process with exit code 1.
[[noreturn]] void give_up(const std::string& why);

/// Keys are files with a key in Z85, as `cancelctl keygen` writes them.
struct CurveFiles {
  std::string own;     ///< our secret key
  std::string server;  ///< the server's public key; of clients only
};
zmq::socket_t client_socket(zmq::context_t& context, zmq::socket_type type, const CurveFiles& keys);
zmq::socket_t server_socket(zmq::context_t& context, zmq::socket_type type, const CurveFiles& keys);
/// The endpoint that a socket is bound to.
std::string endpoint_of(zmq::socket_t& socket);

template <typename Message>
zmq::message_t encode(const Message& message) {
  zmq::message_t frame(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(static_cast<uint8_t*>(frame.data()));
  return frame;
}

template <typename Message>
bool decode(const zmq::message_t& frame, Message& message) {
  return message.ParseFromArray(frame.data(), static_cast<int>(frame.size()));
}

/// A verified connection to `https://HOST:PORT` or `wss://HOST:PORT`, where HOST is an IPv4 address. It blocks for at
/// most 30 s. Every failure ends the process.
class Tls {
 public:
  Tls(const std::string& url, const std::string& ca_file);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  void write(std::string_view text);
  /// At least one byte more, at the end of `text`. False if the peer has closed the connection.
  bool read_more(std::string& text);
  /// Bytes that were received and decrypted, for which poll() would wait in vain.
  bool has_more() const;
  int fd() const { return fd_; }
  /// HOST:PORT
  const std::string& authority() const { return authority_; }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const;
    void operator()(SSL* ssl) const;
  };
  std::string authority_;
  int fd_ = -1;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
};

struct Response {
  int status = 0;
  int retry_after_s = 0;  ///< 0: none
  std::string body;
};
/// One request and its response, on a connection that stays open.
Response exchange(Tls& tls, const base::HttpRequest& request);

/// From the two files in which the exchange's API key is kept.
btcturk::Signer read_signer(const std::string& key_file, const std::string& secret_file);

}  // namespace cancelbus::bench
