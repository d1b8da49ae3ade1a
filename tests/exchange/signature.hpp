// The exchange's side of request signatures: base64(HMAC-SHA256(decoded secret, message)). Used by the REST check
// (message: public key + stamp) and by the stream login (message: public key + nonce).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace exchange_sim {

// Strict base64 with padding; nothing when the text is not that.
std::optional<std::string> decode_base64(std::string_view text);

// `key` is the decoded secret.
std::string sign(std::string_view key, std::string_view message);

}  // namespace exchange_sim
