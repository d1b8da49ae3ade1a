// What every TLS connection of the service demands of its peer, and how it words a refusal.
//
// Used by https_client.cpp. The header names no TLS type: those are costly to compile and stay in two .cpp files.
#pragma once

#include <absl/status/statusor.h>

#include <boost/system/error_code.hpp>
#include <memory>
#include <string>

struct ssl_st;
namespace boost::asio::ssl {
class context;
}

namespace cancelbus::io {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

/// For clients: TLS 1.2 or newer, the peer's certificate always verified, against `ca_file` (PEM) or, if that is empty,
/// the system's authorities. An error says why the file cannot be used.
absl::StatusOr<TlsContext> make_tls_context(const std::string& ca_file);

/// Before the handshake: the peer must prove to be `host`, a name (also sent, for servers with many) or an IP address.
bool expect_host(ssl_st* tls, const std::string& host);

/// Why a handshake failed: what is wrong with the certificate, if that is it.
std::string tls_failure(ssl_st* tls, const boost::system::error_code& error);

/// Of a connection that stands: version, cipher, whose certificate and until when.
std::string tls_description(ssl_st* tls);

}  // namespace cancelbus::io
