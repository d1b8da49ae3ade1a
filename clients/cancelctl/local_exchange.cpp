#include "clients/cancelctl/local_exchange.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {
namespace {

constexpr std::string_view Https = "https://";
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

// "HOST:PORT" of a URL, without a path.
std::string authority(std::string_view url) {
  url.remove_prefix(url.starts_with(Https) ? Https.size() : 0);
  return std::string(url.substr(0, url.find('/')));
}

// Null and `error`, or a verified connection.
std::unique_ptr<BIO, Free> open(const std::string& address, const std::string& ca_file, std::string& error) {
  const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) != 1) {
    error = "exchange_ca_file \"" + ca_file + "\": " + openssl_error();
    return nullptr;
  }
  std::unique_ptr<BIO, Free> bio(BIO_new_ssl_connect(context.get()));
  SSL* ssl = nullptr;
  BIO_get_ssl(bio.get(), &ssl);
  SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
  const std::string host = address.substr(0, address.rfind(':'));
  X509_VERIFY_PARAM* verify = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(verify, host.c_str()) != 1) SSL_set1_host(ssl, host.c_str());
  ERR_clear_error();
  BIO_set_conn_hostname(bio.get(), address.c_str());
  if (BIO_do_connect(bio.get()) != 1) {
    error = "exchange_url \"https://" + address + "\": " + openssl_error();
    return nullptr;
  }
  int socket = -1;
  BIO_get_fd(bio.get(), &socket);
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &Patience, sizeof Patience);
  return bio;
}

// The whole answer, head included; empty if none came.
std::string exchange(BIO* bio, const std::string& request) {
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

std::vector<int64_t> place_some(const std::string& url, const std::string& ca_file, int64_t count, std::string& error) {
  const std::string address = authority(url);
  const auto bio = open(address, ca_file, error);
  if (!bio) return {};
  const std::string body = "{\"count\":" + std::to_string(count) + "}";
  const std::string answer = exchange(bio.get(), "POST /sim/orders HTTP/1.1\r\nHost: " + address +
                                                     "\r\nContent-Type: application/json\r\nConnection: close\r\n"
                                                     "Content-Length: " +
                                                     std::to_string(body.size()) + "\r\n\r\n" + body);
  std::vector<int64_t> ids = ids_of(answer);
  if (ids.empty()) {
    error = "exchange_url \"" + url + "\": no local exchange: it answered " +
            (answer.empty() ? "nothing" : '"' + printable(answer.substr(0, answer.find('\r'))) + '"') +
            " to POST /sim/orders";
  }
  return ids;
}

}  // namespace

bool is_loopback(std::string_view address) {
  if (address.starts_with("ipc://")) return true;
  const size_t scheme = address.find("://");
  const std::string_view rest = scheme == std::string_view::npos ? address : address.substr(scheme + 3);
  const std::string_view host = rest.substr(0, rest.substr(0, rest.find('/')).rfind(':'));
  if (host == "localhost" || host == "[::1]") return true;
  const auto numeric = [](char c) { return c == '.' || (c >= '0' && c <= '9'); };
  return host.starts_with("127.") && std::ranges::all_of(host, numeric);
}

std::vector<int64_t> place_orders(const std::string& url, const std::string& ca_file, int64_t count,
                                  std::string& error) {
  std::vector<int64_t> ids;
  while (static_cast<int64_t>(ids.size()) < count) {
    const int64_t missing = count - static_cast<int64_t>(ids.size());
    const std::vector<int64_t> some = place_some(url, ca_file, std::min(missing, MostAtOnce), error);
    if (some.empty()) return {};
    ids.insert(ids.end(), some.begin(), some.end());
  }
  return ids;
}

}  // namespace cancelbus::ctl
