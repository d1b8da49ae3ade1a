// CURVE keys: by their keys the bus knows its clients, and they know the bus.
//
// Used by Client, and by cancelctl, which makes keys. A key is 40 characters of Z85; a file holds one.
#pragma once

#include <string>
#include <vector>

namespace cancelbus::client {

struct KeyPair {
  std::string public_key;
  std::string secret_key;
};

/// What a client needs to know: who it is, and whom it wants to talk to.
struct CurveKeys {
  KeyPair own;
  /// In the order in which they are tried.
  std::vector<std::string> server;
  /// Where they are from.
  std::string server_file;
};

KeyPair make_key_pair();

// Each returns a sentence without its subject about what is wrong, empty if all is well.

/// The secret key; the public one follows from it. The file must not be open to others than its owner, except that its
/// group may read it.
std::string read_key_file(const std::string& path, KeyPair& into);
/// The public keys of the bus: one, or two a line each while it is given another key.
std::string read_public_key_file(const std::string& path, std::vector<std::string>& into);

/// No other machine can reach this endpoint: ipc, inproc, or tcp on 127.0.0.0/8, [::1] or localhost.
bool is_loopback(const std::string& endpoint);

}  // namespace cancelbus::client
