// Which DELETEs repeat others, and which of these certainly wait.
#include <algorithm>

#include "tests/simulation/referee.hpp"

namespace cancelbus::simulation {

namespace {

/// A repeat may wait so long for a query that shows it needless; the rest is for clocks.
constexpr Duration ForAQuery = core::Schedule::ReadPatience + 100ms;

}  // namespace

std::vector<const CommandSeen*> Referee::undecided(core::OrderId id) const {
  std::vector<const CommandSeen*> found;
  for (const auto& [key, command] : ledger_.commands()) {
    if (command.order.order_id == id && !command.ended()) found.push_back(&command);
  }
  return found;
}

// What a kill switch wants stands in a lane of its own as long as that is engaged: which it is then is not certain.
std::optional<core::Priority> Referee::lane(const std::vector<const CommandSeen*>& commands) const {
  const auto of_kill_switch = [this](const CommandSeen* command) {
    const std::string& id = command->key.cl_ord_id;
    const auto mass = store_.mass_cancels().find({command->key.sender, id.substr(0, id.find('/'))});
    return mass != store_.mass_cancels().end() &&
           mass->second.request.cause == core::MassCancelRequest::Cause::KillSwitch;
  };
  if (commands.empty() || std::ranges::any_of(commands, of_kill_switch)) return std::nullopt;
  const core::Priority first = commands.front()->order.priority;
  const bool all = std::ranges::all_of(commands, [&](const CommandSeen* c) { return c->order.priority == first; });
  return all ? std::optional(first) : std::nullopt;
}

void Referee::judge_turn(core::OrderId id, Time decided) {
  const std::optional<core::Priority> in = lane(undecided(id));
  const std::optional<bool> repeats = orders_[id].unsure ? std::nullopt : distance_.repeats(id);
  if (!repeats) return repeats_.unknown();
  if (*repeats) return repeats_.repeat(id, in);
  std::set<core::OrderId> waiting;
  if (in) {
    for (const auto& [other, order] : orders_) {
      if (other != id && certainly_waited(other, order, *in, decided)) waiting.insert(other);
    }
  }
  repeats_.first(in, waiting);
}

// It was sent and not answered, nothing is in flight, nothing was heard of it but queries that read nothing, and a
// command of it has no time to live.
bool Referee::certainly_waited(core::OrderId id, const Order& order, core::Priority in, Time then) const {
  if (!order.doubtful || thrift_.answered(id) > 0 || order.touched >= order.first_delete || order.unsure ||
      order.last_read.value_or(core::ReadStatus::Open) != core::ReadStatus::Open) {
    return false;
  }
  if (distance_.repeats(id) != std::optional(true)) return false;
  const bool in_flight = std::ranges::any_of(order.deletes, [&](core::TaskId task) { return !tasks_.at(task).ended; });
  if (in_flight || then < std::max(distance_.allowed(id), order.last_event) + ForAQuery) return false;
  const auto commands = undecided(id);
  const auto lives = [&](const CommandSeen* command) {
    return !command->order.time_to_live && rules_.options.default_ttl == Duration::zero();
  };
  const auto overridden = [&](const CommandSeen* command) { return words_.contains(command->key); };
  return lane(commands) == in && std::ranges::all_of(commands, lives) && std::ranges::none_of(commands, overridden);
}

void Referee::event_of(core::OrderId id) {
  orders_[id].last_event = world_.now();
  repeats_.touched(id);
}

}  // namespace cancelbus::simulation
