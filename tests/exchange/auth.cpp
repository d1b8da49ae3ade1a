#include "tests/exchange/auth.hpp"

#include "absl/strings/ascii.h"
#include "tests/exchange/endpoint.hpp"
#include "tests/exchange/signature.hpp"

namespace exchange_sim {
namespace {

std::string trimmed(std::string_view text) {
  return std::string(absl::StripAsciiWhitespace(absl::string_view(text.data(), text.size())));
}

}  // namespace

absl::StatusOr<KeyPair> make_key_pair(std::string_view public_key, std::string_view secret_base64) {
  KeyPair pair{trimmed(public_key), {}};
  if (pair.public_key.empty()) return absl::InvalidArgumentError("the public key is empty");
  auto secret = decode_base64(trimmed(secret_base64));
  if (!secret || secret->empty()) return absl::InvalidArgumentError("the secret is not base64");
  pair.secret = *std::move(secret);
  return pair;
}

const KeyPair* Auth::find(std::string_view public_key) const {
  for (const KeyPair& pair : keys_) {
    if (pair.public_key == public_key) return &pair;
  }
  return nullptr;
}

AuthVerdict Auth::check(const HttpRequest& request, Instant clock) {
  const KeyPair* pair = find(request.public_key);
  if (pair == nullptr) return AuthVerdict::UnknownKey;
  if (sign(pair->secret, pair->public_key + request.stamp) != request.signature) return AuthVerdict::BadSignature;
  const auto stamp = parse_id(request.stamp);
  const std::int64_t now_ms = unix_ms(clock);
  if (!stamp || *stamp < now_ms - kStampToleranceMs || *stamp > now_ms + kStampToleranceMs) {
    return AuthVerdict::StaleStamp;
  }
  std::set<std::int64_t>& used = used_[pair->public_key];
  used.erase(used.begin(), used.lower_bound(now_ms - kStampToleranceMs));
  const bool is_new = used.insert(*stamp).second;
  return is_new || !refuse_repeated_ ? AuthVerdict::Good : AuthVerdict::RepeatedStamp;
}

}  // namespace exchange_sim
