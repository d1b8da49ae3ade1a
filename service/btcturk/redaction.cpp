#include "service/btcturk/redaction.hpp"

#include <algorithm>

namespace cancelbus::btcturk {
namespace {

// A name that holds one of these is secret, as X-API-Key or newUserId. Lower case, without _ and -. The last five are
// what the exchange calls the parts of a balance.
constexpr std::string_view SecretNames[] = {
    "account",   "address", "authorization", "balance",   "cookie",     "customer", "email",    "firstname",
    "fullname",  "iban",    "identity",      "key",       "lastname",   "member",   "password", "pck",
    "phone",     "secret",  "session",       "sign",      "tckn",       "token",    "uid",      "user",
    "available", "free",    "locked",        "orderfund", "requestfund"};
// Of frames: in the answer to a login `id` is the user's too, of a balance everything but its type is secret.
constexpr std::string_view LoginFrame = "114";
constexpr std::string_view BalanceFrame = "201";

constexpr std::string_view Blanks = " \t\r\n";
constexpr std::string_view EndOfBareValue = " \t\r\n,;&<>\"'\\{}[]()";
constexpr std::size_t LongestPublicKey = 256;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_of_name(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '-';
}

std::string plain(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c != '_' && c != '-') result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
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

/// One pass over a text, from name to name.
class Pass {
 public:
  explicit Pass(std::string_view text) : text_(text), frame_(text.substr(past(" \t\r\n[", 0), 3)) {}

  std::string run() {
    while (at_ < text_.size()) is_of_name(text_[at_]) ? take_name() : copy_to(at_ + 1);
    return std::move(out_);
  }

 private:
  void take_name() {
    if (const std::size_t length = ipv4_length(text_.substr(at_)); length > 0)
      return replace_to(at_ + length, "0.0.0.0");
    std::size_t end = at_;
    while (end < text_.size() && is_of_name(text_[end])) ++end;
    const std::string name = plain(text_.substr(at_, end - at_));
    copy_to(end);
    const std::size_t sign = past("\\\"' \t\r\n", end);
    if (sign == text_.size() || (text_[sign] != ':' && text_[sign] != '=') || !is_secret(name)) return;
    copy_to(past(Blanks, sign + 1));
    replace_value();
  }

  bool is_secret(const std::string& name) const {
    if (frame_ == BalanceFrame) return name != "type";
    if (frame_ == LoginFrame && name == "id") return true;
    return std::ranges::any_of(SecretNames, [&name](auto part) { return name.find(part) != std::string::npos; });
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
