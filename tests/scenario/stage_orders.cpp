// What the stage knows of open orders: whose they are, who asks for them or cancels them at once, and what the bus
// knows of them; and who asks for undecided commands.
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
  owners_ = set.prefixes;
  turn(set);
}

// `placed 100 client=dA-1`: from now on `sweeps book` lists it.
void Stage::placed(Words& words) {
  core::OpenOrder order;
  order.order_id = std::stoll(words.next());
  order.symbol = words.value("symbol", "BTCTRY");
  order.side = words.value("side", "buy") == "buy" ? core::Side::Buy : core::Side::Sell;
  order.price = "100";
  order.quantity = order.leaves_qty = "1";
  order.client_order_id = words.value("client", "");
  book_[order.order_id] = order;
  if (words.flag("unseen")) return;
  core::OrderFact fact{core::FactType::Inserted451, order.order_id, order.symbol, "100", "1", "1"};
  fact.side = order.side;
  fact.client_order_id = order.client_order_id;
  turn(core::StreamFact{FeedPeer, stream_.subscriber, ++stream_.seq, fact, 0});
}

void Stage::gone(Words& words) {
  const core::OrderId id = std::stoll(words.next());
  book_.erase(id);
  if (words.flag("unseen")) return;
  Words rest(std::to_string(id));
  fact("452", rest);
}

void Stage::list_book(core::TaskId task) {
  core::Answer all{core::Verdict::Read, core::Arrival::Answered, 200, 0, "", {}, {}, {}, {}};
  core::Listing& listing = all.listing.emplace();
  for (const auto& [id, order] : book_) listing.orders.push_back(order);
  answer(task, all);
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

// `lists stuck sender=alice symbol=BTCTRY older=10s after=100/alice/a`
void Stage::ask_commands(const std::string& peer, Words& words) {
  using Which = core::CommandsRequest::Which;
  core::CommandsRequest request{.peer = peer};
  if (words.flag("in_doubt")) request.which = Which::InDoubt;
  if (words.flag("stuck")) request.which = Which::Stuck;
  request.sender = words.value("sender", "");
  request.symbol = words.value("symbol", "");
  request.older_than = words.duration("older", {});
  if (words.has("after")) {
    const auto place = split(words.value("after", ""), '/');
    request.after = {std::stoll(place.at(0)), {place.at(1), place.at(2)}};
  }
  turn(request);
}

void Stage::mass_cancel(const std::string& peer, Words& words) {
  const std::string cl_ord_id = words.next();
  core::MassCancelReceived received{peer, scope_of(words)};
  received.request.cl_ord_id = cl_ord_id;
  if (words.flag("urgent")) received.request.priority = core::Priority::Urgent;
  received.request.until_empty = words.flag("until_empty");
  received.dry_run = words.flag("dry_run");
  turn(received);
}

core::MassCancelRequest Stage::scope_of(Words& words) {
  core::MassCancelRequest request;
  using Whose = core::MassCancelRequest::Whose;
  const std::string scope = words.value("scope", "own");
  request.whose = scope == "own"       ? Whose::Own
                  : scope == "all"     ? Whose::All
                  : scope == "unowned" ? Whose::Unowned
                                       : Whose::Sender;
  request.scope.whose = scope == "all"       ? core::Scope::Whose::All
                        : scope == "unowned" ? core::Scope::Whose::Unowned
                                             : core::Scope::Whose::Owner;
  if (request.whose == Whose::Sender) request.scope.owner = scope;
  request.scope.symbol = words.value("symbol", "");
  if (words.has("side")) request.scope.side = words.value("side", "") == "buy" ? core::Side::Buy : core::Side::Sell;
  request.scope.client_order_id_prefix = words.value("prefix", "");
  return request;
}

void Stage::show_send(const core::SendOpenOrders& send) {
  const std::string as_of = send.complete_as_of
                                ? "complete as of @" + to_text(*send.complete_as_of - wall_error_ - Start)
                                : std::string("not complete yet");
  const std::string more = send.next == 0 ? "" : ", more from " + std::to_string(send.next);
  say("orders to " + send.peer + ": " + std::to_string(send.orders.size()) + ", " + as_of + more);
  for (const core::OpenOrder& order : send.orders) say("  " + to_text(order));
}

void Stage::show_send(const core::SendCommands& send) {
  std::string more;
  if (send.next) {
    more = ", more after " + std::to_string(send.next->order_id) + "/" + send.next->key.sender + "/" +
           send.next->key.cl_ord_id;
  }
  say("commands to " + send.peer + ": " + std::to_string(send.commands.size()) + more);
  for (const core::UndecidedCommand& command : send.commands) {
    for (const std::string& line : to_lines(command, send.as_of)) say("  " + line);
  }
}

void Stage::show_send(const core::SendHistory& send) { say("history to " + send.peer); }

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
