#include "service/btcturk/printable.hpp"

#include "service/base/utf8.hpp"

namespace cancelbus::btcturk {
namespace {

unsigned char byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

bool is_control(std::string_view character) {
  const unsigned char first = byte_at(character, 0);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && byte_at(character, 1) < 0xA0;  // U+0080 to U+009F
}

}  // namespace

std::string printable(std::string_view raw) {
  std::string text;
  while (!raw.empty()) {
    const std::size_t length = base::utf8_length(raw);
    const std::string_view character = raw.substr(0, length == 0 ? 1 : length);
    std::string_view shown = character;
    if (length == 0) {
      shown = "?";
    } else if (is_control(character)) {
      shown = " ";
    }
    if (text.size() + shown.size() > MaxTextBytes) break;
    text += shown;
    raw.remove_prefix(character.size());
  }
  return text;
}

}  // namespace cancelbus::btcturk
