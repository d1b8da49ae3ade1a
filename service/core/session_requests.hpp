// What clients say on their sessions: hello, commands, requests that are answered at once, and an operator's word.
//
// Part of the gateway, like judge.hpp. Guarantees: a command is answered by one receipt, and one that is APPLIED has
// joined its order; a peer that has not said hello is told so, and nothing else happens.
#pragma once

#include <string>

#include "service/core/book.hpp"
#include "service/core/counters.hpp"
#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/judge.hpp"
#include "service/core/mass_cancel_runner.hpp"
#include "service/core/switches.hpp"

namespace cancelbus::core {

class SessionRequests {
 public:
  /// `epoch`: of the store.
  SessionRequests(Book& book, Judge& judge, MassCancelRunner& mass_cancels, Switches& switches,
                  const GatewayOptions& options, GatewayCounters& counters, uint64_t epoch)
      : book_(book),
        judge_(judge),
        mass_cancels_(mass_cancels),
        switches_(switches),
        options_(options),
        counters_(counters),
        epoch_(epoch) {}

  void on(const Hello& hello);
  void on(const CommandReceived& received);
  void on(const CommandMalformed& malformed);
  void on(const RetransmitRequest& request);
  void on(const SessionHeartbeat& heartbeat);
  void on(const StatusRequest& request);
  void on(const OpenOrdersRequest& request);
  void on(const CommandsRequest& request);
  void on(const HistoryRequest& request);
  void on(const ResolveRequest& request);
  void on(const RetryRequest& request);
  void on(const MassCancelReceived& received);
  void on(const KillSwitchReceived& received);
  void on(const GoodbyeReceived& received);
  void on(const SessionEnded& ended) { book_.sessions.close(ended.peer); }

 private:
  /// The session of a peer that is heard from; one that has not said hello is asked to, and null returned.
  const Session* heard(const PeerId& peer, const std::string& cl_ord_id = "");
  SendReceipt receipt_for(const std::string& sender, const CommandReceived& received) const;
  std::string why_not_resolved(const ResolveRequest& request) const;
  std::string why_not_retried(const RetryRequest& request) const;

  Book& book_;
  Judge& judge_;
  MassCancelRunner& mass_cancels_;
  Switches& switches_;
  const GatewayOptions& options_;
  GatewayCounters& counters_;
  const uint64_t epoch_;
};

}  // namespace cancelbus::core
