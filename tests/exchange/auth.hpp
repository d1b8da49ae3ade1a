// Who may ask: public key, signature, and a stamp that is fresh and never seen before. RestApi asks for each private
// request; Streams checks logins against the same keys. Whether a stamp used twice is refused is a guess: by default it
// is, so that a client which repeats one is found out.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/exchange/http.hpp"
#include "tests/exchange/instant.hpp"

namespace exchange_sim {

struct KeyPair {
  std::string public_key;
  std::string secret;  // decoded
};

// Trims white space around both; the secret must be base64.
absl::StatusOr<KeyPair> make_key_pair(std::string_view public_key, std::string_view secret_base64);

enum class AuthVerdict { Good, UnknownKey, BadSignature, StaleStamp, RepeatedStamp };

class Auth {
 public:
  explicit Auth(std::vector<KeyPair> keys, bool refuse_repeated = true)
      : keys_(std::move(keys)), refuse_repeated_(refuse_repeated) {}

  // `clock` is the exchange's own idea of the time.
  AuthVerdict check(const HttpRequest& request, Instant clock);
  // From now on these keys and no others. Streams that are logged in stay so.
  void replace(std::vector<KeyPair> keys) { keys_ = std::move(keys); }
  // Null for an unknown key.
  const KeyPair* find(std::string_view public_key) const;

 private:
  static constexpr std::int64_t kStampToleranceMs = 5000;

  std::vector<KeyPair> keys_;
  bool refuse_repeated_;
  // Stamps accepted of late, by key. Older ones are forgotten: they would be refused as stale.
  std::map<std::string, std::set<std::int64_t>> used_;
};

}  // namespace exchange_sim
