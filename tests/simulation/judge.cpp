#include "tests/simulation/judge.hpp"

namespace cancelbus::simulation {

void Judge::bus_started() {
  sender_of_.clear();
  const bool commits_lost = ledger_.bus_started();
  if (commits_lost) silence_.commits_lost();
  referee_.bus_started();
  silence_.bus_started();
  registry_.bus_started();
  masses_.bus_started();
  switches_.bus_started();
  if (commits_lost) referee_.commits_lost();
}

void Judge::stepping(const core::Event& event) {
  if (const auto* hello = std::get_if<core::Hello>(&event)) {
    sender_of_[hello->peer] = hello->sender;
  } else if (const auto* command = std::get_if<core::CommandReceived>(&event)) {
    referee_.heard(*command);
  } else if (const auto* ready = std::get_if<core::WorkerReady>(&event)) {
    referee_.heard(*ready);
    silence_.heard(*ready);
  } else if (const auto* ended = std::get_if<core::TaskEnded>(&event)) {
    referee_.heard(*ended);
    silence_.heard(*ended);
  } else if (const auto* fact = std::get_if<core::StreamFact>(&event)) {
    referee_.heard(*fact);
    registry_.heard(*fact);
  } else if (const auto* report = std::get_if<core::StreamReport>(&event)) {
    referee_.heard(*report);
  } else if (const auto* retry = std::get_if<core::RetryRequest>(&event)) {
    referee_.heard(*retry);
  } else if (const auto* word = std::get_if<core::ResolveRequest>(&event)) {
    referee_.heard(*word);
  } else if (const auto* drain = std::get_if<core::DrainRequested>(&event)) {
    silence_.heard(*drain);
    switches_.bus_drained();
  }
  const auto peer = client_of(event);
  if (peer) switches_.stepping(event, sender_of_[*peer]);
}

void Judge::decided(const core::Actions& actions, Tick now) {
  for (const core::Record& record : actions.records) {
    const auto* command = std::get_if<core::CommandRecord>(&record);
    if (command && !ledger_.find(command->key)) referee_.command_taken(command->order);
  }
  silence_.decided(actions, now);
  registry_.decided(actions, now);
  masses_.decided(actions, now);
  switches_.decided(actions, now);
}

void Judge::committed(const io::Batch& batch) {
  // A command that is answered at once stands behind its answer in the batch, and is committed with it.
  for (const io::Row& row : batch) {
    const auto* record = std::get_if<core::CommandRecord>(&row);
    if (record && ledger_.committed(*record)) referee_.command_came(record->key, record->order);
    if (const auto* permit = std::get_if<core::PermitRecord>(&row)) referee_.committed(*permit);
    if (const auto* forgotten = std::get_if<core::PermitForgotten>(&row)) referee_.committed(*forgotten);
    if (const auto* hold = std::get_if<core::HoldRecord>(&row)) {
      referee_.committed(*hold);
      silence_.committed(*hold);
    }
    if (const auto* line = std::get_if<core::HistoryLine>(&row)) silence_.committed(*line);
    if (const auto* lowered = std::get_if<core::LoweredLimits>(&row)) {
      referee_.committed(*lowered);
      silence_.committed(*lowered);
    }
  }
  // A turn holds many events: what is told stands behind the fact it follows from, and before those that came later.
  for (const io::Row& row : batch) {
    if (const auto* position = std::get_if<core::FactPosition>(&row)) referee_.committed(*position);
    if (const auto* forgotten = std::get_if<core::CommandForgotten>(&row)) {
      if (const auto order = ledger_.forgotten(forgotten->key)) referee_.forgotten(*order);
    }
    const auto* event = std::get_if<io::EventRow>(&row);
    if (!event) continue;
    const auto [command, publication] = ledger_.committed(*event);
    const auto* unsolicited = event->topic == "venue." ? std::get_if<core::CancelFinal>(&publication.body) : nullptr;
    if (unsolicited) referee_.told_unsolicited(*unsolicited);
    if (!command) continue;
    if (const auto* ack = std::get_if<core::CancelAck>(&publication.body)) referee_.told(*command, *ack);
    if (const auto* final = std::get_if<core::CancelFinal>(&publication.body)) referee_.told(*command, *final);
    if (const auto* status = std::get_if<core::CancelStatus>(&publication.body)) {
      referee_.told(*command, *status);
      silence_.told(*command, *status);
    }
  }
  referee_.batch_judged();
}

void Judge::sending(const core::Send& send) {
  if (const auto* receipt = std::get_if<core::SendReceipt>(&send)) {
    const std::string& sender = sender_of_[receipt->peer];
    const bool of_mass_cancel = masses_.knows({sender, receipt->cl_ord_id});
    of_mass_cancel ? masses_.sending(*receipt, sender) : ledger_.sending(*receipt, sender);
  } else if (const auto* task = std::get_if<core::SendTask>(&send)) {
    referee_.sending(*task);
    silence_.sending(*task);
  } else if (const auto* kill_switch = std::get_if<core::SendKillSwitch>(&send)) {
    switches_.sending(*kill_switch, sender_of_[kill_switch->peer]);
  } else if (const auto* welcome = std::get_if<core::SendWelcome>(&send)) {
    switches_.sending(*welcome, sender_of_[welcome->peer]);
  } else if (const auto* goodbye = std::get_if<core::SendGoodbye>(&send)) {
    switches_.sending(*goodbye, sender_of_[goodbye->peer]);
  } else if (const auto* retry = std::get_if<core::SendRetry>(&send)) {
    referee_.sending(*retry);
  } else if (const auto* resolved = std::get_if<core::SendResolved>(&send)) {
    referee_.sending(*resolved);
  } else if (const auto* confirm = std::get_if<core::SendConfirm>(&send)) {
    referee_.sending(*confirm);
  } else if (std::holds_alternative<core::SendRelogin>(send)) {
    referee_.relogin_asked();
  }
}

}  // namespace cancelbus::simulation
