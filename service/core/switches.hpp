// Kill switches and dead man's switches: makes mass cancels of them, releases the ones, and fires the others.
//
// Part of the gateway, like judge.hpp. A kill switch is a mass cancel that does not end before it is released, and a
// dead man's switch that fires is one of the sender's own orders: so orders are emptied, proven, stored and restored as
// mass cancels are.
//
// Guarantees: what the answer to a kill switch request or a goodbye says is stored before it leaves; a scope is
// released without force only while it is proven empty; a switch fires only in a turn in which all that had arrived was
// heard first.
#pragma once

#include <string>

#include "service/core/book.hpp"
#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/mass_cancel_runner.hpp"

namespace cancelbus::core {

class Switches {
 public:
  Switches(Book& book, MassCancelRunner& mass_cancels, const GatewayOptions& options)
      : book_(book), mass_cancels_(mass_cancels), options_(options) {}

  /// The session has said hello as `sender`.
  void request(const std::string& sender, const KillSwitchReceived& received);
  void goodbye(const std::string& sender, const GoodbyeReceived& received);
  /// A hello asks for it.
  void arm(const std::string& sender, Duration window);
  /// On any session.
  void heard(const std::string& sender);

  /// Once a turn, after all that had arrived was heard; not while nothing new may be begun.
  void fire_due();
  void add_to(BusStatus& status) const;

 private:
  SendKillSwitch engage(const std::string& sender, const KillSwitchReceived& received);
  SendKillSwitch release(const std::string& sender, const KillSwitchReceived& received);
  /// The mass cancel of the sender's dead man's switch that adds orders still; null: there is none.
  MassCancel* watching(const std::string& sender);
  /// Returns the cl_ord_id of its mass cancel.
  std::string fire(const std::string& sender, const std::string& reason);
  void note(SwitchChange::What what, const std::string& by, const MassCancel& mass, const std::string& reason);
  uint32_t known_open(const MassCancel& mass) const;

  Book& book_;
  MassCancelRunner& mass_cancels_;
  const GatewayOptions& options_;
};

}  // namespace cancelbus::core
