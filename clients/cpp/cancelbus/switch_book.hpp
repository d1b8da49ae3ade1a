// The kill switch requests and the goodbye of one client: from the user's options to requests, and from notices to
// callbacks.
//
// Used by Client. As CommandBook: what is refused here is told at the next settle().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "cancelbus/session.hpp"
#include "cancelbus/switches.hpp"

namespace cancelbus::client {

class SwitchBook {
 public:
  using OnKillSwitch = std::function<void(const KillSwitchAnswer&)>;
  using OnGoodbye = std::function<void(const GoodbyeAnswer&)>;

  /// It outlives this.
  explicit SwitchBook(Session& session) : session_(session) {}

  void give(const KillSwitchOptions& options, OnKillSwitch callback);
  void say_goodbye(bool keep_orders, OnGoodbye callback);
  /// Tells what was refused here.
  void settle();
  void tell(const Notice& notice);
  /// No callback is called any more.
  void close();

  /// Without an answer.
  size_t open() const { return kill_switches_.size() + (on_goodbye_ ? 1 : 0) + refused_.size(); }

 private:
  void on(const v1::KillSwitchReply& reply);
  void on(const v1::GoodbyeReply& reply);
  void on(const KillSwitchUnknown& unknown);
  void on(const GoodbyeUnknown& unknown);
  template <typename OtherNotice>
  void on(const OtherNotice&) {}

  void answer(uint64_t request_id, const v1::KillSwitchReply& reply);
  void answer(const GoodbyeAnswer& answer);

  Session& session_;
  std::map<uint64_t, OnKillSwitch> kill_switches_;  ///< by request_id
  OnGoodbye on_goodbye_;
  std::vector<std::function<void()>> refused_;
};

}  // namespace cancelbus::client
