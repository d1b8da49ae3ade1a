// Signs REST requests and the stream's login with one API key pair.
//
// The worker and the subscriber own one each. The secret lives only inside OpenSSL's context, which wipes it when
// freed.
#pragma once

#include <absl/status/statusor.h>
#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace cancelbus::btcturk {

class Signer {
 public:
  /// `public_key`: 1 to 256 printable ASCII characters without blanks. `secret_base64`: 4 to 1024 characters of
  /// standard base64 with its padding; what was decoded is wiped, the argument is the caller's to wipe. Errors say what
  /// is wrong with which of the two, and never quote either.
  static absl::StatusOr<Signer> make(std::string public_key, std::string_view secret_base64);

  Signer(Signer&&) noexcept = default;
  Signer& operator=(Signer&&) noexcept = default;

  const std::string& public_key() const { return public_key_; }
  /// The same key with the same secret.
  bool is_same(Signer& other);

  /// X-Signature for X-Stamp `stamp_ms`, milliseconds since the Unix epoch: method, path and body are not signed.
  std::string sign_rest(int64_t stamp_ms);
  /// The login's signature. `nonce` acts as a receive window in milliseconds; 100 to 60000 have been seen to work.
  std::string sign_login(int64_t nonce);

 private:
  struct FreeContext {
    void operator()(EVP_MAC_CTX* context) const;
  };
  using Context = std::unique_ptr<EVP_MAC_CTX, FreeContext>;

  Signer(std::string public_key, Context keyed) : public_key_(std::move(public_key)), keyed_(std::move(keyed)) {}
  std::string sign(std::string_view number);

  std::string public_key_;
  Context keyed_;  // keyed once: starting anew without a key costs a fifth of keying again
};

}  // namespace cancelbus::btcturk
