#include "clients/cancelctl/scope.hpp"

#include <algorithm>
#include <cctype>

#include "cancelbus/describe.hpp"

namespace cancelbus::ctl {
namespace {

using client::printable;

std::string side_word(v1::Side side) {
  if (side == v1::SIDE_UNSPECIFIED) return "";
  std::string word = client::short_name(side, "SIDE_");
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return word;
}

std::string shell_word(const std::string& text) {
  const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
  if (!text.empty() && std::ranges::all_of(text, plain)) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string whose(const Scope& scope) {
  switch (scope.kind) {
    case v1::MASS_CANCEL_SCOPE_OWN:
    case v1::MASS_CANCEL_SCOPE_SENDER:
      return " of " + printable(scope.owner);
    case v1::MASS_CANCEL_SCOPE_UNOWNED:
      return " of no known owner";
    case v1::MASS_CANCEL_SCOPE_ALL:
      return "";
    default:
      return " of scope " + client::short_name(scope.kind, "MASS_CANCEL_SCOPE_");
  }
}

}  // namespace

Scope scope_of(const Arguments& arguments) {
  const bool own = !arguments.owner.empty() && arguments.owner == arguments.sender;
  Scope scope;
  scope.kind = own                        ? v1::MASS_CANCEL_SCOPE_OWN
               : !arguments.owner.empty() ? v1::MASS_CANCEL_SCOPE_SENDER
               : arguments.unowned        ? v1::MASS_CANCEL_SCOPE_UNOWNED
                                          : v1::MASS_CANCEL_SCOPE_ALL;
  scope.owner = arguments.owner;
  scope.symbol = arguments.symbol;
  scope.side = arguments.side;
  scope.prefix = arguments.prefix;
  return scope;
}

Scope scope_of(const v1::BusStatus::KillSwitch& kill_switch) {
  return {kill_switch.scope(), kill_switch.owner(), kill_switch.symbol(), kill_switch.side(),
          kill_switch.client_order_id_prefix()};
}

std::string text(const Scope& scope) {
  const std::string side = side_word(scope.side);
  const bool all = scope.kind == v1::MASS_CANCEL_SCOPE_ALL;
  std::string text = all ? "every " : "";
  text += (side.empty() ? "" : side + " ") + (all ? "order" : "orders") + whose(scope);
  if (!scope.symbol.empty()) text += " in " + printable(scope.symbol);
  if (!scope.prefix.empty()) text += " with a client order id from \"" + printable(scope.prefix) + "\"";
  return text;
}

std::string flags_of(const Scope& scope) {
  std::string flags;
  if (!scope.owner.empty()) flags += " --owner " + shell_word(scope.owner);
  if (scope.kind == v1::MASS_CANCEL_SCOPE_OWN) flags += " --sender " + shell_word(scope.owner);
  if (scope.kind == v1::MASS_CANCEL_SCOPE_UNOWNED) flags += " --unowned";
  if (!scope.symbol.empty()) flags += " --symbol " + shell_word(scope.symbol);
  if (scope.side != v1::SIDE_UNSPECIFIED) flags += " --side " + side_word(scope.side);
  if (!scope.prefix.empty()) flags += " --prefix " + shell_word(scope.prefix);
  return flags;
}

}  // namespace cancelbus::ctl
