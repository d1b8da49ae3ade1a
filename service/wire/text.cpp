#include "service/wire/text.hpp"

#include <algorithm>

#include "service/base/utf8.hpp"

namespace cancelbus::wire {

std::string legible(std::string_view text, std::size_t max_bytes) {
  std::string result;
  result.reserve(std::min(text.size(), max_bytes));
  while (!text.empty()) {
    const std::size_t length = base::utf8_length(text);
    const std::size_t taken = std::max<std::size_t>(length, 1);
    if (result.size() + taken > max_bytes) break;
    if (length == 0) {
      result.push_back('?');
    } else {
      result.append(text.substr(0, length));
    }
    text.remove_prefix(taken);
  }
  return result;
}

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace cancelbus::wire
