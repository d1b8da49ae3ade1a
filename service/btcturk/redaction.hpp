// Takes out of a text of the exchange what must not leave the process that received it: keys, signatures, tokens, user
// ids, personal data, balances and IP addresses.
//
// Used by the recorder of worker and subscriber. Pure. It works on the text and not on a parsed value: what is not
// secret stays byte for byte as it came, and a text that is cut off, nested in a string or no JSON at all is redacted
// all the same. What decides is the words of the name in front of a value; redaction.cpp lists them. Order ids, client
// order ids and trade ids stay.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cancelbus::btcturk {

/// The first `max_bytes` of `text`, with each secret string replaced by "***", each secret number by 0, each secret
/// array or object by an empty one, each IPv4 address by 0.0.0.0, each IPv6 address by ::, and `public_key` by "***"
/// wherever it occurs. The result may be longer. Time is proportional to `max_bytes`.
std::string redacted(std::string_view text, std::string_view public_key, std::size_t max_bytes);

}  // namespace cancelbus::btcturk
