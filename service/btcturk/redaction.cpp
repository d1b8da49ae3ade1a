#include "service/btcturk/redaction.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace cancelbus::btcturk {
namespace {

// A name is secret if one of its words, or two that follow each other, are listed here, as in X-API-Key or firstName,
// with an s at the end or without. Lower case. The last five are what the exchange calls the parts of a balance.
constexpr std::string_view SecretWords[] = {
    "apikey", "iban",      "key", "member",    "memberid", "pck",    "privatekey", "publickey",
    "sign",   "signature", "uid", "available", "free",     "locked", "orderfund",  "requestfund"};
// A name is secret too if one of its words contains one of these, as in USERID or accesstoken. So only parts are listed
// that other words do not contain, as liquidity contains uid.
constexpr std::string_view SecretParts[] = {"account", "address",   "authorization", "balance",  "cookie",   "customer",
                                            "email",   "firstname", "fullname",      "identity", "lastname", "password",
                                            "phone",   "secret",    "session",       "tckn",     "token",    "user"};
// Of frames: in the answer to a login `id` is the user's too, of a balance everything but its type is secret.
constexpr std::string_view LoginFrame = "114";
constexpr std::string_view BalanceFrame = "201";

constexpr std::string_view Blanks = " \t\r\n";
constexpr std::string_view EndOfBareValue = " \t\r\n,;&<>\"'\\{}[]()";
constexpr std::size_t LongestPublicKey = 256;
constexpr std::string_view HexDigits = "0123456789abcdefABCDEF";
constexpr std::size_t LongestIpv6 = 45;  // with an IPv4 address at its end

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_of_name(char c) { return is_upper(c) || is_lower(c) || is_digit(c) || c == '_' || c == '-'; }

using Words = std::vector<std::string>;

/// X-API-Key, newUserId2 and APIKey as their words, in lower case and without digits.
Words words_of(std::string_view name) {
  Words words;
  bool begins = true;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (!is_upper(c) && !is_lower(c)) {
      begins = true;
      continue;
    }
    const bool after_lower = i > 0 && is_lower(name[i - 1]);
    const bool before_lower = i + 1 < name.size() && is_lower(name[i + 1]);
    if (begins || (is_upper(c) && (after_lower || before_lower))) words.emplace_back();
    words.back() += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
    begins = false;
  }
  return words;
}

bool is_listed(std::string_view word) {
  return std::ranges::find(SecretWords, word) != std::end(SecretWords) ||
         std::ranges::find(SecretParts, word) != std::end(SecretParts);
}

bool is_secret_word(std::string_view word) {
  return is_listed(word) || (word.ends_with('s') && is_listed(word.substr(0, word.size() - 1))) ||
         std::ranges::any_of(SecretParts, [word](auto part) { return word.find(part) != std::string_view::npos; });
}

bool has_secret_word(const Words& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (is_secret_word(words[i]) || (i > 0 && is_listed(words[i - 1] + words[i]))) return true;
  }
  return false;
}

/// How many characters of the text are an IPv4 address; 0: it does not begin with one.
std::size_t ipv4_length(std::string_view text) {
  std::size_t at = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0 && (at == text.size() || text[at++] != '.')) return 0;
    const std::size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at == begin || at - begin > 3) return 0;
  }
  return at;
}

/// Eight groups of one to four hexadecimal digits, or fewer if :: stands for the rest, which is zero. Two of them may
/// be an IPv4 address at the end.
bool is_ipv6(std::string_view text) {
  bool gap = text.starts_with("::");
  int groups = 0;
  for (std::size_t at = gap ? 2 : 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    if (ipv4_length(rest) == rest.size()) {
      groups += 2;
      break;
    }
    const std::size_t digits = std::min(rest.find_first_not_of(HexDigits), rest.size());
    if (digits == 0 || digits > 4) return false;
    ++groups;
    at += digits;
    if (at == text.size()) break;
    if (text[at] != ':' || ++at == text.size()) return false;
    if (text[at] != ':') continue;
    if (std::exchange(gap, true)) return false;
    ++at;
  }
  return gap ? groups < 8 : groups == 8;
}

/// As for IPv4. With a zone, as in fe80::1%eth0.
std::size_t ipv6_length(std::string_view text) {
  const std::string_view head = text.substr(0, LongestIpv6 + 2);
  std::size_t end = 0;
  while (end < head.size() && (head[end] == ':' || head[end] == '.' || HexDigits.find(head[end]) != HexDigits.npos))
    ++end;
  if (end > LongestIpv6 || (end < text.size() && is_of_name(text[end]))) return 0;
  // Of the sentence around it.
  const bool stop = end > 1 && (text[end - 1] == '.' || (text[end - 1] == ':' && text[end - 2] != ':'));
  if (stop) --end;
  if (!is_ipv6(text.substr(0, end))) return 0;
  if (stop || end == text.size() || text[end] != '%') return end;
  for (++end; end < text.size() && is_of_name(text[end]); ++end) {
  }
  return end;
}

/// One pass over a text, from name to name.
class Pass {
 public:
  explicit Pass(std::string_view text) : text_(text), frame_(text.substr(past(" \t\r\n[", 0), 3)) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (take_address()) continue;
      is_of_name(text_[at_]) ? take_name() : copy_to(at_ + 1);
    }
    return std::move(out_);
  }

 private:
  bool take_address() {
    const std::string_view rest = text_.substr(at_);
    const bool within = at_ > 0 && (is_of_name(text_[at_ - 1]) || text_[at_ - 1] == ':');
    if (!within || rest[0] != ':') {
      if (const std::size_t length = ipv6_length(rest); length > 0) {
        replace_to(at_ + length, "::");
        return true;
      }
    }
    const std::size_t length = ipv4_length(rest);
    if (length > 0) replace_to(at_ + length, "0.0.0.0");
    return length > 0;
  }

  void take_name() {
    std::size_t end = at_;
    while (end < text_.size() && is_of_name(text_[end])) ++end;
    const std::string_view name = text_.substr(at_, end - at_);
    copy_to(end);
    const std::size_t sign = past("\\\"' \t\r\n", end);
    if (sign == text_.size() || (text_[sign] != ':' && text_[sign] != '=') || !is_secret(name)) return;
    copy_to(past(Blanks, sign + 1));
    replace_value();
  }

  bool is_secret(std::string_view name) const {
    const Words words = words_of(name);
    if (frame_ == BalanceFrame) return words != Words{"type"};
    return (frame_ == LoginFrame && words == Words{"id"}) || has_secret_word(words);
  }

  void replace_value() {
    const std::size_t first = past("\\", at_);
    const char begin = first < text_.size() ? text_[first] : '\0';
    if (begin == '"' || begin == '\'') {
      const std::string quote(text_.substr(at_, first + 1 - at_));
      return replace_to(after_quoted(at_), quote + "***" + quote);
    }
    if (begin == '{' || begin == '[') return replace_to(after_brackets(first), begin == '{' ? "{}" : "[]");
    const std::size_t end = std::min(text_.find_first_of(EndOfBareValue, at_), text_.size());
    const std::string_view value = text_.substr(at_, end - at_);
    if (value.empty() || value == "null" || value == "true" || value == "false") return copy_to(end);
    replace_to(end, value.find_first_not_of("0123456789+-.eE") == std::string_view::npos ? "0" : "***");
  }

  /// `at`: the quote, or the first of the backslashes before it. A string within a string has 1, 3, 7 ... of them, and
  /// ends where as many stand before the same quote.
  std::size_t after_quoted(std::size_t at) const {
    const std::size_t quote = past("\\", at);
    const std::size_t level = quote - at;
    std::size_t next = quote;
    while ((next = text_.find(text_[quote], next + 1)) != std::string_view::npos) {
      const std::size_t slashes = next - 1 - text_.find_last_not_of('\\', next - 1);
      if (slashes < level) return next;  // of a string around it
      if ((slashes + 1) / (level + 1) % 2 == 1) return next + 1;
    }
    return text_.size();
  }

  /// `at`: the opening bracket.
  std::size_t after_brackets(std::size_t at) const {
    std::size_t depth = 0;
    while (at < text_.size()) {
      const std::size_t first = past("\\", at);
      const char c = first < text_.size() ? text_[first] : '\0';
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return first + 1;
      at = c == '"' ? after_quoted(at) : first + 1;
    }
    return text_.size();
  }

  /// The first place from `at` on that holds none of these characters; the text's end if there is none.
  std::size_t past(std::string_view characters, std::size_t at) const {
    return std::min(text_.find_first_not_of(characters, at), text_.size());
  }
  void copy_to(std::size_t end) { replace_to(end, text_.substr(at_, end - at_)); }
  void replace_to(std::size_t end, std::string_view by) {
    out_ += by;
    at_ = end;
  }

  std::string_view text_;
  std::string_view frame_;  // the number that a frame begins with
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string redacted(std::string_view text, std::string_view public_key, std::size_t max_bytes) {
  std::string head(text.substr(0, max_bytes + LongestPublicKey));
  for (std::size_t at = 0; !public_key.empty() && (at = head.find(public_key, at)) != std::string::npos; at += 3) {
    head.replace(at, public_key.size(), "***");
  }
  // A value that is cut off is secret to the end.
  return Pass(std::string_view(head).substr(0, max_bytes)).run();
}

}  // namespace cancelbus::btcturk
