// One FIX session as one sender of the bus: what the counterparty asks for goes to the bus, and what the bus says comes
// back as reports.
//
// Used by gateway.cpp. Pure but for its store: messages and notices go in; reports, and what the bus is to be asked,
// come out. Each call belongs to one transaction of the store. take_asks() is called after its commit, so that the bus
// is never asked for what a restart would not know. After a restart what is undecided is asked again under the same
// cl_ord_id, which the bus takes for the same command.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "cancelbus/client.hpp"
#include "clients/fix/engine.hpp"
#include "clients/fix/message.hpp"
#include "clients/fix/reports.hpp"
#include "clients/fix/store.hpp"

namespace cancelbus::fix {

/// What the bus is to be asked.
struct AskCancel {
  int64_t order_id = 0;
  client::CancelOptions options;
};
using Ask = std::variant<AskCancel, client::MassCancelOptions, client::OpenOrdersFilter>;

class Desk {
 public:
  using Report = std::function<void(const Outgoing&)>;

  /// The store outlives it. `report` is called for each report, in order.
  Desk(std::string sender, SessionStore& store, Report report);

  /// Once, before anything else: asks again for what is undecided.
  void restart();
  Verdict on_message(const Incoming& message);
  void on_notices(const std::vector<client::Notice>& notices);
  std::vector<Ask> take_asks();

  /// Requests that have not had their last report.
  size_t undecided() const { return undecided_; }

 private:
  /// What the registry is asked about.
  struct Lookup {
    std::string id;        ///< of the request that waits for it; empty: of none
    int64_t order_id = 0;  ///< 0: all open orders are listed
  };

  Verdict cancel(const Incoming& message);
  Verdict mass_cancel(const Incoming& message);
  Verdict status(const Incoming& message);
  bool is_known(const Incoming& message, const Request& asked);

  void on(const client::Connected& connected);
  void on(const client::LostEvents& lost);
  void on(const client::OpenOrders& answer);
  void on(const client::MassCancelLost& lost);
  void on(const client::MassCancelUnknown& unknown);
  void on(const v1::Receipt& receipt);
  void on(const v1::Event& event);
  template <typename Other>
  void on(const Other&) {}
  void apply(const v1::CancelAck& ack, const v1::Event& event, const std::string& exec_id);
  void apply(const v1::CancelFinal& final, const v1::Event& event, const std::string& exec_id);
  void apply(const v1::CancelStatus& status, const v1::Event& event, const std::string& exec_id);
  void apply(const v1::MassCancelReport& report, const v1::Event& event);
  void repeated(const std::vector<client::Notice>& notices);

  void look_up(std::string id, int64_t order_id);
  void resolve(const Lookup& lookup, const client::OpenOrders& answer);
  bool is_ours(const v1::OpenOrder& order) const;
  void found(Request request, const client::OpenOrders& answer);
  void answer_status(const Request& request, const client::OpenOrders& answer);
  void ask_bus(const Request& request);

  /// The request that an event is about; none if it is no command of this session, or has ended.
  std::optional<Request> live(const std::string& cl_ord_id) const;
  bool is_child(const std::string& cl_ord_id) const;
  void received(Request& request);
  void refused(Request& request, const v1::Receipt& receipt);
  void tell(Request& request, const Outgoing& report, Stage stage);
  void reject(Request& request, const std::string& reason, const std::string& ord_status, const std::string& text,
              const std::string& time);
  std::string known_status(const Request& request) const;
  std::string own_exec_id(const std::string& id, const char* kind) const;

  std::string sender_;
  std::string topic_;
  SessionStore& store_;
  Report report_;
  std::vector<Ask> asks_;
  std::vector<Lookup> lookups_;           ///< to be asked next
  std::vector<Lookup> asked_;             ///< under way
  std::set<std::string> looking_;         ///< requests with a lookup in either
  std::set<std::string> received_early_;  ///< of these, those that the bus has received
  size_t undecided_ = 0;
};

}  // namespace cancelbus::fix
