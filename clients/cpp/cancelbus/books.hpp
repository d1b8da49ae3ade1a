// What the books of one client have in common: checks of what the user gives, and callbacks that are called once.
//
// Used by CommandBook, MassBook and SwitchBook. Not installed.
#pragma once

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "cancelbus/v1/session.pb.h"

namespace cancelbus::client {

/// Why nothing is taken after a goodbye.
inline constexpr const char* GoodbyeWasSaid =
    "goodbye was said, and this client sends nothing more: use another client";

struct TextField {
  const char* name;
  const std::string& value;
  size_t most;
};

/// Of the first field that is too long or not printable; empty if there is none.
inline std::string complaint_about(std::initializer_list<TextField> fields) {
  for (const auto& [name, value, most] : fields) {
    const bool printable = std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; });
    if (printable && value.size() <= most) continue;
    return std::string(name) + " is not at most " + std::to_string(most) + " printable ASCII characters";
  }
  return {};
}

/// Of the fields that say which open orders are meant; the scope is OWN, SENDER, UNOWNED or ALL.
template <typename Options>
std::string complaint_about_scope(const Options& options) {
  const bool of_sender = options.scope == v1::MASS_CANCEL_SCOPE_SENDER;
  if (of_sender == options.owner.empty()) return "owner: scope SENDER has one, and no other";
  return complaint_about({{"owner", options.owner, 32},
                          {"symbol", options.symbol, 32},
                          {"client_order_id_prefix", options.client_order_id_prefix, 64}});
}

template <typename Options, typename Request>
void set_scope(const Options& options, Request& request) {
  request.set_scope(options.scope);
  request.set_owner(options.owner);
  request.set_symbol(options.symbol);
  request.set_side(options.side);
  request.set_client_order_id_prefix(options.client_order_id_prefix);
}

inline v1::Receipt refused_receipt(const std::string& cl_ord_id, v1::CxlRejReason reason, const std::string& text) {
  v1::Receipt receipt;
  receipt.set_cl_ord_id(cl_ord_id);
  receipt.set_status(v1::RECEIPT_STATUS_REFUSED);
  receipt.set_reason(reason);
  receipt.set_text(text);
  return receipt;
}

/// The callback is moved out first: it may end its client, and everything in it.
template <typename Value>
void tell_once(std::optional<Value>& known, const Value& value, std::function<void(const Value&)>& callback) {
  if (known) return;
  known = value;
  const auto call = std::exchange(callback, {});
  if (call) call(value);
}

}  // namespace cancelbus::client
