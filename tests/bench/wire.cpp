#include "tests/bench/wire.hpp"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>

namespace cancelbus::bench {
namespace {

constexpr timeval Patience{30, 0};

std::string openssl_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return text.data();
}

int connect_to(const std::string& authority) {
  const std::vector<std::string> parts = absl::StrSplit(authority, ':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  int port = 0;
  if (parts.size() != 2 || inet_pton(AF_INET, parts[0].c_str(), &address.sin_addr) != 1 ||
      !absl::SimpleAtoi(parts[1], &port)) {
    give_up(absl::StrCat(authority, ": expected an IPv4 address and a port"));
  }
  address.sin_port = htons(static_cast<uint16_t>(port));
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &Patience, sizeof Patience);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    give_up(absl::StrCat(authority, ": cannot connect"));
  }
  return fd;
}

std::string serialized(const base::HttpRequest& request, const std::string& authority) {
  std::string text = absl::StrCat(request.method, " ", request.target, " HTTP/1.1\r\nHost: ", authority,
                                  "\r\nUser-Agent: cancelbus-bench\r\n");
  for (const auto& [name, value] : request.headers) absl::StrAppend(&text, name, ": ", value, "\r\n");
  return text + "\r\n";
}

// The number in a header of a response's head; 0 if there is none.
int number_of(const std::string& head, const std::string& name) {
  const size_t begin = absl::AsciiStrToLower(head).find("\r\n" + name + ":");
  if (begin == std::string::npos) return 0;
  return std::atoi(head.c_str() + begin + name.size() + 3);
}

}  // namespace

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) give_up(absl::StrCat(path, ": cannot be read"));
  std::string text(std::istreambuf_iterator<char>(file), {});
  absl::StripTrailingAsciiWhitespace(&text);
  return text;
}

void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

zmq::socket_t client_socket(zmq::context_t& context, zmq::socket_type type, const CurveFiles& keys) {
  zmq::socket_t socket(context, type);
  const std::string secret = read_file(keys.own);
  std::array<char, 41> own{};
  if (zmq_curve_public(own.data(), secret.c_str()) != 0) give_up(absl::StrCat(keys.own, ": is not a secret CURVE key"));
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::curve_secretkey, secret);
  socket.set(zmq::sockopt::curve_publickey, std::string(own.data()));
  socket.set(zmq::sockopt::curve_serverkey, read_file(keys.server));
  return socket;
}

zmq::socket_t server_socket(zmq::context_t& context, zmq::socket_type type, const CurveFiles& keys) {
  zmq::socket_t socket(context, type);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, read_file(keys.own));
  socket.bind("tcp://127.0.0.1:*");
  return socket;
}

std::string endpoint_of(zmq::socket_t& socket) { return socket.get(zmq::sockopt::last_endpoint); }

void Tls::Free::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
void Tls::Free::operator()(SSL* ssl) const { SSL_free(ssl); }

Tls::Tls(const std::string& url, const std::string& ca_file) {
  if (!url.starts_with("https://") && !url.starts_with("wss://")) {
    give_up(absl::StrCat(url, ": expected https:// or wss://"));
  }
  authority_ = url.substr(url.find("//") + 2);
  context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(context_.get(), ca_file.c_str(), nullptr) != 1) {
    give_up(absl::StrCat(ca_file, ": ", openssl_error()));
  }
  fd_ = connect_to(authority_);
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_mode(ssl_.get(), SSL_MODE_AUTO_RETRY);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), authority_.substr(0, authority_.find(':')).c_str());
  SSL_set_fd(ssl_.get(), fd_);
  if (SSL_connect(ssl_.get()) != 1) give_up(absl::StrCat(authority_, ": ", openssl_error()));
}

Tls::~Tls() {
  ssl_.reset();
  ::close(fd_);
}

void Tls::write(std::string_view text) {
  if (SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) != static_cast<int>(text.size())) {
    give_up(absl::StrCat(authority_, ": cannot write: ", openssl_error()));
  }
}

bool Tls::read_more(std::string& text) {
  std::array<char, 16'384> buffer;
  const int got = SSL_read(ssl_.get(), buffer.data(), buffer.size());
  if (got <= 0) return false;
  text.append(buffer.data(), static_cast<size_t>(got));
  return true;
}

bool Tls::has_more() const { return SSL_pending(ssl_.get()) > 0; }

Response exchange(Tls& tls, const base::HttpRequest& request) {
  tls.write(serialized(request, tls.authority()));
  std::string text;
  size_t end = std::string::npos;
  while ((end = text.find("\r\n\r\n")) == std::string::npos) {
    if (!tls.read_more(text)) give_up("the exchange closed the connection");
  }
  const std::string head = text.substr(0, end);
  Response response;
  response.status = std::atoi(head.c_str() + head.find(' '));
  response.retry_after_s = number_of(head, "retry-after");
  const size_t size = static_cast<size_t>(number_of(head, "content-length"));
  const size_t begin = end + 4;
  while (text.size() < begin + size) {
    if (!tls.read_more(text)) give_up("the exchange closed the connection within a response");
  }
  response.body = text.substr(begin, size);
  return response;
}

btcturk::Signer read_signer(const std::string& key_file, const std::string& secret_file) {
  auto signer = btcturk::Signer::make(read_file(key_file), read_file(secret_file));
  if (!signer.ok()) give_up(std::string(signer.status().message()));
  return *std::move(signer);
}

}  // namespace cancelbus::bench
