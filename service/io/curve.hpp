// CURVE: the keys with which every ZeroMQ socket is encrypted and every peer is known.
//
// Used by the bus (server) and by worker and subscriber (clients). All keys are Z85, 40 characters, one in a file. A
// peer's identity is its key alone: the bus's ZAP handler (io/zap.hpp) decides who may connect.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "service/io/secret_file.hpp"
#include "service/io/zmq_socket.hpp"

namespace cancelbus::io {

constexpr size_t CurveKeyCharacters = 40;

struct CurveKey {
  Secret secret;
  std::string public_key;
};

/// What a client needs to know: who it is, and whom it wants to talk to.
struct CurveClient {
  CurveKey own;
  /// Of the bus: two while it is given another key, in the order in which they are tried.
  std::vector<std::string> server_keys;
  std::string server_key_file;
};

/// 40 characters of the Z85 alphabet.
bool is_curve_key(std::string_view text);

/// Of a valid key: a public one is a coordinate of 255 bits. Half of all secret keys have a bit more, and are told so.
bool may_be_public(std::string_view key);

/// Errors name the flag and the file, never what it holds. The file must not be open to others than its owner, except
/// that its group may read it: so Kubernetes mounts secrets for a pod's own group.
absl::StatusOr<CurveKey> read_curve_key_file(std::string_view flag, const std::string& path);
/// One key or two, a line each. Tells a secret key from a public one where that can be seen.
absl::StatusOr<std::vector<std::string>> read_curve_public_file(std::string_view flag, const std::string& path);

// Before bind or connect.

/// `domain`: names the socket to the ZAP handler when a peer connects.
void encrypt_as_server(ZmqSocket& socket, const CurveKey& key, const std::string& domain);
void encrypt_as_client(ZmqSocket& socket, const CurveClient& keys);

}  // namespace cancelbus::io
