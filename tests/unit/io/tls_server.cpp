#include "tests/unit/io/tls_server.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace cancelbus::io {
namespace {

void require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "tls_server: %s failed\n", what);
  std::abort();
}

void add_extension(X509* to, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  require(extension != nullptr && X509_add_ext(to, extension, -1) == 1, "adding an extension");
  X509_EXTENSION_free(extension);
}

TestCertificate blank(const char* common_name, long serial) {
  TestCertificate made{Openssl<X509>(X509_new()), Openssl<EVP_PKEY>(EVP_EC_gen("P-256"))};
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
  X509_set_pubkey(certificate, made.key.get());
  return made;
}

}  // namespace

TestAuthority::TestAuthority() : own_(blank("cancelbus test authority", 1)) {
  X509* certificate = own_.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  require(X509_sign(certificate, own_.key.get(), EVP_sha256()) > 0, "signing");
  char path[] = "/tmp/cancelbus-test-ca-XXXXXX";
  const int fd = mkstemp(path);
  require(fd >= 0, "mkstemp");
  FILE* file = fdopen(fd, "w");
  require(PEM_write_X509(file, certificate) == 1, "writing the authority");
  std::fclose(file);
  ca_file_ = path;
}

TestAuthority::~TestAuthority() { unlink(ca_file_.c_str()); }

TestCertificate TestAuthority::issue(const std::string& names, std::chrono::seconds valid_for) const {
  TestCertificate made = blank("cancelbus test server", 2);
  X509_gmtime_adj(X509_getm_notAfter(made.certificate.get()), static_cast<long>(valid_for.count()));
  X509_set_issuer_name(made.certificate.get(), X509_get_subject_name(own_.certificate.get()));
  add_extension(made.certificate.get(), own_.certificate.get(), NID_subject_alt_name, names);
  require(X509_sign(made.certificate.get(), own_.key.get(), EVP_sha256()) > 0, "signing");
  return made;
}

bool ServerConnection::read_exactly(void* into, std::size_t bytes) {
  auto* to = static_cast<char*>(into);
  while (bytes > 0) {
    const int got = SSL_read(tls_, to, static_cast<int>(bytes));
    if (got <= 0) return false;
    to += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

std::string ServerConnection::read_request() {
  std::string request;
  char byte = 0;
  while (request.find("\r\n\r\n") == request.npos && read_exactly(&byte, 1)) request += byte;
  return request;
}

void ServerConnection::accept_upgrade() {
  const std::string request = read_request();
  const std::string field = "Sec-WebSocket-Key: ";
  const std::size_t at = request.find(field) + field.size();
  const std::string key = request.substr(at, request.find("\r\n", at) - at) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int digest_bytes = 0;
  EVP_Digest(key.data(), key.size(), digest, &digest_bytes, EVP_sha1(), nullptr);
  unsigned char accept[64];
  EVP_EncodeBlock(accept, digest, static_cast<int>(digest_bytes));
  write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      std::string(reinterpret_cast<char*>(accept)) + "\r\n\r\n");
}

void ServerConnection::write(const std::string& bytes) {
  SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
}

void ServerConnection::say_goodbye() { SSL_shutdown(tls_); }

void ServerConnection::close_by_reset() {
  const linger at_once{1, 0};
  setsockopt(SSL_get_fd(tls_), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

std::string ServerConnection::read_rest() {
  std::string rest;
  char byte = 0;
  while (read_exactly(&byte, 1)) rest += byte;
  return rest;
}

void ServerConnection::send_frame(int opcode, const std::string& payload) {
  std::string frame(1, static_cast<char>(0x80 | opcode));
  if (payload.size() < 126) {
    frame += static_cast<char>(payload.size());
  } else {
    require(payload.size() < 65536, "a frame of at most 65535 bytes");
    frame += static_cast<char>(126);
    frame += static_cast<char>(payload.size() >> 8);
    frame += static_cast<char>(payload.size() & 0xff);
  }
  write(frame + payload);
}

std::optional<ServerConnection::Frame> ServerConnection::read_frame() {
  unsigned char head[2];
  if (!read_exactly(head, sizeof head)) return std::nullopt;
  std::size_t size = head[1] & 0x7fU;
  require(size < 127, "a frame of at most 65535 bytes");
  if (size == 126) {
    unsigned char wide[2];
    if (!read_exactly(wide, sizeof wide)) return std::nullopt;
    size = std::size_t{wide[0]} << 8 | wide[1];
  }
  char mask[4];  // a client's frames are masked, by the protocol
  Frame frame{head[0] & 0x0f, std::string(size, '\0')};
  if (!read_exactly(mask, sizeof mask) || !read_exactly(frame.payload.data(), size)) return std::nullopt;
  for (std::size_t i = 0; i < size; ++i) frame.payload[i] = static_cast<char>(frame.payload[i] ^ mask[i % 4]);
  return frame;
}

TlsServer::TlsServer(TestCertificate identity, Script script)
    : context_(SSL_CTX_new(TLS_server_method())), script_(std::move(script)) {
  signal(SIGPIPE, SIG_IGN);  // a client that has gone is no reason to die
  require(SSL_CTX_use_certificate(context_.get(), identity.certificate.get()) == 1, "the certificate");
  require(SSL_CTX_use_PrivateKey(context_.get(), identity.key.get()) == 1, "the key");
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
  require(listen(listener_, 8) == 0, "listen");
  socklen_t size = sizeof address;
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

TlsServer::~TlsServer() {
  shutdown(listener_, SHUT_RDWR);  // wakes accept
  thread_.join();
  close(listener_);
}

void TlsServer::serve() {
  for (;;) {
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    timeval patience{10, 0};  // so that a script that waits for a silent client ends, too
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const int at_once = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    Openssl<SSL> tls(SSL_new(context_.get()));
    SSL_set_fd(tls.get(), fd);
    if (SSL_accept(tls.get()) == 1) {
      ServerConnection connection(tls.get());
      script_(connection);
    }
    close(fd);
  }
}

}  // namespace cancelbus::io
