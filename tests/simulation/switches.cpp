#include "tests/simulation/switches.hpp"

#include <algorithm>

#include "service/core/names.hpp"

namespace cancelbus::simulation {

namespace {

using What = core::SwitchChange::What;

}  // namespace

std::optional<core::PeerId> client_of(const core::Event& event) {
  return std::visit(
      [](const auto& e) -> std::optional<core::PeerId> {
        using E = std::decay_t<decltype(e)>;
        constexpr bool OfBackend = std::is_same_v<E, core::WorkerReady> || std::is_same_v<E, core::TaskEnded> ||
                                   std::is_same_v<E, core::StreamFact> || std::is_same_v<E, core::StreamReport>;
        if constexpr (!OfBackend && requires { e.peer; }) return e.peer;
        return std::nullopt;
      },
      event);
}

void Switches::bus_started() {
  turned_ = store_.tick();
  peers_.clear();
  unproven_.clear();
  asked_.clear();
  came_.clear();
  armings_.clear();
  goodbyes_.clear();
  heard_goodbyes_.clear();
  forced_.clear();
  writable_ = true;
  draining_ = false;
  armed_.clear();
  for (const auto& [sender, record] : store_.dead_men()) armed_[sender] = {record.window, record.fired, {}, {}};
}

void Switches::stepping(const core::Event& event, const std::string& sender) {
  const auto peer = client_of(event);
  if (!peer || sender.empty()) return;
  const auto* hello = std::get_if<core::Hello>(&event);
  const auto known = peers_.find(*peer);
  came_[sender] = came_[sender] || hello || (known != peers_.end() && !may_be_forgotten_.contains(*peer));
  heard_peers_.insert(*peer);
  if (hello) asked_.erase(*peer);
  if (hello && hello->cancel_on_disconnect) {
    armings_[sender] = *hello->cancel_on_disconnect;
    asked_.insert(*peer);
  }
  if (std::holds_alternative<core::GoodbyeReceived>(event)) {
    goodbyes_.insert(sender);
    const bool sure = known != peers_.end() && !may_be_forgotten_.contains(*peer) && armed_.contains(sender);
    if (sure && writable_) heard_goodbyes_.insert(sender);
  }
  const auto* kill_switch = std::get_if<core::KillSwitchReceived>(&event);
  if (kill_switch && kill_switch->force) forced_.insert(sender);
}

void Switches::take_time(Tick now) {
  const Duration since = std::min(now - turned_, LongestTurn);
  for (auto& [sender, armed] : armed_) {
    armed.sure += since;
    if (writable_ && !draining_) armed.quiet += since;
    const auto came = came_.find(sender);
    if (came == came_.end()) continue;
    armed.quiet = Duration::zero();
    armed.fired = false;
    if (came->second) armed.sure = Duration::zero();
  }
  turned_ = now;
}

void Switches::decided(const core::Actions& actions, Tick now) {
  take_time(now);
  std::map<std::string, bool> stored;  // has it fired, as the rows of this turn say
  std::set<std::string> disarmed;
  for (const core::Record& record : actions.records) {
    if (const auto* row = std::get_if<core::DeadManRecord>(&record)) {
      disarmed.erase(row->sender);
      const auto [at, is_new] = armed_.try_emplace(row->sender, Armed{row->window, false, {}, {}});
      if (is_new && !armings_.contains(row->sender)) world_.fail("switches: ", row->sender, " is armed unasked");
      at->second.window = row->window;
      stored[row->sender] = row->fired;
    } else if (const auto* gone = std::get_if<core::DeadManDisarmed>(&record)) {
      if (!goodbyes_.contains(gone->sender)) world_.fail("switches: ", gone->sender, " is disarmed without a goodbye");
      disarmed.insert(gone->sender);
      heard_goodbyes_.erase(gone->sender);
    }
  }
  for (const core::SwitchChange& change : actions.switches) {
    if (change.what == What::DeadManSwitchFired) {
      fired(change);
      const auto row = stored.find(change.sender);
      const bool kept = goodbyes_.contains(change.sender) || (row != stored.end() && row->second);
      if (!kept) world_.fail("switches: that of ", change.sender, " fires, and a later bus would not know");
    }
    if (change.what == What::KillSwitchReleased) released(change);
    if (change.what == What::KillSwitchEngaged) world_.happened.add(Fault::KillSwitch);
  }
  check_proofs(actions);
  for (const std::string& sender : disarmed) armed_.erase(sender);
  for (const auto& [sender, window] : armings_) {
    const auto at = armed_.find(sender);
    const bool may_differ = goodbyes_.contains(sender);
    if (!may_differ && (at == armed_.end() || at->second.window != window)) {
      world_.fail("switches: ", sender, " said hello, and its switch is not armed as it asked");
    }
  }
  for (const std::string& sender : std::exchange(heard_goodbyes_, {})) {
    world_.fail("switches: ", sender, " says goodbye, and a later bus would not know");
  }
  for (const auto& [sender, armed] : armed_) {
    if (armed.fired || armed.quiet <= armed.window + Late) continue;
    world_.fail("switches: ", sender, " was silent for ", armed.quiet / 1ms, " ms, and its switch has not fired");
  }
  may_be_forgotten_.clear();
  for (const core::PeerId& peer : std::exchange(heard_peers_, {})) peers_[peer] = now;
  for (const auto& [peer, heard] : peers_) {
    if (now - heard >= MayForget) may_be_forgotten_.insert(peer);
  }
  came_.clear();
  armings_.clear();
  goodbyes_.clear();
  forced_.clear();
}

void Switches::fired(const core::SwitchChange& change) {
  if (goodbyes_.contains(change.sender)) return;
  const auto at = armed_.find(change.sender);
  if (at == armed_.end()) return world_.fail("switches: that of ", change.sender, " fires, and is not armed");
  Armed& armed = at->second;
  if (std::exchange(armed.fired, true)) world_.fail("switches: that of ", change.sender, " fires twice");
  if (armed.sure < armed.window) {
    world_.fail("switches: that of ", change.sender, " fires ", armed.sure / 1ms, " ms after a word of it");
  }
  world_.happened.add(Fault::DeadMan);
}

void Switches::released(const core::SwitchChange& change) {
  if (!change.forced) {
    unproven_.insert(change.cl_ord_id);
    return world_.happened.add(Fault::KillSwitchReleased);
  }
  if (!forced_.contains(change.sender)) world_.fail("switches: ", change.cl_ord_id, " is released by force unasked");
}

void Switches::check_proofs(const core::Actions& actions) {
  for (const core::Record& record : actions.records) {
    const auto* publication = std::get_if<core::Publication>(&record);
    const auto* report = publication ? std::get_if<core::MassCancelReport>(&publication->body) : nullptr;
    if (report && report->status == core::MassCancelStatus::Completed) unproven_.erase(report->cl_ord_id);
  }
  // While the store refuses no report is made.
  if (!writable_ || unproven_.empty()) return;
  world_.fail("switches: ", *unproven_.begin(), " is released, and its scope is not proven empty");
}

void Switches::sending(const core::SendGoodbye& reply, const std::string& sender) {
  if (reply.cl_ord_id.empty()) return;
  const auto row = store_.mass_cancels().find({sender, reply.cl_ord_id});
  const bool stored =
      row != store_.mass_cancels().end() && row->second.request.cause == core::MassCancelRequest::Cause::DeadMan;
  if (!stored) world_.fail("switches: ", sender, " is told of ", reply.cl_ord_id, ", which is not stored");
}

void Switches::sending(const core::SendWelcome& welcome, const std::string& sender) {
  const bool disarmed = !armed_.contains(sender);
  if (disarmed || !asked_.contains(welcome.peer) || store_.dead_men().contains(sender)) return;
  world_.fail("switches: ", sender, " is welcomed, and its switch is not stored");
}

void Switches::sending(const core::SendKillSwitch& reply, const std::string& sender) {
  if (reply.status != core::KillSwitchStatus::Engaged) return;
  const auto row = store_.mass_cancels().find({sender, reply.cl_ord_id});
  const bool stored =
      row != store_.mass_cancels().end() && row->second.request.cause == core::MassCancelRequest::Cause::KillSwitch;
  if (!stored) world_.fail("switches: ", reply.cl_ord_id, " is told to be engaged, and is not stored");
}

}  // namespace cancelbus::simulation
