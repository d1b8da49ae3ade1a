// What may stand in a string field, and how a string from outside is made fit for one.
//
// proto3 strings must be UTF-8: a receiver refuses the whole frame otherwise, so nothing from the exchange or the
// operating system goes into a message without legible().
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cancelbus::wire {

/// As the contract says of every `text`.
constexpr std::size_t MaxTextBytes = 256;

/// Valid UTF-8 of at most `max_bytes`: each byte that is not part of a character becomes `?`, and no character is cut.
std::string legible(std::string_view text, std::size_t max_bytes = MaxTextBytes);

/// Only space to `~`.
bool is_printable_ascii(std::string_view text);

}  // namespace cancelbus::wire
