// Texts made fit to be stored and shown, and the arithmetic on the exchange's decimals: the first line less the second.
#include "service/wire/text.hpp"

#include "service/btcturk/printable.hpp"
#include "service/core/decimal.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

void require_legible(std::string_view input) {
  const std::string legible = wire::legible(input);
  require(legible.size() <= wire::MaxTextBytes && is_utf8(legible), "legible text is UTF-8 of at most 256 bytes");
  require(wire::legible(legible) == legible, "what is legible stays as it is");
  require(!is_utf8(input) || input.starts_with(legible), "and so does what was UTF-8, but for its length");
  const std::string printable = btcturk::printable(input);
  require(is_shown_text(printable), "printable text has no control characters");
  require(btcturk::printable(printable) == printable && wire::legible(printable) == printable,
          "what is printable stays as it is");
}

bool subtract(std::string_view a, std::string_view b) {
  const auto left = core::difference(a, b);
  const bool legible = core::difference(a, "0").has_value() && core::difference(b, "0").has_value();
  require(legible || !left, "nothing is computed from what is no decimal");
  if (!legible) return false;
  require(left.has_value() || core::difference(b, a).has_value(), "of two decimals one is not above the other");
  // Aligned, two decimals of 40 digits can differ in 79, which is more than is read.
  if (!left || left->size() > 40) return true;
  const auto back = core::difference(a, *left);
  require(back && *back == core::difference(b, "0"), "a - (a - b) = b");
  require(core::is_positive(*left) != core::difference(b, a).has_value(), "the difference is zero if they are equal");
  return true;
}

}  // namespace

bool text(std::string_view input) {
  require_legible(input);
  const std::string_view first = take_until(input, '\n');
  return subtract(first, input);
}

std::vector<std::string> text_seeds() {
  return {"139.9000000000000000\n9.9", "0.3\n0.1",     "1\n2",       "000.0\n.0", "1.\n.5", "1e3\n1", "-1\n1",
          "\xc3\xbc\xf0\x9f\x98\x80",  "\xed\xa0\x80", "\xc0\x80\n", "\x1b[2J"};
}

}  // namespace cancelbus::fuzz
