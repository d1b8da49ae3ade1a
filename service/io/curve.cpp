#include "service/io/curve.hpp"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>
#include <zmq.hpp>

namespace cancelbus::io {
namespace {

constexpr size_t KeyBytes = 32;
constexpr std::string_view Z85Symbols = ".-:+=^!/*?&<>()[]{}@%$#";

absl::Status failure(std::string_view flag, const std::string& path, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrFormat("--%s=%s: %s", std::string(flag), path, std::string(why)));
}

absl::Status not_a_key(std::string_view flag, const std::string& path) {
  return failure(flag, path, "expected one line of 40 Z85 characters, as `cancelctl keygen NAME` writes");
}

/// A key as libzmq's C functions want it, wiped afterwards: it may be a secret one.
struct Scratch {
  std::array<char, CurveKeyCharacters + 1> text{};
  std::array<uint8_t, KeyBytes> bytes{};

  explicit Scratch(std::string_view key) { std::ranges::copy(key, text.begin()); }
  ~Scratch() {
    OPENSSL_cleanse(text.data(), text.size());
    OPENSSL_cleanse(bytes.data(), bytes.size());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  bool decode() { return zmq_z85_decode(bytes.data(), text.data()) != nullptr; }
};

}  // namespace

bool is_curve_key(std::string_view text) {
  if (text.size() != CurveKeyCharacters || !std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               Z85Symbols.find(c) != std::string_view::npos;
      })) {
    return false;
  }
  // Five characters of the alphabet may still say more than 32 bits hold.
  return Scratch(text).decode();
}

bool may_be_public(std::string_view key) {
  Scratch scratch(key);
  return scratch.decode() && (scratch.bytes.back() & 0x80) == 0;
}

absl::StatusOr<CurveKey> read_curve_key_file(std::string_view flag, const std::string& path) {
  if (path.ends_with(".pub")) return failure(flag, path, "this is a public key's file: the secret key is wanted here");
  auto secret = read_secret_file(flag, path, OpenToOthers::Refused);
  if (!secret.ok()) return secret.status();
  if (!is_curve_key(secret->view())) return not_a_key(flag, path);
  std::array<char, CurveKeyCharacters + 1> public_key{};
  if (zmq_curve_public(public_key.data(), Scratch(secret->view()).text.data()) != 0) return not_a_key(flag, path);
  return CurveKey{*std::move(secret), public_key.data()};
}

absl::StatusOr<std::vector<std::string>> read_curve_public_file(std::string_view flag, const std::string& path) {
  constexpr size_t MostKeys = 2;
  std::ifstream file(path, std::ios::binary);
  if (!file) return failure(flag, path, std::strerror(errno));
  std::string text(MostKeys * (CurveKeyCharacters + 1) + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.ends_with('\n')) text.pop_back();
  const std::vector<std::string> keys = absl::StrSplit(text, '\n');
  if (keys.size() > MostKeys || !std::ranges::all_of(keys, is_curve_key)) return not_a_key(flag, path);
  if (!std::ranges::all_of(keys, may_be_public) || path.ends_with(".key")) {
    return failure(flag, path, "this is a secret key: the public key (NAME.pub) of the bus is wanted here");
  }
  return keys;
}

void encrypt_as_server(ZmqSocket& socket, const CurveKey& key, const std::string& domain) {
  socket.raw().set(zmq::sockopt::curve_server, true);
  socket.raw().set(zmq::sockopt::curve_secretkey, key.secret.view());
  socket.raw().set(zmq::sockopt::zap_domain, domain);
}

void encrypt_as_client(ZmqSocket& socket, const CurveClient& keys) {
  socket.raw().set(zmq::sockopt::curve_secretkey, keys.own.secret.view());
  socket.raw().set(zmq::sockopt::curve_publickey, keys.own.public_key);
  socket.raw().set(zmq::sockopt::curve_serverkey, keys.server_keys.front());
}

}  // namespace cancelbus::io
