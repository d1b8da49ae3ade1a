// An operator's word: it may be wrong, and is told as what it is. And a retry, which only shortens a wait.
#include <algorithm>

#include "tests/simulation/describe.hpp"
#include "tests/simulation/referee.hpp"

namespace cancelbus::simulation {

void Referee::heard(const core::ResolveRequest& word) {
  words_[word.key].insert(word.as);
  if (const CommandSeen* command = ledger_.find(word.key)) event_of(command->order.order_id);
}

void Referee::heard(const core::RetryRequest& retry) {
  const CommandSeen* command = ledger_.find(retry.key);
  if (!command || command->ended()) return;
  const core::OrderId order = command->order.order_id;
  event_of(order);
  thrift_.retried(order);
  // Whether a DELETE may be sent, or a query, only the bus knows. One that is in flight is certain.
  const bool in_flight = std::ranges::any_of(
      open_deletes_, [&](core::TaskId task) { return tasks_.at(task).order == order && !tasks_.at(task).released; });
  if (!in_flight) distance_.retried(order);
}

void Referee::check_word(const CommandSeen& command, const core::CancelFinal& final) {
  const std::string name = command.key.cl_ord_id;
  // Gone, or never there, an order is so for all its commands.
  const bool said = std::any_of(words_.begin(), words_.end(), [&](const auto& entry) {
    const auto& [key, words] = entry;
    const CommandSeen* about = ledger_.find(key);
    const bool counts = key == command.key || final.ord_status != core::OrdStatus::New;
    return counts && about && about->order.order_id == final.order_id && words.contains(final.ord_status);
  });
  if (!said) world_.fail("promise 2: the final of ", name, " is an operator's, and none has said so");
  for (const core::TaskId id : open_deletes_) {
    const Task& task = tasks_[id];
    if (task.order != final.order_id || task.released) continue;
    world_.fail("promise 2: the final of ", name, " is an operator's, while task ", task_name(id), " is in flight");
  }
}

void Referee::sending(const core::SendRetry& retry) {
  if (retry.sends_delete) world_.happened.add(Fault::Retry);
}

void Referee::sending(const core::SendResolved& resolved) {
  if (resolved.status != core::ResolveStatus::Settled) return;
  const CommandSeen* command = ledger_.find(resolved.key);
  if (!command || !command->final) {
    world_.fail("promise 1: ", resolved.key.cl_ord_id, " is told to be settled, and its final is not committed");
  } else if (command->final->evidence != core::Evidence::Operator) {
    world_.fail("promise 2: ", resolved.key.cl_ord_id, " is told to be settled, and its final is the exchange's");
  }
}

}  // namespace cancelbus::simulation
