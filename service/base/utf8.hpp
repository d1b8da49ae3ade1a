// Where UTF-8 characters begin and end in bytes of unknown origin.
#pragma once

#include <cstddef>
#include <string_view>

namespace cancelbus::base {

/// Bytes of the character that `text`, which is not empty, begins with; 0 if it begins with none. Overlong forms,
/// surrogates and values beyond U+10FFFF are no characters.
std::size_t utf8_length(std::string_view text);

}  // namespace cancelbus::base
