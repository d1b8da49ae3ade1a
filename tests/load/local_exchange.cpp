#include "tests/load/local_exchange.hpp"

#include <absl/strings/str_cat.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "cancelbus/describe.hpp"

namespace cancelbus::load {
namespace {

/// Of one request; the exchange places no more at once.
constexpr int64_t MostAtOnce = 20'000;
constexpr size_t MostAnswerBytes = 1 << 20;
constexpr timeval Patience{30, 0};

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};

std::string openssl_error() {
  char text[256] = "connection refused or closed";
  if (const unsigned long code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

// Null and `error`, or a verified connection.
std::unique_ptr<BIO, Free> open(const io::Url& exchange, const std::string& ca_file, std::string& error) {
  const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) != 1) {
    error = absl::StrCat("exchange_ca_file=", ca_file, ": ", openssl_error());
    return nullptr;
  }
  std::unique_ptr<BIO, Free> bio(BIO_new_ssl_connect(context.get()));
  SSL* ssl = nullptr;
  BIO_get_ssl(bio.get(), &ssl);
  SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
  X509_VERIFY_PARAM* verify = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(verify, exchange.host.c_str()) != 1) SSL_set1_host(ssl, exchange.host.c_str());
  ERR_clear_error();
  BIO_set_conn_hostname(bio.get(), exchange.host.c_str());
  BIO_set_conn_port(bio.get(), std::to_string(exchange.port).c_str());
  if (BIO_do_connect(bio.get()) != 1) {
    error = absl::StrCat("exchange_url=https://", exchange.authority, ": ", openssl_error());
    return nullptr;
  }
  int socket = -1;
  BIO_get_fd(bio.get(), &socket);
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &Patience, sizeof Patience);
  return bio;
}

// The whole answer, head included; empty if none came.
std::string ask(BIO* bio, const std::string& request) {
  if (BIO_write(bio, request.data(), static_cast<int>(request.size())) != static_cast<int>(request.size())) return "";
  std::string answer;
  char buffer[16'384];
  int got = 0;
  while (answer.size() < MostAnswerBytes && (got = BIO_read(bio, buffer, sizeof buffer)) > 0) {
    answer.append(buffer, static_cast<size_t>(got));
  }
  return answer;
}

// The numbers of {"ids":[1,2,3]}; empty if it is anything else.
std::vector<int64_t> ids_of(std::string_view answer) {
  static constexpr std::string_view Begin = "{\"ids\":[";
  std::vector<int64_t> ids;
  const size_t begin = answer.find(Begin);
  if (begin == std::string_view::npos) return ids;
  const char* at = answer.data() + begin + Begin.size();
  const char* end = answer.data() + answer.size();
  for (int64_t id = 0; at < end;) {
    const auto [rest, error] = std::from_chars(at, end, id);
    if (error != std::errc() || rest == end) return {};
    ids.push_back(id);
    if (*rest != ',') return *rest == ']' ? ids : std::vector<int64_t>{};
    at = rest + 1;
  }
  return {};
}

std::vector<int64_t> place_some(const io::Url& exchange, const std::string& ca_file, int64_t count,
                                std::string& error) {
  const auto bio = open(exchange, ca_file, error);
  if (!bio) return {};
  const std::string body = absl::StrCat("{\"count\":", count, "}");
  const std::string answer = ask(bio.get(), absl::StrCat("POST /sim/orders HTTP/1.1\r\nHost: ", exchange.authority,
                                                         "\r\nContent-Type: application/json\r\nConnection: close\r\n"
                                                         "Content-Length: ",
                                                         body.size(), "\r\n\r\n", body));
  std::vector<int64_t> ids = ids_of(answer);
  if (ids.empty()) {
    error = absl::StrCat("exchange_url=https://", exchange.authority, ": no local exchange: it answered '",
                         client::printable(answer.substr(0, answer.find('\r'))), "' to POST /sim/orders");
  }
  return ids;
}

}  // namespace

std::vector<int64_t> place_orders(const io::Url& exchange, const std::string& ca_file, int64_t count,
                                  std::string& error) {
  std::vector<int64_t> ids;
  while (static_cast<int64_t>(ids.size()) < count) {
    const int64_t missing = count - static_cast<int64_t>(ids.size());
    const std::vector<int64_t> some = place_some(exchange, ca_file, std::min(missing, MostAtOnce), error);
    if (some.empty()) return {};
    ids.insert(ids.end(), some.begin(), some.end());
  }
  return ids;
}

}  // namespace cancelbus::load
