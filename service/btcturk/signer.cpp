#include "service/btcturk/signer.hpp"

#include <absl/status/status.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <vector>

#include "service/core/check.hpp"

namespace cancelbus::btcturk {
namespace {

constexpr std::size_t MaxPublicKeyChars = 256;
constexpr std::size_t MaxSecretChars = 1024;
constexpr std::size_t MacBytes = 32;

// Overwritten when its scope ends, on every path.
struct SecretBytes {
  explicit SecretBytes(std::size_t size) : bytes(size) {}
  ~SecretBytes() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  std::vector<unsigned char> bytes;
};

absl::Status check_public_key(std::string_view key) {
  if (key.empty()) return absl::InvalidArgumentError("API key: empty");
  if (key.size() > MaxPublicKeyChars) return absl::InvalidArgumentError("API key: longer than 256 characters");
  const auto odd = std::find_if(key.begin(), key.end(), [](char c) { return c <= ' ' || c >= '\x7f'; });
  if (odd == key.end()) return absl::OkStatus();
  return absl::InvalidArgumentError("API key: character " + std::to_string(odd - key.begin() + 1) +
                                    " is a blank or not printable ASCII");
}

bool in_base64_alphabet(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

std::size_t padding_of(std::string_view base64) {
  if (base64.ends_with("==")) return 2;
  return base64.ends_with('=') ? 1 : 0;
}

// OpenSSL's decoder forgives blanks and padding in odd places; a secret that was cut or pasted badly should not pass.
absl::Status check_secret(std::string_view base64) {
  if (base64.empty()) return absl::InvalidArgumentError("API secret: empty");
  const auto end = base64.end() - static_cast<std::ptrdiff_t>(padding_of(base64));
  const auto odd = std::find_if_not(base64.begin(), end, in_base64_alphabet);
  if (odd != end) {
    return absl::InvalidArgumentError("API secret: character " + std::to_string(odd - base64.begin() + 1) +
                                      " is not of the base64 alphabet");
  }
  if (base64.size() % 4 != 0) {
    return absl::InvalidArgumentError("API secret: base64 comes in groups of 4 characters, but it has " +
                                      std::to_string(base64.size()));
  }
  if (base64.size() > MaxSecretChars) return absl::InvalidArgumentError("API secret: longer than 1024 characters");
  return absl::OkStatus();
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

void Signer::FreeContext::operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }

absl::StatusOr<Signer> Signer::make(std::string public_key, std::string_view secret_base64) {
  if (absl::Status status = check_public_key(public_key); !status.ok()) return status;
  if (absl::Status status = check_secret(secret_base64); !status.ok()) return status;

  SecretBytes secret(secret_base64.size() / 4 * 3);
  if (EVP_DecodeBlock(secret.bytes.data(), bytes_of(secret_base64), static_cast<int>(secret_base64.size())) < 0) {
    return absl::InvalidArgumentError("API secret: not base64");
  }
  const std::size_t secret_bytes = secret.bytes.size() - padding_of(secret_base64);

  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr), &EVP_MAC_free);
  Context keyed(hmac ? EVP_MAC_CTX_new(hmac.get()) : nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  if (!keyed || EVP_MAC_init(keyed.get(), secret.bytes.data(), secret_bytes, params) != 1) {
    return absl::InternalError("this OpenSSL offers no HMAC-SHA256");
  }
  return Signer(std::move(public_key), std::move(keyed));
}

// Compares what both would sign for the first moment of 1970: a signature that is of no use at the exchange.
bool Signer::is_same(Signer& other) { return public_key_ == other.public_key_ && sign_rest(0) == other.sign_rest(0); }

std::string Signer::sign_rest(int64_t stamp_ms) { return sign(std::to_string(stamp_ms)); }

std::string Signer::sign_login(int64_t nonce) { return sign(std::to_string(nonce)); }

std::string Signer::sign(std::string_view number) {
  CANCELBUS_CHECK(keyed_ != nullptr);
  EVP_MAC_CTX* const context = keyed_.get();
  std::array<unsigned char, MacBytes> mac{};
  std::size_t mac_bytes = 0;
  CANCELBUS_CHECK(EVP_MAC_init(context, nullptr, 0, nullptr) == 1);
  CANCELBUS_CHECK(EVP_MAC_update(context, bytes_of(public_key_), public_key_.size()) == 1);
  CANCELBUS_CHECK(EVP_MAC_update(context, bytes_of(number), number.size()) == 1);
  CANCELBUS_CHECK(EVP_MAC_final(context, mac.data(), &mac_bytes, mac.size()) == 1 && mac_bytes == MacBytes);

  std::array<unsigned char, (MacBytes + 2) / 3 * 4 + 1> base64{};  // EVP_EncodeBlock ends it with a NUL
  const int chars = EVP_EncodeBlock(base64.data(), mac.data(), static_cast<int>(mac.size()));
  return std::string(base64.begin(), base64.begin() + chars);
}

}  // namespace cancelbus::btcturk
