#include "service/core/command_list.hpp"

#include <algorithm>
#include <limits>

namespace cancelbus::core {

namespace {

size_t size_of(const UndecidedCommand& entry) {
  return 100 + entry.key.sender.size() + entry.key.cl_ord_id.size() + entry.symbol.size() +
         entry.client_order_id.size() + entry.why.text.size() + entry.next_step.size() + entry.operator_step.size();
}

const Attempt* in_flight(const Attempts& attempts) {
  const auto it = std::ranges::find(attempts.list, Attempt::State::InFlight, &Attempt::state);
  return it == attempts.list.end() ? nullptr : &*it;
}

/// The commands of an order that come after `after`, in the order of the list.
std::vector<const Command*> commands_after(const Order& order, const CommandsRequest& request) {
  std::vector<const Command*> out;
  for (const Command& command : order.effort->commands) {
    const CommandKey& key = command.record.key;
    const bool of_sender = request.sender.empty() || key.sender == request.sender;
    if (of_sender && CommandPlace{order.id, key} > request.after) out.push_back(&command);
  }
  std::ranges::sort(out, {}, [](const Command* command) { return command->record.key; });
  return out;
}

LastAnswer why_of(const Order& order, const Command& command, const std::string& worker) {
  const Effort& effort = *order.effort;
  const Attempts& attempts = effort.attempts;
  const auto answered = [](const std::optional<LastAnswer>& answer, const char* otherwise) {
    return answer ? LastAnswer{answer->http_status, answer->exchange_code, text_of(*answer)}
                  : LastAnswer{.text = otherwise};
  };
  switch (effort.stage()) {
    case Stage::Stuck:
      return {.text = effort.why_stuck()};
    case Stage::Sent:
      if (attempts.in_doubt()) return answered(attempts.doubtful, "an earlier DELETE was not answered");
      return {.text = "a DELETE is with worker " + (worker.empty() ? "(of before the restart)" : worker)};
    case Stage::InDoubt:
      return answered(attempts.doubtful, "a DELETE was sent and not answered");
    case Stage::WaitingFinal:
      if (!command.record.ack) return {.text = "a DELETE was answered; proof of the order's state is awaited"};
      return {command.record.ack->http_status, command.record.ack->exchange_code, command.record.ack->text};
    default:
      return answered(attempts.unprocessed, attempts.dispatched == 0 ? "not sent yet" : "to be sent again");
  }
}

}  // namespace

SendCommands CommandList::page(const CommandsRequest& request) const {
  SendCommands page{.peer = request.peer, .as_of = book_.now.wall, .request_id = request.request_id};
  size_t looked_at = 0, bytes = 0;
  // Of the order at which the page begins some commands may have been listed already.
  OrderId before = std::max<OrderId>(request.after.order_id, 1) - 1;
  for (auto id = next_order(request, before); id; id = next_order(request, *id)) {
    const Order& order = *book_.find_order(*id);
    for (const Command* command : commands_after(order, request)) {
      ++looked_at;
      if (wanted(request, order, *command)) {
        page.commands.push_back(entry(order, *command));
        bytes += size_of(page.commands.back());
      }
      if (page.commands.size() < PageSize && bytes < PageBytes && looked_at < MostLookedAt) continue;
      page.next = CommandPlace{order.id, command->record.key};
      return page;
    }
  }
  return page;
}

std::optional<OrderId> CommandList::next_order(const CommandsRequest& request, OrderId after) const {
  if (request.sender.empty()) return book_.timers.after(after);
  // No cl_ord_id lies behind every one of an order, but the next order's first lies behind none.
  if (after == std::numeric_limits<OrderId>::max()) return std::nullopt;
  const auto next = book_.commands.next_undecided(request.sender, {after + 1, ""});
  return next ? std::optional(next->first) : std::nullopt;
}

bool CommandList::wanted(const CommandsRequest& request, const Order& order, const Command& command) const {
  using Which = CommandsRequest::Which;
  const Effort& effort = *order.effort;
  if (request.which == Which::InDoubt && !effort.attempts.in_doubt()) return false;
  if (request.which == Which::Stuck && effort.stage() != Stage::Stuck) return false;
  if (!request.symbol.empty() && symbol_of(order, command) != request.symbol) return false;
  return command.age(book_.now.tick) >= request.older_than;
}

UndecidedCommand CommandList::entry(const Order& order, const Command& command) const {
  const Effort& effort = *order.effort;
  const Attempt* with_worker = in_flight(effort.attempts);
  UndecidedCommand entry{.key = command.record.key, .order_id = order.id};
  entry.symbol = symbol_of(order, command);
  if (const OpenOrder* open = book_.open_orders.find(order.id)) entry.client_order_id = open->client_order_id;
  entry.received = command.record.timeline.received;
  entry.age = command.age(book_.now.tick);
  entry.stage = effort.stage();
  entry.since = since(effort, command);
  entry.why = why_of(order, command, with_worker ? book_.tasks.worker_name(with_worker->worker) : "");
  entry.acked = command.acked();
  entry.attempts = effort.attempts.dispatched;
  next_step(order, entry);
  return entry;
}

std::string CommandList::symbol_of(const Order& order, const Command& command) const {
  if (!command.record.order.symbol.empty()) return command.record.order.symbol;
  const OpenOrder* open = book_.open_orders.find(order.id);
  return open ? open->symbol : "";
}

WallTime CommandList::wall_of(Tick tick) const { return book_.now.wall - (book_.now.tick - tick); }

// Since when the command is in the stage that it is in; not before its receipt.
WallTime CommandList::since(const Effort& effort, const Command& command) const {
  Tick at = effort.attempts.answered_at;
  const Attempt* with_worker = in_flight(effort.attempts);
  switch (effort.stage()) {
    case Stage::Stuck:
      at = effort.schedule.stuck_since;
      break;
    case Stage::Sent:
      at = with_worker->dispatched;
      break;
    case Stage::InDoubt:
      at = effort.doubt_since(command);
      break;
    default:
      break;
  }
  if (at <= command.received && command.record.timeline.received) return *command.record.timeline.received;
  return wall_of(at);
}

void CommandList::next_step(const Order& order, UndecidedCommand& entry) const {
  const Effort& effort = *order.effort;
  const Tick now = book_.now.tick;
  const auto step = [&](const char* text, Tick at) {
    entry.next_step = text;
    if (at != Never) entry.next_in = at - now;
  };
  entry.operator_step =
      "retry sends the next request now; or look at the order with the exchange, and resolve the command";
  if (effort.attempts.in_flight()) {
    entry.operator_step.clear();
    return step("waits for the worker's answer to the DELETE", Never);
  }
  if (effort.reads.task != 0) return step("waits for a worker's answer to a query of the order", Never);
  if (book_.queue.contains(order.id)) {
    entry.operator_step.clear();
    return step("sends a DELETE as soon as budget and a worker allow", Never);
  }
  const bool wanted = !order.proof && effort.first_wanting(now);
  const Tick send = wanted ? verdicts_.delete_due(order) : Never;
  const auto timers = book_.timers.entries().find(order.id);
  const auto query = timers == book_.timers.entries().end() ? std::nullopt : timers->second.query;
  if (query && query->due <= now) return step("queries the order as soon as budget and a worker allow", Never);
  if (query && query->due <= send) return step("queries the order", query->due);
  if (send != Never) return step("sends a DELETE", std::max(send, now));
  step("waits for the exchange's private stream", Never);
}

}  // namespace cancelbus::core
