#include "service/btcturk/printable.hpp"

namespace cancelbus::btcturk {
namespace {

struct Lead {
  std::size_t length;         // bytes of the character; 0: cannot start one
  unsigned char second_low;   // the second byte's range is what excludes overlong forms, surrogates
  unsigned char second_high;  // and values beyond U+10FFFF
};

constexpr Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

unsigned char byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// Bytes of the character that `text` begins with; 0 if it begins with none.
std::size_t character_length(std::string_view text) {
  const Lead lead = lead_of(byte_at(text, 0));
  if (lead.length < 2) return lead.length;
  if (text.size() < lead.length) return 0;
  if (byte_at(text, 1) < lead.second_low || byte_at(text, 1) > lead.second_high) return 0;
  for (std::size_t i = 2; i < lead.length; ++i) {
    if ((byte_at(text, i) & 0xC0) != 0x80) return 0;
  }
  return lead.length;
}

bool is_control(std::string_view character) {
  const unsigned char first = byte_at(character, 0);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && byte_at(character, 1) < 0xA0;  // U+0080 to U+009F
}

}  // namespace

std::string printable(std::string_view raw) {
  std::string text;
  while (!raw.empty()) {
    const std::size_t length = character_length(raw);
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
