#include "cancelbus/curve.hpp"

#include <sys/stat.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace cancelbus::client {
namespace {

constexpr size_t KeyCharacters = 40;
constexpr size_t KeyBytes = 32;
constexpr const char* NoKey = "does not hold one line of 40 Z85 characters, as cancelctl keygen writes";
constexpr const char* Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

bool is_key(const std::string& text) {
  std::array<uint8_t, KeyBytes> bytes{};
  return text.size() == KeyCharacters && text.find_first_not_of(Z85) == std::string::npos &&
         zmq_z85_decode(bytes.data(), text.c_str()) != nullptr;
}

std::string read_lines(const std::string& path, size_t most, std::vector<std::string>& into) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::string("cannot be read: ") + std::strerror(errno);
  std::string text(most * (KeyCharacters + 1) + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (!text.ends_with('\n')) text += '\n';
  std::vector<std::string> keys;
  for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
    keys.push_back(text.substr(0, end));
  }
  if (keys.size() > most || !std::all_of(keys.begin(), keys.end(), is_key)) return NoKey;
  into = std::move(keys);
  return {};
}

// A public key is a coordinate of 255 bits; half of all secret keys have a bit more.
bool may_be_public(const std::string& key) {
  std::array<uint8_t, KeyBytes> bytes{};
  return zmq_z85_decode(bytes.data(), key.c_str()) != nullptr && (bytes.back() & 0x80) == 0;
}

}  // namespace

KeyPair make_key_pair() {
  std::array<char, KeyCharacters + 1> public_key{}, secret_key{};
  zmq_curve_keypair(public_key.data(), secret_key.data());
  return {public_key.data(), secret_key.data()};
}

std::string read_key_file(const std::string& path, KeyPair& into) {
  if (path.ends_with(".pub")) return "is a public key's file: the secret key is wanted here";
  struct stat info {};
  constexpr mode_t OpenToOthers = S_IWGRP | S_IXGRP | S_IRWXO;
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & OpenToOthers) != 0) {
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", info.st_mode & 07777U);
    return std::string("holds a secret and is open to others than its owner (mode ") + mode.data() + "): chmod 600 " +
           path;
  }
  std::vector<std::string> keys;
  if (std::string complaint = read_lines(path, 1, keys); !complaint.empty()) return complaint;
  into.secret_key = std::move(keys.front());
  std::array<char, KeyCharacters + 1> public_key{};
  if (zmq_curve_public(public_key.data(), into.secret_key.c_str()) != 0) return NoKey;
  into.public_key = public_key.data();
  return {};
}

std::string read_public_key_file(const std::string& path, std::vector<std::string>& into) {
  std::vector<std::string> keys;
  if (std::string complaint = read_lines(path, 2, keys); !complaint.empty()) return complaint;
  if (!std::all_of(keys.begin(), keys.end(), may_be_public) || path.ends_with(".key")) {
    return "holds a secret key: the public one (NAME.pub) of the bus is wanted here";
  }
  into = std::move(keys);
  return {};
}

bool is_loopback(const std::string& endpoint) {
  if (endpoint.starts_with("ipc://") || endpoint.starts_with("inproc://")) return true;
  if (!endpoint.starts_with("tcp://")) return false;
  const std::string host = endpoint.substr(6, endpoint.rfind(':') - 6);
  if (host == "localhost" || host == "[::1]") return true;
  // A name may begin with 127. too.
  return host.starts_with("127.") && std::count(host.begin(), host.end(), '.') == 3 &&
         host.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace cancelbus::client
