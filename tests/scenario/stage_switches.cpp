// What the stage knows of kill switches and dead man's switches.
#include "service/core/names.hpp"
#include "tests/scenario/stage.hpp"

namespace cancelbus::scenario {

void Stage::kill_switch(const std::string& peer, bool engage, Words& words) {
  core::KillSwitchReceived received{peer, engage, scope_of(words)};
  received.request.reason = words.value("reason", "");
  received.request.priority = core::Priority::Urgent;
  received.request.until_empty = true;
  received.request.cause = core::MassCancelRequest::Cause::KillSwitch;
  received.force = words.flag("force");
  received.of_operator = words.flag("operator");
  turn(received);
}

void Stage::show_send(const core::SendKillSwitch& send) {
  const char* const statuses[] = {"ENGAGED", "RELEASED", "REFUSED"};
  std::string line = "kill switch, to " + send.peer + ": " + statuses[static_cast<size_t>(send.status)];
  if (!send.cl_ord_id.empty()) line += " " + send.cl_ord_id;
  say(line + ", " + std::to_string(send.still_open) + " open" + (send.text.empty() ? "" : " \"" + send.text + "\""));
}

void Stage::show_send(const core::SendGoodbye& send) {
  say("goodbye, to " + send.peer + ":" + (send.cl_ord_id.empty() ? "" : " " + send.cl_ord_id) + " \"" + send.text +
      "\"");
}

void Stage::show_switches() {
  const core::BusStatus status = gateway_->status(instant());
  for (const core::KillSwitchLine& line : status.kill_switches) {
    const std::string as_of = line.complete_as_of ? ", as of @" + to_text(*line.complete_as_of - Start) : "";
    say(line.sender + "/" + line.request.cl_ord_id + " " + core::scope_text(line.request) + " since @" +
        to_text(line.since - Start) + " \"" + line.request.reason + "\", " + std::to_string(line.still_open) +
        " open, " + (line.proven_empty ? "proven empty" : "not proven empty \"" + line.why_not_empty + "\"") + as_of);
  }
  for (const core::DeadManStatus& line : status.dead_man_switches) {
    say(line.sender + " armed for " + to_text(line.window) + ", silent for " + to_text(line.silent_for) +
        (line.fired ? ", has fired" : ""));
  }
}

}  // namespace cancelbus::scenario
