// What the stage knows of open orders: whose they are, who asks for them, and what the bus knows of them.
#include <algorithm>
#include <stdexcept>

#include "tests/scenario/stage.hpp"

namespace cancelbus::scenario {

// `owners alice:dA-,eA- bob:dB-`
void Stage::owners(Words& words) {
  core::OwnersSet set;
  for (const std::string& each : words.rest()) {
    const auto parts = split(each, ':');
    for (const std::string& prefix : split(parts.at(1), ',')) set.prefixes.push_back({prefix, parts.at(0)});
  }
  const bool empty = std::ranges::any_of(set.prefixes, [](const auto& prefix) { return prefix.prefix.empty(); });
  if (empty || core::Owners::conflict(set.prefixes)) throw std::runtime_error("these prefixes are not allowed");
  turn(set);
}

void Stage::ask_orders(const std::string& peer, Words& words) {
  core::OpenOrdersRequest request;
  request.peer = peer;
  if (words.has("owner")) request.scope.whose = core::Scope::Whose::Owner;
  request.scope.owner = words.value("owner", "");
  request.scope.symbol = words.value("pair", "");
  request.scope.side = parse_side(words.value("side", ""));
  request.from = static_cast<core::OrderId>(words.number("from", 0));
  turn(request);
}

void Stage::show_send(const core::SendOpenOrders& send) {
  const std::string as_of = send.complete_as_of
                                ? "complete as of @" + to_text(*send.complete_as_of - wall_error_ - Start)
                                : std::string("not complete yet");
  const std::string more = send.next == 0 ? "" : ", more from " + std::to_string(send.next);
  say("orders to " + send.peer + ": " + std::to_string(send.orders.size()) + ", " + as_of + more);
  for (const core::OpenOrder& order : send.orders) say("  " + to_text(order));
}

void Stage::show_orders() {
  const core::BusStatus status = gateway_->status(instant());
  for (const core::OpenOrderCount& count : status.open_orders) {
    say((count.owner.empty() ? "of no known owner" : count.owner) + ": " + std::to_string(count.orders));
  }
  say(status.complete_as_of ? "complete as of @" + to_text(*status.complete_as_of - wall_error_ - Start)
                            : std::string("not complete yet"));
  if (!status.sweep_trouble.empty()) say("trouble: " + status.sweep_trouble);
}

}  // namespace cancelbus::scenario
