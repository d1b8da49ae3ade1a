#include "service/core/switches.hpp"

#include <algorithm>
#include <utility>

#include "service/core/names.hpp"

namespace cancelbus::core {

// ---- Kill switches ----

void Switches::request(const std::string& sender, const KillSwitchReceived& received) {
  if (book_.draining) return;  // no report leaves any more: the client asks again, and the next bus answers
  KillSwitchReceived asked = received;
  if (asked.request.whose == MassCancelRequest::Whose::Own) asked.request.scope.owner = sender;
  SendKillSwitch reply = asked.engage ? engage(sender, asked) : release(sender, asked);
  reply.peer = asked.peer;
  reply.request_id = asked.request_id;
  book_.out.send(std::move(reply));
}

SendKillSwitch Switches::engage(const std::string& sender, const KillSwitchReceived& received) {
  const auto answer = [this](const MassCancel& mass, std::string text) {
    return SendKillSwitch{.status = KillSwitchStatus::Engaged,
                          .text = std::move(text),
                          .still_open = known_open(mass),
                          .cl_ord_id = mass.record().key.cl_ord_id};
  };
  const std::vector<MassCancel*> engaged = book_.mass_cancels.engaged();
  for (const MassCancel* mass : engaged) {
    const bool same = mass->record().key.sender == sender && mass->request().scope == received.request.scope;
    if (same) return answer(*mass, "it is engaged already: " + mass->request().reason);
  }
  const auto refuse = [](std::string text) { return SendKillSwitch{.text = std::move(text)}; };
  if (!book_.store_writable) return refuse("the bus cannot write its store");
  if (options_.observe) return refuse("the bus runs with --observe and sends no cancel");
  if (std::string why = mass_cancels_.why_never(received.request.scope); !why.empty()) return refuse("scope: " + why);
  const auto of_sender =
      std::ranges::count(engaged, sender, [](const MassCancel* m) { return m->record().key.sender; });
  // There is always one for an operator.
  if (!received.of_operator && static_cast<size_t>(of_sender) >= MassCancels::MostEngagedOfASender) {
    return refuse("the sender has 4 kill switches engaged");
  }
  const size_t most = received.of_operator ? MassCancels::MostEngaged : MassCancels::MostEngaged / 2;
  if (engaged.size() >= most) return refuse(std::to_string(most) + " kill switches are engaged");
  const MassCancel& mass = mass_cancels_.begin(sender, received.request, "kill");
  note(SwitchChange::What::KillSwitchEngaged, sender, mass, received.request.reason);
  return answer(mass, "");
}

SendKillSwitch Switches::release(const std::string& sender, const KillSwitchReceived& received) {
  const Scope& scope = received.request.scope;
  std::vector<MassCancel*> meant = book_.mass_cancels.engaged();
  std::erase_if(meant, [&](const MassCancel* mass) {
    return mass->request().scope != scope || (!received.of_operator && mass->record().key.sender != sender);
  });
  if (meant.empty()) {
    for (const MassCancel* mass : book_.mass_cancels.engaged()) {
      if (mass->request().scope != scope) continue;
      return {.text = "it was engaged by " + mass->record().key.sender + ": only an operator releases it",
              .still_open = known_open(*mass)};
    }
    const MassCancel* released = book_.mass_cancels.released(scope);
    if (!released) return {.text = "no kill switch with this scope is engaged"};
    return {.status = KillSwitchStatus::Released,
            .text = "it is released already, by " + released->record().release->by,
            .still_open = known_open(*released),
            .cl_ord_id = released->record().key.cl_ord_id};
  }
  const MassCancel& last = *meant.back();
  if (!book_.store_writable) return {.text = "the bus cannot write its store", .still_open = known_open(last)};
  const auto is_empty = [this](const MassCancel* mass) { return mass->proven_empty() && known_open(*mass) == 0; };
  const auto unproven = std::ranges::find_if_not(meant, is_empty);
  if (unproven != meant.end() && !received.force) {
    const std::string why = (*unproven)->why_not_empty(mass_cancels_.why_unproven(**unproven));
    return {.text = "its scope is not proven empty: " + (why.empty() ? "orders are being canceled" : why),
            .still_open = known_open(last)};
  }
  for (MassCancel* mass : meant) {
    note(SwitchChange::What::KillSwitchReleased, sender, *mass, received.request.reason);
    mass->release({sender, received.request.reason, !mass->proven_empty(), book_.now.wall});
    mass_cancels_.rejudge_commands(*mass);
  }
  return {.status = KillSwitchStatus::Released,
          .text = unproven == meant.end() ? "" : "by force: it is not proven that no order in scope is open",
          .still_open = known_open(last),
          .cl_ord_id = last.record().key.cl_ord_id};
}

void Switches::note(SwitchChange::What what, const std::string& by, const MassCancel& mass, const std::string& reason) {
  book_.out.switched({.what = what,
                      .sender = by,
                      .scope = scope_text(mass.request()),
                      .reason = reason,
                      .cl_ord_id = mass.record().key.cl_ord_id,
                      .forced = what == SwitchChange::What::KillSwitchReleased && !mass.proven_empty()});
}

uint32_t Switches::known_open(const MassCancel& mass) const {
  return static_cast<uint32_t>(book_.open_orders.count(mass.request().scope));
}

// ---- Dead man's switches ----

void Switches::arm(const std::string& sender, Duration window) {
  if (!book_.dead_man.arm(sender, window)) return;
  book_.out.record(book_.dead_man.record(sender, book_.now.wall));
  book_.out.switched({.what = SwitchChange::What::DeadManSwitchArmed, .sender = sender, .reason = period_text(window)});
}

void Switches::heard(const std::string& sender) {
  if (book_.dead_man.heard(sender)) book_.out.record(book_.dead_man.record(sender, book_.now.wall));
}

void Switches::goodbye(const std::string& sender, const GoodbyeReceived& received) {
  const bool armed = book_.dead_man.is_armed(sender);
  // It stays armed, and the goodbye comes again.
  if (armed && !book_.store_writable) return;
  SendGoodbye reply{received.peer, "", "its dead man's switch is not armed"};
  const MassCancel* fired = watching(sender);
  if (armed && !received.keep_orders && options_.observe) {
    reply.text = "the bus runs with --observe and sends no cancel; its dead man's switch stays armed";
  } else if (armed) {
    book_.dead_man.disarm(sender);
    book_.out.record(DeadManDisarmed{sender});
    reply.text = "its dead man's switch is disarmed";
    if (received.keep_orders) book_.out.switched({.what = SwitchChange::What::DeadManSwitchDisarmed, .sender = sender});
    if (!received.keep_orders) reply.cl_ord_id = fire(sender, sender + " said goodbye");
  } else if (fired) {
    // The answer was lost, and it is said again.
    reply.cl_ord_id = fired->record().key.cl_ord_id;
  }
  if (!reply.cl_ord_id.empty()) reply.text = "its orders are being canceled";
  book_.out.send(std::move(reply));
}

MassCancel* Switches::watching(const std::string& sender) {
  for (MassCancel* mass : book_.mass_cancels.open()) {
    const bool of_dead_man = mass->request().cause == MassCancelRequest::Cause::DeadMan;
    if (of_dead_man && mass->record().key.sender == sender && mass->watches()) return mass;
  }
  return nullptr;
}

void Switches::fire_due() {
  if (options_.observe) return;  // they stay armed for a bus that cancels
  for (const std::string& sender : book_.dead_man.due()) {
    fire(sender, "nothing was heard of " + sender + " for " + period_text(book_.dead_man.window(sender)));
    book_.dead_man.fired(sender);
    book_.out.record(book_.dead_man.record(sender, book_.now.wall));
  }
}

std::string Switches::fire(const std::string& sender, const std::string& reason) {
  MassCancelRequest request;
  request.scope = {.whose = Scope::Whose::Owner, .owner = sender};
  request.priority = Priority::Urgent;
  request.until_empty = true;
  request.cause = MassCancelRequest::Cause::DeadMan;
  request.reason = reason;
  MassCancel* before = watching(sender);
  if (before) before->fire_again(book_.now.tick);
  const MassCancel& mass = before ? *before : mass_cancels_.begin(sender, std::move(request), "dead-man");
  note(SwitchChange::What::DeadManSwitchFired, sender, mass, reason);
  return mass.record().key.cl_ord_id;
}

// ---- Status ----

void Switches::add_to(BusStatus& status) const {
  for (const MassCancel* mass : book_.mass_cancels.engaged()) {
    const MassCancelRecord& record = mass->record();
    status.kill_switches.push_back(
        {record.request, record.key.sender, record.received, known_open(*mass), mass->proven_empty(),
         record.complete_as_of, mass->proven_empty() ? "" : mass->why_not_empty(mass_cancels_.why_unproven(*mass))});
  }
  status.dead_man_switches = book_.dead_man.status();
}

}  // namespace cancelbus::core
