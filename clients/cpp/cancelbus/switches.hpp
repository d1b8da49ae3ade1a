// Kill switches and the goodbye of a strategy or an operator: what they are given, and how they are answered.
//
// Used by programs. A kill switch cancels every open order in its scope, and each one that appears until it is
// released; the bus keeps it, whatever becomes of this client. The dead man's switch, which a goodbye disarms or fires,
// is armed by SessionOptions::cancel_on_disconnect.
#pragma once

#include <string>
#include <variant>

#include "cancelbus/outcome.hpp"

namespace cancelbus::client {

/// Which switch is engaged or released, and why.
struct KillSwitchOptions {
  v1::KillSwitchAction action = v1::KILL_SWITCH_ACTION_ENGAGE;  ///< or RELEASE
  /// OWN: orders with a prefix that the bus's policy gives you. For operators: SENDER (those of `owner`), UNOWNED, ALL.
  v1::MassCancelScope scope = v1::MASS_CANCEL_SCOPE_OWN;
  std::string owner = {};  ///< a sender; required with SENDER, and refused with the others
  /// What narrows the scope; empty and UNSPECIFIED: any. The pair, as BTCTRY.
  std::string symbol = {};
  v1::Side side = v1::SIDE_UNSPECIFIED;     ///< BUY, SELL, or any
  std::string client_order_id_prefix = {};  ///< only orders whose client order id begins with it
  /// Why, for those who ask later: 1 to 128 printable ASCII characters.
  std::string reason = {};
  /// RELEASE although orders may be open in the scope.
  bool force = false;
};

/// ENGAGED, RELEASED, or REFUSED by the bus or this client, with `text`. ENGAGED is not empty yet:
/// BusStatus.kill_switches says when it is proven so.
using KillSwitchAnswer = std::variant<v1::KillSwitchReply, ClientClosed>;

/// The bus did not take the goodbye. The session has ended all the same: a switch that is armed fires after its window.
struct GoodbyeRefused {
  std::string why;  ///< a sentence
};
/// The bus's reply to a goodbye, or why there is none.
using GoodbyeAnswer = std::variant<v1::GoodbyeReply, GoodbyeRefused, ClientClosed>;

/// A sentence for people.
std::string text(const v1::KillSwitchReply& reply);
/// Likewise.
std::string text(const KillSwitchAnswer& answer);
/// Likewise.
std::string text(const GoodbyeAnswer& answer);

}  // namespace cancelbus::client
