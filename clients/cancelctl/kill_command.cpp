#include <optional>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/scope.hpp"
#include "clients/cancelctl/scope_dialog.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

using namespace client;
using std::chrono::steady_clock;

class KillCommand {
 public:
  /// Statuses in a row without the switch, after which it is taken for released.
  static constexpr int MostMissing = 3;

  KillCommand(const Arguments& arguments, Client& bus, Console& console)
      : arguments_(arguments),
        bus_(bus),
        console_(console),
        scope_(scope_of(arguments)),
        dialog_(arguments, bus, console, [this](const Notice& notice) {
          if (const auto* status = std::get_if<v1::BusStatus>(&notice)) on(*status);
        }) {}

  int kill() {
    if (!arguments_.yes) {
      MassCancelOptions options{.urgent = true, .until_empty = true};
      scope_.set(options);
      if (const auto ends = dialog_.preview(options); ends != ExitProven) return ends;
      const std::string question = "Engage a kill switch over " + text(scope_) + "? It cancels these " +
                                   std::to_string(dialog_.expected()) +
                                   " orders, and each one that appears until it is released.";
      if (const auto ends = dialog_.ask(question); ends != ExitProven) return ends;
    }
    const auto reply = request(v1::KILL_SWITCH_ACTION_ENGAGE);
    if (!reply) return dialog_.no_answer("the kill switch may be engaged: ask with cancelctl status");
    if (reply->status() != v1::KILL_SWITCH_STATUS_ENGAGED) return refuse(*reply);
    print(*reply, Tone::Doubt);
    follow(reply->cl_ord_id());
    return conclude();
  }

  int release() {
    const auto reply = request(v1::KILL_SWITCH_ACTION_RELEASE);
    if (!reply) return dialog_.no_answer("the kill switch may be released: ask with cancelctl status");
    if (reply->status() != v1::KILL_SWITCH_STATUS_RELEASED) return refuse(*reply);
    print(*reply, Tone::Good);
    return ExitProven;
  }

 private:
  std::optional<v1::KillSwitchReply> request(v1::KillSwitchAction action) {
    KillSwitchOptions options{.action = action, .reason = arguments_.reason, .force = arguments_.force};
    scope_.set(options);
    std::optional<KillSwitchAnswer> answer;
    bus_.kill_switch(options, [&answer](const KillSwitchAnswer& given) { answer = given; });
    const auto until = ScopeDialog::answer_due();
    while (!answer && dialog_.goes_on(until)) dialog_.turn();
    const auto* reply = answer ? std::get_if<v1::KillSwitchReply>(&*answer) : nullptr;
    return reply == nullptr ? std::nullopt : std::optional(*reply);
  }

  void print(const v1::KillSwitchReply& reply, Tone tone) {
    if (arguments_.json) {
      console_.out << JsonLine("kill_switch_reply", wall_now()).add("kill_switch_reply", reply).str() << std::flush;
    } else {
      console_.out << console_.paint(tone, client::text(reply)) << std::endl;
    }
  }

  int refuse(const v1::KillSwitchReply& reply) {
    if (arguments_.json) print(reply, Tone::Bad);
    return dialog_.refuse(client::text(reply));
  }

  /// Until it is proven empty, or that can no longer be learned.
  void follow(const std::string& cl_ord_id) {
    cl_ord_id_ = cl_ord_id;
    status_due_ = ScopeDialog::answer_due();
    while (!latest_.proven_empty() && missing_ < MostMissing && dialog_.goes_on(status_due_)) {
      dialog_.ask_status_each_second();
      dialog_.turn();
    }
    dialog_.clear();
  }

  void on(const v1::BusStatus& status) {
    if (cl_ord_id_.empty()) return;  // asked for before it was engaged
    status_due_ = ScopeDialog::answer_due();
    ++missing_;
    for (const auto& engaged : status.kill_switches()) {
      if (engaged.sender_comp_id() != arguments_.sender || engaged.cl_ord_id() != cl_ord_id_) continue;
      missing_ = 0;
      show(engaged, status);
      latest_ = engaged;
    }
  }

  void show(const v1::BusStatus::KillSwitch& engaged, const v1::BusStatus& status) {
    if (arguments_.json) {
      console_.out << JsonLine("kill_switch", wall_now()).add("kill_switch", engaged).str();
      return;
    }
    const std::string line = kill_switch_progress(engaged);
    dialog_.show(line + cancel_budget_text(status));
    if (!dialog_.draws() && !engaged.proven_empty() && line != kill_switch_progress(latest_)) {
      console_.out << line << "\n";
    }
  }

  int conclude() {
    const bool gone = missing_ >= MostMissing;
    if (latest_.proven_empty()) {
      if (!arguments_.json) console_.out << console_.paint(Tone::Good, kill_switch_progress(latest_)) << std::endl;
    } else {
      console_.err << "cancelctl: not proven empty: " << why_not_proven(gone) << std::endl;
    }
    if (!gone) {
      console_.err << "cancelctl: the kill switch over " << text(scope_)
                   << " STAYS ENGAGED: the bus cancels each order that appears in it. To release it: cancelctl release"
                   << flags_of(scope_) << " --reason TEXT" << std::endl;
    }
    return latest_.proven_empty() ? ExitProven : ExitUnknown;
  }

  std::string why_not_proven(bool gone) const {
    if (gone) return "the bus no longer shows the kill switch: it was released, or the bus has another store";
    if (!console_.interrupted && steady_clock::now() >= status_due_) {
      return "no status from " + arguments_.session_endpoint + "; the bus goes on when it is back";
    }
    return latest_.cl_ord_id().empty() ? "the bus has not said how far it is" : kill_switch_progress(latest_);
  }

  const Arguments& arguments_;
  Client& bus_;
  Console& console_;
  const Scope scope_;
  ScopeDialog dialog_;
  /// Of the mass cancel that empties the scope, once it is engaged.
  std::string cl_ord_id_;
  ScopeDialog::Time status_due_{};
  v1::BusStatus::KillSwitch latest_;
  int missing_ = 0;
};

}  // namespace

int run_kill(const Arguments& arguments, Client& bus, Console& console) {
  return KillCommand(arguments, bus, console).kill();
}

int run_release(const Arguments& arguments, Client& bus, Console& console) {
  return KillCommand(arguments, bus, console).release();
}

}  // namespace cancelbus::ctl
