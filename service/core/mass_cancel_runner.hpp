// Runs mass cancels: takes the requests, tells each open one what registry and sweeps show, makes its children, and
// publishes its reports.
//
// Part of the gateway, like judge.hpp. Level, not edge: advance() looks at every open mass cancel in every turn and
// does what its state asks for, and tell() publishes and stores what has become of it. So a restart needs no more than
// the state.
//
// A step looks at most at MostPerStep orders of one mass cancel; the rest waits for the next step, which is due at
// once.
#pragma once

#include <absl/container/btree_map.h>

#include <string>
#include <vector>

#include "service/core/book.hpp"
#include "service/core/events.hpp"
#include "service/core/gateway_options.hpp"
#include "service/core/judge.hpp"

namespace cancelbus::core {

class MassCancelRunner {
 public:
  static constexpr size_t MostPerStep = 1'000;
  /// Children of one mass cancel that have no ack yet. It bounds what stands in the queue before the sender's own
  /// commands; at any limit of requests a second it is refilled in time.
  static constexpr size_t MostWaiting = 100;
  /// Lines of a preview.
  static constexpr size_t MostPreviewed = 200;

  MassCancelRunner(Book& book, Judge& judge, const GatewayOptions& options)
      : book_(book), judge_(judge), options_(options) {}

  /// The session has said hello as `sender`. Answers with a receipt or a preview.
  void request(const std::string& sender, const MassCancelReceived& received);
  /// One of a switch, under a name of its own that begins with `name`. The reference is valid until it is forgotten.
  const MassCancel& begin(const std::string& sender, MassCancelRequest request, const std::string& name);
  /// Why no order can be in this scope; empty if one can.
  std::string why_never(const Scope& scope) const;
  /// Why its scope cannot be proven empty now; empty if it can.
  std::string why_unproven(const MassCancel& mass) const;
  /// Its undecided commands may stand elsewhere in the queue now.
  void rejudge_commands(const MassCancel& mass);

  /// Once a turn, after all that the turn brought has been judged and before work is given out; not while nothing new
  /// may be begun.
  void advance(Instant now);
  /// Once a turn, last. `may_begin`: reports may leave; what became of children is stored in any case. `sweep_trouble`:
  /// why sweeps do not come to an end; empty if they do.
  void tell(Instant now, bool may_begin, std::string sweep_trouble);
  /// When advance() has something to do even if nothing else happens. Not while it may not be called.
  Tick next_deadline(Tick now) const;
  /// Those whose retention is over.
  void forget();

 private:
  /// Of an open one: where the look at the registry has come to, and which sweep was asked for.
  struct Work {
    Instant as_of{};  ///< of the last complete sweep when the look began; Tick::min(): none was complete
    OrderId from = 0;
    bool any = false;
    bool done = false;
    Tick asked = Never;
  };

  MassCancel& add(const std::string& sender, MassCancelRequest request);
  SendReceipt receipt_for(const std::string& sender, const MassCancelReceived& received) const;
  std::string why_not_new(const std::string& sender, const MassCancelRequest& request) const;
  void preview(const PeerId& peer, const std::string& sender, const MassCancelRequest& request);
  void scan(MassCancel& mass, Work& work, Instant now);
  /// Orders that have entered the registry, or moved in it, since the last look.
  void look_at(const std::vector<OrderId>& entered, MassCancel& mass, Instant now);
  void issue(MassCancel& mass);
  void make_child(MassCancel& mass, OrderId order, const OpenOrder* known);
  void report(MassCancel& mass, Instant now);
  void save(MassCancel& mass, Instant now);
  /// Until the last of so many orders can be sent that come after what the sender has waiting; at least.
  Duration estimate(const std::string& sender, Priority priority, size_t orders) const;
  Duration estimate(CancelQueue::Ahead ahead, Priority priority, size_t orders) const;

  Book& book_;
  Judge& judge_;
  const GatewayOptions& options_;
  absl::btree_map<CommandKey, Work> work_;
  std::string sweep_trouble_;
  bool behind_ = false;  ///< a step has left something to do
};

}  // namespace cancelbus::core
