// Which open orders cancel-all, kill and release are about: from flags, in words, and as flags again.
//
// Used by those commands, and by texts about kill switches. Pure.
#pragma once

#include <string>

#include "cancelbus/v1/cancel.pb.h"
#include "clients/cancelctl/arguments.hpp"

namespace cancelbus::ctl {

struct Scope {
  v1::MassCancelScope kind = v1::MASS_CANCEL_SCOPE_ALL;
  /// Whose, with OWN and SENDER.
  std::string owner = {};
  /// What narrows it; empty and UNSPECIFIED: any.
  std::string symbol = {};
  v1::Side side = v1::SIDE_UNSPECIFIED;
  std::string prefix = {};

  /// Into MassCancelOptions or KillSwitchOptions.
  template <typename Options>
  void set(Options& options) const {
    options.scope = kind;
    if (kind == v1::MASS_CANCEL_SCOPE_SENDER) options.owner = owner;
    options.symbol = symbol;
    options.side = side;
    options.client_order_id_prefix = prefix;
  }
};

/// OWN where --owner names the sender itself: a strategy's key may cancel its own orders, an operator's those of any.
Scope scope_of(const Arguments& arguments);
Scope scope_of(const v1::BusStatus::KillSwitch& kill_switch);
/// As "sell orders of desk-a in BTCTRY".
std::string text(const Scope& scope);
/// As " --owner desk-a --symbol BTCTRY", for a shell; of OWN the --sender as well.
std::string flags_of(const Scope& scope);

}  // namespace cancelbus::ctl
