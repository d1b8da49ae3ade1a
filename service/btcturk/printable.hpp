// Makes bytes of unknown origin fit to be logged, stored and put into a protobuf string.
//
// What the exchange, or a proxy in between, writes ends up in acks, in the store and on terminals.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cancelbus::btcturk {

constexpr std::size_t MaxTextBytes = 256;

/// `raw` as valid UTF-8 of at most MaxTextBytes bytes, cut between characters: control characters become spaces, bytes
/// that are not UTF-8 become question marks.
std::string printable(std::string_view raw);

}  // namespace cancelbus::btcturk
