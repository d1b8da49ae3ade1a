#include "service/io/tls.hpp"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <ctime>

namespace cancelbus::io {
namespace {

using boost::asio::ssl::context;

std::string name_text(const X509_NAME* name) {
  std::array<char, 256> text{};
  X509_NAME_oneline(name, text.data(), static_cast<int>(text.size()));
  return text.data();
}

std::string day_text(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable date";
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return text.data();
}

}  // namespace

absl::StatusOr<TlsContext> make_tls_context(const std::string& ca_file) {
  auto tls = std::make_shared<context>(context::tls_client);
  SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
  tls->set_verify_mode(boost::asio::ssl::verify_peer);
  boost::system::error_code error;
  if (ca_file.empty()) {
    tls->set_default_verify_paths(error);
  } else {
    tls->load_verify_file(ca_file, error);
  }
  if (error) return absl::InvalidArgumentError(absl::StrCat("cannot use the certificates: ", error.message()));
  return tls;
}

bool expect_host(ssl_st* tls, const std::string& host) {
  X509_VERIFY_PARAM* param = SSL_get0_param(tls);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  boost::system::error_code not_an_address;
  boost::asio::ip::make_address(host, not_an_address);
  if (!not_an_address) return X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1;
  // What SSL_set_tlsext_host_name does, without the C cast in that macro. OpenSSL copies the name.
  auto* name = const_cast<char*>(host.c_str());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  return SSL_ctrl(tls, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) == 1 &&
         X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size()) == 1;
}

std::string tls_failure(ssl_st* tls, const boost::system::error_code& error) {
  const long verified = SSL_get_verify_result(tls);
  if (verified == X509_V_OK) return absl::StrCat("TLS: ", error.message());
  return absl::StrCat("TLS: the certificate was refused: ", X509_verify_cert_error_string(verified));
}

std::string tls_description(ssl_st* tls) {
  const X509* certificate = SSL_get0_peer_certificate(tls);
  return absl::StrCat(SSL_get_version(tls), ", ", SSL_get_cipher_name(tls), ", certificate of ",
                      name_text(X509_get_subject_name(certificate)), " by ",
                      name_text(X509_get_issuer_name(certificate)), ", valid until ",
                      day_text(X509_get0_notAfter(certificate)));
}

}  // namespace cancelbus::io
