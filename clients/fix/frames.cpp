#include "clients/fix/frames.hpp"

#include <absl/strings/str_format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>

namespace cancelbus::fix {
namespace {

constexpr char Soh = '\x01';
constexpr std::string_view Begin = "8=FIX";
/// "10=123" and its delimiter.
constexpr size_t TrailerBytes = 7;
constexpr size_t MaxDigits = 9;
/// Of the standard header after MsgType, without encodings and hops.
constexpr std::array HeaderTags = {"35",  "49",  "56",  "115", "128", "34", "50", "142", "57",  "143",
                                   "116", "144", "129", "145", "43",  "97", "52", "122", "347", "369"};
constexpr std::array NumberTags = {"7", "16", "34", "36", "108"};

struct DataTag {
  std::string_view data;
  std::string_view length;
};
/// Every data field of FIX 4.4, and the field with its length.
constexpr std::array<DataTag, 16> DataTags = {{{"89", "93"},
                                               {"91", "90"},
                                               {"96", "95"},
                                               {"213", "212"},
                                               {"349", "348"},
                                               {"351", "350"},
                                               {"353", "352"},
                                               {"355", "354"},
                                               {"357", "356"},
                                               {"359", "358"},
                                               {"361", "360"},
                                               {"363", "362"},
                                               {"365", "364"},
                                               {"446", "445"},
                                               {"619", "618"},
                                               {"622", "621"}}};

unsigned sum_of(std::string_view bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), 0U,
                         [](unsigned sum, char c) { return (sum + static_cast<unsigned char>(c)) & 0xFFU; });
}

bool are_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
}

struct RawField {
  std::string_view tag;
  std::string_view value;
  std::string_view whole;  ///< with its delimiter
};

/// Takes the first field off `rest`; none: it is not NAME=VALUE with a delimiter.
std::optional<RawField> take_field(std::string_view& rest) {
  const size_t end = rest.find(Soh);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view whole = rest.substr(0, end + 1);
  const size_t equals = whole.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(whole.size());
  return RawField{whole.substr(0, equals), whole.substr(equals + 1, whole.size() - equals - 2), whole};
}

}  // namespace

std::optional<std::string> FrameReader::next() {
  while (!hopeless_ && !buffer_.empty()) {
    size_t length = 0;
    switch (look(length)) {
      case Found::Whole: {
        std::string frame = buffer_.substr(0, length);
        buffer_.erase(0, length);
        return frame;
      }
      case Found::Incomplete:
        return std::nullopt;
      case Found::Garbled:
        skip();
    }
  }
  return std::nullopt;
}

FrameReader::Found FrameReader::look(size_t& length) {
  const std::string_view begin = std::string_view(buffer_).substr(0, Begin.size());
  if (!Begin.starts_with(begin)) return Found::Garbled;
  constexpr size_t MaxHead = 32;  // of the first two fields
  const size_t first = buffer_.find(Soh);
  const size_t second = first == std::string::npos ? first : buffer_.find(Soh, first + 1);
  if (second == std::string::npos || second > MaxHead) {
    return buffer_.size() > MaxHead ? Found::Garbled : Found::Incomplete;
  }
  const std::string_view body_length = std::string_view(buffer_).substr(first + 1, second - first - 1);
  if (!body_length.starts_with("9=") || !are_digits(body_length.substr(2))) return Found::Garbled;
  if (body_length.size() > 2 + MaxDigits) return Found::Garbled;
  length = second + 1 + std::stoul(std::string(body_length.substr(2))) + TrailerBytes;
  if (length > MaxBytes) {
    hopeless_ = true;
    return Found::Incomplete;
  }
  if (buffer_.size() < length) return Found::Incomplete;
  const std::string_view frame = std::string_view(buffer_).substr(0, length);
  const std::string_view covered = frame.substr(0, length - TrailerBytes);
  const std::string trailer = absl::StrFormat("10=%03u\x01", sum_of(covered));
  const bool whole = covered.ends_with(Soh) && frame.substr(covered.size()) == trailer;
  return whole ? Found::Whole : Found::Garbled;
}

void FrameReader::skip() {
  ++garbled_;
  // The delimiter before it tells a message from a text that holds the same letters.
  const std::string next = "\x01" + std::string(Begin);
  const size_t at = buffer_.find(next, 1);
  if (at != std::string::npos) {
    buffer_.erase(0, at + 1);
    return;
  }
  const size_t bare = buffer_.find(Begin, 1);
  // The end may be the beginning of a message.
  size_t keep = std::min(buffer_.size() - 1, Begin.size() - 1);
  while (keep > 0 && !Begin.starts_with(std::string_view(buffer_).substr(buffer_.size() - keep))) --keep;
  buffer_.erase(0, bare != std::string::npos ? bare : buffer_.size() - keep);
}

std::string_view type_of(std::string_view frame) {
  for (int number = 0; number < 3; ++number) {
    const auto field = take_field(frame);
    if (!field) return {};
    if (number == 2 && field->tag == "35") return field->value;
  }
  return {};
}

std::string without_body(std::string_view frame) {
  std::string_view rest = frame;
  const auto version = take_field(rest);
  (void)take_field(rest);
  std::string header;
  while (const auto field = take_field(rest)) {
    if (std::ranges::find(HeaderTags, field->tag) == HeaderTags.end()) break;
    header += field->whole;
  }
  std::string out(version ? version->whole : std::string_view());
  out += "9=" + std::to_string(header.size()) + "\x01" + header;
  out += absl::StrFormat("10=%03u\x01", sum_of(out));
  return out;
}

std::string_view danger_in(std::string_view frame) {
  RawField before;
  while (!frame.empty()) {
    const std::string_view rest = frame;
    const auto field = take_field(frame);
    if (!field) break;
    const auto data = std::ranges::find(DataTags, field->tag, &DataTag::data);
    if (data != DataTags.end()) {
      const size_t begin = field->tag.size() + 1;
      const bool has_length =
          before.tag == data->length && are_digits(before.value) && before.value.size() <= MaxDigits;
      const size_t end = has_length ? begin + std::stoul(std::string(before.value)) : rest.size();
      if (end >= rest.size() || rest[end] != Soh) return "bad_data";
      frame = rest.substr(end + 1);
    }
    const bool is_number = std::ranges::find(NumberTags, field->tag) != NumberTags.end();
    if (is_number && field->value.size() > MaxDigits) return "absurd_number";
    before = *field;
  }
  return {};
}

}  // namespace cancelbus::fix
